"""A crew: worker processes of this machine that share slices of a run's plan."""

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

_STRIKES = 2
"""A partition that was alone with its worker when that died so often is recorded as failed."""

_STARTS_TRIED = 3
"""So many workers may be killed before their first task until the run is given up."""

_POLL_SECONDS = 0.2
_SECONDS_TO_FLUSH = 25.0
"""Less than what a cluster leaves between SIGTERM and SIGKILL."""


class Crew:
    """Workers of this machine, and the slices that are still to be given to them.

    A worker that dies (killed, out of memory, a fault in compiled code) is replaced, and its
    slice goes on after what it flushed. The block it died of is then fitted partition by
    partition, so that only the partition which kills again is recorded as failed.

    Parameters
    ----------
    run : Location
    pieces : sequence of Slice
    size : int
        Most workers at once.
    on_event : callable
    stop : Stop
    name : str
        What workers and their logs are called, before a number and letters of this crew's own.
    one_by_one : int
        Fit so many partitions of each slice alone.
    escalates : bool
        Where a worker is killed (SIGKILL, as the kernel does when memory runs out) though it fits
        one partition alone, leave its slice as it is and raise `OutOfMemory` at the end, for
        somebody who gives it more. Other signals are the partition's own fault.
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
        self.tell = on_event
        self.stop = stop
        self.unfinished = set(pieces)
        self.strikes: Counter[tuple[Slice, int]] = Counter()
        self.faults: list[str] = []
        self.escalates = escalates
        self.killed = False
        self.crew: dict[int, WorkerProcess] = {}
        self.selector = selectors.DefaultSelector()
        self.hired = 0
        self.starts_lost = 0

    def work(self) -> None:
        """Give out slices until none is left, or a stop is requested."""
        try:
            while self._give_out():
                if self.stop.requested:
                    self._let_flush()
                    break
                for key, _ in self.selector.select(_POLL_SECONDS):
                    self._hear(self.crew[key.fd])
        finally:
            for worker in list(self.crew.values()):
                self._part_with(worker, kill=worker.piece is not None)
            self.selector.close()
        if self.faults:
            raise DaypartError(f"{self.run}: {self.faults[0]}")
        if self.killed and not self.stop.requested:
            raise OutOfMemory(
                f"{self.run}: a worker was killed again and again, as where memory runs out",
                hint="give the task more memory; its finished blocks are saved",
            )
        if self.unfinished:
            raise Interrupted(f"stopped by {self.stop.reason}")

    def _give_out(self) -> bool:
        """Give waiting slices to idle workers; return whether any worker is busy."""
        while self.waiting and not self.faults and not self.stop.requested:
            worker = next((each for each in self.crew.values() if each.piece is None), None)
            if worker is None and len(self.crew) < self.size:
                worker = self._hire()
            if worker is None:
                break
            worker.give(*self.waiting.popleft())
        return any(worker.piece is not None for worker in self.crew.values())

    def _hire(self) -> WorkerProcess:
        worker = WorkerProcess.start(self.run, f"{self.name}-{self.hired}")
        self.hired += 1
        self.crew[worker.events] = worker
        self.selector.register(worker.events, selectors.EVENT_READ)
        return worker

    def _part_with(self, worker: WorkerProcess, *, kill: bool = False) -> int:
        self.selector.unregister(worker.events)
        del self.crew[worker.events]
        return worker.end(kill=kill)

    def _hear(self, worker: WorkerProcess) -> None:
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
        self.tell(event)

    def _replace(self, worker: WorkerProcess) -> None:
        """Go on after a worker ended by itself."""
        exit_code = self._part_with(worker)
        piece = worker.piece
        if piece is None or self.stop.requested:
            return
        reason = _describe_exit(exit_code)
        if not worker.heard:
            self._lost_at_start(piece, worker, exit_code)
            return
        one_by_one = worker.one_by_one_left
        alone = one_by_one > 0
        left = unfinished_partitions(self.run, piece)
        self.strikes[piece, left] += alone
        given_up = left > 0 and self.strikes[piece, left] >= _STRIKES
        wants_memory = given_up and self._wants_memory(exit_code)
        will_retry = not given_up or wants_memory or left > 1
        self.tell(TaskFailed(piece.task, reason, will_retry=will_retry))
        if wants_memory:
            self.killed = True
            return
        if given_up:
            event = fail_first_partition(self.run, piece, reason)
            one_by_one, left = one_by_one - 1, left - 1
            if event is not None:
                self.tell(event)
        if left > 0:
            self.waiting.appendleft((piece, one_by_one if alone else LARGEST_BLOCK))
        else:
            self.unfinished.discard(piece)
            self.tell(TaskFinished(piece.task, 0.0))

    def _lost_at_start(self, piece: Slice, worker: WorkerProcess, exit_code: int) -> None:
        """Give the slice to another worker, unless workers can't start at all."""
        self.starts_lost += 1
        if exit_code < 0 and self.starts_lost < _STARTS_TRIED:
            self.waiting.appendleft((piece, worker.one_by_one_left))
            return
        if self._wants_memory(exit_code):
            self.killed = True
            return
        reason = _describe_exit(exit_code)
        self.faults.append(f"{reason} before its first task; see {worker.log}")

    def _wants_memory(self, exit_code: int) -> bool:
        return self.escalates and exit_code == -signal.SIGKILL

    def _let_flush(self) -> None:
        """Ask all workers to flush, and wait for those that do so in time."""
        for worker in self.crew.values():
            worker.ask_to_stop()
        deadline = time.monotonic() + _SECONDS_TO_FLUSH
        while any(worker.piece is not None for worker in self.crew.values()):
            if time.monotonic() > deadline:
                return
            for key, _ in self.selector.select(_POLL_SECONDS):
                self._hear(self.crew[key.fd])


def _describe_exit(exit_code: int) -> str:
    """Return how a process ended.

    Examples
    --------
    >>> _describe_exit(-9), _describe_exit(3)
    ('worker killed by signal 9', 'worker ended with exit code 3')
    """
    if exit_code == -signal.SIGALRM:
        return "took longer than the timeout, in code that could not be broken off"
    if exit_code < 0:
        return f"worker killed by signal {-exit_code}"
    return f"worker ended with exit code {exit_code}"
