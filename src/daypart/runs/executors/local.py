"""The local executor: worker processes on this machine."""

from __future__ import annotations

import selectors
import signal
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from daypart.errors import DaypartError, Interrupted
from daypart.runs.events import Event, OnEvent, TaskFailed, TaskFinished, event_from_line
from daypart.runs.executor import Request, Task, TaskSize
from daypart.runs.executors.process import WorkerProcess, worker_command
from daypart.runs.stopping import Stop
from daypart.runs.task import LARGEST_BLOCK, fail_first_partition, unfinished_partitions
from daypart.runs.threads import usable_cores
from daypart.storage import Location

_STRIKES = 2
"""A partition that was alone with its worker when that died so often is recorded as failed."""

_STARTS_TRIED = 3
"""So many workers may be killed before their first task until the run is given up."""

_POLL_SECONDS = 0.2
_SECONDS_TO_FLUSH = 30.0


@dataclass(frozen=True)
class LocalSettings:
    """What can be set of the local executor."""

    workers: int | None = field(
        default=None,
        metadata={"help": "processes; one for each core by default", "default": "(one a core)"},
    )

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise DaypartError(f"workers is {self.workers}", hint="give 1 or more")


class LocalExecutor:
    """Runs tasks in processes, one block of partitions in memory each.

    A worker that dies (killed, out of memory, a fault in compiled code) is replaced, and its task
    goes on after what it flushed. The block it died of is then fitted partition by partition, so
    that only the partition which kills again is recorded as failed.
    """

    name: ClassVar[str] = "local"
    settings_type: ClassVar[type[LocalSettings]] = LocalSettings
    task_size = TaskSize()

    def __init__(self, settings: LocalSettings | None = None) -> None:
        self.settings = settings or LocalSettings()
        self.workers = self.settings.workers or usable_cores()

    def requests(self, tasks: Sequence[Task]) -> list[Request]:
        """Return the commands of the workers, which share the tasks; see `Executor`."""
        indices = tuple(task.index for task in tasks)
        names = [f"{self.name}-{i}" for i in range(min(self.workers, len(tasks)))]
        return [
            Request("process", {"command": worker_command(tasks[0].run, name)}, indices)
            for name in names
        ]

    def active_tasks(self, run: Location) -> frozenset[int]:
        """Return nothing: its workers end with their driver."""
        return frozenset()

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, stop: Stop | None = None) -> None:
        """Run the tasks, starting in their order; see `Executor`."""
        if tasks:
            _Crew(tasks, min(self.workers, len(tasks)), on_event, stop or Stop()).work()

    def cancel(self, run: Location) -> int:
        """Return 0: its workers end with their driver."""
        return 0


class _Crew:
    """The workers of one call, and what is still to be given to them."""

    def __init__(self, tasks: Sequence[Task], size: int, on_event: OnEvent, stop: Stop) -> None:
        self.run = tasks[0].run
        self.waiting = deque((task.index, 0) for task in tasks)
        self.size = size
        self.tell = on_event
        self.stop = stop
        self.unfinished = {task.index for task in tasks}
        self.strikes: Counter[tuple[int, int]] = Counter()
        self.faults: list[str] = []
        self.crew: dict[int, WorkerProcess] = {}
        self.selector = selectors.DefaultSelector()
        self.hired = 0
        self.starts_lost = 0

    def work(self) -> None:
        """Give out tasks until none is left, or a stop is requested."""
        try:
            while self._give_out():
                if self.stop.requested:
                    self._let_flush()
                    break
                for key, _ in self.selector.select(_POLL_SECONDS):
                    self._hear(self.crew[key.fd])
        finally:
            for worker in list(self.crew.values()):
                self._part_with(worker, kill=worker.task is not None)
            self.selector.close()
        if self.faults:
            raise DaypartError(f"{self.run}: {self.faults[0]}")
        if self.unfinished:
            raise Interrupted(f"stopped by {self.stop.reason}")

    def _give_out(self) -> bool:
        """Give waiting tasks to idle workers; return whether any worker is busy."""
        while self.waiting and not self.faults and not self.stop.requested:
            worker = next((each for each in self.crew.values() if each.task is None), None)
            if worker is None and len(self.crew) < self.size:
                worker = self._hire()
            if worker is None:
                break
            worker.give(*self.waiting.popleft())
        return any(worker.task is not None for worker in self.crew.values())

    def _hire(self) -> WorkerProcess:
        worker = WorkerProcess.start(self.run, f"{LocalExecutor.name}-{self.hired}")
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
        if isinstance(event, TaskFinished | TaskFailed):
            worker.task = None
        if isinstance(event, TaskFinished):
            self.unfinished.discard(event.task)
        self.tell(event)

    def _replace(self, worker: WorkerProcess) -> None:
        """Go on after a worker ended by itself."""
        exit_code = self._part_with(worker)
        task = worker.task
        if task is None or self.stop.requested:
            return
        reason = _describe_exit(exit_code)
        if not worker.heard:
            self._lost_at_start(task, worker, exit_code)
            return
        one_by_one = worker.one_by_one_left
        alone = one_by_one > 0
        left = unfinished_partitions(self.run, task)
        self.strikes[task, left] += alone
        given_up = left > 0 and self.strikes[task, left] >= _STRIKES
        self.tell(TaskFailed(task, reason, will_retry=not given_up or left > 1))
        if given_up:
            event = fail_first_partition(self.run, task, reason)
            one_by_one, left = one_by_one - 1, left - 1
            if event is not None:
                self.tell(event)
        if left > 0:
            self.waiting.appendleft((task, one_by_one if alone else LARGEST_BLOCK))
        else:
            self.unfinished.discard(task)
            self.tell(TaskFinished(task, 0.0))

    def _lost_at_start(self, task: int, worker: WorkerProcess, exit_code: int) -> None:
        """Give the task to another worker, unless workers can't start at all."""
        self.starts_lost += 1
        if exit_code < 0 and self.starts_lost < _STARTS_TRIED:
            self.waiting.appendleft((task, worker.one_by_one_left))
            return
        reason = _describe_exit(exit_code)
        self.faults.append(f"{reason} before its first task; see {worker.log}")

    def _let_flush(self) -> None:
        """Ask all workers to flush, and wait for those that do so in time."""
        for worker in self.crew.values():
            worker.ask_to_stop()
        deadline = time.monotonic() + _SECONDS_TO_FLUSH
        while any(worker.task is not None for worker in self.crew.values()):
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
