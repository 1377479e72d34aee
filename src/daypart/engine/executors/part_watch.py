"""The progress of tasks that run elsewhere, seen from the result parts that they flush."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from daypart.engine.executors.protocol import Task
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import list_parts
from daypart.engine.tasks.attempt import attempt_name
from daypart.engine.tasks.events import BlockFinished, Event, TaskFinished, TaskStarted
from daypart.engine.tasks.task import fail_first_partition, unfinished_partitions
from daypart.storage.location import Location
from daypart.storage.tables import read_table


class TaskProgress(Protocol):
    """Which rows of tasks exist: the truth, where a scheduler knows only which tasks ended."""

    def unfinished(self) -> Sequence[int]:
        """Return the tasks of which rows are missing, in their order."""

    def rows_left(self, task: int) -> int:
        """Return how many rows of a task were missing when parts were last listed."""

    def finished_already(self) -> Sequence[Event]:
        """Return the events of tasks that were finished before the first look."""

    def new_events(self) -> Sequence[Event]:
        """Look for new parts, and return what happened since the last look."""

    def give_up(self, task: int, reason: str, *, everything: bool) -> Sequence[Event]:
        """Record a task's next row as failed, or all that are missing.

        Parameters
        ----------
        task : int
        reason : str
        everything : bool
            Whether all missing rows are recorded; only the next one when false.
        """

    def last_output(self, task: int) -> str:
        """Return the last line that the task printed; empty where it is not known."""


class PartWatch:
    """Looks for new parts of some tasks of one run; a `TaskProgress`.

    Parts are the truth of a run, so an executor whose tasks run on other machines needs no message
    from them: every new part is a finished block, and a task is finished when its parts hold a
    row for every partition of its slice.

    Parameters
    ----------
    tasks : sequence of Task
        Of one run, not empty. Rows of parts that exist already count, and have no events.
    worker : str
        The name in `TaskStarted`.
    """

    def __init__(self, tasks: Sequence[Task], worker: str) -> None:
        self.folder = RunFolder.at(tasks[0].run)
        self.worker = worker
        self._left = {task.index: task.partitions for task in tasks}
        self._known = self._list_parts()
        while True:
            for task in {task for task, _ in self._known}:
                self._left[task] = unfinished_partitions(self.folder.path, task)
            counted, self._known = self._known, self._list_parts()
            if counted == self._known:  # else a part came in between, and may be counted or not
                break
        self._seconds = dict.fromkeys(self._left, 0.0)
        self._started: set[int] = set()

    def unfinished(self) -> Sequence[int]:
        """Return the tasks of which rows are missing, in their order."""
        return [task for task, left in self._left.items() if left > 0]

    def rows_left(self, task: int) -> int:
        """Return how many rows of a task were missing when parts were last listed."""
        return self._left[task]

    def finished_already(self) -> Sequence[Event]:
        """Return the events of tasks that were finished before the first look."""
        events: list[Event] = []
        for task, left in self._left.items():
            if left <= 0 and task not in self._started:
                events += [*self._start(task), TaskFinished(task, 0.0)]
        return events

    def new_events(self) -> Sequence[Event]:
        """Look for new parts, and return what happened since the last look."""
        events: list[Event] = []
        for block in self._new_blocks():
            events += [*self._start(block.task), block]
            self._seconds[block.task] += block.seconds
            if self._left[block.task] <= 0:
                events.append(TaskFinished(block.task, self._seconds[block.task]))
        return events

    def give_up(self, task: int, reason: str, *, everything: bool) -> Sequence[Event]:
        """Record a task's next row as failed, or all that are missing.

        Parameters
        ----------
        task : int
        reason : str
        everything : bool
            Whether all missing rows are recorded; only the next one when false.
        """
        for _ in range(self._left[task] if everything else 1):
            fail_first_partition(self.folder.path, task, reason)
        return self.new_events()

    def last_output(self, task: int) -> str:
        """Return the last line of the task's newest log; empty where there is none."""
        logs: list[Location] = list(self.folder.logs.glob(f"{attempt_name(task)}-*.log"))
        if not logs:
            return ""
        newest = max(logs, key=lambda path: path.stat().st_mtime_ns)
        lines = newest.read_text(encoding="utf-8").strip().splitlines()
        return lines[-1] if lines else ""

    def _start(self, task: int) -> list[Event]:
        """Return the event of a task's start, the first time."""
        if task in self._started:
            return []
        self._started.add(task)
        return [TaskStarted(task, self.worker)]

    def _list_parts(self) -> set[tuple[int, int]]:
        return {(task, block) for task, block, _ in list_parts(self.folder) if task in self._left}

    def _new_blocks(self) -> Iterable[BlockFinished]:
        for task, block, path in list_parts(self.folder):
            if task not in self._left or (task, block) in self._known:
                continue
            self._known.add((task, block))
            rows = read_table(path, ["status", "seconds"])
            status = rows.column("status").to_pylist()
            counts = {name: status.count(name) for name in ("ok", "failed", "skipped")}
            self._left[task] -= len(status)
            seconds = float(np.nansum(rows.column("seconds").to_numpy()))
            yield BlockFinished(task, **counts, seconds=seconds)
