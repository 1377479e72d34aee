"""What a fit will take and cost, told before anything is submitted."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.engine.costs.outlook import (
    Foretells,
    Outlook,
    Uncertainty,
    outlook_of_workers,
    seconds_on,
)
from daypart.engine.executors.protocol import Executor, Task, TaskSize, executor_of_call
from daypart.engine.plan.packing import TARGET_MINUTES
from daypart.engine.plan.pilot import Costs, Pilot, costs_of, expected_seconds, hours_of, spread_of
from daypart.engine.plan.plan import draw_plan
from daypart.engine.results.folder import RunFolder, RunSettings
from daypart.engine.results.parts import Standing, standing_of
from daypart.engine.tasks.limits import Limits
from daypart.progress import SILENT, Progress
from daypart.runs.run.calendar import Calendar
from daypart.runs.run.parameters import GivenParameters
from daypart.runs.run.settings import settings_of_call
from daypart.series.store import SeriesStore
from daypart.storage.location import PathLike
from daypart.storage.tables import read_table


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
        Partitions whose seconds this is told from.
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


def estimate(
    store: PathLike,
    *,
    model: str = "negbin",
    parameters: GivenParameters | None = None,
    calendar: Calendar | None = None,
    timeout: float | None = None,
    memory: int | str | None = None,
    executor: str = "local",
    executor_settings: Mapping[str, Any] | PathLike | None = None,
    workers: int | None = None,
    earlier: PathLike | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Estimate:
    """Tell what fitting a store will take: tasks, hours and, on AWS Batch, dollars.

    A pilot of twenty partitions of all sizes is fitted on this machine, or an earlier run tells
    what it recorded. On AWS Batch the run is then rehearsed on a virtual clock, with the
    driver itself, hosts that come by and by and Spot that takes some of them.

    Parameters
    ----------
    store : path
    model, parameters, calendar, timeout, memory, executor, executor_settings, workers, seed
        As in `fit`.
    earlier : path, optional
        A run whose recorded seconds count instead of a pilot.
    progress : Progress

    Returns
    -------
    Estimate

    Raises
    ------
    DaypartError
        As `fit` raises before it starts.

    Examples
    --------
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.series.block import block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> estimate(f"{folder}/store", model="seasonal_naive").partitions
    1
    """
    opened = SeriesStore.open(store)
    runner = executor_of_call(executor, executor_settings, workers)
    measure = costs_of if earlier is None else partial(_recorded_costs, RunFolder.open(earlier))
    with tempfile.TemporaryDirectory(prefix="daypart-estimate-") as temporary:
        folder = RunFolder.at(temporary)
        settings = settings_of_call(
            folder,
            opened,
            model=model,
            parameters=parameters,
            calendar=calendar,
            limits=Limits.of(timeout, memory),
            seed=seed,
        )
        size = runner.task_size
        if size.minutes is None:
            size = TaskSize(TARGET_MINUTES, size.cores)
        with progress.step("measuring a pilot" if earlier is None else "reading an earlier run"):
            plan = draw_plan(folder, opened, settings, size=size, measure=measure)
        told = estimate_of_tasks(runner, plan.tasks, plan.costs, size.cores, progress)
        if runner.task_size.minutes is None:  # cut by number, not by what was measured
            cut = draw_plan(folder, opened, settings)
            each = told.core_seconds / max(len(cut.tasks), 1)
            told = replace(told, tasks=len(cut.tasks), task_seconds=each, longest_task_seconds=each)
    return told


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
        What these are told from; None where there is nothing to do.
    cores : int
        Of a task.
    progress : Progress
    rehearsals : int, optional
        How often the run is tried out; as often as is cheap when left out.
    """
    uncertainty = Uncertainty(costs.spread, costs.sample) if costs else Uncertainty(0.0, 0)
    if tasks and isinstance(runner, Foretells):
        outlook = runner.outlook(tasks, uncertainty, progress, rehearsals)
    else:
        outlook = outlook_of_workers(tasks, uncertainty, getattr(runner, "cores", 1))
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


def _recorded_costs(
    earlier: RunFolder,
    folder: RunFolder,
    store: SeriesStore,
    settings: RunSettings,
    standing: Standing,
    pending: NDArray[np.bool_],
) -> Costs:
    """Return what an earlier run recorded: by partition where it has it, by size elsewhere."""
    import pyarrow as pa
    import pyarrow.compute as pc

    there = standing_of(earlier, read_table(earlier.plan)).rows
    there = there.filter(pc.equal(there.column("status"), "ok"))
    if not len(there):
        return costs_of(folder, store, settings, standing, pending)
    sizes = there.column("hours").to_numpy().astype(np.int64)
    known = Pilot(sizes, there.column("seconds").to_numpy().astype(float), 0)
    rows = standing.rows.filter(pa.array(pending))
    place = pc.index_in(rows.column("unique_id"), value_set=there.column("unique_id"))
    own = there.column("seconds").take(place.combine_chunks()).to_numpy().astype(float)
    by_size = expected_seconds(known, hours_of(store, rows))
    return Costs(np.where(np.isnan(own), by_size, own), None, len(known.seconds), spread_of(known))
