"""What a run is expected to take, before it starts."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from daypart.engine.executors.protocol import Task
from daypart.progress import Progress

_TAIL = 1.6449
"""Standard deviations above the mean that 95 % of a normal law stay under."""


@dataclass(frozen=True)
class Uncertainty:
    """How well the seconds of partitions are known.

    Parameters
    ----------
    spread : float
        Standard deviation of a partition's seconds, relative to what is expected of it.
    sample : int
        Partitions that were measured; 0 where nothing was measured.
    """

    spread: float
    sample: int

    @property
    def of_total(self) -> float:
        """Relative standard error of all seconds together."""
        return self.spread / math.sqrt(self.sample) if self.sample else 0.0


@dataclass(frozen=True)
class Bill:
    """Dollars of one way to buy the same work.

    Parameters
    ----------
    name : str
    dollars, p95_dollars : float
        Expected, and what 95 runs in a hundred stay under.
    """

    name: str
    dollars: float
    p95_dollars: float


@dataclass(frozen=True)
class Outlook:
    """What tasks are expected to take on an executor.

    Parameters
    ----------
    arrays : int
        Jobs to submit.
    seconds, p95_seconds : float
        From the first submit to the last row.
    cores : int
        The most that work at once.
    limited_by : str
        What keeps that from being more.
    memory_mib : int or None
        That a task requests at first.
    interruptions : float
        Tasks expected to be lost to Spot and tried again.
    lost_share : float
        Of the work that this throws away.
    bills : tuple of Bill
    warnings : tuple of str
    """

    arrays: int
    seconds: float
    p95_seconds: float
    cores: int
    limited_by: str
    memory_mib: int | None = None
    interruptions: float = 0.0
    lost_share: float = 0.0
    bills: tuple[Bill, ...] = ()
    warnings: tuple[str, ...] = ()


@runtime_checkable
class PredictsOutlook(Protocol):
    """An executor that knows how its cluster behaves."""

    def outlook(
        self,
        tasks: Sequence[Task],
        uncertainty: Uncertainty,
        progress: Progress,
        rehearsals: int | None = None,
    ) -> Outlook:
        """Return what tasks with expected seconds will take, tried out so often.

        Parameters
        ----------
        tasks : sequence of Task
            With expected seconds.
        uncertainty : Uncertainty
        progress : Progress
        rehearsals : int, optional
            How often the run is rehearsed; as often as is cheap by default.
        """


@runtime_checkable
class Priced(Protocol):
    """An executor whose cores cost money."""

    def dollars_per_vcpu_hour(self) -> Mapping[str, float]:
        """Return the price by queue; empty where it is not known."""


def outlook_of_workers(
    tasks: Sequence[Task], uncertainty: Uncertainty, workers: int, start_seconds: float = 0.0
) -> Outlook:
    """Return what tasks take that some processes share, block by block.

    Parameters
    ----------
    tasks : sequence of Task
        With expected seconds.
    uncertainty : Uncertainty
    workers : int
        Processes at work at once.
    start_seconds : float
        Of each of them.

    Examples
    --------
    >>> from pathlib import Path
    >>> tasks = [Task(Path("run"), i, seconds=60.0, longest_seconds=20.0) for i in range(3)]
    >>> outlook_of_workers(tasks, Uncertainty(0.5, 25), 2).seconds
    90.0
    """
    longest = max((task.longest_seconds or 0.0 for task in tasks), default=0.0)
    whole = max(sum(task.seconds or 0.0 for task in tasks) / workers, longest)
    whole += start_seconds if tasks else 0.0
    return Outlook(
        arrays=0,
        seconds=whole,
        p95_seconds=whole * (1 + _TAIL * uncertainty.of_total),
        cores=workers,
        limited_by="its number of workers",
    )


def outlook_of_cluster(
    tasks: Sequence[Task], uncertainty: Uncertainty, *, cores: int, at_once: int, arrays: int
) -> Outlook:
    """Return what tasks take on a cluster that runs a limited number of them at once.

    Parameters
    ----------
    tasks : sequence of Task
    uncertainty : Uncertainty
    cores : int
        Of a task.
    at_once : int
        Tasks; 0: all of them, which is as quick as it can be. Waiting for others is not in it.
    arrays : int

    Examples
    --------
    >>> from pathlib import Path
    >>> tasks = [Task(Path("run"), i, seconds=60.0, longest_seconds=20.0) for i in range(3)]
    >>> outlook_of_cluster(tasks, Uncertainty(0.5, 25), cores=2, at_once=2, arrays=1).seconds
    60.0
    """
    room = [0.0] * min(at_once or len(tasks), len(tasks))
    for seconds in sorted((seconds_on(task, cores) for task in tasks), reverse=True):
        heapq.heapreplace(room, room[0] + seconds)
    whole = max(room, default=0.0)
    return Outlook(
        arrays=arrays,
        seconds=whole,
        p95_seconds=whole * (1 + _TAIL * uncertainty.of_total),
        cores=len(room) * cores,
        limited_by="at_once" if len(room) < len(tasks) else "the number of tasks",
    )


def seconds_on(task: Task, cores: int) -> float:
    """Return what a task takes on its cores: its longest partition is on one of them.

    Parameters
    ----------
    task : Task
    cores : int
        Of the task.
    """
    return max((task.seconds or 0.0) / cores, task.longest_seconds or 0.0)
