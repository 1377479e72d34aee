"""The pilot: a few partitions fitted before a run, to know what all of them will take."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.engine.executors.workers import WorkerPool
from daypart.engine.plan.packing import memory_request
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import MISSING_STATUS, ResultIndex, index_results
from daypart.engine.tasks.events import BlockFinished, Event, TaskFinished
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.task import Slice
from daypart.errors import Interrupted
from daypart.storage.files import make_folder
from daypart.storage.tables import write_table

SAMPLE = 20
STRATA = 5
BUDGET_SECONDS = 60.0
"""A pilot ends then with what it has; a partition that took longer gets a task of its own."""

NEIGHBOURS = 161
"""Fitted as the engine does: one alone, then blocks of 32 and of 128, the last of which counts."""

_SECONDS_OF_A_BLOCK = 1.0
"""A block that took as long is enough to measure by."""

_CLEARLY_LESS = 0.8
_ENOUGH_KNOWN = 50


class Measurable(Protocol):
    """Work of which a sample can be done beforehand, to measure it."""

    def sizes(self, rows: pa.Table) -> NDArray[np.int64]:
        """Return the sizes of rows of a plan, such as hours: seconds are interpolated by them."""

    def write_copy(self, folder: RunFolder) -> None:
        """Make a folder's tasks do this work: write all but its plan; warm up what they share."""


@dataclass(frozen=True)
class Pilot:
    """What was measured.

    Parameters
    ----------
    hours : int64 array, shape (sample,)
        Sizes of the partitions fitted.
    seconds : float64 array, shape (sample,)
        In a block of many, where that saves something to speak of, else alone. Empty where
        none ended within the budget.
    peak_bytes : int
        Highest memory of the process that fitted them.
    start_seconds : float
        From the start of a process to its second fit: imports, and what the first fit loads.
    task_seconds : float
        Of a task beside its fits: opening it, reading its rows and writing their part.
    wall_seconds : float
        Of the pilot itself.
    """

    hours: NDArray[np.int64]
    seconds: NDArray[np.float64]
    peak_bytes: int
    start_seconds: float = 0.0
    task_seconds: float = 0.0
    wall_seconds: float = 0.0


