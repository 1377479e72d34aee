"""The sections of a campaign plan: the certificate, where the money goes, the lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from daypart import charts
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
from daypart.report.content import (
    Definition,
    Figure,
    Panel,
    Section,
    Table,
    as_download,
    segment_name,
)
from daypart.report.sources import Sources

_Z_80 = 1.2815515655446004
_MOST_MARKETS = 20
_MOST_NETWORKS = 16
_LINES_SHOWN = 12
_STATUS = {
    "optimal": "Optimal: no plan within the brief's limits is better by more than the gap.",
    "feasible": "Feasible: it keeps all limits; the best possible plan may be better by the gap.",
    "evaluated": "Evaluated: a given schedule, held against the best possible plan.",
}


def plan_section(sources: Sources, plan: Mapping[str, Any]) -> Section:
    """Tell the plan, its certificate and the change against an even split."""
    sentences = [_STATUS.get(str(plan["status"]), f"Status: {plan['status']}.")]
    limits = [str(row.get("limit")) for row in plan.get("limited_by") or []]
    if limits:
        sentences.append(f"What limits it: {', '.join(limits)}.")
    if plan.get("broken"):
        sentences.append(f"It breaks: {'; '.join(map(str, plan['broken']))}.")
    campaign, segment = plan.get("campaign") or "a campaign", plan.get("segment", "all")
    return Section(
        "plan",
        f"The plan: {campaign} for {segment_name(str(segment))}",
        sentences=sentences,
        figures=[_outcome(plan), _certificate(sources, plan), *_even_split(sources, plan)],
    )


def _outcome(plan: Mapping[str, Any]) -> list[Figure]:
    row = []
    for k, reach in plan["reach"].items():
        row.append(
            Figure(
                f"Reach {k}",
                PERCENT.text(reach.get("percent")),
                _eighty(PERCENT.interval(reach.get("lo_80"), reach.get("hi_80"))),
            )
        )
    grp, seen = plan.get("grp") or {}, plan.get("impressions") or {}
    row.append(
        Figure(
            "GRP",
            GRP.number(grp.get("mean")),
            _eighty(f"{GRP.number(grp.get('lo_80'))} to {GRP.number(grp.get('hi_80'))} points"),
        )
    )
    row.append(
        Figure(
            "Impressions (households)",
            HOUSEHOLDS.number(seen.get("mean")),
            _eighty(
                f"{HOUSEHOLDS.number(seen.get('lo_80'))} to {HOUSEHOLDS.number(seen.get('hi_80'))}"
            ),
        )
    )
    row.append(
        Figure(
            "Average frequency",
            FREQUENCY.number(plan.get("average_frequency")),
            _frequency_range(plan),
        )
    )
    return row


def _eighty(interval: str) -> str:
    return interval if "suppressed" in interval else f"80 % interval {interval}"


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
    return f"exposures; within {FREQUENCY.number(lo)} to {FREQUENCY.number(hi)}"


def _certificate(sources: Sources, plan: Mapping[str, Any]) -> list[Figure]:
    gap = plan.get("gap")
    unit = "%" if "percent" in str(plan.get("objective_unit", "")) else ""
    sampling = plan.get("sampling_gap")
    asked = plan.get("asked")
    return [
        Figure("Status", str(plan["status"])),
        Figure(
            "Gap to the best possible",
            GAP.text(None if gap is None else 100 * gap),
            "proven by the solver's bound",
        ),
        Figure(
            f"Objective ({plan.get('objective_name', 'reach')})",
            f"{GAP.number(plan.get('objective'))} {unit}".strip(),
            f"bound {GAP.number(plan.get('bound'))} {unit}".strip() + ", by the optimiser's model",
        ),
        Figure(
            "Spent",
            sources.currency.text(plan.get("spent")),
            f"of {sources.currency.text(asked)} asked" if asked is not None else "no budget asked",
        ),
        Figure(
            "Sampling gap",
            PERCENT.text(None if sampling is None else 100 * sampling),
            "of the reach is owed to the sample",
        ),
    ]


def _even_split(sources: Sources, plan: Mapping[str, Any]) -> list[list[Figure]]:
    even = plan.get("even_split") or {}
    reach = plan["reach"].get("1+") or {}
    if not (is_number(even.get("reach_percent")) and is_number(reach.get("percent"))):
        return []
    lo, hi = _even_interval(plan)
    change = PERCENT.round(reach["percent"]) - PERCENT.round(even["reach_percent"])
    width = math.hypot(reach["percent"] - reach.get("lo_80", lo), even["reach_percent"] - lo)
    return [
        [
            Figure(
                "Change against an even split",
                f"{POINTS.change(change)} of reach 1+",
                f"80 % interval {POINTS.interval(change - width, change + width)}, or narrower",
            ),
            Figure(
                "Reach 1+ of the even split",
                PERCENT.text(even["reach_percent"]),
                f"80 % interval {PERCENT.interval(lo, hi)}",
            ),
            Figure(
                "Spent by the even split",
                sources.currency.text(even.get("spent")),
                "the same money in everything that can be bought",
            ),
        ]
    ]


def _even_interval(plan: Mapping[str, Any]) -> tuple[float, float]:
    even = plan["even_split"]
    if is_number(even.get("lo_80")) and is_number(even.get("hi_80")):
        return even["lo_80"], even["hi_80"]
    return share_interval_80(even["reach_percent"], plan.get("panel_households"))


def share_interval_80(percent: float, households: Any) -> tuple[float, float]:
    """Return Wilson's 80 % interval of a percentage counted on some households.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.

    Examples
    --------
    >>> [round(end, 1) for end in share_interval_80(50.0, 400)]
    [46.8, 53.2]
    """
    if not is_number(households) or households <= 0:
        return percent, percent
    n, p, z = float(households), percent / 100.0, _Z_80
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, 100 * (middle - half)), min(100.0, 100 * (middle + half))


def spending_section(sources: Sources, plan: Mapping[str, Any]) -> Section | None:
    """Draw what more money would buy, the markets, the weeks, and how often households see it."""
    panels = [
        _reach_curve(sources, plan),
        _by_market(plan),
        _spots_by_week(plan),
        _frequency(plan),
    ]
    drawn = [panel for panel in panels if panel is not None]
    return Section("spending", "Where the money goes", panels=drawn) if drawn else None


def _reach_curve(sources: Sources, plan: Mapping[str, Any]) -> Panel | None:
    rows = [
        _rounded(point, sources)
        for point in plan.get("reach_curve") or []
        if is_number(point.get("reach_percent"))
    ]
    reach = plan["reach"].get("1+") or {}
    if not rows or not is_number(reach.get("percent")):
        return None
    here = _rounded({"spent": plan["spent"], "reach_percent": reach["percent"], **reach}, sources)
    points = [{"name": "This plan", **here}]
    even = plan.get("even_split") or {}
    if is_number(even.get("reach_percent")):
        lo, hi = _even_interval(plan)
        split = _rounded({**even, "lo_80": lo, "hi_80": hi}, sources)
        points.append({"name": "Even split", **split})
    more = next((row for row in rows if row["spent"] > here["spent"] * 1.001), None)
    spent = sources.currency.text(here["spent"])
    if more is None:
        insight = f"{spent} reaches {PERCENT.text(here['reach'])}; more money can't be spent."
    else:
        added = POINTS.change(more["reach"] - here["reach"])
        extra = sources.currency.text(more["spent"] - here["spent"])
        insight = (
            f"{spent} reaches {PERCENT.text(here['reach'])}; {extra} more would change that by "
            f"{added}, to {PERCENT.text(more['reach'])}."
        )
    return Panel(
        "reach-curve",
        "Reach for each budget",
        insight,
        "Each point is the best plan for its spend; the band is its 80 % interval. The flatter "
        "the curve, the less another sum adds.",
        partial(charts.reach_curve, rows, points, currency=_currency_name(sources, plan)),
        as_download("reach_curve.csv", [*({"name": "Best plan", **r} for r in rows), *points]),
    )


def _currency_name(sources: Sources, plan: Mapping[str, Any]) -> str:
    return sources.currency.sign.strip() or str(plan.get("currency", ""))


def _rounded(point: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    return {
        "spent": sources.currency.round(point["spent"]),
        "reach": PERCENT.round(point["reach_percent"]),
        "lo_80": PERCENT.round(point["lo_80"]),
        "hi_80": PERCENT.round(point["hi_80"]),
    }


def _by_market(plan: Mapping[str, Any]) -> Panel | None:
    every = sorted(plan.get("by_market") or [], key=lambda row: -row["spend"])
    rows = []
    for row in every:
        if not is_number(row.get("reach_percent")):
            continue
        lo, hi = row.get("lo_80"), row.get("hi_80")
        if not (is_number(lo) and is_number(hi)):
            lo, hi = share_interval_80(row["reach_percent"], row.get("panel_households"))
        rows.append(
            {
                "market": str(row["name"]),
                "spots": row["spots"],
                "spend": round(row["spend"]),
                "share": row["share_percent"],
                "reach": PERCENT.round(row["reach_percent"]),
                "lo_80": PERCENT.round(lo),
                "hi_80": PERCENT.round(hi),
            }
        )
    if not rows:
        return None
    shown = rows[:_MOST_MARKETS]
    best, least = (pick(rows, key=lambda row: row["reach"]) for pick in (max, min))
    insight = f"{best['market']} reaches {PERCENT.text(best['reach'])} of its target"
    if best is not least:
        insight += f", {least['market']} {PERCENT.text(least['reach'])}"
    first = every[0]
    insight += f"; {PERCENT.text(first['share_percent'])} of the spend goes to {first['name']}."
    rest = f" The {len(shown)} largest of {len(rows)} are drawn; the CSV has all."
    hidden = len(every) - len(rows)
    return Panel(
        "by-market",
        "By market",
        insight,
        "A dot is reach 1+ in the market, the bar its 80 % interval, the figure beside it the "
        "market's share of the spend; shares sum to 100.0 %."
        + (rest if len(shown) < len(rows) else "")
        + (f" {hidden} suppressed." if hidden else ""),
        partial(charts.by_market, shown),
        as_download("by_market.csv", rows),
    )


def _spots_by_week(plan: Mapping[str, Any]) -> Panel | None:
    lines = plan["lines"]
    if not lines:
        return None
    spots: dict[tuple[str, str], int] = {}
    of_network: dict[str, int] = {}
    for line in lines:
        cell = str(line["network"]), str(line["week"])
        spots[cell] = spots.get(cell, 0) + int(line["spots"])
        of_network[cell[0]] = of_network.get(cell[0], 0) + int(line["spots"])
    weeks = sorted({week for _, week in spots})
    ranked = sorted(of_network, key=lambda network: (-of_network[network], network))
    named = ranked if len(ranked) <= _MOST_NETWORKS else ranked[: _MOST_NETWORKS - 1]
    others = ranked[len(named) :]
    rows = [{"network": n, "week": w, "spots": spots.get((n, w), 0)} for n in named for w in weeks]
    if others:
        label = f"{len(others)} other networks"
        rows += [
            {"network": label, "week": w, "spots": sum(spots.get((n, w), 0) for n in others)}
            for w in weeks
        ]
    every = [
        {"network": n, "week": w, "spots": spots.get((n, w), 0)} for n in ranked for w in weeks
    ]
    total = sum(of_network.values())
    top = ranked[0]
    return Panel(
        "spots-by-week",
        "Spots by week",
        f"{COUNT.number(total)} spots on {_counted(len(ranked), 'network')} in "
        f"{_counted(len(weeks), 'broadcast week')}; {top} has the most, "
        f"{COUNT.number(of_network[top])}.",
        "Each cell counts a network's spots in a broadcast week over all markets and dayparts; "
        "darker is more."
        + (" The networks with the fewest spots are drawn as one row." if others else ""),
        partial(charts.spots_by_week, rows),
        as_download("spots_by_week.csv", every),
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _frequency(plan: Mapping[str, Any]) -> Panel | None:
    rows = []
    for row in plan.get("frequency_distribution") or []:
        if is_number(row.get("percent")):
            lo, hi = share_interval_80(row["percent"], plan.get("panel_households"))
            rows.append(
                {
                    "exposures": str(row["exposures"]),
                    "households": HOUSEHOLDS.round(row["households"]),
                    "percent": PERCENT.round(row["percent"]),
                    "lo_80": PERCENT.round(lo),
                    "hi_80": PERCENT.round(hi),
                }
            )
    if not rows:
        return None
    first = rows[0]
    top = max(rows, key=lambda row: row["percent"])
    insight = (
        f"{PERCENT.text(first['percent'])} of the target "
        f"({HOUSEHOLDS.text(first['households'])}) see it {_times(first['exposures'])}"
    )
    if top is not first:
        insight += f"; most, {PERCENT.text(top['percent'])}, see it {_times(top['exposures'])}"
    return Panel(
        "frequency",
        "How often households see it",
        insight + ".",
        "A bar is the part of the target with that many exposures, the line its 80 % interval "
        "(binomial, on the panel's households); the bars add up to reach 1+.",
        partial(charts.frequency_distribution, rows),
        as_download("frequency_distribution.csv", rows),
    )


def _times(exposures: str) -> str:
    return {"1": "once", "2": "twice"}.get(exposures, f"{exposures} times")


def lines_section(sources: Sources, plan: Mapping[str, Any]) -> Section:
    """Show the dearest lines of the plan, with all of them as CSV."""
    lines = plan["lines"]
    dearest = sorted(lines, key=lambda line: (-line["cost"], str(line["week"])))[:_LINES_SHOWN]
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
        for line in dearest
    ]
    money = _currency_name(sources, plan)
    columns = ["Market", "Network", "Daypart", "Week of", "Spots", f"Cost ({money})"]
    columns += ["GRP (points)", "Impressions (hh)"]
    full = [
        {
            **line,
            "cost": sources.currency.round(line["cost"]),
            "grp": GRP.round(line["grp"]),
            "impressions": HOUSEHOLDS.round(line["impressions"]),
        }
        for line in lines
    ]
    caption = f"The {len(rows)} dearest of {_counted(len(lines), 'line')}; the CSV has all."
    table = Table(
        caption, columns, rows, frozenset({4, 5, 6, 7}), as_download("plan_lines.csv", full)
    )
    return Section("lines", "Plan lines", tables=[table])


def plan_definitions(plan: Mapping[str, Any]) -> list[Definition]:
    """Return the plan's own words."""
    return [Definition(str(k), str(v)) for k, v in (plan.get("definitions") or {}).items()]
