"""The task: all that a worker does with its slice of the plan, wherever it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import list_parts, list_tables, write_part
from daypart.engine.results.printed import PrintedLog
from daypart.engine.tasks.events import BlockFinished, Event, OnEvent
from daypart.engine.tasks.process_memory import process_memory
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.work import Enough, Work, open_work
from daypart.errors import DaypartError, Interrupted
from daypart.storage.location import Location, PathLike, file_name_of
from daypart.storage.tables import read_table, read_whole_tables

FIRST_BLOCK = 1
"""Of a process: what a row takes is not known before, and may be hours."""

SECOND_BLOCK = 32
"""The most after it: the first row may have been an easy one."""

LARGEST_BLOCK = 512
SECONDS_PER_BLOCK = 8.0
"""Blocks are cut to last about as long, so that a stop or a lost worker costs little."""


@dataclass(frozen=True)
class Slice:
    """What one worker does of a task: all, or one of several lanes beside each other.

    Parameters
    ----------
    task : int
        The task's number in `plan.parquet`.
    lane, lanes : int
        Number of runs of neighbours into which the partitions of the task are divided.
    """

    task: int
    lane: int = 0
    lanes: int = 1


def lanes_of(task: int, partitions: int, lanes: int) -> list[Slice]:
    """Divide a task into lanes, none of them empty.

    Parameters
    ----------
    task : int
    partitions : int
    lanes : int
        Most lanes.

    Examples
    --------
    >>> lanes_of(7, 2, 4)
    [Slice(task=7, lane=0, lanes=2), Slice(task=7, lane=1, lanes=2)]
    """
    count = max(1, min(lanes, partitions))
    return [Slice(task, lane, count) for lane in range(count)]


@dataclass(frozen=True)
class TaskResult:
    """What one call of a task fitted.

    Parameters
    ----------
    ok, failed, skipped : int
        Partitions by status.
    already_done : int
        Partitions of the slice with a row from an earlier call.
    next_block : int
        How many partitions the next block should have, as the last went.
    """

    ok: int
    failed: int
    skipped: int
    already_done: int
    next_block: int = FIRST_BLOCK


def run_task(
    run: PathLike,
    piece: Slice | int,
    *,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    one_by_one: int = 0,
    first_block: int | None = None,
    log: PrintedLog | None = None,
) -> TaskResult:
    """Do one slice of a plan, block by block; a second call starts where the first ended.

    In a run its partitions are fitted; see `Work` for what else there is. A block's rows are
    flushed as one part before the next block starts. When a model raises, the block is divided
    until the partitions that it fails on are alone; they get a row with status `failed`, the
    reason and the traceback, the others are fitted.

    Parameters
    ----------
    run : path
        A run's folder.
    piece : Slice or int
        A task's number, or a lane of it.
    on_event : callable, optional
        Told `BlockFinished` after every block.
    stop : Stop, optional
        Looked at between blocks, and between rows that are done one after the other.
    one_by_one : int
        Fit so many of the partitions in blocks of one (after a worker died of one of them).
    first_block : int, optional
        Partitions of the first block; one when left out, to learn how long it takes.
    log : PrintedLog, optional
        Where what the model prints goes, so that rows can say where theirs is.

    Returns
    -------
    TaskResult

    Raises
    ------
    Interrupted
        After a request to stop; what was flushed stays.
    DaypartError
        Where the run has no such task, or the store is gone or changed since the plan.
    """
    work = TaskWork.open(run, piece)
    done = {"ok": 0, "failed": 0, "skipped": 0}
    position, size = 0, first_block or FIRST_BLOCK
    while position < len(work.rows):
        if stop is not None and stop.requested:
            raise Interrupted(f"task {work.task}: stopped by {stop.reason}")
        started = time.perf_counter()
        enough = partial(_is_enough, stop, started + SECONDS_PER_BLOCK)
        rows = work.do(position, 1 if position < one_by_one else size, log, enough)
        seconds = time.perf_counter() - started
        event = _block_finished(work.task, rows, seconds)
        for status in done:
            done[status] += getattr(event, status)
        position += len(rows)
        size = _next_size(len(rows), seconds)
        if on_event is not None:
            on_event(event)
    return TaskResult(**done, already_done=work.already_done, next_block=size)


def fail_first_partition(run: PathLike, piece: Slice | int, reason: str) -> Event | None:
    """Record the first unfinished partition of a slice as failed, or as its fallback fits it.

    Executors call it when a worker died on that partition alone, again and again.

    Parameters
    ----------
    run : path
    piece : Slice or int
        A task's number, or a lane of it.
    reason : str

    Returns
    -------
    BlockFinished or None
        None where nothing is unfinished.
    """
    work = TaskWork.open(run, piece)
    if len(work.rows) == 0:
        return None
    rows = work.give_up(reason)
    return _block_finished(work.task, rows, 0.0)


def unfinished_partitions(run: PathLike, piece: Slice | int) -> int:
    """Return how many partitions of a slice have no row from it yet.

    Parameters
    ----------
    run : path
    piece : Slice or int
        A task's number, or a lane of it.
    """
    return len(TaskWork.open(run, piece).rows)


@dataclass
class TaskWork:
    """The remainder of a slice: partitions without a row of the attempt that was planned.

    Parameters
    ----------
    regions : str array, shape (partitions,)
    rows : int array, shape (partitions,)
        Positions in the region's file.
    attempts : int array, shape (partitions,)
    next_block : int
        The number of the next part.
    lanes : int
        Step of the numbers of parts, so that two lanes never give the same number.
    """

    folder: RunFolder
    work: Work
    task: int
    regions: np.ndarray[Any, Any]
    rows: np.ndarray[Any, Any]
    attempts: np.ndarray[Any, Any]
    already_done: int
    next_block: int
    lanes: int

    @classmethod
    def open(cls, run: PathLike, piece: Slice | int) -> TaskWork:
        """Read the slice from the plan, less what its parts (and tables of regions) hold.

        Parameters
        ----------
        run : path
        piece : Slice or int
            A task's number, or a lane of it.
        """
        piece = Slice(piece) if isinstance(piece, int) else piece
        folder = RunFolder.open(run)
        work = open_work(folder)
        planned = _planned(folder, piece)
        regions = planned.column("region").to_numpy(zero_copy_only=False)
        work.check(np.unique(regions).tolist())
        parts = list_parts(folder, piece.task)
        files = [path for _, _, path in parts]
        names = {file_name_of(region) for region in np.unique(regions).tolist()}
        files += [path for name, _, path in list_tables(folder) if name in names]
        left = np.flatnonzero(~_has_row(planned, files))
        return cls(
            folder,
            work,
            piece.task,
            regions[left],
            planned.column("row").to_numpy()[left],
            planned.column("attempt").to_numpy()[left],
            len(planned) - len(left),
            _first_block_number(parts[-1][1] + 1 if parts else 0, piece),
            piece.lanes,
        )

    def do(self, position: int, most: int, log: PrintedLog | None, enough: Enough) -> pa.Table:
        """Do the partitions from a position on, and flush their rows: of one region, as one part.

        Parameters
        ----------
        position : int
            Of the first row, in the slice.
        most : int
            Most rows.
        log : PrintedLog or None
            Where what is printed meanwhile goes.
        enough : callable
            See `Work.do`.
        """
        block = self._block(position, min(most, self.work.most_at_once))
        return self._flush(self.work.do(*block, log, enough))

    def give_up(self, reason: str) -> pa.Table:
        """Flush the row of the first partition, which can't be done."""
        return self._flush(self.work.give_up(*self._block(0, 1), reason))

    def _block(self, position: int, most: int) -> tuple[str, list[int], np.ndarray[Any, Any]]:
        region = self.regions[position]
        some = self.regions[position : position + most]
        others = np.flatnonzero(some != region)
        stop = position + (int(others[0]) if len(others) else len(some))
        return region, self.rows[position:stop].tolist(), self.attempts[position:stop]

    def _flush(self, rows: pa.Table) -> pa.Table:
        write_part(self.folder, self.task, self.next_block, rows)
        self.next_block += self.lanes
        return rows


