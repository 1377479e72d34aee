"""What a run is expected to take, before it starts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from daypart.progress import Progress
from daypart.runs.executor import Task

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
        Partitions that this is told from; 0 where nothing was measured.
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
        The most at work at once.
    limited_by : str
        What keeps that from being more.
    memory_mib : int or None
        That a task asks for at first.
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
class Foretells(Protocol):
    """An executor that knows how its cluster behaves."""

    def outlook(
        self,
        tasks: Sequence[Task],
        uncertainty: Uncertainty,
        progress: Progress,
        rehearsals: int | None = None,
    ) -> Outlook:
        """Return what tasks with expected seconds will take, tried out so often."""


@runtime_checkable
class Priced(Protocol):
    """An executor whose cores cost money."""

    def dollars_per_vcpu_hour(self) -> Mapping[str, float]:
        """Return the price by queue; empty where it is not known."""


def plain_outlook(tasks: Sequence[Task], uncertainty: Uncertainty, cores: int | None) -> Outlook:
    """Return what tasks take on so many cores, or all at once where that is not known.

    Examples
    --------
    >>> from pathlib import Path
    >>> tasks = [Task(Path("run"), i, seconds=60.0, longest_seconds=20.0) for i in range(3)]
    >>> plain_outlook(tasks, Uncertainty(0.5, 25), 2).seconds
    90.0
    """
    longest = max((task.longest_seconds or 0.0 for task in tasks), default=0.0)
    if cores:
        whole = max(sum(task.seconds or 0.0 for task in tasks) / cores, longest)
    else:
        whole = max((task.seconds or 0.0 for task in tasks), default=0.0)
    return Outlook(
        arrays=0,
        seconds=whole,
        p95_seconds=whole * (1 + _TAIL * uncertainty.of_total),
        cores=cores or len(tasks),
        limited_by="its number of workers" if cores else "the number of tasks",
    )
