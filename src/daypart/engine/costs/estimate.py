"""What planned tasks are expected to take on an executor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from daypart.engine.costs.outlook import (
    Outlook,
    PredictsOutlook,
    Uncertainty,
    outlook_of_workers,
    seconds_on,
)
from daypart.engine.executors.protocol import Executor, Task
from daypart.engine.plan.pilot import Costs
from daypart.engine.tasks.attempt import LANES_PER_CORE
from daypart.progress import SILENT, Progress

SECONDS_A_ROW = 2e-4
"""Of the driver, for each partition: reading the index of results, and merging their parts."""

_PROCESSES = 2
"""One after the other in a task: that which the scheduler starts, and the workers of that."""


@dataclass(frozen=True)
class Estimate:
    """What a fit is expected to take.

    Parameters
    ----------
    executor : str
    partitions : int
    tasks : int
    core_seconds : float
        Of all fits together, on cores like those that were measured.
    task_seconds, longest_task_seconds : float
        Mean and longest of the tasks, on the cores that each has.
    measured_on : int
        Partitions whose seconds were measured.
    error : float
        Relative standard error of `core_seconds`.
    outlook : Outlook
        Duration, width, losses to Spot and dollars on the executor; planning included.
    start_seconds : float
        Of each process that fits: imports, and what the first fit loads. In `outlook`.
    planning_seconds : float
        Of the driver, before and after the fits: parents, pilot, tables of results. In `outlook`.
    """

    executor: str
    partitions: int
    tasks: int
    core_seconds: float
    task_seconds: float
    longest_task_seconds: float
    measured_on: int
    error: float
    outlook: Outlook
    start_seconds: float = 0.0
    planning_seconds: float = 0.0


def estimate_of_tasks(
    runner: Executor,
    tasks: tuple[Task, ...],
    costs: Costs | None,
    cores: int,
    progress: Progress = SILENT,
    rehearsals: int | None = None,
    parents_seconds: float = 0.0,
    pieces: int | None = None,
) -> Estimate:
    """Tell what planned tasks will take on an executor.

    Parameters
    ----------
    runner : Executor
    tasks : tuple of Task
        With expected seconds.
    costs : Costs or None
        The costs of their partitions; None where there is nothing to do.
    cores : int
        Of a task.
    progress : Progress
    rehearsals : int, optional
        How often the run is tried out; as often as is cheap when left out.
    parents_seconds : float
        Of what is fitted before the partitions.
    pieces : int, optional
        Tasks into which workers of this machine cut the work, where these are not `tasks`.
    """
    costs = costs or Costs(np.empty(0), None)
    uncertainty = Uncertainty(costs.spread, costs.sample)
    start, opening = costs.start_seconds, costs.task_seconds
    planning = parents_seconds + SECONDS_A_ROW * sum(task.partitions for task in tasks)
    if tasks and isinstance(runner, PredictsOutlook):
        planning += costs.wall_seconds  # a run there begins with a pilot, too
        started = _with_start(tasks, _PROCESSES * start + LANES_PER_CORE * opening, cores)
        outlook = runner.outlook(started, uncertainty, progress, rehearsals)
    else:
        each = opening * (pieces or len(tasks)) / max(len(tasks), 1)
        opened = _with_start(tasks, each, 1)
        outlook = outlook_of_workers(opened, uncertainty, max(runner.cores, 1), start)
    outlook = replace(
        outlook,
        seconds=outlook.seconds + planning,
        p95_seconds=outlook.p95_seconds + planning,
    )
    on_cores = [seconds_on(task, cores) for task in tasks] or [0.0]
    return Estimate(
        executor=runner.name,
        partitions=sum(task.partitions for task in tasks),
        tasks=len(tasks),
        core_seconds=sum(task.seconds or 0.0 for task in tasks),
        task_seconds=sum(on_cores) / len(on_cores),
        longest_task_seconds=max(on_cores),
        measured_on=uncertainty.sample,
        error=uncertainty.of_total,
        outlook=outlook,
        start_seconds=start,
        planning_seconds=planning,
    )


def _with_start(tasks: Sequence[Task], start: float, cores: int) -> tuple[Task, ...]:
    """Return tasks each of whose cores is busy for a while before and between its fits."""
    return tuple(
        replace(
            task,
            seconds=(task.seconds or 0.0) + start * cores,
            longest_seconds=(task.longest_seconds or 0.0) + start,
        )
        for task in tasks
    )
