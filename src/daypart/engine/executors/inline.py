"""The inline executor: tasks one after the other in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from daypart.engine.executors.protocol import Request, Task, TaskSize
from daypart.engine.tasks.events import OnEvent, TaskFinished, TaskStarted
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.task import run_task
from daypart.storage.location import Location


@dataclass(frozen=True)
class InlineSettings:
    """The inline executor has nothing to set."""


class InlineExecutor:
    """Runs tasks here: for debugging, and where the work is less than starting processes."""

    name: ClassVar[str] = "inline"
    settings_type: ClassVar[type[InlineSettings]] = InlineSettings
    task_size = TaskSize()
    cores = 1

    def __init__(self, settings: InlineSettings | None = None) -> None:
        self.settings = settings or InlineSettings()

    def requests(self, tasks: Sequence[Task]) -> list[Request]:
        """Return the calls of `run_task`; see `Executor`."""
        return [
            Request("call", {"run_task": [str(task.run), task.index]}, (task.index,))
            for task in tasks
        ]

    def active_tasks(self, run: Location) -> frozenset[int]:
        """Return nothing: its tasks end with their driver."""
        return frozenset()

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, stop: Stop | None = None) -> None:
        """Run the tasks in their order; see `Executor`.

        Parameters
        ----------
        tasks : sequence of Task
            Of one run.
        on_event : callable
            Called with every event.
        stop : Stop, optional
            Requests a stop when set.
        """
        pace: int | None = None
        for task in tasks:
            started = time.perf_counter()
            on_event(TaskStarted(task.index, self.name))
            done = run_task(task.run, task.index, on_event=on_event, stop=stop, first_block=pace)
            pace = done.next_block
            on_event(TaskFinished(task.index, time.perf_counter() - started))

    def cancel(self, run: Location) -> int:
        """Return 0: its tasks end with their driver."""
        return 0
