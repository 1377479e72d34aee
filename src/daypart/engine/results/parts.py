"""Result parts: the files that tasks flush, and the one row of each partition among them.

A part is written once, under a name that no other attempt writes, and never changed; so is a
region's table, which `runs.compaction` writes in place of parts. A partition that was fitted
again has rows in two files; the newest attempt wins, and a row whose data changed since does
not count.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daypart.engine.results.folder import RunFolder, read_plan_table
from daypart.errors import DamagedFile
from daypart.storage.files import is_temporary, rename
from daypart.storage.location import Location, PathLike, file_name_of
from daypart.storage.row_groups import read_some_rows
from daypart.storage.tables import read_whole_tables, write_table

MISSING_STATUS = "missing"
"""The status of a partition that no task has fitted yet."""

_PART_NAME = re.compile(r"(\d+)-(\d+)(?:-[0-9a-f]+)?\.parquet")
_DAMAGED = ".damaged"
_TABLE_NAME = re.compile(r"(.+)-(\d+)\.parquet")
_LIGHT = [
    *("unique_id", "timezone", "first_hour", "hours"),
    *("status", "reason", "seconds", "attempt", "content_hash"),
]
_NEEDED = ("unique_id", "timezone", "first_hour", "hours", "status", "attempt")


@dataclass(frozen=True)
class ResultIndex:
    """The newest result row of every partition of a plan, found but not read.

    Parameters
    ----------
    rows : pyarrow.Table
        A row per partition of the plan, in its order: the plan's columns, with those of its
        newest row that the engine itself needs (`status`, `hours`, `attempt` and so on) and
        where that row lies: `part` (position in `parts`) and `part_row`; null where `missing`
        (but `attempt`, which also counts rows of data that changed since).
    parts : sequence of Location
        The files of results: tables of regions, then parts.
    damaged : tuple of Location
        Those that can't be read, and parts that were set aside: their rows count as missing.
    """

    rows: pa.Table
    parts: Sequence[Location]
    damaged: tuple[Location, ...] = ()

    def fallbacks(self) -> int:
        """Return how many partitions are ok with a reason: something else stood in."""
        given = self.rows.column("reason").is_valid().to_numpy()
        return int(np.count_nonzero(given & (self.statuses() == "ok")))

    def statuses(self) -> np.ndarray[Any, Any]:
        """Return the status of each partition."""
        return np.asarray(self.rows.column("status").to_pylist(), dtype=object)


def list_parts(folder: RunFolder, task: int | None = None) -> list[tuple[int, int, Location]]:
    """Return the parts, of one task or all, as (task, block, path) in their order.

    Parameters
    ----------
    folder : RunFolder
    task : int, optional
        All tasks when left out.
    """
    files = folder.parts.glob("*.parquet" if task is None else f"{task:06d}-*.parquet")
    named = ((_PART_NAME.fullmatch(path.name), path) for path in files)
    return sorted((int(match[1]), int(match[2]), path) for match, path in named if match)


def write_part(folder: RunFolder, task: int, block: int, rows: pa.Table) -> None:
    """Write a part atomically.

    The name ends in letters of its own: an attempt that was given up and lives on can't write
    over what its successor wrote.

    Parameters
    ----------
    folder : RunFolder
    task : int
    block : int
        Number of the part among those of its task.
    rows : pyarrow.Table
        Result rows.
    """
    name = f"{task:06d}-{block:05d}-{secrets.token_hex(4)}.parquet"
    write_table(folder.parts / name, rows)


def table_path(folder: RunFolder, region: str, generation: int) -> Location:
    """Return the path of a region's table of results.

    Parameters
    ----------
    folder : RunFolder
    region : str
    generation : int
        Higher than that of every earlier table of the region.
    """
    return folder.results / f"{file_name_of(region)}-{generation}.parquet"


def list_tables(folder: RunFolder) -> list[tuple[str, int, Location]]:
    """Return the tables of regions as (region's file name, generation, path), newest last."""
    files = (path for path in folder.results.glob("*.parquet") if not is_temporary(path))
    named = ((_TABLE_NAME.fullmatch(path.name), path) for path in files)
    return sorted((match[1], int(match[2]), path) for match, path in named if match)


def set_aside_damaged_parts(folder: RunFolder) -> None:
    """Rename the parts that can't be read whole, so that their partitions are fitted again.

    Parameters
    ----------
    folder : RunFolder
        None of its tasks is running.
    """
    parts = [path for _, _, path in list_parts(folder)]
    for path, table in zip(parts, read_whole_tables(parts), strict=True):
        if table is None or _as_light(table, 0) is None:
            rename(path, f"{path.name}{_DAMAGED}")


def index_results(folder: RunFolder, plan: pa.Table) -> ResultIndex:
    """Look up the newest good row of every partition of a plan.

    Parameters
    ----------
    folder : RunFolder
    plan : pyarrow.Table
        With `unique_id` and `content_hash`: where that is not null, a row with another hash is
        of data that changed since, and the partition counts as missing.

    Returns
    -------
    ResultIndex
    """
    tables = list_tables(folder)
    parts = [path for _, _, path in [*tables, *list_parts(folder)]]
    newest, damaged = _newest_rows(parts, len(tables))
    found = pc.index_in(plan.column("unique_id"), value_set=newest.column("unique_id"))
    rows = newest.drop_columns("unique_id").take(found.combine_chunks())
    attempts = rows.column("attempt")
    expected = plan.column("content_hash")
    stale = pc.fill_null(pc.not_equal(expected, rows.column("content_hash")), False)
    if pc.any(stale).as_py():
        rows = rows.take(pc.if_else(stale, None, pa.array(range(len(plan)), pa.int64())))
        rows = rows.set_column(rows.column_names.index("attempt"), "attempt", attempts)
    status = pc.fill_null(rows.column("status"), MISSING_STATUS)
    rows = rows.set_column(rows.column_names.index("status"), "status", status)
    joined = plan.drop_columns([n for n in plan.column_names if n in rows.column_names])
    for name in rows.column_names:
        joined = joined.append_column(name, rows.column(name))
    aside: list[Location] = [*folder.parts.glob(f"*{_DAMAGED}")]
    return ResultIndex(
        joined, parts, (*(parts[place] for place in damaged), *sorted(aside, key=str))
    )


def _newest_rows(parts: Sequence[Location], tables: int) -> tuple[pa.Table, list[int]]:
    """Return the light columns of each partition's newest row, with `part` and `part_row`.

    Of one attempt the row in a table counts: the part is what a broken-off compaction left.
    And the positions of the files that are damaged.
    """
    found, damaged = [_light_schema().empty_table()], []
    for position, table in enumerate(read_whole_tables(parts, _LIGHT)):
        light = _as_light(table, position)
        if light is None:
            damaged.append(position)
        else:
            found.append(light)
    every = pa.concat_tables(found)
    every = every.append_column("in_table", pc.less(every.column("part"), tables))
    every = every.sort_by(
        [(name, "ascending") for name in ("unique_id", "attempt", "in_table", "part")]
    ).drop_columns("in_table")
    if len(every) < 2:
        return every, damaged
    ids = every.column("unique_id")
    last_of_its_id = pc.not_equal(ids.slice(0, len(ids) - 1), ids.slice(1)).combine_chunks()
    return every.filter(pa.concat_arrays([last_of_its_id, pa.array([True])])), damaged


def _as_light(table: pa.Table | None, position: int) -> pa.Table | None:
    """Return a file's light columns with its position; None where they are not what they are."""
    if table is None or not set(_LIGHT) <= set(table.column_names):
        return None
    place = pa.array(np.full(len(table), position, np.int32))
    rows = pa.array(np.arange(len(table), dtype=np.int32))
    light = table.select(_LIGHT).append_column("part", place).append_column("part_row", rows)
    try:
        light = light.cast(_light_schema())
    except pa.ArrowException:
        return None
    needed = (light.column(name).null_count for name in _NEEDED)
    return light if not any(needed) else None


def _light_schema() -> pa.Schema:
    others = {
        "first_hour": pa.timestamp("us", tz="UTC"),
        "hours": pa.int32(),
        "seconds": pa.float64(),
        "attempt": pa.int32(),
    }
    fields = [(name, others.get(name, pa.string())) for name in _LIGHT]
    return pa.schema([*fields, ("part", pa.int32()), ("part_row", pa.int32())])


def read_rows(results: ResultIndex, positions: Sequence[int] | np.ndarray[Any, Any]) -> pa.Table:
    """Read the result rows of some partitions.

    Parameters
    ----------
    results : ResultIndex
    positions : sequence of int
        Positions in `results.rows`; none of them `missing`.

    Returns
    -------
    pyarrow.Table
        A row per position, in the order given, with all the columns of the parts.
    """
    chosen = np.asarray(positions, dtype=np.int64)
    part = results.rows.column("part").take(chosen).to_numpy()
    part_row = results.rows.column("part_row").take(chosen).to_numpy()
    order = np.lexsort((part_row, part))
    tables = []
    for number in np.unique(part[order]):
        wanted = part_row[order][part[order] == number].astype(np.int64)
        try:
            tables.append(read_some_rows(results.parts[int(number)], wanted))
        except DamagedFile as error:
            hint = "delete it, and run the same daypart fit again: it fits these partitions again"
            raise DamagedFile(error.message, hint=hint) from None
    if not tables:
        return pa.table({})
    try:
        joined = pa.concat_tables(tables, promote_options="default")
    except pa.ArrowException as error:
        raise DamagedFile(
            f"{results.parts[0].parent}: files of results have different columns ({error})",
            hint="delete those that are not this run's, and run the same daypart fit again",
        ) from None
    return joined.take(np.argsort(order)).combine_chunks()


def read_results(run: PathLike) -> pa.Table:
    """Return a run's result: one row per partition, always, in the order of `unique_id`.

    Parameters
    ----------
    run : path
        A run's folder.

    Returns
    -------
    pyarrow.Table
        The key columns, `unique_id`, `timezone`, `first_hour` (UTC), `hours`, `exposure` (mean
        of the last week, households), `status` (`ok`, `failed`, `skipped`, or `missing` where
        no task came to it yet), `reason`, `seconds`, `attempt`, `model`, `content_hash`, then
        the model's own columns. But for `seconds` and `attempt` it is the same to the bit
        however the work was divided, stopped and resumed.

    Raises
    ------
    DaypartError
        Where there is no run.

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
    >>> read_results(f"{folder}/run").column("status").to_pylist()
    ['ok']
    """
    folder = RunFolder.open(run)
    plan = read_plan_table(folder)
    key = plan.column_names[: plan.column_names.index("unique_id")]
    results = index_results(folder, plan)
    status = results.statuses()
    fitted = np.flatnonzero(status != MISSING_STATUS)
    missing = np.flatnonzero(status == MISSING_STATUS)
    rows = read_rows(results, fitted)
    unfitted = results.rows.select([*key, "unique_id", "status"]).take(missing)
    if len(missing):
        reason = pa.array(["not fitted yet"] * len(missing), pa.string())
        unfitted = unfitted.append_column("reason", reason)
    joined = pa.concat_tables([rows, unfitted], promote_options="default")
    return joined.take(np.argsort(np.concatenate([fitted, missing]))).combine_chunks()
