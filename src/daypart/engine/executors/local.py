"""The local executor: worker processes on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from daypart.engine.executors.protocol import Request, Task, TaskSize
from daypart.engine.executors.workers import WorkerPool
from daypart.engine.tasks.events import OnEvent
from daypart.engine.tasks.process import worker_command
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.task import Slice
from daypart.engine.tasks.threads import usable_cores
from daypart.errors import DaypartError
from daypart.storage.location import Location


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
    """Runs tasks in worker processes, one block of partitions in memory each; see `WorkerPool`."""

    name: ClassVar[str] = "local"
    settings_type: ClassVar[type[LocalSettings]] = LocalSettings
    task_size = TaskSize()

    def __init__(self, settings: LocalSettings | None = None) -> None:
        self.settings = settings or LocalSettings()
        self.workers = self.settings.workers or usable_cores()
        self.cores = self.workers

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
        """Run the tasks, starting in their order; see `Executor`.

        Parameters
        ----------
        tasks : sequence of Task
            Of one run.
        on_event : callable
            Called with every event.
        stop : Stop, optional
            Requests a stop when set.
        """
        if tasks:
            pieces = [Slice(task.index) for task in tasks]
            WorkerPool(tasks[0].run, pieces, self.workers, on_event, stop or Stop()).work()

    def cancel(self, run: Location) -> int:
        """Return 0: its workers end with their driver."""
        return 0
