"""The progress of a run, from its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.engine.costs.cost import dollars_so_far
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.history import Execution, read_history
from daypart.engine.results.parts import MISSING_STATUS, ResultIndex, index_results
from daypart.storage.location import Location, PathLike
from daypart.storage.tables import read_table

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
        Partitions a second over the last minute of work; None where it is not known yet.
    seconds_left : float or None
        At that rate.
    dollars : float or None
        So far, as in `cost`; None where no price is known.
    running : bool
        Whether a driver holds the run (where it lies on disk: on this machine).
    """

    run: Location
    model: str
    partitions: int
    ok: int
    failed: int
    skipped: int
    missing: int
    by_region: Mapping[str, Mapping[str, int]]
    failures: Mapping[str, int]
    slowest: Sequence[tuple[str, float]]
    slowest_tasks: Sequence[tuple[int, float]]
    fit_seconds: float
    rate: float | None
    seconds_left: float | None
    dollars: float | None
    running: bool


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
    folder = RunFolder.open(run)
    results = index_results(folder, read_table(folder.plan))
    states = results.statuses()
    counts = Counter(states.tolist())
    executions = read_history(folder)
    rate = _recorded_rate(executions) or _rate_of_parts(results)
    missing = counts[MISSING_STATUS]
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
        seconds_left=missing / rate if rate and missing else (None if missing else 0.0),
        dollars=dollars_so_far(folder, executions),
        running=folder.is_locked(),
    )


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


def _recorded_rate(executions: Sequence[Execution]) -> float | None:
    """Return partitions a second, from what attempts recorded: it outlives their parts."""
    blocks = [block for each in executions if each.cores > 0 for block in each.finished]
    return _rate(np.array([at for at, _ in blocks]), np.array([count for _, count in blocks]))


def _rate_of_parts(results: ResultIndex) -> float | None:
    """Return partitions a second, from the times at which parts were written."""
    written = np.array([path.stat().st_mtime for path in results.parts])
    parts = results.rows.column("part").drop_null().to_numpy()
    return _rate(written, np.bincount(parts, minlength=len(written)))


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
