"""The section on audiences: the hours of the week, and networks by index."""

from __future__ import annotations

from functools import partial

from daypart.charts.audience import DAYS, hour_of_week, network_index
from daypart.charts.quantities import INDEX, PERCENT, RATING
from daypart.report.content import ChartPanel, Section, as_download, charts_section
from daypart.report.sources import InsightTables, Sources, number_of

_MOST_NETWORKS = 16
_EVERYONE = "all"
_ANY = "any"


def audience_section(sources: Sources) -> Section | None:
    """Draw the hours of the week and the networks that a segment prefers."""
    insights = sources.insights
    if insights is None:
        return None
    record = insights.record
    sentence = (
        f"Unit: {record.get('unit', 'households')}; "
        f"viewing window: {record.get('window', 'live')}; "
        f"crediting: {record.get('crediting', 'as recorded in the store')}. "
        f"{record.get('suppressed_cells', 0):,} cells with fewer than "
        f"{record.get('min_households', 50)} in-tab or "
        f"{record.get('min_contributors', 10)} viewing households, or from which "
        "such a cell could be derived, are suppressed."
    )
    charts = (_hour_of_week(insights), _network_index(sources, insights))
    return charts_section("audience", "The audience", charts, [sentence])


def _hour_of_week(insights: InsightTables) -> ChartPanel | None:
    rows = [
        {"day": row["day"], "hour": int(row["hour"]), "rating": PERCENT.round(rating)}
        for row in insights.heat_map
        if (row["segment"], row["network"]) == (_EVERYONE, _ANY)
        and (rating := number_of(row["rating"])) is not None
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (DAYS.index(row["day"]) if row["day"] in DAYS else 7, row["hour"]))
    top = max(rows, key=lambda row: row["rating"])
    low = min(rows, key=lambda row: row["rating"])
    return ChartPanel(
        "hour-of-week",
        "Television over the week",
        f"Most households watch on {top['day']} from {top['hour']}:00, "
        f"{PERCENT.text(top['rating'])} of them; fewest on {low['day']} from {low['hour']}:00, "
        f"{PERCENT.text(low['rating'])}.",
        "Each cell is an hour of the week in the markets' local time; its colour is HUT, the "
        "share of all households that use television in the average minute.",
        partial(hour_of_week, rows, title="HUT (% of households)"),
        as_download("hour_of_week.csv", rows),
    )


def _network_index(sources: Sources, insights: InsightTables) -> ChartPanel | None:
    segment = _segment_to_show(sources, insights)
    rows = []
    for row in insights.top_networks:
        rating, index = number_of(row["rating"]), number_of(row["index"])
        lo, hi = number_of(row.get("index_lo_80")), number_of(row.get("index_hi_80"))
        if row["segment"] != segment or not rating or index is None or lo is None or hi is None:
            continue
        rows.append(
            {
                "network": row["network"],
                "index": INDEX.round(index),
                "lo_80": INDEX.round(lo),
                "hi_80": INDEX.round(hi),
                "rating": RATING.round(rating),
            }
        )
    if not rows:
        return None
    rows.sort(key=lambda row: (-row["index"], row["network"]))
    shown = rows[:_MOST_NETWORKS]
    top = rows[0]
    return ChartPanel(
        "network-index",
        f"Networks by index: {segment}",
        f"{top['network']} has the highest index among {segment} against all households: "
        f"{INDEX.number(top['index'])}, at a rating of {RATING.text(top['rating'])}.",
        "100 is par: the rating in the segment equals that of all households. The bar is the "
        "index's 80 % interval."
        + (
            f" The chart shows the highest {len(shown)} of {len(rows)}."
            if len(shown) < len(rows)
            else ""
        ),
        partial(network_index, shown),
        as_download("network_index.csv", [{"segment": segment, **row} for row in rows]),
    )


def _segment_to_show(sources: Sources, insights: InsightTables) -> str:
    """Choose the plan's target, or the first segment that is not everyone."""
    known = list(dict.fromkeys(row["segment"] for row in insights.top_networks))
    target = str((sources.plan or {}).get("segment", _EVERYONE))
    if target in known and target != _EVERYONE:
        return target
    return next((name for name in known if name != _EVERYONE), _EVERYONE)
