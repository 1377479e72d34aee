"""What every executor is, and those there are: one small file each in `executors/`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from daypart.engine.executors.settings import read_executor_settings, read_settings_file
from daypart.engine.tasks.events import OnEvent
from daypart.engine.tasks.stopping import Stop
from daypart.errors import DaypartError, did_you_mean
from daypart.storage.location import Location, PathLike

EXECUTORS: Mapping[str, str] = {
    "inline": "daypart.engine.executors.inline:InlineExecutor",
    "local": "daypart.engine.executors.local:LocalExecutor",
    "slurm": "daypart.engine.executors.slurm.executor:SlurmExecutor",
    "aws-batch": "daypart.engine.executors.aws_batch.executor:AwsBatchExecutor",
}
"""Name to `module:class`. A class takes its settings, a dataclass named by `settings_type`."""


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
    """

    run: Location
    index: int
    region: str = ""
    partitions: int = 0
    seconds: float | None = None
    memory_bytes: int | None = None
    longest_seconds: float | None = None


@dataclass(frozen=True)
class TaskSize:
    """How an executor wants its tasks cut.

    Parameters
    ----------
    minutes : float or None
        How long a task should last; None: cut finely, by the number of partitions.
    cores : int
        Cores that a task has; it fits on all of them at once.
    """

    minutes: float | None = None
    cores: int = 1


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
    """Runs tasks somewhere and tells what happens."""

    name: ClassVar[str]
    settings_type: ClassVar[type[Any]]
    """A frozen dataclass; every field has a default and `metadata={"help": ...}`."""

    @property
    def settings(self) -> Any:
        """The settings it was made with."""

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
        """Run tasks, starting in their order, and tell events until the last has ended.

        Every partition of every task has a row afterwards, whatever failed on the way, unless
        `stop` was requested: then `errors.Interrupted` is raised after running blocks are
        flushed.
        """

    def cancel(self, run: Location) -> int:
        """End what an earlier driver started for a run and left running; return how many tasks.

        What its tasks flushed stays.
        """


@runtime_checkable
class LooksFirst(Protocol):
    """An executor that depends on more than this machine."""

    def look(self, run: Location) -> None:
        """Look whether it could run anything at all, before a new run is planned.

        Raises
        ------
        DaypartError
            For what is missing or closed there; planning can take minutes, this takes seconds.
        """


def get_executor(
    name: str, settings: Mapping[str, Any] | None = None, *, source: str | None = None
) -> Executor:
    """Return an executor by its name.

    Parameters
    ----------
    name : str
        One of `EXECUTORS`: `inline` (in this process, for debugging and for little work),
        `local` (processes of this machine), `slurm` (arrays of Slurm), `aws-batch` (array jobs
        of AWS Batch).
    settings : mapping, optional
        Its settings by name; each has a default.
    source : str, optional
        Where the settings stand, for messages.

    Raises
    ------
    DaypartError
        For an unknown name, an unknown setting or a value that it can't have; the message lists
        those there are.

    Examples
    --------
    >>> get_executor("local", {"workers": 2}).settings.workers
    2
    """
    kind = executor_class(name)
    values = read_executor_settings(
        kind.settings_type, settings or {}, source or f"executor {name}"
    )
    made: Executor = kind(values)
    return made


def executor_class(name: str) -> Any:
    """Return an executor's class, importing its file.

    Raises
    ------
    DaypartError
        For an unknown name.
    """
    if name not in EXECUTORS:
        raise DaypartError(f"no executor {name!r}", hint=did_you_mean(name, EXECUTORS))
    module, attribute = EXECUTORS[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def executor_of_call(
    name: str,
    settings: Mapping[str, Any] | PathLike | None = None,
    workers: int | None = None,
) -> Executor:
    """Return the executor that a call of `fit` names.

    Parameters
    ----------
    name : str
    settings : mapping or path, optional
        Its settings by name, or a TOML file of `[executor.NAME]` tables.
    workers : int, optional
        Goes before the setting of this name, where the executor has it.

    Raises
    ------
    DaypartError
        As `get_executor`, and for a file that can't be read.
    """
    kind, source = executor_class(name), None
    if settings is None or isinstance(settings, Mapping):
        given = dict(settings or {})
    else:
        given = read_settings_file(settings, name, EXECUTORS)
        source = f"{settings}: executor {name}"
    if workers is not None and workers < 1:
        raise DaypartError(f"workers is {workers}", hint="give 1 or more")
    if workers is not None and "workers" in kind.settings_type.__dataclass_fields__:
        given["workers"] = workers
    return get_executor(name, given, source=source)
