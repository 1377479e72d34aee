"""The task: all that a worker does with its slice of the plan, wherever it runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from daypart.errors import DaypartError, Interrupted
from daypart.runs.events import BlockFinished, Event, OnEvent
from daypart.runs.fitting import fit_block, stand_in
from daypart.runs.folder import RunFolder, RunSettings
from daypart.runs.parents import model_to_fit
from daypart.runs.parts import list_parts, write_part
from daypart.runs.rows import failed_rows, result_rows
from daypart.runs.run_model import RunModel
from daypart.runs.stopping import Stop
from daypart.series import SeriesStore
from daypart.storage import Location, PathLike, read_table

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_BLOCK = 32
LARGEST_BLOCK = 512
SECONDS_PER_BLOCK = 8.0
"""A block is cut to last about so long, so that a stop or a lost worker costs little."""


@dataclass(frozen=True)
class TaskResult:
    """What one call of a task fitted.

    Parameters
    ----------
    ok, failed, skipped : int
        Partitions by status.
    already_done : int
        Partitions of the slice with a row from an earlier call.
    """

    ok: int
    failed: int
    skipped: int
    already_done: int


def run_task(
    run: PathLike,
    index: int,
    *,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    one_by_one: int = 0,
) -> TaskResult:
    """Fit one slice of a run's plan, block by block; a second call starts where the first ended.

    A block's rows are flushed as one part before the next block starts. When a model raises, the
    block is divided until the partitions that it fails on stand alone; they get a row with
    status `failed` and the reason, the others are fitted.

    Parameters
    ----------
    run : path
        A run's folder.
    index : int
        The task's number in `plan.parquet`.
    on_event : callable, optional
        Told `BlockFinished` after every block.
    stop : Stop, optional
        Looked at between blocks.
    one_by_one : int
        Fit so many of the partitions in blocks of one (after a worker died of one of them).

    Returns
    -------
    TaskResult

    Raises
    ------
    Interrupted
        When asked to stop; what was flushed stays.
    DaypartError
        Where the run has no such task, or the store is gone or changed since the plan.
    """
    work = TaskWork.open(run, index)
    model = model_to_fit(work.folder, work.settings)
    store = _store_as_planned(work)
    done = {"ok": 0, "failed": 0, "skipped": 0}
    position, size = 0, FIRST_BLOCK
    while position < len(work.rows):
        if stop is not None and stop.requested:
            raise Interrupted(f"task {index}: stopped by {stop.reason}")
        size = 1 if position < one_by_one else size
        chosen = slice(position, position + size)
        started = time.perf_counter()
        stored = store.read_region(work.region, work.rows[chosen].tolist())
        fitted = fit_block(
            model,
            stored,
            until_hour=work.settings.until_hour,
            limits=work.settings.limits,
            fallback=model.fallback,
        )
        rows = result_rows(stored, fitted, work.settings, work.attempts[chosen])
        write_part(work.folder, index, work.next_block, rows)
        seconds = time.perf_counter() - started
        event = _block_finished(index, rows, seconds)
        for status in done:
            done[status] += getattr(event, status)
        work.next_block += 1
        position += len(stored)
        size = _next_size(len(stored), seconds)
        if on_event is not None:
            on_event(event)
    return TaskResult(**done, already_done=work.already_done)


def fail_first_partition(run: PathLike, index: int, reason: str) -> Event | None:
    """Record the first unfinished partition of a task as failed, or as its fallback fits it.

    Executors call it when a worker died on that partition alone, again and again.

    Returns
    -------
    BlockFinished or None
        None where nothing is unfinished.
    """
    work = TaskWork.open(run, index)
    if len(work.rows) == 0:
        return None
    stored = _store_as_planned(work).read_region(work.region, [int(work.rows[0])])
    fitted = failed_rows(1, reason)
    fallback = RunModel.of_run(work.settings).fallback
    if fallback is not None:
        until = work.settings.until_hour
        fitted = stand_in(fallback, stored if until is None else stored.before(until), fitted)
    rows = result_rows(stored, fitted, work.settings, work.attempts[:1])
    write_part(work.folder, index, work.next_block, rows)
    return _block_finished(index, rows, 0.0)


def unfinished_partitions(run: PathLike, index: int) -> int:
    """Return how many partitions of a task have no row from it yet."""
    return len(TaskWork.open(run, index).rows)


@dataclass
class TaskWork:
    """What is left of a task: rows of its region without a row in its parts.

    Parameters
    ----------
    rows : int array, shape (partitions,)
        Positions in the region's file.
    attempts : int array, shape (partitions,)
    next_block : int
        The number of the next part.
    """

    folder: RunFolder
    settings: RunSettings
    region: str
    rows: np.ndarray[Any, Any]
    attempts: np.ndarray[Any, Any]
    already_done: int
    next_block: int

    @classmethod
    def open(cls, run: PathLike, index: int) -> TaskWork:
        """Read the task's slice of the plan, less what its parts hold."""
        import pyarrow.compute as pc

        folder = RunFolder.open(run)
        settings = folder.read_settings()
        plan = _read_plan(folder.plan, folder.plan.stat().st_mtime_ns)
        planned = plan.filter(pc.equal(plan.column("task"), index)).sort_by("row")
        if len(planned) == 0:
            raise DaypartError(f"{folder.plan}: no task {index}")
        parts = list_parts(folder, index)
        finished: set[str] = set()
        for _, _, path in parts:
            finished.update(read_table(path, ["unique_id"]).column(0).to_pylist())
        ids = planned.column("unique_id").to_pylist()
        left = np.flatnonzero([name not in finished for name in ids])
        return cls(
            folder,
            settings,
            planned.column("region")[0].as_py(),
            planned.column("row").to_numpy()[left],
            planned.column("attempt").to_numpy()[left],
            len(ids) - len(left),
            parts[-1][1] + 1 if parts else 0,
        )


@lru_cache(maxsize=1)
def _read_plan(path: Location, _modified: int) -> pa.Table:
    """Read the columns that tasks need; kept, because a worker runs many tasks of one plan."""
    return read_table(path, ["unique_id", "region", "row", "task", "attempt"])


def _store_as_planned(work: TaskWork) -> SeriesStore:
    store = SeriesStore.open(work.folder.store_of(work.settings))
    planned = work.settings.regions.get(work.region)
    now = store.regions.get(work.region, {}).get("content_hash")
    if now != planned:
        raise DaypartError(
            f"{store.folder}: region {work.region!r} changed since the run was planned",
            hint="run the same daypart fit again",
        )
    return store


def _next_size(size: int, seconds: float) -> int:
    """Return how many partitions the next block should have."""
    affordable = int(size * SECONDS_PER_BLOCK / max(seconds, 1e-6))
    return max(1, min(LARGEST_BLOCK, affordable, max(size * 16, FIRST_BLOCK)))


def _block_finished(task: int, rows: pa.Table, seconds: float) -> BlockFinished:
    status = rows.column("status").to_pylist()
    counts = {name: status.count(name) for name in ("ok", "failed", "skipped")}
    return BlockFinished(task, **counts, seconds=seconds)
