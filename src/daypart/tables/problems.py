"""What is wrong with a field, in words, and what to do about it."""

from __future__ import annotations

from daypart.tables.schema import Column
from daypart.tables.values.duration import BAD_DURATION
from daypart.tables.values.expressions import MISSING_VALUE
from daypart.tables.values.number import BAD_NUMBER, NOT_FINITE
from daypart.tables.values.stamp import (
    BAD_DAY,
    OUT_OF_RANGE,
    REPEATED,
    SKIPPED,
    UNPARSABLE,
    WITHOUT_ZONE,
)
from daypart.tables.zones import FIRST_YEAR, LAST_YEAR

OUTSIDE_RANGE = "outside_range"

_WORDS = {
    BAD_NUMBER: (
        "not a number",
        "write it as 1234.5, or declare its marks (decimal=comma, thousands=point)",
    ),
    NOT_FINITE: ("NaN or infinite", "leave the field empty, or remove the row"),
    BAD_DURATION: ("not a duration", "write seconds, HH:MM:SS or ISO 8601 (PT45M)"),
    BAD_DAY: ("not a day", "write days as 2024-04-01, or give their format (stamp_format)"),
    UNPARSABLE: (
        "not a stamp",
        "write stamps as 2025-01-31T20:00:00Z, or give their format (stamp_format)",
    ),
    WITHOUT_ZONE: (
        "a stamp without a zone",
        "write stamps as 2025-01-31T20:00:00Z, or give their zone (stamps_are=UTC)",
    ),
    OUT_OF_RANGE: (
        f"not in the years {FIRST_YEAR} to {LAST_YEAR}",
        "correct the year, or remove the row",
    ),
    SKIPPED: (
        "a local time that the clocks skipped",
        "write stamps with their offset from UTC, or remove the row",
    ),
    REPEATED: (
        "a local time that the clocks repeat",
        "write stamps with their offset from UTC",
    ),
}


def describe(reason: str, column: Column) -> tuple[str, str]:
    """Return what a problem is, to follow the field's text, and the remedy.

    Parameters
    ----------
    reason : str
    column : Column

    Examples
    --------
    >>> describe("outside_range", Column("cpm", "number", "Price.", above=0.0))
    (', outside its range', 'cpm must be above 0')
    >>> describe("missing_value", Column("cpm", "number", "Price."))
    ('', 'give every row its cpm')
    """
    if reason == MISSING_VALUE:
        return "", f"give every row its {column.name}"
    if reason == OUTSIDE_RANGE:
        return ", outside its range", f"{column.name} must be {range_of(column)}"
    what, remedy = _WORDS[reason]
    return f", {what}", remedy


def range_of(column: Column) -> str:
    """Return the range of a column of numbers in words.

    Examples
    --------
    >>> range_of(Column("spots", "number", "Spots.", least=0.0, whole=True))
    'a whole number from 0 up'
    """
    bounds = [
        f"above {column.above:g}" if column.above > float("-inf") else "",
        f"from {column.least:g}{' up' if column.most == float('inf') else ''}"
        if column.least > float("-inf")
        else "",
        f"to {column.most:,.15g}" if column.most < float("inf") else "",
    ]
    noun = ["a whole number"] if column.whole else []
    return " ".join([*noun, *(each for each in bounds if each)]) or "a number"
