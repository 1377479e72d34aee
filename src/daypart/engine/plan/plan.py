"""The plan: which partitions still need a row, cut into tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from daypart.engine.executors.protocol import BY_NUMBER, Task, TaskSize
from daypart.engine.plan.packing import TARGET_MINUTES, pack, tasks_wanted
from daypart.engine.plan.pilot import Costs, costs_of
from daypart.engine.results.folder import RunFolder, RunSettings
from daypart.engine.results.parts import MISSING_STATUS, Standing, list_parts, standing_of
from daypart.progress import SILENT, Progress
from daypart.runs.fitting.parents import prepare_parents
from daypart.runs.run.identity import fit_hashes
from daypart.series.store import SeriesStore
from daypart.storage.files import make_folder, remove_unfinished
from daypart.storage.tables import read_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa

Measure = Callable[[RunFolder, SeriesStore, RunSettings, Standing, np.ndarray[Any, Any]], Costs]

LARGEST_TASK = 1024
SMALLEST_TASK = 32
TASKS_AIMED_AT = 32
"""Little work is cut into about so many tasks, so that workers end at about the same time."""


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Parameters
    ----------
    partitions : int
        Of the store.
    pending : int
        Those among them that the tasks will fit.
    tasks : tuple of Task
        In the order in which they should start: longest first.
    table : pyarrow.Table
        What `plan.parquet` holds.
    costs : Costs or None
        What the partitions of new tasks are expected to take; None where nothing was measured.
    """

    partitions: int
    pending: int
    tasks: tuple[Task, ...]
    table: pa.Table
    costs: Costs | None = None


def draw_plan(
    folder: RunFolder,
    store: SeriesStore,
    settings: RunSettings,
    *,
    retry_failed: bool = False,
    active: frozenset[int] = frozenset(),
    size: TaskSize = BY_NUMBER,
    measure: Measure = costs_of,
) -> Plan:
    """Plan what has no good row yet; nothing is written.

    Every partition of the store has a row in the plan's table: the key columns, `unique_id`,
    `region`, `row` (its place in the region's file), `task`, `attempt` (of the next fit) and
    `content_hash`. The hash is that of the partition's data and model where planning had to
    read the data, because the region changed since it was last planned; null where any row is
    good.

    Parameters
    ----------
    folder : RunFolder
    store : SeriesStore
    settings : RunSettings
    retry_failed : bool
        Fit failed partitions again.
    active : frozenset of int
        Tasks of the former plan that run somewhere still: their slices stay as they are.
    size : TaskSize
        With minutes: partitions are packed into tasks that long by what they are expected to
        take; without: cut in file order by their number.
    measure : callable
        Tells what partitions are expected to take, where tasks are packed by that.

    Returns
    -------
    Plan
    """
    partitions = _partitions_of(store)
    former = read_table(folder.plan) if folder.plan.exists() else None
    known: Mapping[str, str] = {}
    if folder.holds_run():
        planned = folder.read_settings()
        known = planned.regions
        if planned.parents != settings.parents:
            known = dict.fromkeys(known, "")  # the prior of every partition is another
    partitions = _with_expected_hashes(partitions, store, settings, known, former)
    standing = standing_of(folder, partitions)
    status = standing.statuses()
    pending = status == MISSING_STATUS
    if retry_failed:
        pending |= status == "failed"
    before = _former(partitions, former, "task")
    kept = pending & np.isin(before, sorted(active))
    first_task, fresh = _first_free_task(folder, former), pending & ~kept
    if size.minutes is None or not fresh.any():
        costs = None
        cut = _cut(partitions, fresh, first_task=first_task)
    else:
        costs = measure(folder, store, settings, standing, fresh)
        cut = _pack(partitions, fresh, costs, size, first_task=first_task)
    task = np.where(kept, before, np.where(cut >= 0, cut, before))
    table = partitions.append_column("task", _int32(task, mask=task < 0))
    attempts = np.nan_to_num(standing.rows.column("attempt").to_numpy().astype(float)) + 1
    # The slice of a task that is at work stays as it was: rows it has flushed are its own.
    same = np.isin(before, sorted(active)) & ~pending
    attempts = np.where(same, _former(partitions, former, "attempt"), attempts)
    table = table.append_column("attempt", _int32(attempts))
    tasks = _tasks(folder, table, pending)
    if costs is not None:
        tasks = _with_costs(tasks, cut, fresh, costs)
    return Plan(len(partitions), int(pending.sum()), tasks, table, costs)


def write_plan(
    folder: RunFolder,
    store: SeriesStore,
    settings: RunSettings,
    *,
    retry_failed: bool = False,
    active: frozenset[int] = frozenset(),
    size: TaskSize = BY_NUMBER,
    progress: Progress = SILENT,
) -> Plan:
    """Fit the parents, draw a plan, write it, then `run.json`.

    A crash between them is mended next time. The caller holds the run's lock. See `draw_plan`.
    """
    make_folder(folder.parts)
    if not active:  # else a task that is at work somewhere may be writing just now
        for each in folder.written:
            remove_unfinished(each)
    prepare_parents(folder, store, settings, progress)
    plan = draw_plan(folder, store, settings, retry_failed=retry_failed, active=active, size=size)
    write_table(folder.plan, plan.table)
    folder.write_settings(settings)
    return plan


def _partitions_of(store: SeriesStore) -> pa.Table:
    """Return every partition of a store with its region and its row, by `unique_id`."""
    import pyarrow as pa

    names = [*store.key, "unique_id"]
    schema = pa.schema(
        [*((name, pa.string()) for name in names), ("region", pa.string()), ("row", pa.int32())]
    )
    tables = [schema.empty_table()]
    for region in store.regions:
        keys = store.read_keys(region)
        keys = keys.append_column("region", pa.array([region] * len(keys), pa.string()))
        rows = pa.array(np.arange(len(keys), dtype=np.int32))
        tables.append(keys.append_column("row", rows).cast(schema))
    return pa.concat_tables(tables).sort_by("unique_id").combine_chunks()


