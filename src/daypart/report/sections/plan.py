"""The sections of the plan: its outcome and certificate, and its lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from daypart.charts.quantities import (
    COUNT,
    FREQUENCY,
    GAP,
    GRP,
    HOUSEHOLDS,
    PERCENT,
    POINTS,
    is_number,
)
from daypart.report.content import Figure, Section, Table, as_download
from daypart.report.sections.intervals import eighty, even_interval
from daypart.report.sources import Sources
from daypart.wording import counted

_LINES_SHOWN = 12
_MENTIONED = 1e-4
"""The smallest part of the gap that gets a sentence."""
_STATUS = {
    "optimal": "Optimal: no plan within the brief's limits is better by more than the gap.",
    "feasible": "Feasible: it keeps all limits; the best possible plan may be better by the gap.",
    "evaluated": "Evaluated: a given schedule, compared with the best possible plan.",
}


def plan_section(sources: Sources) -> Section | None:
    """Show the plan, its certificate and the change against an even split."""
    plan = sources.plan
    if plan is None:
        return None
    sentences = [_STATUS.get(str(plan["status"]), f"Status: {plan['status']}.")]
    limits = [str(row.get("limit")) for row in plan.get("limited_by") or []]
    if limits:
        sentences.append(f"Limited by: {', '.join(limits)}.")
    envelope = plan.get("envelope_gap") or 0.0
    if envelope >= _MENTIONED:
        sentences.append(
            f"{GAP.text(100 * envelope)} of the gap is the bound's envelope of reach k+, "
            "not the plan."
        )
    if plan.get("broken"):
        sentences.append(f"Limits that it breaks: {'; '.join(map(str, plan['broken']))}.")
    campaign, segment = plan.get("campaign") or "a campaign", plan.get("segment", "all")
    return Section(
        "plan",
        f"The plan: {campaign} for {_segment_name(str(segment))}",
        sentences=sentences,
        figures=[_outcome(plan), _certificate(sources, plan), *_even_split(sources, plan)],
    )


def _segment_name(segment: str) -> str:
    """Return a segment's name for a sentence."""
    return "all households" if segment == "all" else segment


def _outcome(plan: Mapping[str, Any]) -> list[Figure]:
    grp, seen = plan.get("grp") or {}, plan.get("impressions") or {}
    return [
        *(
            Figure(
                f"Reach {k}",
                PERCENT.text(reach.get("percent")),
                eighty(PERCENT.interval(reach.get("lo_80"), reach.get("hi_80"))),
            )
            for k, reach in plan["reach"].items()
        ),
        Figure(
            "GRP",
            GRP.number(grp.get("mean")),
            eighty(f"{GRP.number(grp.get('lo_80'))} to {GRP.number(grp.get('hi_80'))} points"),
        ),
        Figure(
            "Impressions (households)",
            HOUSEHOLDS.number(seen.get("mean")),
            eighty(
                f"{HOUSEHOLDS.number(seen.get('lo_80'))} to {HOUSEHOLDS.number(seen.get('hi_80'))}"
            ),
        ),
        Figure(
            "Average frequency",
            FREQUENCY.number(plan.get("average_frequency")),
            _frequency_range(plan),
        ),
    ]


def _frequency_range(plan: Mapping[str, Any]) -> str:
    """Bound the frequency by the ends of the intervals of impressions and reach."""
    reach, seen = plan["reach"].get("1+") or {}, plan.get("impressions") or {}
    ends = [reach.get("lo_80"), reach.get("hi_80"), seen.get("lo_80"), seen.get("hi_80")]
    universe = plan.get("universe_estimate")
    if not all(is_number(end) for end in [*ends, universe]):
        return "exposures of a household reached"
    reach_lo, reach_hi, seen_lo, seen_hi = (float(end or 0) for end in ends)
    reached = float(universe or 0) / 100.0
    if reach_lo * reached <= 0:
        return "exposures of a household reached"
    lo, hi = seen_lo / (reach_hi * reached), seen_hi / (reach_lo * reached)
    return f"exposures; between {FREQUENCY.number(lo)} and {FREQUENCY.number(hi)}"


