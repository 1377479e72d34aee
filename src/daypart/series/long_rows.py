"""The rows of long tables, read and checked: a key, a time and a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from daypart.errors import DaypartError
from daypart.tables.options import TableOptions
from daypart.tables.read import field_of
from daypart.tables.schema import Column
from daypart.tables.table import Table, unreadable
from daypart.tables.values.expressions import text_of, with_levels
from daypart.tables.values.number import BAD_NUMBER, NOT_FINITE, number_sql
from daypart.tables.values.stamp import OUT_OF_RANGE, SKIPPED, UNPARSABLE, stamp_sql, zone_of
from daypart.tables.zones import FIRST_YEAR, LAST_YEAR
from daypart.wording import counted

LARGEST_COUNT = 2**31 - 1
"""The largest number of an hour in a store."""

_PLACE = "source * 1000000000000 + row"
"""One number for a table and a row in it."""


@dataclass(frozen=True)
class LongTable:
    """Long tables in DuckDB, and the names of their columns.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    tables : sequence of Table
    key : sequence of str
    time, value : str
    """

    connection: duckdb.DuckDBPyConnection
    tables: Sequence[Table]
    key: Sequence[str]
    time: str
    value: str

    @property
    def key_columns(self) -> str:
        """The key columns of the tables made from it."""
        return ", ".join(f"key_{i}" for i in range(len(self.key)))

    def error(self, number: int, message: str, hint: str) -> DaypartError:
        """Return an error in one of the tables."""
        return DaypartError(f"{self.tables[number]}: {message}", hint=hint)


def load_rows(table: LongTable, options: TableOptions) -> int:
    """Make `source_rows`: source, row, key columns as text, instant, value and their problems.

    Parameters
    ----------
    table : LongTable
    options : TableOptions

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    DaypartError
        For a missing column, a table without rows, and the first kind of bad row.
    """
    selected = [
        _rows_query(table, number, each, options) for number, each in enumerate(table.tables)
    ]
    try:
        table.connection.execute(f"CREATE TEMP TABLE source_rows AS {' UNION ALL '.join(selected)}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise unreadable(str(table.tables[0]), error, is_parquet=False) from None
    return _check(table)


def _rows_query(table: LongTable, number: int, each: Table, options: TableOptions) -> str:
    columns = {name: Column(name, "text", "") for name in (*table.key, table.time, table.value)}
    fields = {name: field_of(each, column, options) for name, column in columns.items()}
    found = {name: field for name, field in fields.items() if field is not None}
    (time, time_type), (value, value_type) = found[table.time], found[table.value]
    at = stamp_sql("at", time_type, options, zone_of(options, later_of_repeated=True))
    number_of = number_sql("number", value_type, options)
    raw = {"source_row": "source_row", "at_raw": time, "number_raw": value}
    raw |= {f"key_{i}": text_of(*found[name]) for i, name in enumerate(table.key)}
    return (
        f"SELECT {number} AS source, source_row AS row, {table.key_columns}, "
        f"{at.value} AS instant, {at.problem} AS stamp_problem, "
        f"{number_of.value} AS value, {number_of.problem} AS value_problem "
        f"FROM {with_levels(each.rows_sql(numbered=True), raw, [at, number_of])}"
    )


def _checks(table: LongTable) -> list[tuple[str, str, str, str]]:
    """Return each kind of bad row: its test in SQL, its column, what it is, and the remedy."""
    time, value = table.time, table.value
    no_key = " OR ".join(f"key_{i} IS NULL" for i in range(len(table.key)))
    stamps = [
        (UNPARSABLE, "an unreadable time", "write ISO 8601, or give --stamp-format"),
        (OUT_OF_RANGE, f"a time outside the years {FIRST_YEAR} to {LAST_YEAR}", "correct it"),
        (
            SKIPPED,
            "a time that the local clocks skipped",
            "give the zone of the stamps (--stamps-are), or remove the rows",
        ),
    ]
    return [
        (no_key, ",".join(table.key), "no key", "give every row a partition"),
        ("instant IS NULL AND stamp_problem IS NULL", time, "no time", "give every row one"),
        *((f"stamp_problem = '{p}'", time, what, remedy) for p, what, remedy in stamps),
        (
            f"value_problem = '{BAD_NUMBER}'",
            value,
            "text that is not a number",
            "write whole numbers, or declare their marks (--map decimal=comma)",
        ),
        (
            f"value_problem = '{NOT_FINITE}'",
            value,
            "a NaN or infinite value",
            "leave the field empty",
        ),
        ("value < 0", value, "a negative value", "counts start at 0"),
        ("value <> floor(value)", value, "a fractional value", "counts are whole numbers"),
        (
            f"value > {LARGEST_COUNT}",
            value,
            f"a value over {LARGEST_COUNT:,}",
            "count in thousands",
        ),
    ]


def _check(table: LongTable) -> int:
    """Raise on the first kind of bad row; return the number of rows."""
    checks = _checks(table)
    selected = ", ".join(
        f"count(*) FILTER ({test}), min({_PLACE}) FILTER ({test})" for test, *_ in checks
    )
    found = table.connection.sql(f"SELECT count(*), {selected} FROM source_rows").fetchall()[0]
    rows = int(found[0])
    if rows == 0:
        raise DaypartError(f"{table.tables[0]}: holds no rows")
    for i, (_, column, what, remedy) in enumerate(checks):
        count, first = found[1 + 2 * i], found[2 + 2 * i]
        if count:
            number, row = divmod(int(first), 1_000_000_000_000)
            raise table.error(
                number,
                f"column {column}: {counted(count, 'row')} with {what}, the first is row {row:,}",
                remedy,
            )
    _check_duplicates(table)
    return rows


def _check_duplicates(table: LongTable) -> None:
    twice = table.connection.execute(
        f"""
        SELECT count(*), min(place) FROM (
            SELECT max({_PLACE}) AS place FROM source_rows
            GROUP BY {table.key_columns}, instant HAVING count(*) > 1
        )
        """
    ).fetchone()
    if twice and twice[0]:
        number, row = divmod(int(twice[1]), 1_000_000_000_000)
        raise table.error(
            number,
            f"{counted(twice[0], 'time')} given twice for one partition, "
            f"the first again in row {row:,}",
            "add them up or remove one; times without a zone repeat when clocks go back",
        )
