"""What planned tasks are expected to take on an executor."""

from __future__ import annotations

from dataclasses import dataclass

from daypart.engine.costs.outlook import (
    Outlook,
    PredictsOutlook,
    Uncertainty,
    outlook_of_workers,
    seconds_on,
)
from daypart.engine.executors.protocol import Executor, Task
from daypart.engine.plan.pilot import Costs
from daypart.progress import SILENT, Progress


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
        Duration, width, losses to Spot and dollars on the executor.
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


def estimate_of_tasks(
    runner: Executor,
    tasks: tuple[Task, ...],
    costs: Costs | None,
    cores: int,
    progress: Progress = SILENT,
    rehearsals: int | None = None,
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
    """
    uncertainty = Uncertainty(costs.spread, costs.sample) if costs else Uncertainty(0.0, 0)
    if tasks and isinstance(runner, PredictsOutlook):
        outlook = runner.outlook(tasks, uncertainty, progress, rehearsals)
    else:
        outlook = outlook_of_workers(tasks, uncertainty, max(runner.cores, 1))
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
    )
