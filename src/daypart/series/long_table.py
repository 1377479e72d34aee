"""Import of long tables: rows of a key, a time and a number become a store of partitions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.series.block import MISSING, SeriesBlock, block_from_arrays
from daypart.series.grain import find_not_hourly
from daypart.series.key_columns import key_column
from daypart.series.local_time import refuse_part_hours
from daypart.series.long_rows import LARGEST_COUNT, LongTable, load_rows
from daypart.series.store import SeriesStore
from daypart.storage.files import make_folder
from daypart.storage.location import PathLike
from daypart.storage.sizes import parse_size
from daypart.tables.connection import open_connection
from daypart.tables.options import GivenOptions, read_options
from daypart.tables.paths import GivenTables, tables_of
from daypart.tables.table import open_table
from daypart.tables.zones import timezone_of

_PARTITIONS_PER_REGION = 1000
"""Partitions in a file of the store, if the key has one column."""

_HOUR_SECONDS = 3600


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
    source: GivenTables,
    *,
    into: PathLike,
    key: Sequence[str] | None = None,
    time: str = "ds",
    value: str = "y",
    timezone: str = "UTC",
    stamps_are: str | None = None,
    mapping: GivenOptions = None,
    stamp_format: str | None = None,
    memory: str = "1GB",
    progress: Progress = SILENT,
) -> ImportReport:
    r"""Make a store from a table of `unique_id, ds, y`, or of key columns, time and number.

    Several times of one partition within an hour are added up. Hours without a row, and
    rows without a number, become missing hours.

    Parameters
    ----------
    source : path, sequence of paths, or Arrow object
        Files, patterns or folders of CSV, TSV, Parquet, Arrow, JSON lines or XLSX; a pandas or
        polars frame.
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
        IANA name of the zone of stamps without one (`timezone` by default), or `epoch_s` or
        `epoch_ms` for numbers. Of a local time that clocks repeat, the later is meant.
    mapping : str, path or mapping, optional
        How the table is written; see `tables.options.read_options`.
    stamp_format : str, optional
        Of times that are not ISO 8601, such as `%d/%m/%Y %H:%M`.
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
        fractional, infinite, without a time, or given twice for one time; for daily, weekly
        and mostly missing series, and a zone whose clocks are not whole hours from UTC.

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
    timezone_of(timezone)
    options = read_options(mapping, stamp_format=stamp_format)
    options = replace(options, stamps_are=stamps_are or options.stamps_are or timezone)
    key_columns = tuple(key) if key else ("unique_id",)
    _check_key(key_columns)
    store_key = tuple(key_column(name) for name in key) if key else ("series",)
    store = SeriesStore.create(into, key=store_key)
    with open_connection({"memory_limit": f"{parse_size(memory)}B"}) as connection:
        tables = [open_table(connection, each, options) for each in tables_of(source)]
        table = LongTable(connection, tables, key_columns, time, value)
        rows = load_rows(table, options)
        _load_hours(table)
        _check_grain(table, timezone)
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


def _check_key(key: Sequence[str]) -> None:
    """Raise for a column that is named twice, if in other letters: files could not tell them."""
    seen: dict[str, str] = {}
    for name in key:
        if not name.strip():
            raise DaypartError(f"key {','.join(key)!r}: a column has no name")
        other = seen.setdefault(name.casefold(), name)
        if other is not name:
            raise DaypartError(
                f"key {','.join(key)!r}: {other!r} and {name!r} are one name", hint="rename one"
            )


def _check_hours(table: LongTable) -> None:
    """Raise where the sum of an hour is larger than a store holds."""
    over = table.connection.execute(
        f"SELECT unique_id, max(value) FROM hours JOIN partitions USING (partition) "
        f"WHERE value > {LARGEST_COUNT} GROUP BY unique_id ORDER BY unique_id"
    ).fetchall()
    if over:
        raise table.error(
            0,
            f"column {table.value}: the rows within an hour of {over[0][0]!r} add up to "
            f"{over[0][1]:,.0f}, over {LARGEST_COUNT:,}",
            "count in thousands",
        )


def _check_grain(table: LongTable, timezone: str) -> None:
    """Raise for series that are not hourly, and for zones of half an hour."""
    first, last = table.connection.execute("SELECT min(hour), max(hour) FROM hours").fetchall()[0]
    refuse_part_hours(timezone, first, last)
    if found := find_not_hourly(table.connection):
        raise table.error(0, f"column {table.time}: {found.problem}", found.remedy)


def _load_hours(table: LongTable) -> None:
    """Make the tables `partitions` (number, name, key) and `hours` (partition, hour, value)."""
    connection, columns = table.connection, table.key_columns
    names = columns
    if len(table.key) > 1:  # a slash divides the values, so that it can't stand in one
        parts = (f"replace(replace({c}, '%', '%25'), '/', '%2F')" for c in columns.split(", "))
        names = f"concat_ws('/', {', '.join(parts)})"
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
    _check_hours(table)


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
