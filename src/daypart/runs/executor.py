"""What every executor is: a name and one verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from daypart.errors import DaypartError, did_you_mean
from daypart.runs.events import OnEvent
from daypart.runs.stopping import Stop


@dataclass(frozen=True)
class Task:
    """One slice of a run's plan: all that a worker needs to know.

    Parameters
    ----------
    run : Path
        The run's folder.
    index : int
        The number that the plan gave the slice.
    """

    run: Path
    index: int


class Executor(Protocol):
    """Runs tasks somewhere and tells what happens.

    Every partition of every task has a row afterwards, whatever failed on the way, unless
    `stop` was requested: then `errors.Interrupted` is raised after running blocks are flushed.
    """

    name: str

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, stop: Stop | None = None) -> None:
        """Run the tasks in their order, and tell events until the last has ended."""


EXECUTORS = ("inline", "local")


def get_executor(name: str, workers: int | None = None) -> Executor:
    """Return an executor by its name.

    Parameters
    ----------
    name : str
        `inline` (in this process, for debugging and for little work) or `local` (processes).
    workers : int, optional
        Processes of `local`; one for each core that this process may use when left out.

    Raises
    ------
    DaypartError
        For an unknown name or fewer than one worker.

    Examples
    --------
    >>> get_executor("inline").name
    'inline'
    """
    from daypart.runs.executors.inline import InlineExecutor
    from daypart.runs.executors.local import LocalExecutor

    if workers is not None and workers < 1:
        raise DaypartError(f"workers is {workers}", hint="give 1 or more")
    if name == "inline":
        return InlineExecutor()
    if name == "local":
        return LocalExecutor(workers)
    raise DaypartError(f"no executor {name!r}", hint=did_you_mean(name, EXECUTORS))
