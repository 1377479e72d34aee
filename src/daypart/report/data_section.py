"""The sections on the data: what was read and set aside, the rules in force, and the words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daypart.charts.quantities import COUNT, PERCENT, shares_of_100
from daypart.report.content import Definition, Figure, Section, Table, as_download
from daypart.report.plan_sections import plan_definitions
from daypart.report.sources import Sources

_DEFINITIONS = (
    Definition("In-tab household", "A household whose viewing was measured on that day."),
    Definition(
        "Partition", "One series with one model: a market, a network and a segment of households."
    ),
    Definition(
        "Interval", "80 % unless it says otherwise: it should hold the figure four times of five."
    ),
    Definition(
        "CRPS",
        "Continuous ranked probability score: how far a forecast distribution lies from what "
        "came, in households; lower is better.",
    ),
    Definition("WAPE", "Absolute errors of the forecast mean over what was counted, in percent."),
    Definition("Held back", "Hours that a model was not shown, and that it then forecast."),
)


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
    table = [
        [label, COUNT.number(count), PERCENT.number(share)]
        for (label, count), share in zip(parts, shares, strict=True)
    ]
    table.append(["Read", COUNT.number(rows["read"]), PERCENT.number(sum(shares))])
    told = (
        "every row is accounted for"
        if counted == rows["read"]
        else (f"{COUNT.number(rows['read'] - counted)} rows are not accounted for")
    )
    full = [
        {"rows": label, "count": count, "share_percent": share}
        for (label, count), share in zip(parts, shares, strict=True)
    ]
    return Table(
        f"{COUNT.number(rows['read'])} rows read: {told}.",
        ["Rows of events", "Count", "Share (%)"],
        table,
        frozenset({1, 2}),
        as_download("rows_read.csv", full),
    )


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


def definitions_section(sources: Sources) -> Section:
    """Define the words of the report, each once."""
    found: dict[str, Definition] = {}
    insights = sources.insights.record.get("definitions") if sources.insights else None
    every = [
        *plan_definitions(sources.plan or {}),
        *(Definition(str(k), str(v)) for k, v in (insights or {}).items()),
        *_DEFINITIONS,
    ]
    for definition in every:
        term = definition.term[:1].upper() + definition.term[1:]
        found.setdefault(term.lower(), Definition(term, definition.meaning))
    ordered = sorted(found.values(), key=lambda definition: definition.term.lower())
    notes = [str(note) for note in (sources.plan or {}).get("notes", [])]
    return Section("definitions", "Definitions", sentences=notes, definitions=ordered)
