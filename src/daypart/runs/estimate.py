"""What a fit will take and cost, before anything is submitted."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daypart.engine.costs.estimate import Estimate, estimate_of_tasks
from daypart.engine.executors.protocol import TaskSize
from daypart.engine.executors.registry import executor_of_call
from daypart.engine.plan.packing import TARGET_MINUTES
from daypart.engine.plan.pilot import (
    Costs,
    Measurable,
    Pilot,
    costs_of,
    expected_seconds,
    spread_of,
)
from daypart.engine.results.folder import RunFolder, read_plan_table
from daypart.engine.results.parts import ResultIndex, index_results
from daypart.progress import SILENT, Progress
from daypart.runs.fitting.options import FitOptions, check_options
from daypart.runs.fitting.parents import parents_seconds
from daypart.runs.fitting.run_plan import FitPlanning, quickest
from daypart.runs.run.calendar import Calendar
from daypart.runs.run.parameters import GivenParameters
from daypart.series.store import SeriesStore
from daypart.storage.location import PathLike


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
    """Estimate what fitting a store will take: tasks, hours and, on AWS Batch, dollars.

    A pilot of twenty partitions of all sizes is fitted on this machine, or the records of an
    earlier run are used. On AWS Batch the run is then rehearsed on a virtual clock, with the
    driver itself, hosts that start gradually and Spot interruptions.

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
    recorded = None if earlier is None else RunFolder.open(earlier)
    options = FitOptions(
        model=model,
        parameters=parameters,
        calendar=calendar,
        timeout=timeout,
        memory=memory,
        seed=seed,
    )
    with tempfile.TemporaryDirectory(prefix="daypart-estimate-") as temporary:
        folder = RunFolder.at(temporary)
        planning = FitPlanning(folder, opened, check_options(folder, opened, options))
        runner = quickest(runner, opened.partitions, planning.settings)
        size = runner.task_size
        parents = parents_seconds(folder, opened, planning.settings, progress)
        if size.minutes is None:
            size = TaskSize(TARGET_MINUTES, size.cores)
        with progress.step("measuring a pilot" if earlier is None else "reading an earlier run"):
            measure = None if recorded is None else partial(_recorded_costs, recorded, planning)
            plan = planning.draw(size=size, measure=measure)
        by_number = runner.task_size.minutes is None  # cut so, not by what was measured
        cut = planning.draw().tasks if by_number else plan.tasks
        reported = estimate_of_tasks(
            runner,
            plan.tasks,
            plan.costs,
            size.cores,
            progress,
            parents_seconds=parents,
            pieces=len(cut),
        )
        if by_number:
            each = reported.core_seconds / max(len(cut), 1)
            reported = replace(
                reported, tasks=len(cut), task_seconds=each, longest_task_seconds=each
            )
    return reported


def _recorded_costs(
    earlier: RunFolder, work: Measurable, results: ResultIndex, pending: NDArray[np.bool_]
) -> Costs:
    """Return what an earlier run recorded: by partition where it has it, by size elsewhere."""
    there = index_results(earlier, read_plan_table(earlier)).rows
    there = there.filter(pc.equal(there.column("status"), "ok"))
    if not len(there):
        return costs_of(work, results, pending)
    sizes = there.column("hours").to_numpy().astype(np.int64)
    known = Pilot(sizes, there.column("seconds").to_numpy().astype(float), 0)
    rows = results.rows.filter(pa.array(pending))
    place = pc.index_in(rows.column("unique_id"), value_set=there.column("unique_id"))
    own = there.column("seconds").take(place.combine_chunks()).to_numpy().astype(float)
    by_size = expected_seconds(known, work.sizes(rows))
    return Costs(np.where(np.isnan(own), by_size, own), None, len(known.seconds), spread_of(known))
