"""The progress of a run, from its files alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.engine.costs.cost import dollars_so_far
from daypart.engine.executors.array.records import Records
from daypart.engine.plan.planning_record import planning_of
from daypart.engine.results.folder import RunFolder, read_plan_table
from daypart.engine.results.history import ATTEMPT, Execution, read_history, short_name
from daypart.engine.results.parts import MISSING_STATUS, ResultIndex, index_results
from daypart.storage.location import Location, PathLike

FAILURES_NAMED = 20
_SLOWEST_NAMED = 5
_RATE_WINDOW_SECONDS = 60.0


@dataclass(frozen=True)
class RunStatus:
    """The progress of a run.

    Parameters
    ----------
    run : Location
    model : str
    partitions : int
        Of the plan; `ok + failed + skipped + missing` add up to it.
    ok, failed, skipped, missing : int
        `missing` partitions have no row yet.
    by_region : mapping of str to mapping of str to int
        The same counts in each region.
    failures : mapping of str to int
        Kinds of failure (the reason up to its first colon), the most frequent first.
    slowest : sequence of (str, float)
        `unique_id` and seconds.
    slowest_tasks : sequence of (int, float)
        Task and the seconds of its fits together.
    fit_seconds : float
        Seconds of all fits together.
    rate : float or None
        Partitions a second: over the last minute up to now while it runs, or longer where
        nothing ended in that; else over the last minute of work. None where it is not known yet.
    seconds_left : float or None
        At that rate, and at least as long as nothing has ended.
    dollars : float or None
        So far, as in `cost`; None where no price is known.
    running : bool
        Whether a driver holds the run (where it lies on disk: on this machine).
    planning : str or None
        What the driver does before the plan is there: the parents, the pilot.
    arrays : int
        Without a driver: arrays that it left, of which none has seen the end.
    failed_partitions : sequence of (str, str)
        `unique_id` and reason of the first of them.
    fallbacks : int
        Partitions among `ok` with a reason: what was to be done failed, and something else
        stood in.
    unreadable : tuple of str
        Files of results and of the history that are damaged, and not counted.
    """

    run: Location
    model: str = ""
    partitions: int = 0
    ok: int = 0
    failed: int = 0
    skipped: int = 0
    missing: int = 0
    by_region: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    slowest: Sequence[tuple[str, float]] = ()
    slowest_tasks: Sequence[tuple[int, float]] = ()
    fit_seconds: float = 0.0
    rate: float | None = None
    seconds_left: float | None = None
    dollars: float | None = None
    running: bool = False
    planning: str | None = None
    arrays: int = 0
    failed_partitions: Sequence[tuple[str, str]] = ()
    fallbacks: int = 0
    unreadable: tuple[str, ...] = ()


def status(run: PathLike) -> RunStatus:
    """Return the progress of a run, while it is running or afterwards.

    Parameters
    ----------
    run : path
        A run's folder.

    Returns
    -------
    RunStatus

    Raises
    ------
    DaypartError
        Where there is no run.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.runs.fit import fit
    >>> from daypart.series.store import SeriesStore
    >>> from daypart.series.block import block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> _ = fit(f"{folder}/store", run=f"{folder}/run", model="seasonal_naive")
    >>> status(f"{folder}/run").by_region
    {'a': {'ok': 1}}
    """
    folder = RunFolder.at(run)
    locked = folder.is_locked()
    planning = planning_of(folder) if locked else None
    if planning is not None and not folder.holds_run():
        return RunStatus(folder.path, running=True, planning=planning)
    folder = RunFolder.open(run)
    results = index_results(folder, read_plan_table(folder))
    states = results.statuses()
    counts = Counter(states.tolist())
    executions, unreadable = read_history(folder)
    missing = counts[MISSING_STATUS]
    arrays = 0 if locked or not missing else _arrays_without_driver(folder)
    silent = 0.0
    if missing and (locked or arrays):
        rate, silent = _rate_now(results, _beginning(executions, locked=locked))
    else:
        rate = _rate_before(executions, results)
    seconds = results.rows.column("seconds").to_numpy()
    return RunStatus(
        run=folder.path,
        model=str(folder.read_description().get("model", "")),
        partitions=len(states),
        ok=counts["ok"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        missing=missing,
        by_region=_by_region(results),
        failures=_failures(results),
        slowest=_slowest(results),
        slowest_tasks=_slowest_tasks(results),
        fit_seconds=float(np.nansum(seconds.astype(np.float64))),
        rate=rate,
        seconds_left=_seconds_left(missing, rate, silent),
        dollars=dollars_so_far(folder, executions),
        running=locked,
        planning=planning,
        arrays=arrays,
        failed_partitions=_failed_partitions(results),
        fallbacks=results.fallbacks(),
        unreadable=(*map(short_name, results.damaged), *unreadable),
    )


def _beginning(executions: Sequence[Execution], *, locked: bool) -> float | None:
    """Return when the driver began, or without one the first attempt that goes on."""
    if locked:
        return max((each.started for each in executions if each.executor != ATTEMPT), default=None)
    return min((each.started for each in executions if each.goes_on), default=None)


def _arrays_without_driver(folder: RunFolder) -> int:
    return sum(not record.ended for record in Records(folder.path).read())


def _by_region(results: ResultIndex) -> dict[str, dict[str, int]]:
    grouped = results.rows.group_by(["region", "status"]).aggregate([([], "count_all")])
    by_region: dict[str, dict[str, int]] = {}
    for row in grouped.sort_by([("region", "ascending"), ("status", "ascending")]).to_pylist():
        by_region.setdefault(row["region"], {})[row["status"]] = row["count_all"]
    return by_region


def _failures(results: ResultIndex) -> dict[str, int]:
    failed = results.rows.take(np.flatnonzero(results.statuses() == "failed"))
    reasons = failed.column("reason").to_pylist()
    return dict(Counter((reason or "unknown").split(":")[0] for reason in reasons).most_common())


def _failed_partitions(results: ResultIndex) -> list[tuple[str, str]]:
    failed = np.flatnonzero(results.statuses() == "failed")[:FAILURES_NAMED]
    rows = results.rows.select(["unique_id", "reason"]).take(failed).to_pylist()
    return [(row["unique_id"], row["reason"] or "unknown") for row in rows]


def _slowest(results: ResultIndex) -> list[tuple[str, float]]:
    fitted = results.rows.filter(results.rows.column("seconds").is_valid())
    fitted = fitted.sort_by([("seconds", "descending"), ("unique_id", "ascending")])
    rows = fitted.slice(0, _SLOWEST_NAMED).select(["unique_id", "seconds"]).to_pylist()
    return [(row["unique_id"], row["seconds"]) for row in rows]


def _slowest_tasks(results: ResultIndex) -> list[tuple[int, float]]:
    fitted = results.rows.filter(results.rows.column("seconds").is_valid())
    by_task = fitted.group_by("task").aggregate([("seconds", "sum")])
    by_task = by_task.sort_by([("seconds_sum", "descending"), ("task", "ascending")])
    rows = by_task.slice(0, _SLOWEST_NAMED).to_pylist()
    return [(row["task"], row["seconds_sum"]) for row in rows if row["task"] is not None]


def _seconds_left(missing: int, rate: float | None, silent: float) -> float | None:
    """Return how long the missing partitions take: no less than nothing has ended for."""
    if not missing:
        return 0.0
    return max(missing / rate, silent) if rate else None


def _rate_now(results: ResultIndex, began: float | None) -> tuple[float | None, float]:
    """Return partitions a second up to this moment, and the seconds since the last ones ended.

    Over the last minute, or a longer window where nothing ended in that, but not over a pause
    before this driver began. What is being fitted now counts as time, too.
    """
    now = time.time()
    if began is None:
        return None, 0.0
    written, rows = _rows_of_parts(results)
    ours = written >= began
    if not ours.any():
        return None, 0.0
    silent = now - float(written[ours].max())
    seconds = min(max(_RATE_WINDOW_SECONDS, 2 * silent), now - began)
    recent = rows[ours & (written >= now - seconds)].sum()
    return (float(recent / seconds) if seconds > 0 else None), silent


def _rows_of_parts(results: ResultIndex) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return when each file of results was written, and the partitions whose rows it holds."""
    written = np.array([path.stat().st_mtime for path in results.parts])
    parts = results.rows.column("part").drop_null().to_numpy()
    return written, np.bincount(parts, minlength=len(written))


def _rate_before(executions: Sequence[Execution], results: ResultIndex) -> float | None:
    """Return partitions a second at the end of the last work.

    As attempts recorded it, which outlives their parts, or else as parts were written.
    """
    blocks = [block for each in executions if each.cores > 0 for block in each.finished]
    recorded = _rate(np.array([at for at, _ in blocks]), np.array([count for _, count in blocks]))
    return recorded or _rate(*_rows_of_parts(results))


def _rate(written: NDArray[Any], rows: NDArray[Any]) -> float | None:
    """Return rows a second over the last minute in which some were written."""
    if len(written) < 2:
        return None
    order = np.argsort(written)
    written, rows = written[order], rows[order]
    recent = written >= written[-1] - _RATE_WINDOW_SECONDS
    first = int(np.argmax(recent))
    seconds = written[-1] - written[first]
    return float(rows[first + 1 :].sum() / seconds) if seconds > 0 else None
