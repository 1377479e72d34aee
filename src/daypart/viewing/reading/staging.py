"""Reading events: each row is staged by market, or set aside with one reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from daypart.errors import DaypartError
from daypart.tables.options import EPOCH_STAMPS, STAMPS_IN_MARKET_TIME, TableOptions
from daypart.tables.read import field_of
from daypart.tables.sql import text_literal
from daypart.tables.table import Table, reading
from daypart.tables.values.duration import BAD_DURATION, duration_sql
from daypart.tables.values.expressions import MISSING_VALUE, FieldSql, text_of, with_levels
from daypart.tables.values.stamp import (
    OUT_OF_RANGE,
    REPEATED,
    SKIPPED,
    UNPARSABLE,
    WITHOUT_ZONE,
    StampZone,
    stamp_sql,
    zone_of,
)
from daypart.viewing.reading.columns import EVENTS
from daypart.viewing.reading.workspace import Workspace

REASONS = (
    MISSING_VALUE,
    "unknown_market",
    WITHOUT_ZONE,
    UNPARSABLE,
    OUT_OF_RANGE,
    SKIPPED,
    REPEATED,
    BAD_DURATION,
    "end_before_start",
    "unknown_household",
    "market_mismatch",
    "unknown_network",
    "outside_days",
    "duplicate",
    "overlapping",
)
"""Reasons to set a row aside; a row has the first that applies."""

SET_ASIDE = -1
"""The part of the staged rows that were set aside; the others are numbers of markets."""

_REMEDIES = {
    WITHOUT_ZONE: f"give their zone: --map stamps_are=UTC, another zone's name, "
    f"or {STAMPS_IN_MARKET_TIME}",
    UNPARSABLE: "write stamps as 2025-01-31T20:00:00Z, or give --stamp-format",
    "unknown_household": "is it the households file of these events?",
    "unknown_market": "is it the markets file of these events?",
    "unknown_network": "is it the networks file of these events?",
}


@dataclass(frozen=True)
class StagingRules:
    """The requirements on a row.

    Parameters
    ----------
    options : TableOptions
    households_known : bool
        Whether `members` lists the households; otherwise every id is a household.
    networks_known : bool
        Whether `listed_networks` lists the networks.
    event_segments : bool
        Whether a column of the events is the segment.
    """

    options: TableOptions
    households_known: bool
    networks_known: bool
    event_segments: bool


@dataclass(frozen=True)
class StagedMarket:
    """The valid rows of one market: how many, and the first and last start (ms since 1970)."""

    rows: int
    first_start_ms: int
    last_start_ms: int


def check_columns(table: Table, rules: StagingRules) -> None:
    """Raise unless a table has the columns of an event, in types that can be read.

    Parameters
    ----------
    table : Table
    rules : StagingRules

    Raises
    ------
    DaypartError
        For a missing column, or numbers as stamps without their unit.
    """
    fields = _fields(table, rules)
    for name in ("household_id", "network", "start", *(["segment"] * rules.event_segments)):
        if name not in fields:
            table.require(name, hint=f"or map it: --map {name}=COLUMN")
    if "end" not in fields and "duration_s" not in fields:
        table.require("end", hint="or give duration_s")
    if "market" not in fields and not (rules.households_known or rules.networks_known):
        table.require("market", hint="or give a networks file with their markets")
    for name in ("start", "end"):
        kind = fields[name][1] if name in fields else "VARCHAR"
        timely = kind.startswith(("TIMESTAMP", "VARCHAR", "ENUM", "DATE"))
        if not timely and rules.options.stamps_are not in EPOCH_STAMPS:
            raise DaypartError(
                f"{table}: column {rules.options.column_of(name)!r} holds {kind}, not stamps",
                hint="give --map stamps_are=epoch_s or epoch_ms if they count from 1970",
            )


def _fields(table: Table, rules: StagingRules) -> dict[str, tuple[str, str]]:
    """Return SQL and type of each column of an event that a table has."""
    found = {
        column.name: field_of(table, replace(column, required=False), rules.options)
        for column in EVENTS.columns
    }
    return {name: field for name, field in found.items() if field is not None}


def stage_file(workspace: Workspace, table: Table, number: int, rules: StagingRules) -> None:
    """Validate the rows of one file and write them by market below the workspace's folder.

    Parameters
    ----------
    workspace : Workspace
        With the tables `members`, `listed_networks` and `market_table`.
    table : Table
    number : int
        The file's number, kept with each row.
    rules : StagingRules

    Raises
    ------
    DaypartError
        When the file can't be read to its end.
    """
    folder = staged_folder(workspace) / f"file={number}"
    folder.mkdir(parents=True)
    workspace.run(f"SET preserve_insertion_order = {str(not table.is_parquet).lower()}")
    try:
        with reading(table):
            workspace.run(
                f"""
            COPY ({_staged_sql(workspace, table, number, rules)}) TO {text_literal(str(folder))}
            (FORMAT parquet, PARTITION_BY (part), OVERWRITE_OR_IGNORE)
            """
            )
    finally:
        workspace.run("SET preserve_insertion_order = false")


def staged_folder(workspace: Workspace) -> Path:
    """Return the folder of the staged rows."""
    return workspace.folder / "staged"


def staged_rows_sql(workspace: Workspace, part: int | None = None) -> str | None:
    """Return SQL for the staged rows of a part, or None if it has no rows.

    Parameters
    ----------
    workspace : Workspace
    part : int, optional
        The number of a market, or `SET_ASIDE`; every market by default.
    """
    pattern = f"file=*/part={part}" if part is not None else "file=*/part=[0-9]*"
    folder = staged_folder(workspace)
    if not any(folder.glob(pattern)):
        return None
    files = text_literal(f"{folder}/{pattern}/*.parquet")
    return f"read_parquet({files}, hive_partitioning = true, hive_types = {{part: INTEGER}})"


def rows_by_file(workspace: Workspace) -> dict[int, int]:
    """Return the number of rows of each file."""
    found: dict[int, int] = {}
    for rows_sql in (staged_rows_sql(workspace), staged_rows_sql(workspace, SET_ASIDE)):
        if rows_sql:
            query = f"SELECT source_file, count(*) FROM {rows_sql} GROUP BY ALL"
            for number, rows in workspace.rows(query):
                found[int(number)] = found.get(int(number), 0) + int(rows)
    return found


def staged_markets(workspace: Workspace) -> dict[int, StagedMarket]:
    """Return the markets with valid rows, by number."""
    rows_sql = staged_rows_sql(workspace)
    if rows_sql is None:
        return {}
    query = (
        f"SELECT part, count(*), min(start_ms), max(start_ms) FROM {rows_sql} "
        "GROUP BY part ORDER BY part"
    )
    return {int(row[0]): StagedMarket(*map(int, row[1:])) for row in workspace.rows(query)}


def staged_names(workspace: Workspace, column: str) -> set[str]:
    """Return the values of `network` or `segment` in the valid rows.

    Parameters
    ----------
    workspace : Workspace
    column : str
    """
    rows_sql = staged_rows_sql(workspace)
    if rows_sql is None:
        return set()
    return {str(row[0]) for row in workspace.rows(f"SELECT DISTINCT {column} FROM {rows_sql}")}


def reasons_of_rows_set_aside(workspace: Workspace) -> dict[str, int]:
    """Return the number of rows that staging set aside, by reason."""
    rows_sql = staged_rows_sql(workspace, SET_ASIDE)
    if rows_sql is None:
        return {}
    query = f"SELECT reason, count(*) FROM {rows_sql} GROUP BY reason"
    found = {str(reason): int(rows) for reason, rows in workspace.rows(query)}
    return {reason: found[reason] for reason in REASONS if reason in found}


def nothing_valid(workspace: Workspace, tables: Sequence[Table]) -> DaypartError:
    """Return the error for events without a valid row.

    Parameters
    ----------
    workspace : Workspace
    tables : sequence of Table
    """
    reasons = reasons_of_rows_set_aside(workspace)
    if not reasons:
        return DaypartError(f"{tables[0]}: holds no rows")
    reason = max(reasons, key=lambda name: reasons[name])
    rows_sql = staged_rows_sql(workspace, SET_ASIDE)
    number, row, start = workspace.rows(
        f"SELECT source_file, source_row, start_text FROM {rows_sql} "
        f"WHERE reason = '{reason}' ORDER BY ALL LIMIT 1"
    )[0]
    return DaypartError(
        f"{tables[number]}: no row can be credited: {reason} in {reasons[reason]:,} of "
        f"{sum(reasons.values()):,} rows, the first is row {row:,} (start {start})",
        hint=_REMEDIES.get(reason),
    )


def _text(fields: Mapping[str, tuple[str, str]], name: str) -> str:
    return text_of(*fields[name]) if name in fields else "CAST(NULL AS VARCHAR)"


def _staged_sql(workspace: Workspace, table: Table, number: int, rules: StagingRules) -> str:
    fields = _fields(table, rules)
    zone = _zone(workspace, rules.options)
    start, end = (
        stamp_sql(name, fields[name][1], rules.options, zone)
        if name in fields
        else FieldSql("CAST(NULL AS TIMESTAMPTZ)", "NULL")
        for name in ("start", "end")
    )
    duration = FieldSql("CAST(NULL AS DOUBLE)", "NULL")
    if "duration_s" in fields:
        duration = duration_sql("duration_s", fields["duration_s"][1], rules.options)
    raw = {
        "household": f"household_hash({_text(fields, 'household_id')})",
        "device": f"device_hash({_text(fields, 'device_id')})",
        "market_text": _text(fields, "market"),
        "network": _text(fields, "network"),
        "segment": _text(fields, "segment") if rules.event_segments else "'all'",
        **{f"{name}_raw": fields[name][0] for name in _TIMES if name in fields},
    }
    columns = ", ".join(f"{sql} AS {name}" for name, sql in raw.items())
    texts = {
        name: f"CAST({name}_raw AS VARCHAR)" if name in fields else "CAST(NULL AS VARCHAR)"
        for name in ("start", "end")
    }
    placed = f"""(
        SELECT raw.* REPLACE (coalesce(n.network, raw.network) AS network),
               CASE WHEN n.network <> raw.network THEN raw.network END AS network_given,
               h.household IS NOT NULL AS known_household, h.market AS home_market,
               n.network IS NOT NULL AS listed, n.market AS network_market,
               k.market AS known_market, k.number, k.timezone AS market_zone, k.from_ms, k.until_ms,
               {_market(fields, rules)} AS market
        FROM (SELECT source_row, {columns} FROM {table.rows_sql(numbered=True)}) raw
             LEFT JOIN members h ON raw.household = h.household
             LEFT JOIN listed_networks n ON {_same_network(workspace)}
             LEFT JOIN market_table k ON {_market(fields, rules)} = k.market
    )"""
    return f"""
    WITH instants AS (
        SELECT *, epoch_ms({start.value}) AS start_ms, {start.problem} AS start_problem,
               epoch_ms({end.value}) AS given_end_ms, {end.problem} AS end_problem,
               {duration.value} AS duration, {duration.problem} AS duration_problem
        FROM {with_levels(placed, {}, [start, end, duration])}
    ),
    timed AS (
        SELECT *, CASE WHEN given_end_ms IS NULL AND end_problem IS NULL
                       AND duration BETWEEN -1e9 AND 1e9
                       THEN start_ms + CAST(round(duration * 1000) AS BIGINT)
                       ELSE given_end_ms END AS end_ms
        FROM instants
    ),
    judged AS (SELECT *, {_reason(rules)} AS reason FROM timed)
    SELECT CASE WHEN reason IS NULL THEN number ELSE {SET_ASIDE} END AS part,
           CAST({number} AS INTEGER) AS source_file, source_row,
           household, device, network, network_given, segment, start_ms, end_ms,
           reason,
           CASE WHEN reason IS NOT NULL THEN market END AS market,
           CASE WHEN reason IS NOT NULL THEN {texts["start"]} END AS start_text,
           CASE WHEN reason IS NOT NULL THEN {texts["end"]} END AS end_text
    FROM judged
    """


_TIMES = ("start", "end", "duration_s")


def _same_network(workspace: Workspace) -> str:
    """Return SQL for whether an event is of a listed network: but for case, if that is clear."""
    clear = "SELECT count(DISTINCT lower(network)) = count(*) FROM listed_networks"
    if workspace.rows(clear)[0][0]:
        return "lower(raw.network) = lower(n.network)"
    return "raw.network = n.network"


def _market(fields: Mapping[str, tuple[str, str]], rules: StagingRules) -> str:
    if "market" in fields:
        return "market_text"
    return "h.market" if rules.households_known else "n.market"


def _zone(workspace: Workspace, options: TableOptions) -> StampZone | None:
    if options.stamps_are != STAMPS_IN_MARKET_TIME:
        return zone_of(options)
    zones = workspace.rows("SELECT DISTINCT timezone FROM market_table ORDER BY timezone")
    return StampZone("market_zone", tuple(str(row[0]) for row in zones))


def _reason(rules: StagingRules) -> str:
    missing = "household IS NULL OR network IS NULL OR segment IS NULL"
    no_start = "start_ms IS NULL AND start_problem IS NULL"
    no_end = (
        "given_end_ms IS NULL AND end_problem IS NULL "
        "AND duration IS NULL AND duration_problem IS NULL"
    )
    tests: list[tuple[str, str]] = [(f"{missing} OR ({no_start}) OR ({no_end})", MISSING_VALUE)]
    if rules.households_known:
        tests.append(("NOT known_household AND market IS NULL", "unknown_household"))
    if rules.networks_known:
        tests.append(("NOT listed AND market IS NULL", "unknown_network"))
    tests += [("market IS NULL", MISSING_VALUE), ("number IS NULL", "unknown_market")]
    tests += [
        (f"start_problem = '{problem}' OR end_problem = '{problem}'", problem)
        for problem in (WITHOUT_ZONE, UNPARSABLE, OUT_OF_RANGE, SKIPPED, REPEATED)
    ]
    tests += [
        ("end_ms IS NULL", BAD_DURATION),
        ("end_ms < start_ms", "end_before_start"),
    ]
    if rules.households_known:
        tests.append(("NOT known_household", "unknown_household"))
        tests.append(("home_market <> market", "market_mismatch"))
    if rules.networks_known:
        tests.append(("NOT listed", "unknown_network"))
        tests.append(("network_market <> market", "market_mismatch"))
    tests.append(("start_ms < from_ms OR start_ms >= until_ms", "outside_days"))
    cases = " ".join(f"WHEN {test} THEN '{reason}'" for test, reason in tests)
    return f"CASE {cases} END"
