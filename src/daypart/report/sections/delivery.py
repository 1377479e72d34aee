"""The section on delivery: what the plan delivered, compared with what it planned."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from daypart.charts.delivery import delivered_reach
from daypart.charts.quantities import COUNT, GRP, HOUSEHOLDS, INDEX, PERCENT, is_number
from daypart.report.content import ChartPanel, Column, Figure, Section, Table, as_download, table_of
from daypart.report.sections.intervals import eighty
from daypart.report.sources import Sources
from daypart.wording import counted

_MOST_MARKETS = 12


def delivery_section(sources: Sources) -> Section | None:
    """Compare what was delivered with the plan and its intervals."""
    delivery = sources.delivery
    if delivery is None:
        return None
    panel = _weeks(delivery)
    return Section(
        "delivery",
        "Planned and delivered",
        _sentences(delivery),
        [_figures(sources, delivery)],
        charts=[panel] if panel else [],
        tables=[_markets_table(delivery)],
    )


def _sentences(delivery: Mapping[str, Any]) -> list[str]:
    aside = delivery["set_aside"]
    reasons = ", ".join(f"{reason} {COUNT.number(count)}" for reason, count in aside.items())
    return [
        f"Under-delivered (index below {INDEX.number(delivery['under'])}): "
        f"{', '.join(delivery['under_delivered']) or 'no market'}.",
        f"{COUNT.number(delivery['rows'])} rows of the as-run log: "
        f"{COUNT.number(delivery['used'])} measured, {COUNT.number(sum(aside.values()))} set aside"
        + (f" ({reasons})." if reasons else "."),
    ]


def _figures(sources: Sources, delivery: Mapping[str, Any]) -> list[Figure]:
    seen, grp, reach = delivery["impressions"], delivery["grp"], delivery["reach"]["1+"]
    spots, cost = delivery["spots"], sources.currency.text(delivery["cost"]["delivered"])
    return [
        Figure("Delivery index", INDEX.number(seen["index"]), "delivered / planned impressions"),
        Figure(
            "Delivered impressions (households)",
            COUNT.number(seen["delivered"]),
            f"planned {COUNT.number(seen['planned'])}, {eighty(HOUSEHOLDS, seen)}",
        ),
        Figure(
            "Delivered GRP",
            GRP.number(grp["delivered"]),
            f"planned {GRP.number(grp['planned'])}, {eighty(GRP, grp)}",
        ),
        Figure(
            "Delivered reach 1+",
            PERCENT.text(reach["delivered"]),
            f"planned {PERCENT.text(reach['planned'])}, {eighty(PERCENT, reach)}",
        ),
        Figure(
            "Spots aired",
            COUNT.number(spots["delivered"]),
            f"of {COUNT.number(spots['planned'])} planned, for {cost}",
        ),
    ]


def _weeks(delivery: Mapping[str, Any]) -> ChartPanel | None:
    rows = [
        {
            "week": str(row["name"]),
            "planned": PERCENT.round(row.get("cumulative_reach_planned")),
            "lo_80": PERCENT.round(row.get("cumulative_reach_lo_80")),
            "hi_80": PERCENT.round(row.get("cumulative_reach_hi_80")),
            "delivered": PERCENT.round(row["cumulative_reach"]),
        }
        for row in delivery["by_week"]
        if is_number(row.get("cumulative_reach"))
    ]
    if not rows:
        return None
    last = rows[-1]
    insight = f"After {counted(len(rows), 'week')} {PERCENT.text(last['delivered'])} were reached"
    if is_number(last["planned"]) and is_number(last["lo_80"]):
        inside = last["lo_80"] <= last["delivered"] <= last["hi_80"]
        insight += (
            f", {PERCENT.text(last['planned'])} were planned: "
            f"{'within' if inside else 'outside'} its 80 % interval"
        )
    return ChartPanel(
        "delivered-reach",
        "Reach by week, planned and delivered",
        insight + ".",
        "Round: planned, the bar is its 80 % interval; diamonds: counted from the spots that aired "
        "and the viewing. The minutes in which the spots aired add to the difference.",
        partial(delivered_reach, rows, height=190),
        as_download("delivered_reach.csv", rows),
        wide=True,
    )


def _markets_table(delivery: Mapping[str, Any]) -> Table:
    def rank(row: Mapping[str, Any]) -> tuple[float, str]:
        index = row["delivery_index"]
        return (float(index) if is_number(index) else 1e9, str(row["name"]))

    rows = sorted(delivery["by_market"], key=rank)
    markets = [
        {
            "market": str(row["name"]),
            "spots_planned": row["spots_planned"],
            "spots_aired": row["spots_aired"],
            "planned": row["planned"],
            "lo_80": row.get("lo_80"),
            "hi_80": row.get("hi_80"),
            "delivered": row["delivered"],
            "delivery_index": row["delivery_index"],
        }
        for row in rows
    ]
    shown = markets[:_MOST_MARKETS]
    columns = [
        Column("Market", "market"),
        Column("Spots planned", "spots_planned", COUNT),
        Column("Spots aired", "spots_aired", COUNT),
        Column("Impressions planned (households)", "planned", HOUSEHOLDS),
        Column("80 % interval", "lo_80 hi_80", HOUSEHOLDS),
        Column("Impressions delivered (households)", "delivered", HOUSEHOLDS),
        Column("Delivery index", "delivery_index", INDEX),
    ]
    caption = f"{len(shown)} of {counted(len(rows), 'market')}, the lowest delivery index first."
    return table_of(caption, "delivery_by_market.csv", columns, markets, shown)
