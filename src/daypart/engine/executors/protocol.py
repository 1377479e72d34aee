"""What every executor is: a name, a size of tasks, and one verb, `execute`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from daypart.engine.tasks.events import OnEvent
from daypart.engine.tasks.stopping import Stop
from daypart.storage.location import Location


@dataclass(frozen=True)
class Task:
    """One slice of a run's plan: all that a worker, and who hires it, needs to know.

    Parameters
    ----------
    run : Location
        The run's folder.
    index : int
        The number that the plan gave the slice.
    region : str
        Of its partitions, or the first of them where they are of several.
    partitions : int
    seconds : float or None
        Expected on one core; None where nothing was measured.
    memory_bytes : int or None
        What one worker is expected to need at its peak, with head room.
    longest_seconds : float or None
        Expected of its longest partition, which no number of cores makes shorter.
    least_memory_mib : int
        What an earlier driver reached for a partition of it that ran out of memory; 0 for none.
    """

    run: Location
    index: int
    region: str = ""
    partitions: int = 0
    seconds: float | None = None
    memory_bytes: int | None = None
    longest_seconds: float | None = None
    least_memory_mib: int = 0


@dataclass(frozen=True)
class TaskSize:
    """How an executor wants its tasks cut.

    Parameters
    ----------
    minutes : float or None
        How long a task should last; None: cut finely, by the number of partitions.
    cores : int
        Cores that a task has; it fits on all of them at once.
    least_minutes : float
        No task is planned shorter, unless cores would stand idle.
    at_once : int
        Tasks that can run at once; 0 where it is not known.
    """

    minutes: float | None = None
    cores: int = 1
    least_minutes: float = 3.0
    at_once: int = 0


BY_NUMBER = TaskSize()
"""Tasks cut by the number of their partitions."""


@dataclass(frozen=True)
class Request:
    """One thing that an executor would submit, exactly as it would.

    Parameters
    ----------
    kind : str
        What it is: `process`, `sbatch`, `SubmitJob` ...
    content : mapping
        What is sent: for a process its `command`; for an API call its parameters. JSON.
    tasks : tuple of int
        The tasks that it runs.
    """

    kind: str
    content: Mapping[str, Any]
    tasks: tuple[int, ...] = ()


class Executor(Protocol):
    """Runs tasks somewhere and reports events."""

    name: ClassVar[str]
    settings_type: ClassVar[type[Any]]
    """A frozen dataclass; every field has a default and `metadata={"help": ...}`."""

    @property
    def settings(self) -> Any:
        """The settings it was made with."""

    @property
    def cores(self) -> int:
        """Cores of this machine that it holds; 0 where its tasks run on others."""

    @property
    def task_size(self) -> TaskSize:
        """How it wants tasks cut."""

    def requests(self, tasks: Sequence[Task]) -> list[Request]:
        """Return what `execute` would submit now, without submitting or writing anything."""

    def active_tasks(self, run: Location) -> frozenset[int]:
        """Return the tasks of a run that an earlier driver started and that run or wait still.

        `fit` leaves their slices as they are and passes them to `execute`, which attaches.
        """

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, stop: Stop | None = None) -> None:
        """Run tasks, starting in their order, and report events until the last has ended.

        Every partition of every task has a row afterwards, whatever failed on the way, unless
        `stop` was requested: then `errors.Interrupted` is raised after running blocks are
        flushed.

        Parameters
        ----------
        tasks : sequence of Task
            Of one run.
        on_event : callable
            Called with every event.
        stop : Stop, optional
            Requests a stop when set.
        """

    def cancel(self, run: Location) -> int:
        """End what an earlier driver started for a run and left running; return how many tasks.

        What its tasks flushed stays.
        """


@runtime_checkable
class ChecksAccess(Protocol):
    """An executor that depends on more than this machine."""

    def check_access(self, run: Location) -> None:
        """Look whether it could run anything at all, before a new run is planned.

        Raises
        ------
        DaypartError
            For what is missing or closed there; planning can take minutes, this takes seconds.
        """
