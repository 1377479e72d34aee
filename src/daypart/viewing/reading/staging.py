"""Reading events: each row is staged by market, or set aside with one reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from daypart.errors import DaypartError
from daypart.viewing.reading.mapping import (
    EPOCH_STAMPS,
    STAMPS_ARE,
    STAMPS_IN_MARKET_TIME,
    ColumnMapping,
)
from daypart.viewing.reading.sources import Source, name_literal, text_literal, unreadable
from daypart.viewing.reading.workspace import Workspace

REASONS = (
    "missing_value",
    "unknown_market",
    "stamp_without_zone",
    "unparsable_stamp",
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

_HAS_ZONE = r":\d\d(\.\d+)?\s*([Zz]|UTC|GMT|[+-]\d\d(:?\d\d)?|[A-Za-z]+/[A-Za-z_/+-]+)$"
_IS_ISO = r"^\d{4}-\d\d-\d\d([T ]|$)"
_EARLIEST, _LATEST = "TIMESTAMPTZ '1970-01-02 00:00:00+00'", "TIMESTAMPTZ '2100-01-01 00:00:00+00'"
_REMEDIES = {
    "stamp_without_zone": f"give their zone: --map {STAMPS_ARE}=UTC, another zone's name, "
    f"or {STAMPS_IN_MARKET_TIME}",
    "unparsable_stamp": "write stamps as 2025-01-31T20:00:00Z",
    "unknown_household": "is it the households file of these events?",
    "unknown_market": "is it the markets file of these events?",
    "unknown_network": "is it the networks file of these events?",
}


@dataclass(frozen=True)
class StagingRules:
    """The requirements on a row.

    Parameters
    ----------
    mapping : ColumnMapping
    households_known : bool
        Whether `members` lists the households; otherwise every id is a household.
    networks_known : bool
        Whether `listed_networks` lists the networks.
    event_segments : bool
        Whether a column of the events is the segment.
    """

    mapping: ColumnMapping
    households_known: bool
    networks_known: bool
    event_segments: bool


@dataclass(frozen=True)
class StagedMarket:
    """The valid rows of one market: how many, and the first and last start (ms since 1970)."""

    rows: int
    first_start_ms: int
    last_start_ms: int


def check_columns(source: Source, rules: StagingRules) -> None:
    """Raise unless a file has the columns of an event, in types that can be read.

    Parameters
    ----------
    source : Source
    rules : StagingRules

    Raises
    ------
    DaypartError
        For a missing column, or numbers as stamps without their unit.
    """
    required = ["household_id", "network", "start"]
    if rules.event_segments:
        required.append("segment")
    for name in required:
        if name not in rules.mapping.constants:
            source.require(rules.mapping.column_of(name), hint=_map_hint(rules.mapping, name))
    if not _has(source, rules.mapping, "end") and not _has(source, rules.mapping, "duration_s"):
        source.require(rules.mapping.column_of("end"), hint="or give duration_s")
    for name in rules.mapping.columns:
        source.require(rules.mapping.column_of(name))
    if not _has(source, rules.mapping, "market") and not (
        rules.households_known or rules.networks_known
    ):
        source.require(
            rules.mapping.column_of("market"), hint="or give a networks file with their markets"
        )
    for name in ("start", "end"):
        column = rules.mapping.column_of(name)
        kind = source.types.get(column, "VARCHAR")
        timely = kind.startswith(("TIMESTAMP", "VARCHAR", "DATE"))
        if not timely and rules.mapping.stamps_are not in EPOCH_STAMPS:
            raise DaypartError(
                f"{source.path}: column {column!r} holds {kind}, not stamps",
                hint=f"give --map {STAMPS_ARE}=epoch_s or epoch_ms if they count from 1970",
            )


def stage_file(workspace: Workspace, source: Source, number: int, rules: StagingRules) -> None:
    """Validate the rows of one file and write them by market below the workspace's folder.

    Parameters
    ----------
    workspace : Workspace
        With the tables `members`, `listed_networks` and `market_table`.
    source : Source
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
    workspace.run(f"SET preserve_insertion_order = {str(not source.is_parquet).lower()}")
    try:
        _hash_ids(workspace, source, rules)
        workspace.run(
            f"""
            COPY ({_staged_sql(source, number, rules)}) TO {text_literal(str(folder))}
            (FORMAT parquet, PARTITION_BY (part), OVERWRITE_OR_IGNORE)
            """
        )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise unreadable(source.path, error) from None
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


