"""The section on delivery: what the plan delivered, compared with what it planned."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from daypart.charts.delivery import delivered_reach
from daypart.charts.quantities import COUNT, GRP, HOUSEHOLDS, INDEX, PERCENT, Quantity, is_number
from daypart.report.content import ChartPanel, Figure, Section, Table, as_download
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
    seen, spots = delivery["impressions"], delivery["spots"]
    return [
        Figure("Delivery index", INDEX.number(seen["index"]), "delivered / planned impressions"),
        Figure(
            "Delivered impressions (households)",
            HOUSEHOLDS.number(seen["delivered"]),
            _planned(seen, HOUSEHOLDS, HOUSEHOLDS.number(seen["planned"])),
        ),
        Figure(
            "Delivered GRP",
            GRP.number(delivery["grp"]["delivered"]),
            _planned(delivery["grp"], GRP, GRP.number(delivery["grp"]["planned"])),
        ),
        Figure(
            "Delivered reach 1+",
            PERCENT.text(delivery["reach"]["1+"]["delivered"]),
            _planned(
                delivery["reach"]["1+"],
                PERCENT,
                PERCENT.text(delivery["reach"]["1+"]["planned"]),
            ),
        ),
        Figure(
            "Spots aired",
            COUNT.number(spots["delivered"]),
            f"of {COUNT.number(spots['planned'])} planned, for "
            f"{sources.currency.text(delivery['cost']['delivered'])}",
        ),
    ]


def _planned(figure: Mapping[str, Any], quantity: Quantity, planned: str) -> str:
    interval = quantity.interval(figure["lo_80"], figure["hi_80"])
    return f"planned {planned}, 80 % interval {interval}"


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
    columns = [
        "Market",
        "Spots planned",
        "Spots aired",
        "Impressions planned (households)",
        "80 % interval",
        "Impressions delivered (households)",
        "Delivery index",
    ]
    plain = [
        {
            "market": str(row["name"]),
            "spots_planned": row["spots_planned"],
            "spots_aired": row["spots_aired"],
            "planned": HOUSEHOLDS.round(row["planned"]),
            "lo_80": HOUSEHOLDS.round(row.get("lo_80")),
            "hi_80": HOUSEHOLDS.round(row.get("hi_80")),
            "delivered": HOUSEHOLDS.round(row["delivered"]),
            "delivery_index": INDEX.round(row["delivery_index"]),
        }
        for row in rows
    ]
    shown = plain[:_MOST_MARKETS]
    caption = f"{len(shown)} of {counted(len(rows), 'market')}, the lowest delivery index first."
    return Table(
        caption,
        columns,
        [
            [
                row["market"],
                COUNT.number(row["spots_planned"]),
                COUNT.number(row["spots_aired"]),
                HOUSEHOLDS.number(row["planned"]),
                HOUSEHOLDS.interval(row["lo_80"], row["hi_80"]),
                HOUSEHOLDS.number(row["delivered"]),
                INDEX.number(row["delivery_index"]),
            ]
            for row in shown
        ],
        frozenset({1, 2, 3, 4, 5, 6}),
        as_download("delivery_by_market.csv", plain),
    )
