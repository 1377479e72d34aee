"""A pool of worker processes of this machine that share slices of a run's plan."""

from __future__ import annotations

import secrets
import selectors
import signal
import time
from collections import Counter, deque
from collections.abc import Sequence

from daypart.engine.tasks.events import Event, OnEvent, TaskFailed, TaskFinished, event_from_line
from daypart.engine.tasks.process import WorkerProcess
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.task import (
    LARGEST_BLOCK,
    Slice,
    fail_first_partition,
    unfinished_partitions,
)
from daypart.errors import DaypartError, Interrupted, OutOfMemory
from daypart.storage.location import Location

_MOST_DEATHS = 2
"""Deaths of workers on a partition alone in its block until it is recorded as failed."""

_STARTS_TRIED = 3
"""Workers killed before their first task until the run is given up."""

_POLL_SECONDS = 0.2
_SECONDS_TO_FLUSH = 25.0
"""Less than what a cluster leaves between SIGTERM and SIGKILL."""


class WorkerPool:
    """Worker processes, and the slices that they have still to do.

    A worker that dies (killed, out of memory, a fault in compiled code) is replaced, and its
    slice continues after what it flushed. The block that it died of is then done row by row, so
    that only the row that kills a worker again is recorded as failed.

    Parameters
    ----------
    run : Location
    pieces : sequence of Slice
    size : int
        Most workers at once.
    on_event : callable
    stop : Stop
    name : str
        Workers and their logs are named by it, random letters and a number.
    one_by_one : int
        How many rows of each slice are done in blocks of one.
    escalates : bool
        When a worker is killed (SIGKILL, as the kernel does when memory runs out) although it does
        one row alone, leave its slice as it is and raise `OutOfMemory` at the end, so that the
        task is retried with more memory. Other signals are attributed to the row.
    """

    def __init__(
        self,
        run: Location,
        pieces: Sequence[Slice],
        size: int,
        on_event: OnEvent,
        stop: Stop,
        name: str = "local",
        one_by_one: int = 0,
        escalates: bool = False,
    ) -> None:
        self.run = run
        self.waiting = deque((piece, one_by_one) for piece in pieces)
        self.size = min(size, len(pieces))
        self.name = f"{name}-{secrets.token_hex(3)}"
        self.on_event = on_event
        self.stop = stop
        self.unfinished = set(pieces)
        self.deaths: Counter[tuple[Slice, int]] = Counter()
        self.faults: list[str] = []
        self.escalates = escalates
        self.killed = False
        self.processes: dict[int, WorkerProcess] = {}
        self.selector = selectors.DefaultSelector()
        self.started = 0
        self.deaths_at_start = 0

    def work(self) -> None:
        """Run slices until none remains, or a stop is requested."""
        try:
            while self._assign_slices():
                if self.stop.requested:
                    self._flush_all()
                    break
                for key, _ in self.selector.select(_POLL_SECONDS):
                    self._read_events(self.processes[key.fd])
        finally:
            for worker in list(self.processes.values()):
                self._end_worker(worker, kill=worker.piece is not None)
            self.selector.close()
        if self.faults:
            raise DaypartError(f"{self.run}: {self.faults[0]}")
        if self.killed and not self.stop.requested:
            raise OutOfMemory(
                f"{self.run}: a worker was killed repeatedly, as happens when memory runs out",
                hint="give the task more memory; its finished blocks are saved",
            )
        if self.unfinished:
            raise Interrupted(f"stopped by {self.stop.reason}")

    def _assign_slices(self) -> bool:
        """Assign waiting slices to idle workers; return whether any worker is busy."""
        while self.waiting and not self.faults and not self.stop.requested:
            worker = next((each for each in self.processes.values() if each.piece is None), None)
            if worker is None and len(self.processes) < self.size:
                worker = self._start_worker()
            if worker is None:
                break
            worker.assign(*self.waiting.popleft())
        return any(worker.piece is not None for worker in self.processes.values())

    def _start_worker(self) -> WorkerProcess:
        worker = WorkerProcess.start(self.run, f"{self.name}-{self.started}")
        self.started += 1
        self.processes[worker.events] = worker
        self.selector.register(worker.events, selectors.EVENT_READ)
        return worker

    def _end_worker(self, worker: WorkerProcess, *, kill: bool = False) -> int:
        self.selector.unregister(worker.events)
        del self.processes[worker.events]
        return worker.end(kill=kill)

    def _read_events(self, worker: WorkerProcess) -> None:
        lines, ended = worker.read_lines()
        for line in lines:
            self._note(worker, event_from_line(line))
        if ended:
            self._replace(worker)

    def _note(self, worker: WorkerProcess, event: Event) -> None:
        worker.note(event)
        if isinstance(event, TaskFailed):
            self.faults.append(event.reason)
        if isinstance(event, TaskFinished) and worker.piece is not None:
            self.unfinished.discard(worker.piece)
        if isinstance(event, TaskFinished | TaskFailed):
            worker.piece = None
        self.on_event(event)

    def _replace(self, worker: WorkerProcess) -> None:
        """Continue after a worker ended by itself."""
        exit_code = self._end_worker(worker)
        piece = worker.piece
        if piece is None or self.stop.requested:
            return
        reason = _describe_exit(exit_code)
        if not worker.has_reported:
            self._died_at_start(piece, worker, exit_code)
            return
        one_by_one = worker.one_by_one_left
        alone = one_by_one > 0
        left = unfinished_partitions(self.run, piece)
        self.deaths[piece, left] += alone
        given_up = left > 0 and self.deaths[piece, left] >= _MOST_DEATHS
        needs_memory = given_up and self._needs_memory(exit_code)
        will_retry = not given_up or needs_memory or left > 1
        self.on_event(TaskFailed(piece.task, reason, will_retry=will_retry))
        if needs_memory:
            self.killed = True
            return
        if given_up:
            event = fail_first_partition(self.run, piece, reason)
            one_by_one, left = one_by_one - 1, left - 1
            if event is not None:
                self.on_event(event)
        if left > 0:
            self.waiting.appendleft((piece, one_by_one if alone else LARGEST_BLOCK))
        else:
            self.unfinished.discard(piece)
            self.on_event(TaskFinished(piece.task, 0.0))

    def _died_at_start(self, piece: Slice, worker: WorkerProcess, exit_code: int) -> None:
        """Assign the slice to another worker, unless workers can't start at all."""
        self.deaths_at_start += 1
        if exit_code < 0 and self.deaths_at_start < _STARTS_TRIED:
            self.waiting.appendleft((piece, worker.one_by_one_left))
            return
        if self._needs_memory(exit_code):
            self.killed = True
            return
        reason = _describe_exit(exit_code)
        self.faults.append(f"before its first task: {reason}; see {worker.log}")

    def _needs_memory(self, exit_code: int) -> bool:
        return self.escalates and exit_code == -signal.SIGKILL

    def _flush_all(self) -> None:
        """Request all workers to flush, and wait for those that do so in time."""
        for worker in self.processes.values():
            worker.request_stop()
        deadline = time.monotonic() + _SECONDS_TO_FLUSH
        while any(worker.piece is not None for worker in self.processes.values()):
            if time.monotonic() > deadline:
                return
            for key, _ in self.selector.select(_POLL_SECONDS):
                self._read_events(self.processes[key.fd])


def _describe_exit(exit_code: int) -> str:
    """Describe how a process ended.

    Examples
    --------
    >>> _describe_exit(-9), _describe_exit(3)
    ('worker killed by signal 9, as when memory runs out', 'worker ended with exit code 3')
    """
    if exit_code == -signal.SIGALRM:
        return "took longer than the timeout, in code that could not be broken off"
    if exit_code == -signal.SIGKILL:
        return "worker killed by signal 9, as when memory runs out"
    if exit_code < 0:
        return f"worker killed by signal {-exit_code}"
    return f"worker ended with exit code {exit_code}"
