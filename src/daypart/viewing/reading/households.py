"""The households in tab: hashed ids, weights, segments, and the panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from daypart.errors import DaypartError, did_you_mean
from daypart.tables.options import TableOptions
from daypart.tables.read import field_of
from daypart.tables.sql import name_literal
from daypart.tables.table import GivenTable, Table, name_of, open_table, options_of, reading
from daypart.tables.values.expressions import FieldSql, is_text, text_of, with_levels
from daypart.tables.values.number import number_sql
from daypart.viewing.reading.columns import HOUSEHOLDS, LARGEST_WEIGHT
from daypart.viewing.reading.segments import segment_condition
from daypart.viewing.reading.workspace import Workspace
from daypart.wording import counted

WITHOUT_ID = "household_without_id"
WITHOUT_MARKET = "household_without_market"
BAD_WEIGHT = "household_weight"
WEIGHT_UNIT = 1_000_000
"""Weights are kept in whole millionths, so that sums do not depend on their order."""


def load_households(
    workspace: Workspace, source: GivenTable, segments: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Read a table of households into the table `members`, ids hashed.

    `members` has the columns household, market, weight (millionths) and segments (a bit for each
    but `all`). Rows without an id or a market, and those whose weight is not a number from 0 to a
    million, are in `given_households` with their `reason` instead.

    Parameters
    ----------
    workspace : Workspace
    source : path, rows or Arrow object
        With `household_id`, `market`, optionally `weight`, and attributes.
    segments : mapping
        As `read_segments` returns them.

    Returns
    -------
    list of str
        Notes on assumptions.

    Raises
    ------
    DaypartError
        For a missing column, a table without a household that can be used, an id given twice, and
        segments that the columns can't express.
    """
    options = options_of(source)
    options.check_names(HOUSEHOLDS.names)
    table = open_table(workspace.connection, source, options, name=name_of(source, "households"))
    with reading(table):
        return _load(workspace, table, options, segments)


