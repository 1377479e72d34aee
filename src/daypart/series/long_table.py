"""Import of long tables: a key, an instant and a number a row become a store of partitions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from daypart.errors import DaypartError, did_you_mean
from daypart.progress import SILENT, Progress
from daypart.series.block import MISSING, SeriesBlock, block_from_arrays
from daypart.series.local_time import timezone_of
from daypart.series.store import SeriesStore
from daypart.storage.files import kept_copy, make_folder
from daypart.storage.location import Location, PathLike, location

if TYPE_CHECKING:
    import duckdb
_PARTITIONS_PER_REGION = 1000
"""Where a key has one column, the store's files hold so many partitions each."""

_HOUR_SECONDS = 3600
_LARGEST_COUNT = 2**31 - 1


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Parameters
    ----------
    rows : int
        Rows read; each is in the store.
    partitions, regions : int
    hours : int
        Hours of all partitions, from each one's first to its last.
    missing_hours : int
        Hours among them without a number.
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
    r"""Make a store from a table of `unique_id, ds, y`, or of key columns, instant and number.

    Several instants of one partition within an hour are added up. Hours without a row, and
    rows without a number, become missing hours.

    Parameters
    ----------
    source : path
        Parquet, CSV or gzipped CSV.
    into : path
        A new folder.
    key : sequence of str, optional
        The columns that name a partition; the first one divides the store into regions.
        Without it `unique_id` names a partition.
    time, value : str
        The columns of the instant and of the count (whole numbers from 0).
    timezone : str
        IANA name of the local time by which hours of the week are told.
    stamps_are : str, optional
        IANA name of the zone of stamps that carry none; `timezone` when left out.
    memory : str
        Bound on DuckDB's memory.
    progress : Progress

    Returns
    -------
    ImportReport

    Raises
    ------
    DaypartError
        For a missing file or column, an empty table, and for values that are negative,
        fractional, infinite, without an instant, or given twice for one instant.

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
    The long format `unique_id, ds, y` is the one of the Nixtla libraries.
    """
    path = location(source)
    timezone_of(timezone)
    stamps_zone = timezone_of(stamps_are or timezone).key
    key_columns = tuple(key) if key else ("unique_id",)
    store_key = tuple(key) if key else ("series",)
    store = SeriesStore.create(into, key=store_key)
    with _database(memory) as connection:
        _open_source(connection, path, kept_copy(path), key_columns, time, value, stamps_zone)
        rows = _check(connection, path, key_columns, time, value)
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
    import duckdb

    from daypart.storage.sizes import parse_size

    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET memory_limit = '{parse_size(memory)}B'")
    return connection


def _open_source(
    connection: duckdb.DuckDBPyConnection,
    path: Location,
    file: Path,
    key: Sequence[str],
    time: str,
    value: str,
    stamps_zone: str,
) -> None:
    """Make the table `source_rows`: row, one text column a key column, instant, value."""
    import duckdb

    if not file.is_file():
        raise DaypartError(f"{path}: no such file")
    reader = "read_parquet" if path.suffix == ".parquet" else "read_csv"
    try:
        table = connection.sql(f"FROM {reader}(?)", params=[str(file)])
        types = dict(zip(table.columns, map(str, table.types), strict=True))
    except duckdb.Error as error:
        raise DaypartError(f"{path}: not readable ({str(error).splitlines()[0]})") from None
    for column in [*key, time, value]:
        if column not in types:
            raise DaypartError(
                f"{path}: no column {column!r}", hint=did_you_mean(column, list(types))
            )
    keys = ", ".join(f"CAST({_quoted(name)} AS VARCHAR) AS key_{i}" for i, name in enumerate(key))
    connection.execute(
        f"""
        CREATE TEMP TABLE source_rows AS
        SELECT row_number() OVER () AS row, {keys},
               {_instant(_quoted(time), types[time], stamps_zone)} AS instant,
               {_skipped(_quoted(time), types[time], stamps_zone)} AS skipped,
               TRY_CAST({_quoted(value)} AS DOUBLE) AS value,
               {_quoted(value)} IS NOT NULL AND TRY_CAST({_quoted(value)} AS DOUBLE) IS NULL
                   AS value_is_text,
               {_quoted(time)} IS NOT NULL AS has_stamp
        FROM {reader}(?)
        """,
        [str(file)],
    )