def nothing_valid(workspace: Workspace, sources: Sequence[Source]) -> DaypartError:
    """Return the error for events without a valid row.

    Parameters
    ----------
    workspace : Workspace
    sources : sequence of Source
    """
    reasons = reasons_of_rows_set_aside(workspace)
    if not reasons:
        return DaypartError(f"{sources[0].path}: holds no rows")
    reason = max(reasons, key=lambda name: reasons[name])
    rows_sql = staged_rows_sql(workspace, SET_ASIDE)
    number, row, start = workspace.rows(
        f"SELECT source_file, source_row, start_text FROM {rows_sql} "
        f"WHERE reason = '{reason}' ORDER BY ALL LIMIT 1"
    )[0]
    return DaypartError(
        f"{sources[number].path}: no row can be credited: {reason} in {reasons[reason]:,} of "
        f"{sum(reasons.values()):,} rows, the first is row {row:,} (start {start})",
        hint=_REMEDIES.get(reason),
    )


def _has(source: Source, mapping: ColumnMapping, name: str) -> bool:
    return name in mapping.constants or mapping.column_of(name) in source.types


def _map_hint(mapping: ColumnMapping, name: str) -> str:
    return "" if name in mapping.columns else f"or map it: --map {name}=COLUMN"


def _text(source: Source, mapping: ColumnMapping, name: str) -> str:
    if name in mapping.constants:
        return text_literal(mapping.constants[name])
    if not _has(source, mapping, name):
        return "CAST(NULL AS VARCHAR)"
    return f"nullif(trim(CAST({name_literal(mapping.column_of(name))} AS VARCHAR)), '')"


def _staged_sql(source: Source, number: int, rules: StagingRules) -> str:
    mapping = rules.mapping
    raw = {
        "household_text": _text(source, mapping, "household_id"),
        "device_text": _text(source, mapping, "device_id"),
        "market_text": _text(source, mapping, "market"),
        "network": _text(source, mapping, "network"),
        "segment": _text(source, mapping, "segment") if rules.event_segments else "'all'",
        "start_raw": _stamp_column(source, mapping, "start"),
        "end_raw": _stamp_column(source, mapping, "end"),
        "duration": f"TRY_CAST({_text(source, mapping, 'duration_s')} AS DOUBLE)",
    }
    start, end = _stamp(source, mapping, "start"), _stamp(source, mapping, "end")
    columns = ", ".join(f"{sql} AS {name}" for name, sql in raw.items())
    household, households = "coalesce(known_household, hashed_id(household_text))", ""
    if not rules.households_known:
        household, households = "i.hash", "LEFT JOIN event_ids i ON household_text = i.id"
    return f"""
    WITH raw AS (SELECT source_row, {columns} FROM {source.numbered_rows_sql()}),
    placed AS (
        SELECT raw.*, h.household AS known_household, h.market AS home_market,
               n.network IS NOT NULL AS listed, n.market AS network_market,
               {_market(source, rules)} AS market
        FROM raw LEFT JOIN members h USING (household_text)
                 LEFT JOIN listed_networks n ON raw.network = n.network
    ),
    instants AS (
        SELECT placed.*, k.number, k.from_ms, k.until_ms,
               {start.instant} AS start_at, {start.problem} AS start_problem,
               {end.instant} AS end_at, {end.problem} AS end_problem
        FROM placed LEFT JOIN market_table k ON placed.market = k.market
    ),
    timed AS (
        SELECT *, CASE WHEN start_at BETWEEN {_EARLIEST} AND {_LATEST} THEN epoch_ms(start_at)
                  END AS start_ms,
               CASE WHEN end_raw IS NULL AND duration BETWEEN -1e9 AND 1e9
                    THEN start_ms + CAST(round(duration * 1000) AS BIGINT)
                    WHEN end_at BETWEEN {_EARLIEST} AND {_LATEST} THEN epoch_ms(end_at)
                    END AS end_ms
        FROM instants
    ),
    judged AS (SELECT *, {_reason(rules)} AS reason FROM timed)
    SELECT CASE WHEN reason IS NULL THEN number ELSE {SET_ASIDE} END AS part,
           CAST({number} AS INTEGER) AS source_file, source_row,
           {household} AS household,
           d.hash AS device, network, segment, start_ms, end_ms, reason,
           CASE WHEN reason IS NOT NULL THEN market END AS market,
           CASE WHEN reason IS NOT NULL THEN CAST(start_raw AS VARCHAR) END AS start_text,
           CASE WHEN reason IS NOT NULL THEN CAST(end_raw AS VARCHAR) END AS end_text
    FROM judged LEFT JOIN event_ids d ON device_text = d.id {households}
    """


