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
    percent_of,
)
from daypart.report.content import Column, Figure, Section, table_of
from daypart.report.sections.intervals import eighty, share_interval
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
    frequency = FREQUENCY.number(plan.get("average_frequency"))
    return [
        *(
            Figure(f"Reach {k}", PERCENT.text(reach.get("percent")), eighty(PERCENT, reach))
            for k, reach in plan["reach"].items()
        ),
        Figure("GRP", GRP.number(grp.get("mean")), eighty(POINTS, grp)),
        Figure("Impressions (households)", COUNT.number(seen.get("mean")), eighty(COUNT, seen)),
        Figure("Average frequency", frequency, _frequency_range(plan)),
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
    money, asked = sources.currency, plan.get("asked")
    name = str(plan.get("objective_name", "reach")).replace("_", " ")
    bound = f"bound {_in_unit(sources, plan, 'bound')}, by the optimiser's model"
    budget = "no budget given" if asked is None else f"of a budget of {money.text(asked)}"
    gap = GAP.text(percent_of(plan.get("gap")))
    sampling_gap = PERCENT.text(percent_of(plan.get("sampling_gap")))
    return [
        Figure("Status", str(plan["status"])),
        Figure("Gap to the best possible", gap, "proven by the solver's bound"),
        Figure(f"Objective ({name})", _in_unit(sources, plan, "objective"), bound),
        Figure("Spent", money.text(plan.get("spent")), budget),
        Figure("Sampling gap", sampling_gap, "of the reach is due to the sample"),
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
    interval = share_interval(even, plan.get("panel_households"))
    lo = interval["lo_80"]
    change = PERCENT.round(reach["percent"]) - PERCENT.round(even["reach_percent"])
    width = math.hypot(reach["percent"] - reach.get("lo_80", lo), even["reach_percent"] - lo)
    of_change = eighty(POINTS, {"lo_80": change - width, "hi_80": change + width})
    percent, spent = PERCENT.text(even["reach_percent"]), sources.currency.text(even.get("spent"))
    return [
        [
            Figure(
                "Change against an even split",
                f"{POINTS.change(change)} of reach 1+",
                f"{of_change}, or narrower",
            ),
            Figure("Reach 1+ of the even split", percent, eighty(PERCENT, interval)),
            Figure(
                "Spent by the even split", spent, "the same money in everything that can be bought"
            ),
        ]
    ]


def lines_section(sources: Sources) -> Section | None:
    """Show the most expensive lines of the plan, with all of them as CSV."""
    if sources.plan is None:
        return None
    lines = sources.plan["lines"]
    by_cost = sorted(lines, key=lambda line: (-line["cost"], str(line["week"])))
    shown = [{"market_name": line["market"], **line} for line in by_cost[:_LINES_SHOWN]]
    columns = [
        Column("Market", "market_name"),
        Column("Network", "network"),
        Column("Daypart", "daypart"),
        Column("Week of", "week"),
        Column("Spots", "spots", COUNT),
        Column(f"Cost ({sources.currency_name})", "cost", sources.currency),
        Column("GRP (points)", "grp", GRP),
        Column("Impressions (households)", "impressions", HOUSEHOLDS),
    ]
    caption = f"The {len(shown)} most expensive of {counted(len(lines), 'line')}; the CSV has all."
    table = table_of(caption, "plan_lines.csv", columns, lines, shown)
    return Section("lines", "Plan lines", tables=[table])