def _certificate(sources: Sources, plan: Mapping[str, Any]) -> list[Figure]:
    gap = plan.get("gap")
    objective, bound = _in_unit(sources, plan, "objective"), _in_unit(sources, plan, "bound")
    sampling = plan.get("sampling_gap")
    budget = plan.get("asked")
    return [
        Figure("Status", str(plan["status"])),
        Figure(
            "Gap to the best possible",
            GAP.text(None if gap is None else 100 * gap),
            "proven by the solver's bound",
        ),
        Figure(
            f"Objective ({str(plan.get('objective_name', 'reach')).replace('_', ' ')})",
            objective,
            f"bound {bound}, by the optimiser's model",
        ),
        Figure(
            "Spent",
            sources.currency.text(plan.get("spent")),
            "no budget given"
            if budget is None
            else f"of a budget of {sources.currency.text(budget)}",
        ),
        Figure(
            "Sampling gap",
            PERCENT.text(None if sampling is None else 100 * sampling),
            "of the reach is due to the sample",
        ),
    ]


def _in_unit(sources: Sources, plan: Mapping[str, Any], figure: str) -> str:
    """Write the objective or its bound in the objective's unit, which may be money."""
    value, unit = plan.get(figure), str(plan.get("objective_unit", ""))
    if unit == plan.get("currency"):
        return sources.currency.text(value)
    return f"{GAP.number(value)} {'%' if 'percent' in unit else ''}".strip()


def _even_split(sources: Sources, plan: Mapping[str, Any]) -> list[list[Figure]]:
    even = plan.get("even_split") or {}
    reach = plan["reach"].get("1+") or {}
    if not (is_number(even.get("reach_percent")) and is_number(reach.get("percent"))):
        return []
    lo, hi = even_interval(plan)
    change = PERCENT.round(reach["percent"]) - PERCENT.round(even["reach_percent"])
    width = math.hypot(reach["percent"] - reach.get("lo_80", lo), even["reach_percent"] - lo)
    return [
        [
            Figure(
                "Change against an even split",
                f"{POINTS.change(change)} of reach 1+",
                f"{eighty(POINTS.interval(change - width, change + width))}, or narrower",
            ),
            Figure(
                "Reach 1+ of the even split",
                PERCENT.text(even["reach_percent"]),
                eighty(PERCENT.interval(lo, hi)),
            ),
            Figure(
                "Spent by the even split",
                sources.currency.text(even.get("spent")),
                "the same money in everything that can be bought",
            ),
        ]
    ]


def lines_section(sources: Sources) -> Section | None:
    """Show the most expensive lines of the plan, with all of them as CSV."""
    if sources.plan is None:
        return None
    lines = sources.plan["lines"]
    most_expensive = sorted(lines, key=lambda line: (-line["cost"], str(line["week"])))[
        :_LINES_SHOWN
    ]
    rows = [
        [
            str(line.get("market_name") or line["market"]),
            str(line["network"]),
            str(line["daypart"]),
            str(line["week"]),
            COUNT.number(line["spots"]),
            sources.currency.number(line["cost"]),
            GRP.number(line["grp"]),
            HOUSEHOLDS.number(line["impressions"]),
        ]
        for line in most_expensive
    ]
    columns = [
        "Market",
        "Network",
        "Daypart",
        "Week of",
        "Spots",
        f"Cost ({sources.currency_name})",
    ]
    columns += ["GRP (points)", "Impressions (households)"]
    full = [
        {
            **line,
            "cost": sources.currency.round(line["cost"]),
            "grp": GRP.round(line["grp"]),
            "impressions": HOUSEHOLDS.round(line["impressions"]),
        }
        for line in lines
    ]
    caption = f"The {len(rows)} most expensive of {counted(len(lines), 'line')}; the CSV has all."
    table = Table(
        caption, columns, rows, frozenset({4, 5, 6, 7}), as_download("plan_lines.csv", full)
    )
    return Section("lines", "Plan lines", tables=[table])