def _has_zone(column: str, column_type: str) -> str:
    """Return the SQL that tells whether a stamp carries its zone."""
    if column_type == "TIMESTAMP WITH TIME ZONE":
        return "true"
    if column_type == "VARCHAR":
        ends = f"regexp_matches({column}, '([Zz]|[+-]\\d\\d(:?\\d\\d)?)$')"
        return f"(length({column}) > 10 AND {ends})"
    return "false"


def _instant(column: str, column_type: str, stamps_zone: str) -> str:
    """Return the SQL that turns a stamp into an instant."""
    return (
        f"CASE WHEN {_has_zone(column, column_type)} THEN TRY_CAST({column} AS TIMESTAMPTZ) "
        f"ELSE timezone('{stamps_zone}', TRY_CAST({column} AS TIMESTAMP)) END"
    )


def _skipped(column: str, column_type: str, stamps_zone: str) -> str:
    """Return the SQL that tells local stamps which the clocks never showed."""
    local = f"TRY_CAST({column} AS TIMESTAMP)"
    there_and_back = f"timezone('{stamps_zone}', timezone('{stamps_zone}', {local}))"
    return f"NOT {_has_zone(column, column_type)} AND {there_and_back} <> {local}"


def _check(
    connection: duckdb.DuckDBPyConnection,
    path: Location,
    key: Sequence[str],
    time: str,
    value: str,
) -> int:
    """Raise on the first kind of bad row; return the number of rows."""
    no_key = " OR ".join(f"key_{i} IS NULL" for i in range(len(key)))
    checks = [
        (no_key, ",".join(key), "without a key", "name every row's partition"),
        ("NOT has_stamp", time, "without an instant", "give every row one"),
        ("instant IS NULL", time, "not readable as an instant", "write ISO 8601"),
        (
            "skipped",
            time,
            "that the local clocks skipped",
            "name the zone of the stamps (--stamps-are), or remove the rows",
        ),
        ("value_is_text", value, "that are no numbers", "write counts"),
        ("isnan(value) OR isinf(value)", value, "NaN or infinite", "leave the field empty"),
        ("value < 0", value, "negative", "counts start at 0"),
        ("value <> floor(value)", value, "fractional", "counts are whole numbers"),
        (f"value > {_LARGEST_COUNT}", value, "over 2,147,483,647", "count in thousands"),
    ]
    selected = ", ".join(
        f"count(*) FILTER ({test}), min(row) FILTER ({test})" for test, *_ in checks
    )
    found = connection.sql(f"SELECT count(*), {selected} FROM source_rows").fetchall()[0]
    rows = int(found[0])
    if rows == 0:
        raise DaypartError(f"{path}: holds no rows")
    for i, (_, column, what, remedy) in enumerate(checks):
        count, first = found[1 + 2 * i], found[2 + 2 * i]
        if count:
            raise DaypartError(
                f"{path}: column {column}: {count:,} values {what}, the first in row {first:,}",
                hint=remedy,
            )
    _check_duplicates(connection, path, key)
    return rows


def _check_duplicates(
    connection: duckdb.DuckDBPyConnection, path: Location, key: Sequence[str]
) -> None:
    columns = ", ".join(f"key_{i}" for i in range(len(key)))
    twice = connection.execute(
        f"""
        SELECT count(*), min(row) FROM (
            SELECT max(row) AS row FROM source_rows GROUP BY {columns}, instant HAVING count(*) > 1
        )
        """
    ).fetchone()
    if twice and twice[0]:
        raise DaypartError(
            f"{path}: {twice[0]:,} instants given twice for one partition, "
            f"the first again in row {twice[1]:,}",
            hint="add them up or remove one; times without a zone repeat when clocks go back",
        )
    names = "concat_ws('/', " + columns + ")"
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
            f"{path}: two different keys are both called {same[0]!r}",
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
    return block_from_arrays(_table(columns), [timezone] * len(counts), first_hours, counts)


def _table(columns: dict[str, Any]) -> pa.Table:
    return pa.table(columns)


def _dense(hours: pa.Table, low: int, high: int) -> tuple[list[int], list[np.ndarray[Any, Any]]]:
    """Lay sparse (partition, hour, value) rows out as one array per partition."""
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