def choose_sample(hours: NDArray[np.int64], most: int = SAMPLE) -> NDArray[np.int64]:
    """Choose partitions of all sizes: evenly over their ranks, one of middle size first.

    The first warms up what the model loads or compiles, and its seconds do not count.

    Parameters
    ----------
    hours : int array, shape (partitions,)
        Sizes of the partitions.
    most : int
        Of the sample.

    Examples
    --------
    >>> choose_sample(np.array([10, 40, 20, 30]), 3).tolist()
    [3, 0, 1]
    """
    order = np.argsort(hours, kind="stable")
    ranks = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    chosen = order[ranks].tolist()
    if not chosen:
        return np.empty(0, np.int64)
    middle = chosen.pop((len(chosen) - 1) // 2)
    return np.array([middle, *chosen], np.int64)


def choose_neighbours(
    rows: pa.Table, sample: NDArray[np.int64], most: int = NEIGHBOURS
) -> NDArray[np.int64]:
    """Choose partitions that may be fitted as one block, none of them of the sample.

    Blocks never span regions, so these are neighbours in the middle of the largest one.

    Parameters
    ----------
    rows : pyarrow.Table
        Of a plan.
    sample : int64 array, shape (sample,)
        Positions in `rows`, as are those returned.
    most : int
    """
    left = np.setdiff1d(np.arange(len(rows)), sample)
    if not len(left):
        return left
    regions = rows.column("region").to_numpy(zero_copy_only=False).astype(str)[left]
    names, counts = np.unique(regions, return_counts=True)
    own = left[regions == names[counts.argmax()]]
    own = own[np.argsort(rows.column("row").to_numpy()[own], kind="stable")]
    first = max(0, (len(own) - most) // 2)
    chosen: NDArray[np.int64] = own[first : first + most]
    return chosen


def expected_seconds(pilot: Pilot, hours: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what partitions are expected to take, by their size.

    The sample is divided into strata of about equal numbers by size; between the means of
    strata seconds are interpolated, beyond them they stay.

    Parameters
    ----------
    pilot : Pilot
    hours : int64 array, shape (partitions,)

    Returns
    -------
    float64 array, shape (partitions,)
        `BUDGET_SECONDS` where nothing was measured.

    Examples
    --------
    >>> pilot = Pilot(np.array([10, 20]), np.array([1.0, 2.0]), 0)
    >>> expected_seconds(pilot, np.array([5, 15, 99])).tolist()
    [1.0, 1.5, 2.0]
    """
    if len(pilot.seconds) == 0:
        return np.full(len(hours), BUDGET_SECONDS)
    order = np.argsort(pilot.hours, kind="stable")
    strata = [each for each in np.array_split(order, STRATA) if len(each)]
    sizes = np.array([pilot.hours[each].mean() for each in strata])
    means = np.array([pilot.seconds[each].mean() for each in strata])
    kinds, of_kind = np.unique(sizes, return_inverse=True)
    joined = np.bincount(of_kind, means) / np.bincount(of_kind)
    return np.interp(hours, kinds, joined)


@dataclass(frozen=True)
class Costs:
    """What partitions are expected to take.

    Parameters
    ----------
    seconds : float64 array, shape (partitions,)
    memory_bytes : int or None
        Of one worker, with head room.
    sample : int
        Partitions whose seconds were measured; 0 where nothing was measured.
    spread : float
        Standard deviation of a partition's seconds, relative to what was expected of it.
    start_seconds, task_seconds, wall_seconds : float
        As in `Pilot`; 0 where there was none.
    """

    seconds: NDArray[np.float64]
    memory_bytes: int | None
    sample: int = 0
    spread: float = 0.0
    start_seconds: float = 0.0
    task_seconds: float = 0.0
    wall_seconds: float = 0.0


def costs_of(work: Measurable, results: ResultIndex, pending: NDArray[np.bool_]) -> Costs:
    """Return what the pending partitions of a run are expected to take.

    A partition that was fitted before counts with the seconds of then; the others go by size,
    measured on rows that are there or, where these are few, on a pilot.

    Parameters
    ----------
    work : Measurable
    results : ResultIndex
        Of all partitions.
    pending : bool array, shape (partitions of the results,)
    """
    rows = results.rows.filter(_mask(pending))
    hours = work.sizes(rows)
    before = rows.column("seconds").to_numpy().astype(float)
    known = results.rows.filter(_mask(results.statuses() == "ok"))
    if len(known) >= _ENOUGH_KNOWN:
        sizes = known.column("hours").to_numpy().astype(np.int64)
        pilot = Pilot(sizes, known.column("seconds").to_numpy().astype(float), 0)
    else:
        sample = choose_sample(hours)
        neighbours = rows.take(choose_neighbours(rows, sample))
        pilot = run_pilot(work, rows.take(sample), neighbours)
    seconds = np.where(np.isnan(before), expected_seconds(pilot, hours), before)
    memory = memory_request([pilot.peak_bytes], base=0.0, workers=1) if pilot.peak_bytes else None
    return Costs(
        seconds,
        memory,
        len(pilot.seconds),
        spread_of(pilot),
        pilot.start_seconds,
        pilot.task_seconds,
        pilot.wall_seconds,
    )


def spread_of(pilot: Pilot) -> float:
    """Return the relative standard deviation of seconds around those expected by size.

    Examples
    --------
    >>> spread_of(Pilot(np.array([10, 10, 10]), np.array([1.0, 2.0, 3.0]), 0))
    0.5
    """
    if len(pilot.seconds) < 2:
        return 0.0
    expected = np.maximum(expected_seconds(pilot, pilot.hours), np.finfo(float).tiny)
    mean = pilot.seconds.mean()
    # Relative to the mean, so that a partition that takes next to nothing does not count most.
    return float(np.std((pilot.seconds - expected) / max(mean, 1e-9), ddof=1))


def run_pilot(
    work: Measurable,
    sample: pa.Table,
    neighbours: pa.Table | None = None,
    budget: float | None = None,
) -> Pilot:
    """Fit a sample, partition by partition, in a worker process and a folder of its own.

    Then neighbours in blocks: where a fit takes milliseconds, most of them go into what a block
    costs whatever its size, and a block of one takes many times what a partition takes in a run.

    Parameters
    ----------
    work : Measurable
    sample : pyarrow.Table
        Rows of a plan.
    neighbours : pyarrow.Table, optional
        Rows of one region, none of them of the sample.
    budget : float, optional
        Seconds; `BUDGET_SECONDS` when left out.
    """
    stop, peaks, alone = Stop(), [0], len(sample)
    blocks: list[BlockFinished] = []
    began, started, whole = time.monotonic(), [0.0], [0.0]

    def tell(event: Event) -> None:
        if isinstance(event, TaskFinished) and event.task < alone:
            whole.append(event.seconds)
        if isinstance(event, BlockFinished):
            if not blocks:
                started.append(time.monotonic() - began)
            blocks.append(event)
            peaks.append(event.peak_bytes)
            if event.task == alone and event.ok > 1 and event.seconds > _SECONDS_OF_A_BLOCK:
                stop.request("pilot")

    with tempfile.TemporaryDirectory(prefix="daypart-pilot-") as temporary:
        place = RunFolder.at(temporary)
        make_folder(place.parts)
        work.write_copy(place)
        plan = _plan_of(sample, neighbours)
        write_table(place.plan, plan)
        clock = threading.Timer(
            BUDGET_SECONDS if budget is None else budget, stop.request, ("pilot",)
        )
        clock.start()
        began = time.monotonic()
        try:
            with suppress(Interrupted):
                pieces = [Slice(task) for task in np.unique(plan.column("task")).tolist()]
                WorkerPool(place.path, pieces, 1, tell, stop, name="pilot", one_by_one=1).work()
        finally:
            clock.cancel()
        results = index_results(place, plan)
        pilot = _measured(results, alone, blocks)
    fits = results.rows.filter(_mask(results.rows.column("task").to_numpy() < alone))
    usual = float(np.nan_to_num(np.median(fits.column("seconds").drop_null() or [0.0])))
    return replace(
        pilot,
        peak_bytes=max(peaks),
        start_seconds=max(0.0, started[-1] - usual),
        task_seconds=max(0.0, float(np.median(whole[1:] or [0.0])) - usual),
        wall_seconds=time.monotonic() - began,
    )


def _measured(results: ResultIndex, alone: int, blocks: Sequence[BlockFinished]) -> Pilot:
    """Return the measurements of the tasks below `alone`, and of the blocks of that one."""
    done = results.rows.filter(_mask(results.statuses() != MISSING_STATUS)).sort_by("task")
    hours = done.column("hours").to_numpy().astype(np.int64)
    seconds = done.column("seconds").to_numpy().astype(float)
    single = done.column("task").to_numpy() < alone
    warm = slice(1, None) if single.sum() > 2 else slice(None)
    pilot = Pilot(hours[single][warm], seconds[single][warm], 0)
    if single.all() or not single.any():
        return pilot
    parts, sizes = np.unique(done.column("part").to_numpy()[~single], return_counts=True)
    block = ~single & (done.column("part").to_numpy() == parts[sizes.argmax()])
    # Of the same partitions: what they take as a block, over what they would take one by one.
    expected = max(expected_seconds(pilot, hours[block]).sum(), 1e-9)
    if sizes.max() < 2 or not 0 < seconds[block].sum() / expected < _CLEARLY_LESS:
        return pilot
    # With what a block takes beside its fits: reading, hashing and writing its rows.
    whole = max(e.seconds for e in blocks if e.task == alone and e.partitions == sizes.max())
    return Pilot(pilot.hours, pilot.seconds * whole / expected, 0)


def _plan_of(sample: pa.Table, neighbours: pa.Table | None) -> pa.Table:
    """Return a plan with a task for each partition of a sample, and one for all neighbours."""
    count = len(sample)
    plan = sample.select(["unique_id", "region", "row"])
    tasks = list(range(count))
    if neighbours is not None:
        plan = pa.concat_tables([plan, neighbours.select(plan.column_names)])
        tasks += [count] * len(neighbours)
    plan = plan.append_column("task", pa.array(tasks, pa.int32()))
    plan = plan.append_column("attempt", pa.array([1] * len(plan), pa.int32()))
    return plan.append_column("content_hash", pa.nulls(len(plan), pa.string()))


def _mask(values: NDArray[Any] | Sequence[bool]) -> pa.Array:
    return pa.array(np.asarray(values, bool))
