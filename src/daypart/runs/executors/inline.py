"""The inline executor: tasks one after the other in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence

from daypart.runs.events import OnEvent, TaskFinished, TaskStarted
from daypart.runs.executor import Task
from daypart.runs.stopping import Stop
from daypart.runs.task import run_task


class InlineExecutor:
    """Runs tasks here: for debugging, and where the work is less than starting processes."""

    name = "inline"

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, stop: Stop | None = None) -> None:
        """Run the tasks in their order; see `Executor`."""
        for task in tasks:
            started = time.perf_counter()
            on_event(TaskStarted(task.index, self.name))
            run_task(task.run, task.index, on_event=on_event, stop=stop)
            on_event(TaskFinished(task.index, time.perf_counter() - started))