def _first_block_number(least: int, piece: Slice) -> int:
    """Return the first number from `least` on that belongs to a lane."""
    return least + (piece.lane - least) % piece.lanes


def _planned(folder: RunFolder, piece: Slice) -> pa.Table:
    """Return a slice of the plan, by region and row."""
    plan = _read_plan(folder.plan, folder.plan.stat().st_mtime_ns)
    planned = plan.filter(pc.equal(plan.column("task"), piece.task))
    if len(planned) == 0:
        raise DaypartError(f"{folder.plan}: no task {piece.task}")
    planned = planned.sort_by([("region", "ascending"), ("row", "ascending")])
    ends = [len(planned) * lane // piece.lanes for lane in (piece.lane, piece.lane + 1)]
    return planned.slice(ends[0], ends[1] - ends[0])


def _has_row(planned: pa.Table, files: Sequence[Location]) -> np.ndarray[Any, Any]:
    """Tell which planned partitions have a row of the planned attempt, or of a later one."""
    finished = np.zeros(len(planned), bool)
    for table in filter(None, read_whole_tables(files, ["unique_id", "attempt"])):
        ids = table.column("unique_id").combine_chunks()
        place = pc.index_in(planned.column("unique_id"), value_set=ids).combine_chunks()
        found = pc.is_valid(place).to_numpy(zero_copy_only=False)
        attempt = table.column("attempt").take(pc.fill_null(place, 0).cast(pa.int64())).to_numpy()
        finished |= found & (attempt >= planned.column("attempt").to_numpy())
    return finished


@lru_cache(maxsize=1)
def _read_plan(path: Location, _modified: int) -> pa.Table:
    """Read the columns that tasks need; kept, because a worker runs many tasks of one plan."""
    return read_table(path, ["unique_id", "region", "row", "task", "attempt"])


def _is_enough(stop: Stop | None, until: float) -> bool:
    """Tell whether a block ends before its last row: after its time, or on a request to stop."""
    return time.perf_counter() >= until or (stop is not None and stop.requested)


def _next_size(size: int, seconds: float) -> int:
    """Return how many partitions the next block should have."""
    affordable = int(size * SECONDS_PER_BLOCK / max(seconds, 1e-6))
    return max(1, min(LARGEST_BLOCK, affordable, max(size * 16, SECOND_BLOCK)))


def _block_finished(task: int, rows: pa.Table, seconds: float) -> BlockFinished:
    status = rows.column("status").to_pylist()
    counts = {name: status.count(name) for name in ("ok", "failed", "skipped")}
    peak = process_memory("VmHWM")
    return BlockFinished(task, **counts, seconds=seconds, peak_bytes=peak)