def _load(
    workspace: Workspace,
    table: Table,
    options: TableOptions,
    segments: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    given = {column.name: field_of(table, column, options) for column in HOUSEHOLDS.columns}
    texts = [text_of(*field) for field in (given["household_id"], given["market"]) if field]
    weight_field = given["weight"]
    weight = FieldSql("1.0", "NULL")
    household = f"household_hash({texts[0]})"
    raw = {"source_row": "source_row", "household": household, "market": texts[1]}
    if weight_field:
        weight = number_sql("weight", weight_field[1], options)
        raw["weight_raw"] = weight_field[0]
    attributes, types = _attributes(workspace, table, segments)
    raw |= {f"attribute_{n}": sql for n, sql in enumerate(attributes.values())}
    bits, values = _segment_bits(table, segments, types)
    workspace.run(
        f"""
        CREATE TEMP TABLE given_households AS
        SELECT source_row, household, market,
               {weight.value} AS weight, {bits} AS segments,
               CASE WHEN household IS NULL THEN '{WITHOUT_ID}'
                    WHEN market IS NULL THEN '{WITHOUT_MARKET}'
                    WHEN NOT coalesce(weight BETWEEN 0 AND {LARGEST_WEIGHT}, false)
                    THEN '{BAD_WEIGHT}' END AS reason
        FROM {with_levels(table.rows_sql(numbered=True), raw, [weight])}
        """,
        values,
    )
    notes = _set_aside(workspace, table)
    workspace.run(
        f"""
        CREATE TEMP TABLE members AS
        SELECT household, market,
               CAST(round(weight * {WEIGHT_UNIT}) AS BIGINT) AS weight, segments
        FROM given_households WHERE reason IS NULL
        """
    )
    _check_once(workspace, table)
    _check_segments(workspace, table, segments)
    if not weight_field:
        notes.append(f"{table} has no column weight: each household counts as 1")
    return notes


def _attributes(
    workspace: Workspace, table: Table, segments: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return SQL and type of the columns that segments use.

    A column of texts that are all numbers is one of numbers for a segment that compares it so.
    """
    values: dict[str, list[Any]] = {}
    for predicate in list(segments.values())[1:]:
        for column, condition in predicate.items():
            listed = condition.values() if isinstance(condition, Mapping) else condition
            values.setdefault(column, []).extend(
                listed if not isinstance(listed, str | int | float) else [listed]
            )
    sql: dict[str, str] = {}
    types: dict[str, str] = {}
    for column, compared in values.items():
        found = table.find(column)
        if found is None:
            continue
        kind, text = table.types[found], text_of(name_literal(found), table.types[found])
        sql[column], types[column] = (text if is_text(kind) else name_literal(found)), kind
        if not is_text(kind) or any(isinstance(value, str) for value in compared):
            continue
        truth = any(isinstance(value, bool) for value in compared)
        typed = f"TRY_CAST({text} AS {'BOOLEAN' if truth else 'DOUBLE'})"
        wrong = f"({text}) IS NOT NULL AND ({typed}) IS NULL"
        if not workspace.rows(f"SELECT 1 FROM {table.rows_sql()} WHERE {wrong} LIMIT 1"):
            sql[column], types[column] = typed, "BOOLEAN" if truth else "DOUBLE"
    return sql, types


def _segment_bits(
    table: Table, segments: Mapping[str, Mapping[str, Any]], types: Mapping[str, str]
) -> tuple[str, list[Any]]:
    terms: list[str] = []
    values: list[Any] = []
    numbers = {column: f"attribute_{number}" for number, column in enumerate(types)}
    for number, (name, predicate) in enumerate(list(segments.items())[1:]):
        condition, bound = segment_condition(
            table.name, name, predicate, {**table.types, **types}, numbers
        )
        terms.append(f"CASE WHEN {condition} THEN {1 << number} ELSE 0 END")
        values += bound
    return f"CAST({' + '.join(terms) or '0'} AS BIGINT)", values


def _set_aside(workspace: Workspace, table: Table) -> list[str]:
    """Return a note on the households that can't be used; raise if none can."""
    found = workspace.rows(
        "SELECT reason, count(*), min(source_row) FROM given_households GROUP BY reason "
        "ORDER BY reason NULLS FIRST"
    )
    if not found:
        raise DaypartError(f"{table}: has no household")
    wrong = {str(reason): (int(rows), int(first)) for reason, rows, first in found if reason}
    rows = sum(int(each[1]) for each in found)
    reasons = ", ".join(
        f"{reason} {count:,} (the first is row {first:,})"
        for reason, (count, first) in wrong.items()
    )
    if all(reason for reason, *_ in found):
        raise DaypartError(
            f"{table}: none of {counted(rows, 'household')} can be used: {reasons}",
            hint="give each an id, a market, and a weight from 0 to a million",
        )
    aside = sum(count for count, _ in wrong.values())
    if not aside:
        return []
    return [f"{table}: {aside:,} of {counted(rows, 'household')} set aside: {reasons}"]


def _check_once(workspace: Workspace, table: Table) -> None:
    twice = workspace.rows(
        "SELECT count(*) FROM (SELECT 1 FROM members GROUP BY household HAVING count(*) > 1)"
    )[0][0]
    if twice:
        row = workspace.rows(
            "SELECT source_row FROM given_households WHERE reason IS NULL "
            "QUALIFY row_number() OVER (PARTITION BY household ORDER BY source_row) = 2 "
            "ORDER BY source_row LIMIT 1"
        )[0][0]
        raise DaypartError(
            f"{table}: {twice:,} households are given twice, the first again in row {row:,}",
            hint="keep one row per household",
        )


def _check_segments(
    workspace: Workspace, table: Table, segments: Mapping[str, Mapping[str, Any]]
) -> None:
    named = list(segments.items())[1:]
    if not named:
        return
    counts = ", ".join(f"sum(segments >> {number} & 1)" for number in range(len(named)))
    found = workspace.rows(f"SELECT {counts} FROM members")[0]
    for (name, predicate), count in zip(named, found, strict=True):
        if count:
            continue
        raise DaypartError(
            f"{table}: no household is in segment {name!r}",
            hint=_nearest_value(workspace, table, predicate),
        )


def _nearest_value(workspace: Workspace, table: Table, predicate: Mapping[str, Any]) -> str:
    for column, condition in predicate.items():
        values = condition if isinstance(condition, list) else [condition]
        if not all(isinstance(value, str) for value in values):
            continue
        place = table.require(column)
        found = workspace.rows(
            f"SELECT DISTINCT {text_of(name_literal(place), table.types[place])} AS value "
            f"FROM {table.rows_sql()} WHERE value IS NOT NULL LIMIT 1000"
        )
        held = [str(row[0]) for row in found]
        for value in values:
            if value not in held:
                return f"{column} = {value!r}: {did_you_mean(value, held)}"
    return "its conditions exclude each other"


def keep_absent_households(workspace: Workspace, stored: pa.Table | None, bits: str) -> None:
    """Add to `members` the households of the store that the new table does not contain.

    Parameters
    ----------
    workspace : Workspace
    stored : pyarrow.Table or None
        The store's households.
    bits : str
        SQL that turns the column `segments`, a list of names, into bits.
    """
    if stored is None:
        return
    workspace.connection.register("stored_households", stored)
    workspace.run(
        f"""
        CREATE TEMP TABLE stored_members AS
        SELECT household, market, CAST(round(weight * {WEIGHT_UNIT}) AS BIGINT) AS weight,
               {bits} AS segments, in_panel
        FROM stored_households
        """
    )
    workspace.connection.unregister("stored_households")
    workspace.run(
        """
        INSERT INTO members BY NAME
        SELECT household, market, weight, segments FROM stored_members
        WHERE (household, market) NOT IN (SELECT (household, market) FROM members)
        """
    )


def choose_panel(workspace: Workspace, panel_households: int) -> None:
    """Mark the panel in `members`: the households of each market with the smallest hashes.

    Parameters
    ----------
    workspace : Workspace
    panel_households : int
        The largest number in a market.
    """
    workspace.run(
        f"""
        CREATE OR REPLACE TEMP TABLE members AS
        SELECT *, row_number() OVER (PARTITION BY market ORDER BY household)
                  <= {int(panel_households)} AS in_panel
        FROM members
        """
    )


def changed_markets(workspace: Workspace) -> list[str]:
    """Return the markets whose households differ from the store's."""
    columns = "household, market, weight, segments, in_panel"
    rows = workspace.rows(
        f"""
        SELECT DISTINCT market FROM (
            (SELECT {columns} FROM members EXCEPT SELECT {columns} FROM stored_members)
            UNION ALL
            (SELECT {columns} FROM stored_members EXCEPT SELECT {columns} FROM members)
        ) ORDER BY market
        """
    )
    return [str(row[0]) for row in rows]
