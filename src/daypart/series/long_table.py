"""Import of long tables: rows of a key, a time and a number become a store of partitions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from daypart.errors import DaypartError, did_you_mean
from daypart.progress import SILENT, Progress
from daypart.series.block import MISSING, SeriesBlock, block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.files import kept_copy, make_folder
from daypart.storage.location import Location, PathLike, location
from daypart.storage.sizes import parse_size
from daypart.tables.zones import timezone_of
from daypart.wording import counted

_PARTITIONS_PER_REGION = 1000
"""Partitions in a file of the store, if the key has one column."""

_HOUR_SECONDS = 3600
_LARGEST_COUNT = 2**31 - 1


@dataclass(frozen=True)
class ImportReport:
    """The result of an import.

    Parameters
    ----------
    rows : int
        Rows read; all of them are in the store.
    partitions, regions : int
    hours : int
        Hours of all partitions, from each one's first to its last.
    missing_hours : int
        Those hours without a number.
    """

    rows: int
    partitions: int
    regions: int
    hours: int
    missing_hours: int


def import_series(
    source: PathLike,
    *,
    into: PathLike,
    key: Sequence[str] | None = None,
    time: str = "ds",
    value: str = "y",
    timezone: str = "UTC",
    stamps_are: str | None = None,
    memory: str = "1GB",
    progress: Progress = SILENT,
) -> ImportReport:
    r"""Make a store from a table of `unique_id, ds, y`, or of key columns, time and number.

    Several times of one partition within an hour are added up. Hours without a row, and
    rows without a number, become missing hours.

    Parameters
    ----------
    source : path
        Parquet, CSV or gzipped CSV.
    into : path
        A new folder.
    key : sequence of str, optional
        The columns that name a partition; the first one divides the store into regions.
        The default is `unique_id`, without regions of its own.
    time, value : str
        The columns of the time and of the count (whole numbers from 0).
    timezone : str
        IANA name of the zone that defines the hours of the week.
    stamps_are : str, optional
        IANA name of the zone of stamps without one; `timezone` by default.
    memory : str
        Limit of DuckDB's memory, such as `1GB`.
    progress : Progress

    Returns
    -------
    ImportReport

    Raises
    ------
    DaypartError
        For a missing file or column, an empty table, and for values that are negative,
        fractional, infinite, without a time, or given twice for one time.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "sales.csv").write_text(
    ...     "shop,ds,y\na,2025-01-06T00:00:00Z,3\na,2025-01-06T02:00:00Z,5\n"
    ... )
    >>> import_series(folder / "sales.csv", into=folder / "store", key=["shop"])
    ImportReport(rows=2, partitions=1, regions=1, hours=3, missing_hours=1)

    References
    ----------
    The long format `unique_id, ds, y` is that of the Nixtla libraries.
    """
    path = location(source)
    timezone_of(timezone)
    stamps_zone = timezone_of(stamps_are or timezone).key
    key_columns = tuple(key) if key else ("unique_id",)
    store_key = tuple(key) if key else ("series",)
    store = SeriesStore.create(into, key=store_key)
    with _database(memory) as connection:
        table = _LongTable(connection, path, key_columns, time, value)
        _load_rows(table, stamps_zone)
        rows = _check(table)
        _load_hours(table)
        make_folder(store.folder)
        regions = _regions(connection, one_column=len(key_columns) == 1)
        with progress.step("importing", total=len(regions), unit="regions") as step:
            tally = {"hours": 0, "missing": 0}

            def blocks() -> Iterator[tuple[str, SeriesBlock]]:
                for region, low, high in regions:
                    block = _read_block(connection, store_key, low, high, timezone)
                    tally["hours"] += len(block.counts)
                    tally["missing"] += int((block.counts == MISSING).sum())
                    yield region, block
                    step.advance()

            committed = store.replace_regions(blocks())
            step.summarise(f"{rows:,} rows, {committed.partitions:,} partitions")
    return ImportReport(
        rows, committed.partitions, len(committed.regions), tally["hours"], tally["missing"]
    )


def _database(memory: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET memory_limit = '{parse_size(memory)}B'")
    return connection


@dataclass(frozen=True)
class _LongTable:
    """A table in DuckDB, with the names of its columns."""

    connection: duckdb.DuckDBPyConnection
    path: Location
    key: Sequence[str]
    time: str
    value: str

    @property
    def key_columns(self) -> str:
        """The key columns of the tables made from it."""
        return ", ".join(f"key_{i}" for i in range(len(self.key)))


def _load_rows(table: _LongTable, stamps_zone: str) -> None:
    """Make the table `source_rows`: row, one text column per key column, instant, value."""
    path, file = table.path, kept_copy(table.path)
    if not file.is_file():
        raise DaypartError(f"{path}: no such file")
    reader = "read_parquet" if path.suffix == ".parquet" else "read_csv"
    try:
        found = table.connection.sql(f"FROM {reader}(?)", params=[str(file)])
        types = dict(zip(found.columns, map(str, found.types), strict=True))
    except duckdb.Error as error:
        raise DaypartError(f"{path}: not readable ({str(error).splitlines()[0]})") from None
    for column in [*table.key, table.time, table.value]:
        if column not in types:
            raise DaypartError(
                f"{path}: no column {column!r}", hint=did_you_mean(column, list(types))
            )
    keys = ", ".join(
        f"CAST({_quoted(name)} AS VARCHAR) AS key_{i}" for i, name in enumerate(table.key)
    )
    time, value = _quoted(table.time), _quoted(table.value)
    table.connection.execute(
        f"""
        CREATE TEMP TABLE source_rows AS
        SELECT row_number() OVER () AS row, {keys},
               {_instant(time, types[table.time], stamps_zone)} AS instant,
               {_skipped(time, types[table.time], stamps_zone)} AS skipped,
               TRY_CAST({value} AS DOUBLE) AS value,
               {value} IS NOT NULL AND TRY_CAST({value} AS DOUBLE) IS NULL AS value_is_text,
               {time} IS NOT NULL AS has_stamp
        FROM {reader}(?)
        """,
        [str(file)],
    )


def _has_zone(column: str, column_type: str) -> str:
    """Return SQL for whether a stamp has a zone."""
    if column_type == "TIMESTAMP WITH TIME ZONE":
        return "true"
    if column_type == "VARCHAR":
        ends = f"regexp_matches({column}, '([Zz]|[+-]\\d\\d(:?\\d\\d)?)$')"
        return f"(length({column}) > 10 AND {ends})"
    return "false"


def _instant(column: str, column_type: str, stamps_zone: str) -> str:
    """Return SQL that turns a stamp into an instant."""
    return (
        f"CASE WHEN {_has_zone(column, column_type)} THEN TRY_CAST({column} AS TIMESTAMPTZ) "
        f"ELSE timezone('{stamps_zone}', TRY_CAST({column} AS TIMESTAMP)) END"
    )


def _skipped(column: str, column_type: str, stamps_zone: str) -> str:
    """Return SQL for whether a stamp is a local time that the clocks skipped."""
    local = f"TRY_CAST({column} AS TIMESTAMP)"
    there_and_back = f"timezone('{stamps_zone}', timezone('{stamps_zone}', {local}))"
    return f"NOT {_has_zone(column, column_type)} AND {there_and_back} <> {local}"


def _check(table: _LongTable) -> int:
    """Raise on the first kind of bad row; return the number of rows."""
    no_key = " OR ".join(f"key_{i} IS NULL" for i in range(len(table.key)))
    value = table.value
    checks = [
        (no_key, ",".join(table.key), "no key", "give every row a partition"),
        ("NOT has_stamp", table.time, "no time", "give every row one"),
        ("instant IS NULL", table.time, "an unreadable time", "write ISO 8601"),
        (
            "skipped",
            table.time,
            "a time that the local clocks skipped",
            "give the zone of the stamps (--stamps-are), or remove the rows",
        ),
        ("value_is_text", value, "text", "write whole numbers"),
        (
            "isnan(value) OR isinf(value)",
            table.value,
            "a NaN or infinite value",
            "leave the field empty",
        ),
        ("value < 0", value, "a negative value", "counts start at 0"),
        ("value <> floor(value)", value, "a fractional value", "counts are whole numbers"),
        (
            f"value > {_LARGEST_COUNT}",
            table.value,
            "a value over 2,147,483,647",
            "count in thousands",
        ),
    ]
    selected = ", ".join(
        f"count(*) FILTER ({test}), min(row) FILTER ({test})" for test, *_ in checks
    )
    found = table.connection.sql(f"SELECT count(*), {selected} FROM source_rows").fetchall()[0]
    rows = int(found[0])
    if rows == 0:
        raise DaypartError(f"{table.path}: holds no rows")
    for i, (_, column, what, remedy) in enumerate(checks):
        count, first = found[1 + 2 * i], found[2 + 2 * i]
        if count:
            raise DaypartError(
                f"{table.path}: column {column}: {counted(count, 'row')} with {what}, "
                f"the first is row {first:,}",
                hint=remedy,
            )
    _check_duplicates(table)
    return rows


def _check_duplicates(table: _LongTable) -> None:
    twice = table.connection.execute(
        f"""
        SELECT count(*), min(row) FROM (
            SELECT max(row) AS row FROM source_rows
            GROUP BY {table.key_columns}, instant HAVING count(*) > 1
        )
        """
    ).fetchone()
    if twice and twice[0]:
        raise DaypartError(
            f"{table.path}: {counted(twice[0], 'time')} given twice for one partition, "
            f"the first again in row {twice[1]:,}",
            hint="add them up or remove one; times without a zone repeat when clocks go back",
        )


def _load_hours(table: _LongTable) -> None:
    """Make the tables `partitions` (number, name, key) and `hours` (partition, hour, value)."""
    connection, columns = table.connection, table.key_columns
    names = f"concat_ws('/', {columns})"
    connection.execute(
        f"""
        CREATE TEMP TABLE partitions AS
        SELECT *, row_number() OVER (ORDER BY key_0, unique_id) - 1 AS partition
        FROM (SELECT DISTINCT {names} AS unique_id, {columns} FROM source_rows);
        CREATE TEMP TABLE hours AS
        SELECT partition, sum(value) AS value,
               CAST(floor(epoch(instant) / {_HOUR_SECONDS}) AS BIGINT) AS hour
        FROM source_rows JOIN partitions USING ({columns})
        GROUP BY ALL
        """
    )
    same = connection.execute(
        "SELECT unique_id FROM partitions GROUP BY unique_id HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if same:
        raise DaypartError(
            f"{table.path}: two different keys are both called {same[0]!r}",
            hint="use key values without a slash",
        )


def _regions(
    connection: duckdb.DuckDBPyConnection, *, one_column: bool
) -> list[tuple[str, int, int]]:
    """Return the regions as (name, first partition, last partition)."""
    grouped = f"printf('%04d', partition // {_PARTITIONS_PER_REGION})" if one_column else "key_0"
    found = connection.execute(
        f"SELECT {grouped} AS region, min(partition), max(partition) FROM partitions "
        "GROUP BY region ORDER BY region"
    ).fetchall()
    return [(str(region), int(low), int(high)) for region, low, high in found]


def _read_block(
    connection: duckdb.DuckDBPyConnection, key: Sequence[str], low: int, high: int, timezone: str
) -> SeriesBlock:
    bounds = [low, high]
    between = "partition BETWEEN ? AND ? ORDER BY partition"
    named = connection.sql(f"FROM partitions WHERE {between}", params=bounds).to_arrow_table()
    columns: dict[str, Any] = {name: named.column(f"key_{i}") for i, name in enumerate(key)}
    columns["unique_id"] = named.column("unique_id")
    hours = connection.sql(f"FROM hours WHERE {between}, hour", params=bounds).to_arrow_table()
    first_hours, counts = _dense(hours, low, high)
    return block_from_arrays(pa.table(columns), [timezone] * len(counts), first_hours, counts)


def _dense(hours: pa.Table, low: int, high: int) -> tuple[list[int], list[np.ndarray[Any, Any]]]:
    """Turn sparse (partition, hour, value) rows into one array per partition."""
    partition = hours.column("partition").to_numpy()
    hour = hours.column("hour").to_numpy().astype(np.int64)
    value = hours.column("value").fill_null(MISSING).to_numpy().astype(np.int64)
    borders = np.searchsorted(partition, np.arange(low, high + 2))
    first_hours, counts = [], []
    for start, stop in itertools.pairwise(borders):
        first = int(hour[start])
        series = np.full(int(hour[stop - 1]) - first + 1, MISSING, np.int32)
        series[hour[start:stop] - first] = value[start:stop]
        first_hours.append(first)
        counts.append(series)
    return first_hours, counts


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
