"""What has rows: the driver's view of the run's parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from daypart.engine.executors.protocol import Task
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.part_watch import PartWatch
from daypart.engine.tasks.attempt import attempt_name
from daypart.engine.tasks.events import Event
from daypart.engine.tasks.task import fail_first_partition
from daypart.storage.location import Location


class Results(Protocol):
    """What the driver asks about rows."""

    def unfinished(self) -> Sequence[int]:
        """Return the tasks of which rows are missing, in their order."""

    def rows_left(self, task: int) -> int:
        """Return how many partitions of a task have no row, as far as was looked."""

    def finished_before(self) -> Sequence[Event]:
        """Return the events of tasks that need no work."""

    def news(self) -> Sequence[Event]:
        """Look for new rows, and return what happened."""

    def give_up(self, task: int, reason: str, *, everything: bool) -> Sequence[Event]:
        """Record a task's next partition as failed, or all that it left."""

    def last_words(self, task: int) -> str:
        """Return what the task printed last; empty where that is not known."""


class PartResults:
    """Results in the run's own parts."""

    def __init__(self, run: Location, tasks: Sequence[Task], worker: str) -> None:
        self.run = run
        self.order = [task.index for task in tasks]
        self.watch = PartWatch(tasks, worker)

    def unfinished(self) -> Sequence[int]:
        """Return the tasks of which rows are missing, in their order."""
        left = self.watch.unfinished
        return [task for task in self.order if task in left]

    def rows_left(self, task: int) -> int:
        """Return how many partitions of a task have no row, as far as was looked."""
        return self.watch.rows_left[task]

    def finished_before(self) -> Sequence[Event]:
        """Return the events of tasks that need no work."""
        return self.watch.finish_without_blocks()

    def news(self) -> Sequence[Event]:
        """Look for new rows, and return what happened."""
        return self.watch.events()

    def give_up(self, task: int, reason: str, *, everything: bool) -> Sequence[Event]:
        """Record a task's next partition as failed, or all that it left."""
        for _ in range(self.watch.rows_left[task] if everything else 1):
            fail_first_partition(self.run, task, reason)
        return self.watch.events()

    def last_words(self, task: int) -> str:
        """Return the last line of the task's newest log; empty where there is none."""
        logs: list[Location] = list(RunFolder.at(self.run).logs.glob(f"{attempt_name(task)}-*.log"))
        if not logs:
            return ""
        modified = [path.stat().st_mtime_ns for path in logs]
        lines = logs[modified.index(max(modified))].read_text(encoding="utf-8").strip().splitlines()
        return lines[-1] if lines else ""