def _with_expected_hashes(
    partitions: pa.Table,
    store: SeriesStore,
    settings: RunSettings,
    known_regions: Mapping[str, str],
    former: pa.Table | None,
) -> pa.Table:
    """Add `content_hash`: what a good row must bear (null: any)."""
    import pyarrow as pa

    expected: dict[str, str | None] = {}
    if former is not None:
        ids, hashes = former.column("unique_id"), former.column("content_hash")
        expected = dict(zip(ids.to_pylist(), hashes.to_pylist(), strict=True))
    for region, now in store.regions.items():
        if region in known_regions and known_regions[region] != now["content_hash"]:
            block = store.read_region(region)
            expected |= dict(zip(block.unique_ids, fit_hashes(block, settings), strict=True))
    hashes = [expected.get(name) for name in partitions.column("unique_id").to_pylist()]
    return partitions.append_column("content_hash", pa.array(hashes, pa.string()))


def _first_free_task(folder: RunFolder, former: pa.Table | None) -> int:
    """Return a task number above all that were ever given, so that no part is overwritten."""
    import pyarrow.compute as pc

    planned = pc.max(former.column("task")).as_py() if former is not None else None
    flushed = max((task for task, _, _ in list_parts(folder)), default=-1)
    return max(flushed, -1 if planned is None else planned) + 1


def _former(partitions: pa.Table, former: pa.Table | None, column: str) -> np.ndarray[Any, Any]:
    """Return what each partition had in a column of the former plan, -1 where nothing."""
    import pyarrow.compute as pc

    if former is None:
        return np.full(len(partitions), -1, np.int32)
    place = pc.index_in(partitions.column("unique_id"), value_set=former.column("unique_id"))
    before = former.column(column).take(place.combine_chunks())
    values: np.ndarray[Any, Any] = pc.fill_null(before, -1).to_numpy()
    return values


def _cut(
    partitions: pa.Table, pending: np.ndarray[Any, Any], *, first_task: int
) -> np.ndarray[Any, Any]:
    """Cut what is pending into slices of a region in file order, numbered longest first."""
    size = int(np.clip(-(-pending.sum() // TASKS_AIMED_AT), SMALLEST_TASK, LARGEST_TASK))
    region = partitions.column("region").to_numpy(zero_copy_only=False)
    places = np.flatnonzero(pending)
    slices: list[np.ndarray[Any, Any]] = []
    for name in sorted(set(region[places])):
        own = places[region[places] == name]
        own = own[np.argsort(partitions.column("row").to_numpy()[own], kind="stable")]
        slices += [own[start : start + size] for start in range(0, len(own), size)]
    slices.sort(key=len, reverse=True)
    task = np.full(len(partitions), -1, np.int32)
    for number, places_of_slice in enumerate(slices, start=first_task):
        task[places_of_slice] = number
    return task


def _pack(
    partitions: pa.Table,
    pending: np.ndarray[Any, Any],
    costs: Costs,
    size: TaskSize,
    *,
    first_task: int,
) -> np.ndarray[Any, Any]:
    """Pack what is pending into tasks of about one length, numbered longest first."""
    minutes = size.minutes or TARGET_MINUTES
    wanted = tasks_wanted(float(costs.seconds.sum()), minutes=minutes, cores=size.cores)
    regions = partitions.column("region").to_numpy(zero_copy_only=False)[pending]
    packing = pack(costs.seconds, regions.astype(str), wanted)
    task = np.full(len(partitions), -1, np.int32)
    task[pending] = first_task + packing.task
    return task


def _with_costs(
    tasks: tuple[Task, ...],
    cut: np.ndarray[Any, Any],
    pending: np.ndarray[Any, Any],
    costs: Costs,
) -> tuple[Task, ...]:
    """Add to new tasks what they are expected to take."""
    numbers, place = np.unique(cut[pending], return_inverse=True)
    sums, longest = np.bincount(place, costs.seconds), np.zeros(len(numbers))
    np.maximum.at(longest, place, costs.seconds)
    expected = zip(numbers.tolist(), sums.tolist(), longest.tolist(), strict=True)
    of_task = {number: (whole, most) for number, whole, most in expected}
    told = []
    for task in tasks:
        whole, most = of_task.get(task.index, (None, None))
        told.append(
            replace(task, seconds=whole, longest_seconds=most, memory_bytes=costs.memory_bytes)
        )
    return tuple(told)


def _tasks(folder: RunFolder, table: pa.Table, pending: np.ndarray[Any, Any]) -> tuple[Task, ...]:
    """Return the tasks of what is pending, in the order of their numbers."""
    planned = table.select(["task", "region"]).filter(_bools(pending))
    counted = planned.group_by("task").aggregate([("region", "min"), ([], "count_all")])
    names = counted.rename_columns(["task", "region", "partitions"]).sort_by("task")
    return tuple(
        Task(folder.path, row["task"], row["region"], row["partitions"])
        for row in names.to_pylist()
    )


def _int32(values: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None = None) -> pa.Array:
    """Return whole numbers as an Arrow column, null where masked."""
    import pyarrow as pa

    return pa.array(values.astype(np.int32), mask=mask)


def _bools(values: np.ndarray[Any, Any]) -> pa.Array:
    """Return truth values as an Arrow column."""
    import pyarrow as pa

    return pa.array(values.astype(bool))