def _hash_ids(workspace: Workspace, source: Source, rules: StagingRules) -> None:
    """Make the table `event_ids`: each id of a file that is not in `members`, hashed once."""
    texts = [_text(source, rules.mapping, "device_id")]
    if not rules.households_known:
        texts.append(_text(source, rules.mapping, "household_id"))
    ids = " UNION ALL ".join(
        f"SELECT {text} AS id FROM {source.rows_as_text_sql()}" for text in texts
    )
    workspace.run(
        "CREATE OR REPLACE TEMP TABLE event_ids AS "
        f"SELECT id, hashed_id(id) AS hash FROM (SELECT DISTINCT id FROM ({ids})) "
        "WHERE id IS NOT NULL"
    )


def _market(source: Source, rules: StagingRules) -> str:
    if _has(source, rules.mapping, "market"):
        return "market_text"
    return "h.market" if rules.households_known else "n.market"


def _reason(rules: StagingRules) -> str:
    missing = "household_text IS NULL OR network IS NULL OR segment IS NULL OR start_raw IS NULL"
    tests: list[tuple[str, str]] = [
        (f"{missing} OR (end_raw IS NULL AND duration IS NULL)", "missing_value"),
    ]
    if rules.households_known:
        tests.append(("known_household IS NULL AND market IS NULL", "unknown_household"))
    if rules.networks_known:
        tests.append(("NOT listed AND market IS NULL", "unknown_network"))
    tests += [
        ("market IS NULL", "missing_value"),
        ("number IS NULL", "unknown_market"),
        ("start_problem = 'zone' OR end_problem = 'zone'", "stamp_without_zone"),
        ("start_ms IS NULL OR end_ms IS NULL", "unparsable_stamp"),
        ("end_ms < start_ms", "end_before_start"),
    ]
    if rules.households_known:
        tests.append(("known_household IS NULL", "unknown_household"))
        tests.append(("home_market <> market", "market_mismatch"))
    if rules.networks_known:
        tests.append(("NOT listed", "unknown_network"))
        tests.append(("network_market <> market", "market_mismatch"))
    tests.append(("start_ms < from_ms OR start_ms >= until_ms", "outside_days"))
    cases = " ".join(f"WHEN {test} THEN '{reason}'" for test, reason in tests)
    return f"CASE {cases} END"


@dataclass(frozen=True)
class _Stamp:
    """SQL for an instant, and for the problem of a stamp ('zone' or NULL)."""

    instant: str
    problem: str


def _stamp_column(source: Source, mapping: ColumnMapping, name: str) -> str:
    """Return a column of stamps in its own type, empty texts as NULL."""
    kind = source.types.get(mapping.column_of(name), "VARCHAR")
    if kind == "VARCHAR" or name in mapping.constants:
        return _text(source, mapping, name)
    return name_literal(mapping.column_of(name))


def _stamp(source: Source, mapping: ColumnMapping, name: str) -> _Stamp:
    kind = source.types.get(mapping.column_of(name), "VARCHAR")
    raw = f"{name}_raw"
    zone = _zone(mapping.stamps_are)
    if kind == "TIMESTAMP WITH TIME ZONE":
        return _Stamp(raw, "NULL")
    if mapping.stamps_are in EPOCH_STAMPS:
        factor = EPOCH_STAMPS[str(mapping.stamps_are)]
        number = f"TRY_CAST({raw} AS DOUBLE) * {factor}"
        sane = f"{number} BETWEEN 0 AND 4.2e12"
        return _Stamp(
            f"CASE WHEN {sane} THEN make_timestamptz(CAST(round({number}) AS BIGINT) * 1000) END",
            "NULL",
        )
    local = f"TRY_CAST({raw} AS TIMESTAMP)"
    if kind == "VARCHAR":
        iso = f"regexp_matches({raw}, {text_literal(_IS_ISO)})"
        local = f"CASE WHEN {iso} THEN {local} END"
    if kind != "VARCHAR":
        if zone is None:
            return _Stamp(
                "CAST(NULL AS TIMESTAMPTZ)", f"CASE WHEN {raw} IS NOT NULL THEN 'zone' END"
            )
        return _Stamp(f"timezone({zone}, {local})", "NULL")
    zoned = f"({iso} AND regexp_matches({raw}, {text_literal(_HAS_ZONE)}))"
    with_zone = f"CASE WHEN {zoned} THEN TRY_CAST({raw} AS TIMESTAMPTZ)"
    if zone is None:
        problem = f"CASE WHEN NOT {zoned} AND {local} IS NOT NULL THEN 'zone' END"
        return _Stamp(f"{with_zone} END", problem)
    return _Stamp(f"{with_zone} ELSE timezone({zone}, {local}) END", "NULL")


def _zone(stamps_are: str | None) -> str | None:
    if stamps_are is None:
        return None
    return "k.timezone" if stamps_are == STAMPS_IN_MARKET_TIME else text_literal(stamps_are)
