"""The plan: which rows of work still need a good result row, cut into tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daypart.engine.executors.array.records import Records
from daypart.engine.executors.protocol import BY_NUMBER, Task, TaskSize
from daypart.engine.plan.packing import TARGET_MINUTES, pack, tasks_wanted
from daypart.engine.plan.pilot import Costs
from daypart.engine.results.folder import RunFolder, read_plan_table
from daypart.engine.results.parts import MISSING_STATUS, ResultIndex, index_results, list_parts

Measure = Callable[[ResultIndex, np.ndarray[Any, Any]], Costs]
"""Takes all rows, and which are pending; returns what the pending ones are expected to take."""

LARGEST_TASK = 1024
SMALLEST_TASK = 32
TASKS_AIMED_AT = 32
"""Little work is cut into about as many tasks, so that workers end at about the same time."""


@dataclass(frozen=True)
class TaskPlan:
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
    partitions: pa.Table,
    *,
    retry_failed: bool = False,
    active: frozenset[int] = frozenset(),
    size: TaskSize = BY_NUMBER,
    measure: Measure | None = None,
) -> TaskPlan:
    """Plan what has no good row yet; nothing is written.

    Parameters
    ----------
    folder : RunFolder
    partitions : pyarrow.Table
        All of them, by `unique_id`: key columns, `unique_id`, `region`, `row` (its place in the
        region) and `content_hash`, which a good row must bear (null: any). The plan's table adds
        `task` and `attempt` (of the next result).
    retry_failed : bool
        Do failed partitions again.
    active : frozenset of int
        Tasks of the former plan that run somewhere still: their slices stay as they are.
    size : TaskSize
        With minutes: partitions are packed into tasks that long by what they are expected to
        take; without: cut in file order by their number.
    measure : callable, optional
        Returns what partitions are expected to take; needed where tasks are packed by that.

    Returns
    -------
    TaskPlan
    """
    former = read_plan_table(folder) if folder.plan.exists() else None
    results = index_results(folder, partitions)
    status = results.statuses()
    pending = status == MISSING_STATUS
    if retry_failed:
        pending |= status == "failed"
    before = _former(partitions, former, "task")
    kept = pending & np.isin(before, sorted(active))
    first_task, fresh = _first_free_task(folder, former), pending & ~kept
    if size.minutes is None or measure is None or not fresh.any():
        costs = None
        cut = _cut(partitions, fresh, first_task=first_task)
    else:
        costs = measure(results, fresh)
        cut = _pack(partitions, fresh, costs, size, first_task=first_task)
    task = np.where(kept, before, np.where(cut >= 0, cut, before))
    table = partitions.append_column("task", _int32(task, mask=task < 0))
    attempts = np.nan_to_num(results.rows.column("attempt").to_numpy().astype(float)) + 1
    # The slice of a task that is running stays as it was: rows it has flushed are its own.
    same = np.isin(before, sorted(active)) & ~pending
    attempts = np.where(same, _former(partitions, former, "attempt"), attempts)
    table = table.append_column("attempt", _int32(attempts))
    tasks = _tasks(folder, table, pending, _memory_reached(folder, before))
    if costs is not None:
        tasks = _with_costs(tasks, cut, fresh, costs)
    return TaskPlan(len(partitions), int(pending.sum()), tasks, table, costs)


def _first_free_task(folder: RunFolder, former: pa.Table | None) -> int:
    """Return a task number above all that were ever given, so that no part is overwritten."""
    planned = pc.max(former.column("task")).as_py() if former is not None else None
    flushed = max((task for task, _, _ in list_parts(folder)), default=-1)
    return max(flushed, -1 if planned is None else planned) + 1


def _former(partitions: pa.Table, former: pa.Table | None, column: str) -> np.ndarray[Any, Any]:
    """Return what each partition had in a column of the former plan, -1 where nothing."""
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
    wanted = tasks_wanted(
        float(costs.seconds.sum()),
        minutes=minutes,
        cores=size.cores,
        least_minutes=size.least_minutes,
        at_once=size.at_once,
    )
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
    reported = []
    for task in tasks:
        whole, most = of_task.get(task.index, (None, None))
        reported.append(
            replace(task, seconds=whole, longest_seconds=most, memory_bytes=costs.memory_bytes)
        )
    return tuple(reported)


def _memory_reached(folder: RunFolder, before: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the MiB that each partition's former task had at last, 0 where the first sufficed."""
    reached = Records(folder.path).memory_reached()
    return np.array([reached.get(task, 0) for task in before.tolist()], np.int64)


def _tasks(
    folder: RunFolder,
    table: pa.Table,
    pending: np.ndarray[Any, Any],
    memory: np.ndarray[Any, Any],
) -> tuple[Task, ...]:
    """Return the tasks of what is pending, in the order of their numbers."""
    planned = table.select(["task", "region"]).append_column("memory", pa.array(memory))
    planned = planned.filter(pa.array(pending.astype(bool)))
    sums = [("region", "min"), ("memory", "max"), ([], "count_all")]
    counted = planned.group_by("task").aggregate(sums)
    names = ["task", "region", "least_memory_mib", "partitions"]
    rows = counted.rename_columns(names).sort_by("task").to_pylist()
    return tuple(Task(folder.path, row.pop("task"), **row) for row in rows)


def _int32(values: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None = None) -> pa.Array:
    """Return whole numbers as an Arrow column, null where masked."""
    return pa.array(values.astype(np.int32), mask=mask)
