"""A small table, read whole: the value of every field, and the problem of those that are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from daypart.errors import DaypartError, did_you_mean
from daypart.tables.connection import open_connection
from daypart.tables.options import TableOptions
from daypart.tables.problems import OUTSIDE_RANGE, describe
from daypart.tables.schema import Column, Schema
from daypart.tables.sql import name_literal, text_literal
from daypart.tables.table import GivenTable, Table, name_of, open_table, options_of, reading
from daypart.tables.values.duration import duration_sql
from daypart.tables.values.expressions import (
    MISSING_VALUE,
    FieldSql,
    text_of,
    with_levels,
)
from daypart.tables.values.number import number_sql
from daypart.tables.values.stamp import day_sql, stamp_sql, zone_of
from daypart.wording import counted


@dataclass(frozen=True)
class TableRows:
    """The rows of a table.

    Parameters
    ----------
    table : Table
    schema : Schema
    content : pyarrow.Table
        For column i of the schema `value_i`, `text_i` (as it was) and `problem_i`.
    """

    table: Table
    schema: Schema
    content: pa.Table

    def __len__(self) -> int:
        return int(self.content.num_rows)

    def has(self, name: str) -> bool:
        """Return whether the table has a column that it may lack."""
        return f"value_{self.schema.names.index(name)}" in self.content.column_names

    def values(self, name: str) -> list[Any]:
        """Return a column's values, by row; None where a field is empty or wrong."""
        return self._column("value", name)

    def texts(self, name: str) -> list[str | None]:
        """Return a column's fields as they were."""
        return self._column("text", name)

    def problems(self, name: str) -> list[str | None]:
        """Return what is wrong with a column's fields."""
        return self._column("problem", name)

    def _column(self, part: str, name: str) -> list[Any]:
        if not self.has(name):
            return [None] * len(self)
        found = self.content.column(f"{part}_{self.schema.names.index(name)}")
        return list(found.to_pylist())

    def refuse_problems(self) -> TableRows:
        """Return the rows if nothing is wrong with any.

        Raises
        ------
        DaypartError
            For a table without rows, or with a wrong field: its first row and what to do.
        """
        if len(self) == 0:
            raise DaypartError(f"{self.table}: the {self.schema.name} is empty")
        for column in self.schema.columns:
            wrong = [(r, p) for r, p in enumerate(self.problems(column.name), start=1) if p]
            if not wrong:
                continue
            row, reason = wrong[0]
            what, remedy = describe(reason, column)
            given = self.texts(column.name)[row - 1]
            more = f" ({counted(len(wrong), 'such row')})" if len(wrong) > 1 else ""
            raise DaypartError(
                f"{self.table}: column {column.name}: row {row:,} is "
                f"{'empty' if given is None else repr(given)}{what}{more}",
                hint=remedy,
            )
        return self


def read_rows(source: GivenTable, schema: Schema, options: TableOptions | None = None) -> TableRows:
    """Read a small table.

    Parameters
    ----------
    source : path, iterable of mapping, or Arrow object
        See `open_table`.
    schema : Schema
    options : TableOptions, optional

    Returns
    -------
    TableRows
        Stamps without a zone have it from the option `stamps_are`.

    Raises
    ------
    DaypartError
        For a file that can't be read, and a missing column.
    """
    options = options_of(source, options)
    options.check_names(schema.names)
    with open_connection({"threads": 1}) as connection:
        table = open_table(connection, source, options, name=name_of(source, schema.name))
        query = rows_query(table, schema, options)
        with reading(table):
            return TableRows(table, schema, connection.sql(query).to_arrow_table())


def read_texts(
    source: GivenTable, options: TableOptions | None = None, *, name: str
) -> list[dict[str, Any]]:
    """Read a small table whose columns no schema knows, every field as text.

    Parameters
    ----------
    source : path, iterable of mapping, or Arrow object
        See `open_table`.
    options : TableOptions, optional
    name : str
        What messages call rows and objects.

    Returns
    -------
    list of dict
        Column to text, None where it is empty; a list where the column holds lists.

    Raises
    ------
    DaypartError
        For a file that can't be read.
    """
    with open_connection({"threads": 1}) as connection:
        table = open_table(
            connection, source, options or TableOptions(), name=name_of(source, name)
        )
        chosen = [
            f"CAST({name_literal(column)} AS VARCHAR[])"
            if kind.endswith("[]")
            else text_of(name_literal(column), kind)
            for column, kind in table.types.items()
        ]
        query = (
            f"SELECT {', '.join(chosen)} FROM {table.rows_sql(numbered=True)} ORDER BY source_row"
        )
        with reading(table):
            rows = connection.sql(query).fetchall()
    return [dict(zip(table.types, row, strict=True)) for row in rows]


