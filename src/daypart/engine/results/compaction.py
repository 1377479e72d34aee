"""Compaction: one table per region in place of many parts.

The table is written first, under a name that was never used; then the parts that it replaces
are removed. A crash between the two leaves rows in both, with the same content, and readers
take one row per partition. So before, during and after it each has exactly one good row. The
run's history is folded in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.engine.results.folder import RunFolder, read_plan_table
from daypart.engine.results.history import fold_history
from daypart.engine.results.parts import (
    MISSING_STATUS,
    ResultIndex,
    index_results,
    list_tables,
    read_rows,
    table_path,
)
from daypart.engine.tasks.stopping import interruptible
from daypart.engine.tasks.threads import in_order
from daypart.storage.files import delete_files, make_folder
from daypart.storage.location import Location, PathLike, file_name_of
from daypart.storage.row_groups import read_schema
from daypart.storage.tables import table_writer

ROWS_PER_GROUP = 512
"""Readers of single partitions fetch at least as many rows."""

LEAST_SHARE = 0.1
"""`fit` rewrites a region's table when this share of it is in parts; `compact` always does."""

_ROWS_AT_ONCE = 4096
_THREADS = 2


@dataclass(frozen=True)
class CompactReport:
    """What a compaction did.

    Parameters
    ----------
    run : Location
    tables : int
        Written; one for each region that had parts.
    rows : int
        In them.
    removed : int
        Files that they replace.
    files : int
        Of results now.
    """

    run: Location
    tables: int
    rows: int
    removed: int
    files: int


def compact(run: PathLike) -> CompactReport:
    """Write one table of results per region in place of the parts of its tasks.

    `fit` does so at its end; this is for a run that was interrupted.

    Parameters
    ----------
    run : path
        A run's folder.

    Returns
    -------
    CompactReport

    Raises
    ------
    DaypartError
        Where there is no run, or a driver is fitting it.
    Interrupted
        On Ctrl-C and SIGTERM; the same call again goes on.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.runs.fit import fit
    >>> from daypart.series.store import SeriesStore
    >>> from daypart.series.block import block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> _ = fit(f"{folder}/store", run=f"{folder}/run", model="seasonal_naive")
    >>> compact(f"{folder}/run").tables
    0
    """
    folder = RunFolder.open(run)
    with interruptible(str(folder.path)), folder.lock():
        return compact_regions(folder, index_results(folder, read_plan_table(folder)))


def compact_regions(
    folder: RunFolder, results: ResultIndex, *, least_share: float = 0.0
) -> CompactReport:
    """Compact the regions of which more than a share is in parts; the lock is the caller's.

    Parameters
    ----------
    folder : RunFolder
    results : ResultIndex
    least_share : float
        Of a region's partitions, in parts; regions with less are left as they are.
    """
    make_folder(folder.results)
    jobs = _regions_to_compact(folder, results, least_share)
    written = list(in_order(lambda job: _write_table(folder, results, job), jobs, _THREADS))
    removed = _remove_superseded(results, {job.region for job in jobs})
    fold_history(folder)
    left = len(results.parts) - removed + len(jobs)
    return CompactReport(folder.path, len(jobs), sum(written), removed, left)


@dataclass(frozen=True)
class _Job:
    region: str
    generation: int
    positions: np.ndarray[Any, Any]


def _regions_to_compact(folder: RunFolder, results: ResultIndex, least_share: float) -> list[_Job]:
    """Return the regions with enough in parts, or in more than one table, and their rows."""
    tables = list_tables(folder)
    generations = {name: generation for name, generation, _ in tables}
    fitted = np.flatnonzero(results.statuses() != MISSING_STATUS)
    names, region_of = _regions_of(results)
    part = results.rows.column("part").to_numpy()
    jobs: list[_Job] = []
    if len(fitted) == 0:
        return jobs
    by_region = fitted[np.argsort(region_of[fitted], kind="stable")]
    ends = np.cumsum(np.bincount(region_of[fitted], minlength=len(names)))
    for name, own in zip(names.tolist(), np.split(by_region, ends[:-1]), strict=True):
        loose = part[own] >= len(tables)
        if len(own) and loose.any() and loose.mean() >= least_share:
            jobs.append(_Job(name, generations.get(file_name_of(name), 0) + 1, own))
    return jobs


def _regions_of(results: ResultIndex) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the regions, and the number of each partition's."""
    column = results.rows.column("region").to_numpy(zero_copy_only=False).astype(str)
    names, region_of = np.unique(column, return_inverse=True)
    return names, region_of


def _write_table(folder: RunFolder, results: ResultIndex, job: _Job) -> int:
    """Write a region's table; return its rows."""
    return write_rows_of(results, job.positions, table_path(folder, job.region, job.generation))


def write_rows_of(results: ResultIndex, positions: np.ndarray[Any, Any], target: Location) -> int:
    """Write the rows of some partitions as one table, some thousand in memory at a time.

    Parameters
    ----------
    results : ResultIndex
    positions : int array
        In `results.rows`; none of them missing.
    target : Location

    Returns
    -------
    int
        Rows written.
    """
    parts = results.rows.column("part").to_numpy()[positions].astype(np.int64)
    schema = _joint_schema(results, np.unique(parts).tolist())
    with table_writer(target, schema) as writer:
        for chosen in _chunks(results, positions):
            table = _as_schema(read_rows(results, chosen), schema)
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)
    return len(positions)


def _chunks(
    results: ResultIndex, positions: np.ndarray[Any, Any]
) -> Iterator[np.ndarray[Any, Any]]:
    """Yield positions in the order of parts, so that each is read once; by row within."""
    rows = results.rows
    part, part_row, row = (
        rows.column(name).to_numpy()[positions].astype(np.int64)
        for name in ("part", "part_row", "row")
    )
    order = np.lexsort((part_row, part))
    for start in range(0, len(order), _ROWS_AT_ONCE):
        some = order[start : start + _ROWS_AT_ONCE]
        yield positions[some[np.argsort(row[some], kind="stable")]]


def _joint_schema(results: ResultIndex, parts: Sequence[int]) -> pa.Schema:
    schemas = [read_schema(results.parts[part]) for part in parts]
    return pa.unify_schemas([schema.remove_metadata() for schema in schemas])


def _as_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with all columns of a schema, null where it lacks them."""
    missing = [name for name in schema.names if name not in table.column_names]
    for name in missing:
        table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
    return table.select(schema.names).cast(schema)


def _remove_superseded(results: ResultIndex, compacted: set[str]) -> int:
    """Remove files of which no row counts any more; return how many."""
    part = results.rows.column("part").to_numpy()
    names, region_of = _regions_of(results)
    kept_regions = ~np.isin(names, sorted(compacted))
    counts = ~np.isnan(part.astype(float)) & kept_regions[region_of]
    needed = set(part[counts].astype(int).tolist())
    kept = {results.parts[place] for place in needed} | set(results.damaged)
    removed = [path for path in results.parts if path not in kept]
    delete_files(removed)
    return len(removed)
