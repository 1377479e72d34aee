"""What the networks add to a plan's reach, and what the plan delivered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from daypart.charts.quantities import COUNT, GRP, HOUSEHOLDS, INDEX, PERCENT, POINTS, is_number
from daypart.charts.reached import added_reach, delivered_reach
from daypart.report.content import Figure, Panel, Section, Table, as_download
from daypart.report.sources import Sources
from daypart.wording import counted

_MOST_NETWORKS = 14
_MOST_MARKETS = 12


def added_reach_panel(plan: Mapping[str, Any]) -> Panel | None:
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
                "lo_80": PERCENT.round(row["lo_80"]),
                "hi_80": PERCENT.round(row["hi_80"]),
                "lost_without": POINTS.round(row["incremental_percent"]),
            }
        )
        so_far = end
    drawn = every
    if len(every) > _MOST_NETWORKS:
        drawn, rest = every[: _MOST_NETWORKS - 1], every[_MOST_NETWORKS - 1 :]
        start, end = rest[0]["start"], rest[-1]["end"]
        merged = {"network": f"{len(rest)} other networks", "start": start, "end": end}
        none = dict.fromkeys(("reach", "lo_80", "hi_80"))
        drawn = [*drawn, {**merged, "added": POINTS.round(end - start), **none}]
    first = every[0]
    dearest = max(every, key=lambda row: row["lost_without"])
    return Panel(
        "added-reach",
        "What each network adds",
        f"{first['network']} alone reaches {PERCENT.text(first['reach'])}; "
        f"{counted(len(every), 'network')} together {PERCENT.text(every[-1]['end'])}. Most would "
        f"be lost without {dearest['network']}: {POINTS.text(dearest['lost_without'])}.",
        "A bar is the reach that a network adds to those above it; the bars add up to reach 1+. "
        "The dot is its reach alone, the line its 80 % interval.",
        partial(added_reach, drawn),
        as_download("added_reach.csv", every),
    )


def delivery_section(sources: Sources, delivery: Mapping[str, Any]) -> Section:
    """Hold what was delivered against the plan, with the plan's intervals."""
    one, seen, grp = delivery["reach"]["1+"], delivery["impressions"], delivery["grp"]
    aside = delivery["set_aside"]
    told = ", ".join(f"{reason} {COUNT.number(count)}" for reason, count in aside.items())
    under = delivery["under_delivered"]
    sentences = [
        f"Under-delivered (index below {INDEX.number(delivery['under'])}): "
        f"{', '.join(under) or 'no market'}.",
        f"{COUNT.number(delivery['rows'])} rows of the as-run log: "
        f"{COUNT.number(delivery['used'])} measured, {COUNT.number(sum(aside.values()))} set aside"
        + (f" ({told})." if told else "."),
    ]
    figures = [
        Figure("Delivery index", INDEX.number(seen["index"]), "delivered / planned impressions"),
        Figure(
            "Delivered impressions (households)",
            HOUSEHOLDS.number(seen["delivered"]),
            f"planned {HOUSEHOLDS.number(seen['planned'])}, 80 % interval "
            f"{HOUSEHOLDS.interval(seen['lo_80'], seen['hi_80'])}",
        ),
        Figure(
            "Delivered GRP",
            GRP.number(grp["delivered"]),
            f"planned {GRP.number(grp['planned'])}, 80 % interval "
            f"{GRP.interval(grp['lo_80'], grp['hi_80'])}",
        ),
        Figure(
            "Delivered reach 1+",
            PERCENT.text(one["delivered"]),
            f"planned {PERCENT.text(one['planned'])}, 80 % interval "
            f"{PERCENT.interval(one['lo_80'], one['hi_80'])}",
        ),
        Figure(
            "Spots aired",
            COUNT.number(delivery["spots"]["delivered"]),
            f"of {COUNT.number(delivery['spots']['planned'])} planned, for "
            f"{sources.currency.text(delivery['cost']['delivered'])}",
        ),
    ]
    panel = _weeks(delivery)
    return Section(
        "delivery",
        "Planned against delivered",
        sentences,
        [figures],
        panels=[panel] if panel else [],
        tables=[_markets_table(delivery)],
    )


def _weeks(delivery: Mapping[str, Any]) -> Panel | None:
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
    return Panel(
        "delivered-reach",
        "Reach by week, planned and delivered",
        insight + ".",
        "Round: planned, the bar its 80 % interval; diamonds: counted from what aired and was "
        "watched. Which minutes the spots aired in adds to the difference.",
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
        "Impressions planned (hh)",
        "80 % interval",
        "Impressions delivered (hh)",
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
    caption = f"Markets, the least delivered first; {len(shown)} of {counted(len(rows), 'market')}."
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
