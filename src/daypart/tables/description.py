"""A schema described for people (Markdown) and for programs (JSON Schema)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daypart.tables.problems import range_of
from daypart.tables.schema import Column, Schema
from daypart.tables.values.number import EMPTY_NUMBERS
from daypart.tables.zones import FIRST_YEAR, LAST_YEAR

_JSON_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string", "minLength": 1},
    "number": {"type": "number"},
    "day": {"type": "string", "format": "date"},
    "stamp": {"type": "string", "format": "date-time"},
    "duration": {"anyOf": [{"type": "number"}, {"type": "string", "format": "duration"}]},
}

RULES = (
    (
        "files",
        "CSV and TSV (delimiter `,` `;` tab `|`), Parquet, Arrow, JSON lines, XLSX; gzip and zstd; "
        "a folder, a pattern, `-` for standard input, a pipe, `s3://`",
        "devices, `.xls`, JSON arrays; a pattern without a match",
    ),
    (
        "in Python",
        "a path, rows as mappings, any object with the Arrow PyCapsule interface (pandas, polars)",
        "",
    ),
    (
        "encodings",
        "UTF-8 with or without a byte order mark, UTF-16 with one; others by `encoding=`",
        "bytes that the encoding has not",
    ),
    (
        "columns",
        "by name, but for case and spaces; other names with `--map`; a folder `market=501` for a "
        "column that the file lacks",
        "two columns whose names differ only in case or spaces",
    ),
    ("text", "as it is, trimmed: leading zeros and NA stay", ""),
    (
        "numbers",
        "`1234.5`, `1e3`, any numeric type; other marks with `decimal=comma` and `thousands=point`",
        "`$5`, `1_000`, `0x1F`, true, NaN, infinity",
    ),
    (
        "empty numbers",
        "an empty field, " + ", ".join(f"`{word}`" for word in EMPTY_NUMBERS) + ", in any case",
        "where the column needs a number",
    ),
    (
        "stamps",
        "ISO 8601 (`2025-01-31T20:00:00-05:00`, `2025-01-31 20:00:00 UTC`, `20250131T2000Z`), "
        "stamps of Parquet and Arrow in any unit, `stamps_are=epoch_s` or `epoch_ms`; another form "
        "with `--stamp-format`; a column of days and one of hours with `start=day+hour`",
        f"anything after the stamp (`PM`, `PST`), years outside {FIRST_YEAR} to {LAST_YEAR}, local "
        "times that the clocks skip or repeat",
    ),
    (
        "stamps without a zone",
        "with `stamps_are=` a zone's name, or `market` for the clock of each market",
        "without it",
    ),
    ("days", "`2024-04-01`, also with the time 00:00", "another time of the day"),
    ("durations", "seconds, `HH:MM:SS`, ISO 8601 (`PT45M`)", "`45:00`"),
)
"""What is read and what is refused: the kind, what is accepted, what is not."""


def rules_table() -> str:
    """Return what is accepted in every table, as Markdown."""
    return _table(("", "accepted", "refused"), RULES)


def schema_table(schema: Schema) -> str:
    """Return the columns of a schema as Markdown.

    Parameters
    ----------
    schema : Schema

    Examples
    --------
    >>> print(schema_table(Schema("prices", (Column("cpm", "number", "Price.", above=0.0),))))
    | column | type | required | unit | range | about |
    |---|---|---|---|---|---|
    | `cpm` | number | yes |  | above 0 | Price. |
    """
    rows = [
        (
            f"`{column.name}`",
            column.kind,
            _required(column),
            column.unit,
            range_of(column) if column.kind == "number" else "",
            column.about,
        )
        for column in schema.columns
    ]
    return _table(("column", "type", "required", "unit", "range", "about"), rows)


def json_schema(schema: Schema) -> dict[str, Any]:
    """Return the JSON Schema of a row of a table.

    Parameters
    ----------
    schema : Schema

    Examples
    --------
    >>> json_schema(Schema("prices", (Column("cpm", "number", "Price.", above=0.0),)))["required"]
    ['cpm']
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": schema.name,
        "type": "object",
        "properties": {column.name: _property(column) for column in schema.columns},
        "required": [c.name for c in schema.columns if c.required and not c.may_be_empty],
    }


def _property(column: Column) -> dict[str, Any]:
    found = dict(_JSON_TYPES[column.kind]) | {"description": column.about}
    if column.whole:
        found["type"] = "integer"
    for name, bound in (
        ("exclusiveMinimum", column.above),
        ("minimum", column.least),
        ("maximum", column.most),
    ):
        if abs(bound) < float("inf"):
            found[name] = bound
    return found


def _required(column: Column) -> str:
    if not column.required:
        return "no"
    return "may be empty" if column.may_be_empty else "yes"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(header)
    lines = [head, ["---"] * len(head), *rows]
    text = ["| " + " | ".join(each.replace("|", "\\|") for each in line) + " |" for line in lines]
    text[1] = "|" + "---|" * len(head)
    return "\n".join(text)
