"""The households in tab: hashed ids, weights, segments, and the panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.location import PathLike
from daypart.viewing.reading.segments import segment_condition
from daypart.viewing.reading.sources import Source, name_literal, open_source
from daypart.viewing.reading.workspace import Workspace

WEIGHT_UNIT = 1_000_000
"""Weights are kept in whole millionths, so that sums do not depend on their order."""

_LARGEST_WEIGHT = 1_000_000
_TEXT_COLUMNS = ("household_id", "market")


def load_households(
    workspace: Workspace, source: PathLike, segments: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Read a households file into the table `members`, ids hashed.

    `members` has the columns household_text (for the join with events; it stays in memory),
    household, market, weight (millionths) and segments (a bit for each but `all`).

    Parameters
    ----------
    workspace : Workspace
    source : path
        Parquet or CSV with `household_id`, `market`, optionally `weight`, and attributes.
    segments : mapping
        As `read_segments` returns them.

    Returns
    -------
    list of str
        Notes on assumptions.

    Raises
    ------
    DaypartError
        For a missing column, an id that is missing or given twice, a weight that is not a number
        from 0 to a million, and segments that the columns can't express.
    """
    file = open_source(workspace.connection, source, typed=True)
    for column in _TEXT_COLUMNS:
        file.require(column)
    bits, values = _segment_bits(file, segments)
    has_weight = "weight" in file.types
    weight = 'TRY_CAST("weight" AS DOUBLE)' if has_weight else "1.0"
    workspace.run(
        f"""
        CREATE TEMP TABLE members AS
        SELECT nullif(trim(CAST(household_id AS VARCHAR)), '') AS household_text,
               hashed_id(household_text) AS household,
               nullif(trim(CAST(market AS VARCHAR)), '') AS market,
               {weight} AS weight, {bits} AS segments
        FROM {file.rows_sql(_TEXT_COLUMNS)}
        """,
        values,
    )
    _check(workspace, file)
    _check_segments(workspace, file, segments)
    workspace.run(
        f"ALTER TABLE members ALTER weight TYPE BIGINT "
        f"USING CAST(round(weight * {WEIGHT_UNIT}) AS BIGINT)"
    )
    if has_weight:
        return []
    return [f"{file.path} has no column weight: each household counts as 1"]


def _segment_bits(file: Source, segments: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[Any]]:
    terms: list[str] = []
    values: list[Any] = []
    for number, (name, predicate) in enumerate(list(segments.items())[1:]):
        condition, bound = segment_condition(str(file.path), name, predicate, file.types)
        terms.append(f"CASE WHEN {condition} THEN {1 << number} ELSE 0 END")
        values += bound
    return f"CAST({' + '.join(terms) or '0'} AS BIGINT)", values


def _check(workspace: Workspace, file: Source) -> None:
    rows, no_id, no_market, bad_weight = workspace.rows(
        f"""
        SELECT count(*), count(*) FILTER (household_text IS NULL), count(*) FILTER (market IS NULL),
               count(*) FILTER (NOT coalesce(weight BETWEEN 0 AND {_LARGEST_WEIGHT}, false))
        FROM members
        """
    )[0]
    if rows == 0:
        raise DaypartError(f"{file.path}: has no household")
    for count, what in ((no_id, "household_id"), (no_market, "market")):
        if count:
            raise DaypartError(f"{file.path}: {count:,} of {rows:,} rows have no {what}")
    if bad_weight:
        raise DaypartError(
            f"{file.path}: column weight: {bad_weight:,} of {rows:,} are missing, negative or over "
            f"{_LARGEST_WEIGHT:,}",
            hint="give each household the number of households that it represents",
        )
    twice = workspace.rows(
        "SELECT household_text FROM members GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL"
    )
    if twice:
        raise DaypartError(
            f"{file.path}: {len(twice):,} households are given twice, the first is {twice[0][0]!r}",
            hint="keep one row per household",
        )


def _check_segments(
    workspace: Workspace, file: Source, segments: Mapping[str, Mapping[str, Any]]
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
            f"{file.path}: no household is in segment {name!r}",
            hint=_nearest_value(workspace, file, predicate),
        )


def _nearest_value(workspace: Workspace, file: Source, predicate: Mapping[str, Any]) -> str:
    for column, condition in predicate.items():
        values = condition if isinstance(condition, list) else [condition]
        if not all(isinstance(value, str) for value in values):
            continue
        quoted = name_literal(column)
        found = workspace.rows(
            f"SELECT DISTINCT {quoted} FROM {file.rows_sql(_TEXT_COLUMNS)} "
            f"WHERE {quoted} IS NOT NULL LIMIT 1000"
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