def rows_query(table: Table, schema: Schema, options: TableOptions) -> str:
    """Return SQL for the values, texts and problems of a table's fields.

    Parameters
    ----------
    table : Table
    schema : Schema
    options : TableOptions
    """
    raw: dict[str, str] = {"source_row": "source_row"}
    fields: list[FieldSql] = []
    chosen: list[str] = []
    for number, column in enumerate(schema.columns):
        given = field_of(table, column, options)
        if given is None:
            continue
        name = f"field_{number}"
        raw |= {f"{name}_raw": given[0], f"text_{number}": text_of(*given)}
        field = _field_sql(name, given[1], column, options)
        fields.append(field)
        value = f"epoch_ms({field.value})" if column.kind == "stamp" else field.value
        chosen.append(f"{value} AS value_{number}, text_{number}")
        chosen.append(f"{_with_range(field, column)} AS problem_{number}")
    rows = with_levels(table.rows_sql(numbered=True), raw, fields)
    return f"SELECT {', '.join(chosen)} FROM {rows} ORDER BY source_row"


def field_of(table: Table, column: Column, options: TableOptions) -> tuple[str, str] | None:
    """Return SQL for a column's fields and its type; None where the table lacks it.

    Parameters
    ----------
    table : Table
    column : Column
    options : TableOptions

    Raises
    ------
    DaypartError
        When the table lacks a required column.
    """
    if column.name in options.constants:
        return text_literal(options.constants[column.name]), "VARCHAR"
    if column.name in options.columns:
        wanted = options.columns[column.name]
        day, plus, hour = wanted.partition("+")
        if plus and table.find(wanted) is None:
            return _joined(table, table.require(day), table.require(hour)), "VARCHAR"
        found: str | None = table.require(wanted)
    else:
        names = (table.find(name) for name in (column.name, *column.aliases))
        found = next((name for name in names if name is not None), None)
    if found is not None:
        kind = table.types[found]
        listed = kind.endswith("[]") and column.kind == "text"
        given = f"array_to_string({name_literal(found)}, ';')" if listed else name_literal(found)
        return given, "VARCHAR" if listed else kind
    if column.required:
        raise DaypartError(
            f"{table}: no column {column.name!r}",
            hint=f"{did_you_mean(column.name, table.types)}; or map it: {column.name}=COLUMN",
        )
    return None


def _joined(table: Table, day: str, hour: str) -> str:
    """Return SQL for one stamp of a column of days and one of hours."""
    text = text_of(name_literal(hour), table.types[hour])
    clock = (
        f"CASE WHEN regexp_full_match({text}, '[0-9]') THEN '0' || {text} || ':00' "
        f"WHEN regexp_full_match({text}, '[0-9]{{2}}') THEN {text} || ':00' "
        f"WHEN regexp_full_match({text}, '[0-9]:.*') THEN '0' || {text} ELSE {text} END"
    )
    of_day = text_of(name_literal(day), table.types[day])
    if table.types[day].startswith("TIMESTAMP"):
        of_day = f"strftime({name_literal(day)}, '%Y-%m-%d')"
    return f"{of_day} || ' ' || {clock}"


def _field_sql(name: str, kind: str, column: Column, options: TableOptions) -> FieldSql:
    if column.kind == "number":
        return number_sql(name, kind, options)
    if column.kind == "day":
        return day_sql(name, kind, options)
    if column.kind == "stamp":
        return stamp_sql(name, kind, options, zone_of(options))
    if column.kind == "duration":
        return duration_sql(name, kind, options)
    return FieldSql(f"{name}_text", "NULL", ({f"{name}_text": text_of(f"{name}_raw", kind)},))


def _with_range(sql: FieldSql, column: Column) -> str:
    """Return SQL for a field's problem: not readable, empty, or outside the column's range."""
    cases = [f"WHEN ({sql.problem}) IS NOT NULL THEN {sql.problem}"]
    if not column.may_be_empty:
        cases.append(f"WHEN ({sql.value}) IS NULL THEN '{MISSING_VALUE}'")
    if column.kind == "number":
        tests = []
        if column.above > float("-inf"):
            tests.append(f"({sql.value}) <= {column.above!r}")
        if column.least > float("-inf"):
            tests.append(f"({sql.value}) < {column.least!r}")
        if column.most < float("inf"):
            tests.append(f"({sql.value}) > {column.most!r}")
        if column.whole:
            tests.append(f"({sql.value}) <> floor({sql.value})")
        if tests:
            cases.append(f"WHEN {' OR '.join(tests)} THEN '{OUTSIDE_RANGE}'")
    return f"CASE {' '.join(cases)} END"
