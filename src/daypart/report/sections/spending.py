"""The section on spending: reach by budget, networks, markets, weeks and frequency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from daypart.charts.campaign import (
    added_reach,
    by_market,
    frequency_distribution,
    reach_curve,
    spots_by_week,
)
from daypart.charts.quantities import COUNT, HOUSEHOLDS, PERCENT, POINTS, is_number
from daypart.report.content import ChartPanel, Section, as_download, charts_section
from daypart.report.sections.intervals import share_interval
from daypart.report.sources import Sources
from daypart.wording import counted

_MOST_MARKETS = 20
_MOST_NETWORKS = 16
_MOST_NETWORKS_ADDED = 14


def spending_section(sources: Sources) -> Section | None:
    """Draw reach for each budget, and the networks, markets, weeks and frequency of the plan."""
    plan = sources.plan
    if plan is None:
        return None
    charts = (
        _reach_curve(sources, plan),
        _added_reach(plan),
        _by_market(plan),
        _spots_by_week(plan),
        _frequency(plan),
    )
    return charts_section("spending", "Where the money goes", charts)


def _reach_curve(sources: Sources, plan: Mapping[str, Any]) -> ChartPanel | None:
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
        interval = share_interval(even, plan.get("panel_households"))
        points.append({"name": "Even split", **_rounded({**even, **interval}, sources)})
    more = next((row for row in rows if row["spent"] > here["spent"] * 1.001), None)
    spent = sources.currency.text(here["spent"])
    if more is None:
        insight = f"{spent} reaches {PERCENT.text(here['reach'])}; no larger spend is possible."
    else:
        added = POINTS.change(more["reach"] - here["reach"])
        extra = sources.currency.text(more["spent"] - here["spent"])
        insight = (
            f"{spent} reaches {PERCENT.text(here['reach'])}; {extra} more would change that by "
            f"{added}, to {PERCENT.text(more['reach'])}."
        )
    return ChartPanel(
        "reach-curve",
        "Reach for each budget",
        insight,
        "Each point is the best plan for its spend; the shaded area is its 80 % interval. The "
        "flatter the curve, the less more money adds.",
        partial(reach_curve, rows, points, currency=sources.currency_name),
        as_download("reach_curve.csv", [*({"name": "Best plan", **r} for r in rows), *points]),
    )


def _rounded(point: Mapping[str, Any], sources: Sources) -> dict[str, Any]:
    return {
        "spent": sources.currency.round(point["spent"]),
        "reach": PERCENT.round(point["reach_percent"]),
        **PERCENT.rounded(point, "lo_80", "hi_80"),
    }


def _added_reach(plan: Mapping[str, Any]) -> ChartPanel | None:
    """Draw the waterfall of incremental reach by network."""
    found = [
        row
        for row in plan.get("by_network") or []
        if row["spots"] > 0 and is_number(row.get("added_percent"))
    ]
    if not found:
        return None
    found.sort(key=lambda row: (-row["reach_percent"], str(row["name"])))
    every, so_far = [], 0.0
    for row in found:
        end = so_far + row["added_percent"]
        every.append(
            {
                "network": str(row["name"]),
                "start": PERCENT.round(so_far),
                "end": PERCENT.round(end),
                "added": POINTS.round(row["added_percent"]),
                "reach": PERCENT.round(row["reach_percent"]),
                **PERCENT.rounded(row, "lo_80", "hi_80"),
                "lost_without": POINTS.round(row["incremental_percent"]),
            }
        )
        so_far = end
    drawn = every
    if len(every) > _MOST_NETWORKS_ADDED:
        drawn, rest = every[: _MOST_NETWORKS_ADDED - 1], every[_MOST_NETWORKS_ADDED - 1 :]
        start, end = rest[0]["start"], rest[-1]["end"]
        merged = {"network": f"{len(rest)} other networks", "start": start, "end": end}
        none = dict.fromkeys(("reach", "lo_80", "hi_80"))
        drawn = [*drawn, {**merged, "added": POINTS.round(end - start), **none}]
    first = every[0]
    largest_loss = max(every, key=lambda row: row["lost_without"])
    return ChartPanel(
        "added-reach",
        "What each network adds",
        f"{first['network']} alone reaches {PERCENT.text(first['reach'])}; "
        f"{counted(len(every), 'network')} together {PERCENT.text(every[-1]['end'])}. Most would "
        f"be lost without {largest_loss['network']}: {POINTS.text(largest_loss['lost_without'])}.",
        "A bar is the reach that a network adds to those above it; the bars add up to reach 1+. "
        "The dot is its reach alone, the line its 80 % interval.",
        partial(added_reach, drawn),
        as_download("added_reach.csv", every),
    )


def _by_market(plan: Mapping[str, Any]) -> ChartPanel | None:
    every = sorted(plan.get("by_market") or [], key=lambda row: -row["spend"])
    rows = [
        {
            "market": str(row["name"]),
            "spots": row["spots"],
            "spend": round(row["spend"]),
            "share": row["share_percent"],
            "reach": PERCENT.round(row["reach_percent"]),
            **PERCENT.rounded(share_interval(row, row.get("panel_households")), "lo_80", "hi_80"),
        }
        for row in every
        if is_number(row.get("reach_percent"))
    ]
    if not rows:
        return None
    shown = rows[:_MOST_MARKETS]
    best, least = (pick(rows, key=lambda row: row["reach"]) for pick in (max, min))
    insight = f"{best['market']} reaches {PERCENT.text(best['reach'])} of its target"
    if best is not least:
        insight += f", {least['market']} {PERCENT.text(least['reach'])}"
    first = every[0]
    insight += f"; {PERCENT.text(first['share_percent'])} of the spend goes to {first['name']}."
    rest = f" The chart shows the {len(shown)} largest of {len(rows)}; the CSV has all."
    hidden = len(every) - len(rows)
    return ChartPanel(
        "by-market",
        "By market",
        insight,
        "A dot is reach 1+ in the market, the bar its 80 % interval, the figure beside it the "
        "market's share of the spend; shares sum to 100.0 %."
        + (rest if len(shown) < len(rows) else "")
        + (f" {hidden} suppressed." if hidden else ""),
        partial(by_market, shown),
        as_download("by_market.csv", rows),
    )


def _spots_by_week(plan: Mapping[str, Any]) -> ChartPanel | None:
    lines = plan["lines"]
    if not lines:
        return None
    spots: Counter[tuple[str, str]] = Counter()
    of_network: Counter[str] = Counter()
    for line in lines:
        network, week = str(line["network"]), str(line["week"])
        spots[network, week] += int(line["spots"])
        of_network[network] += int(line["spots"])
    weeks = sorted({week for _, week in spots})
    ranked = sorted(of_network, key=lambda network: (-of_network[network], network))
    named = ranked if len(ranked) <= _MOST_NETWORKS else ranked[: _MOST_NETWORKS - 1]
    others = ranked[len(named) :]
    every = [{"network": n, "week": w, "spots": spots[n, w]} for n in ranked for w in weeks]
    rows = every[: len(named) * len(weeks)]
    if others:
        label = f"{len(others)} other networks"
        rows += [
            {"network": label, "week": w, "spots": sum(spots[n, w] for n in others)} for w in weeks
        ]
    top = ranked[0]
    return ChartPanel(
        "spots-by-week",
        "Spots by week",
        f"{COUNT.number(of_network.total())} spots on {counted(len(ranked), 'network')} in "
        f"{counted(len(weeks), 'broadcast week')}; {top} has the most, "
        f"{COUNT.number(of_network[top])}.",
        "Each cell counts a network's spots in a broadcast week over all markets and dayparts; "
        "darker is more."
        + (" The networks with the fewest spots share one row." if others else ""),
        partial(spots_by_week, rows),
        as_download("spots_by_week.csv", every),
    )


def _frequency(plan: Mapping[str, Any]) -> ChartPanel | None:
    panel = plan.get("panel_households")
    rows = [
        {
            "exposures": str(row["exposures"]),
            "households": HOUSEHOLDS.round(row["households"]),
            "percent": PERCENT.round(row["percent"]),
            **PERCENT.rounded(share_interval(row, panel, "percent"), "lo_80", "hi_80"),
        }
        for row in plan.get("frequency_distribution") or []
        if is_number(row.get("percent"))
    ]
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
    return ChartPanel(
        "frequency",
        "How often households see it",
        insight + ".",
        "A bar is the part of the target with that many exposures, the line its 80 % interval "
        "(binomial, on the panel's households); the bars add up to reach 1+.",
        partial(frequency_distribution, rows),
        as_download("frequency_distribution.csv", rows),
    )


def _times(exposures: str) -> str:
    return {"1": "once", "2": "twice"}.get(exposures, f"{exposures} times")
