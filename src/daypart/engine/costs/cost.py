"""What a run's work took, in core-seconds and in dollars, against what was expected of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from daypart.engine.costs.estimate import Estimate, estimate_of_tasks
from daypart.engine.costs.outlook import PredictsOutlook
from daypart.engine.executors.protocol import Executor
from daypart.engine.plan.plan import TaskPlan
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.history import Execution, read_history
from daypart.errors import DaypartError
from daypart.progress import SILENT
from daypart.storage.files import write_json
from daypart.storage.location import PathLike
from daypart.storage.shapes import read_document

RATES = "dollars_per_vcpu_hour"
"""In `execution.json`: what a vCPU-hour of each queue costs."""


@dataclass(frozen=True)
class RunCost:
    """What a run's work took, from its history.

    Parameters
    ----------
    used : float
        Core-seconds of blocks whose rows were kept.
    lost : float
        Core-seconds broken off by crashes, losses of machines and stops.
    idle : float
        Core-seconds held by executions and attempts beside that: starts, waiting, planning.
    partitions : int
        In the blocks kept.
    dollars : float or None
        Of all that was held on queues whose price is known; None where there is none. What
        hosts cost before and between children, disks and data transfer are not in it.
    dollars_lost, dollars_idle : float or None
        Its parts.
    expected : mapping or None
        The estimate that was kept with the run (`estimate.json`); None where none was.
    executions : sequence of Execution
        A row per call of `fit` that fitted something, and per attempt of a task on a cluster.
    unreadable : tuple of str
        Files of the history that are damaged, and not counted.
    """

    used: float
    lost: float
    idle: float
    partitions: int
    dollars: float | None
    dollars_lost: float | None
    dollars_idle: float | None
    expected: Mapping[str, Any] | None
    executions: Sequence[Execution]
    unreadable: tuple[str, ...] = ()


def cost(run: PathLike) -> RunCost:
    """Return what a run used, lost and left idle, and what that cost.

    Parameters
    ----------
    run : path

    Returns
    -------
    RunCost

    Raises
    ------
    DaypartError
        Where there is no run.
    """
    folder = RunFolder.open(run)
    # A driver whose tasks keep histories of their own holds no cores; counting both would
    # count their blocks twice.
    executions, unreadable = read_history(folder)
    kept = [each for each in executions if each.cores > 0]
    rates = read_rates(folder)
    estimate = read_document(folder.estimate, Estimate) if folder.estimate.exists() else None
    return RunCost(
        used=sum(each.used for each in kept),
        lost=sum(each.lost for each in kept),
        idle=sum(each.idle for each in kept),
        partitions=sum(each.partitions for each in kept),
        dollars=dollars_of([(each.queue, each.held) for each in kept], rates),
        dollars_lost=dollars_of([(each.queue, each.lost) for each in kept], rates),
        dollars_idle=dollars_of([(each.queue, each.idle) for each in kept], rates),
        expected=estimate,
        executions=kept,
        unreadable=unreadable,
    )


def dollars_so_far(folder: RunFolder, executions: Sequence[Execution]) -> float | None:
    """Return what executions cost; None where no price is known.

    Parameters
    ----------
    folder : RunFolder
    executions : sequence of Execution
    """
    held = [(each.queue, each.held) for each in executions if each.cores > 0]
    return dollars_of(held, read_rates(folder))


def dollars_of(held: Sequence[tuple[str, float]], rates: Mapping[str, float]) -> float | None:
    """Price core-seconds by queue; None where none of the queues has a price.

    Parameters
    ----------
    held : sequence of (str, float)
        Queue and core-seconds.
    rates : mapping of str to float
        Dollars of a vCPU-hour by queue.

    Examples
    --------
    >>> dollars_of([("spot", 7200.0), ("", 60.0)], {"spot": 0.02})
    0.04
    """
    priced = [seconds / 3600 * rates[queue] for queue, seconds in held if queue in rates]
    return sum(priced) if priced else None


def record_estimate(folder: RunFolder, executor: Executor, plan: TaskPlan) -> None:
    """Write what the plan of a new run is expected to take, for `cost` to compare with.

    The first estimate counts: what is resumed is a part of it. Without SimPy, which
    the rehearsal needs, there is none.

    Parameters
    ----------
    folder : RunFolder
    executor : Executor
    plan : TaskPlan
    """
    new = plan.pending == plan.partitions or not folder.estimate.exists()
    if not (new and plan.costs and isinstance(executor, PredictsOutlook)):
        return
    try:
        reported = estimate_of_tasks(
            executor, plan.tasks, plan.costs, executor.task_size.cores, SILENT, rehearsals=1
        )
    except DaypartError:
        return
    write_json(folder.estimate, asdict(reported))


@dataclass(frozen=True)
class ExecutionDocument:
    """`execution.json`: the executor of the last execution, and prices by queue."""

    executor: str
    settings: Mapping[str, Any]
    dollars_per_vcpu_hour: Mapping[str, float] = field(default_factory=dict)


def read_rates(folder: RunFolder) -> Mapping[str, float]:
    """Return the dollars of a vCPU-hour by queue that a run's executions recorded.

    Parameters
    ----------
    folder : RunFolder
    """
    if not folder.execution.exists():
        return {}
    rates: Mapping[str, float] = read_document(folder.execution, ExecutionDocument).get(RATES, {})
    return rates
