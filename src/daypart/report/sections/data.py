"""The section on the data: the rows read and set aside, and the rules in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daypart.charts.quantities import COUNT, PERCENT, shares_of_100
from daypart.report.content import Column, Figure, Section, Table, table_of
from daypart.report.sources import Sources


def data_section(sources: Sources) -> Section:
    """Account for every row: credited, below the minimum tune, or set aside with its reason."""
    rows = sources.viewing.get("rows")
    if not rows:
        partitions = sum(region["partitions"] for region in sources.record["regions"].values())
        figure = Figure("Partitions", COUNT.number(partitions), "imported as counts")
        return Section("data", "Data read and set aside", figures=[[figure]])
    figures = [_extent(sources.viewing)]
    return Section(
        "data",
        "Data read and set aside",
        sentences=[_crediting(sources.viewing)],
        figures=figures,
        tables=[_account(rows)],
    )


def _extent(viewing: Mapping[str, Any]) -> list[Figure]:
    hours = (viewing.get("window") or {}).get("hours")
    row = [
        Figure("Markets", COUNT.number(len(viewing.get("markets") or {}))),
        Figure("Networks", COUNT.number(len(viewing.get("networks") or []))),
        Figure("Segments", COUNT.number(len(viewing.get("segments") or {}))),
    ]
    if viewing.get("households") is not None:
        row.append(Figure("Households", COUNT.number(viewing["households"]), "in the sample"))
    if hours:
        row.append(Figure("Days of data", COUNT.number(hours / 24), f"{COUNT.number(hours)} hours"))
    return row


def _account(rows: Mapping[str, Any]) -> Table:
    set_aside = sorted((rows.get("set_aside") or {}).items(), key=lambda item: (-item[1], item[0]))
    parts = [
        ("Credited", rows.get("credited", 0)),
        ("Below the minimum tune", rows.get("below_minimum_tune", 0)),
        *((f"Set aside: {reason.replace('_', ' ')}", count) for reason, count in set_aside),
    ]
    counted = sum(count for _, count in parts)
    shares = shares_of_100([count for _, count in parts])
    missing = f"{COUNT.number(rows['read'] - counted)} rows are not accounted for"
    account = "every row is accounted for" if counted == rows["read"] else missing
    full = [
        {"rows": label, "count": count, "share_percent": share}
        for (label, count), share in zip(parts, shares, strict=True)
    ]
    total = {"rows": "Read", "count": rows["read"], "share_percent": sum(shares)}
    columns = [
        Column("Rows of events", "rows"),
        Column("Count", "count", COUNT),
        Column("Share (%)", "share_percent", PERCENT),
    ]
    caption = f"{COUNT.number(rows['read'])} rows read: {account}."
    return table_of(caption, "rows_read.csv", columns, full, [*full, total])


def _crediting(viewing: Mapping[str, Any]) -> str:
    crediting = viewing.get("crediting") or {}
    rules = [
        f"{name.replace('_', ' ')}: {_word(value)}"
        for name, value in crediting.items()
        if value is not None
    ]
    dayparts = viewing.get("dayparts") or {}
    if dayparts.get("name"):
        rules.append(f"dayparts: {dayparts['name']}, version {dayparts.get('version', 1)}")
    return f"Rules in force: {'; '.join(rules)}." if rules else "The rules are not recorded."


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).replace("_", " ")
