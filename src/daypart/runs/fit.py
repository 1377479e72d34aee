"""Fit one model to every partition of a store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from daypart.engine.execution import execute_plan
from daypart.engine.executors.protocol import ChecksAccess, Request
from daypart.engine.executors.registry import executor_of_call
from daypart.engine.plan.plan import TaskPlan
from daypart.engine.plan.planning_record import planning_recorded, removed_if_not_planned
from daypart.engine.plan.take_over import take_over_rows
from daypart.engine.results.compaction import LEAST_SHARE, compact_regions
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.history import short_name
from daypart.engine.results.parts import MISSING_STATUS, ResultIndex, index_results
from daypart.engine.tasks.stopping import interruptible
from daypart.errors import DamagedFile
from daypart.models.protocol import HasKernels
from daypart.models.registry import get_model
from daypart.progress import SILENT, Progress
from daypart.runs.fitting.fit_work import store_as_planned
from daypart.runs.fitting.options import FitOptions, check_options, check_same_run
from daypart.runs.fitting.run_plan import FitPlanning, quickest
from daypart.runs.run.calendar import Calendar
from daypart.runs.run.parameters import GivenParameters
from daypart.series.store import SeriesStore
from daypart.storage.location import Location, PathLike

_FAILURES_NAMED = 5


@dataclass(frozen=True)
class RunReport:
    """What a call of `fit` did, and the progress of the run.

    Parameters
    ----------
    run : Location
    partitions : int
        Of the store; `ok + failed + skipped` add up to it.
    ok, failed, skipped : int
        Partitions by status, of this and of earlier calls.
    fitted : int
        Partitions that this call fitted.
    already_done : int
        Partitions whose row was there before.
    taken_over : int
        Partitions whose row this call took from an earlier run.
    seconds : float
    failures : tuple of (str, str)
        The first failed partitions, `unique_id` and reason.
    fallbacks : int
        Partitions among `ok` on which the model failed and its fallback did not.
    unreadable : tuple of str
        Files of results that are damaged: their partitions were fitted again.
    """

    run: Location
    partitions: int
    ok: int
    failed: int
    skipped: int
    fitted: int
    already_done: int
    seconds: float
    failures: tuple[tuple[str, str], ...] = ()
    taken_over: int = 0
    fallbacks: int = 0
    unreadable: tuple[str, ...] = ()


def fit(
    store: PathLike,
    *,
    run: PathLike,
    model: str = "negbin",
    parameters: GivenParameters | None = None,
    calendar: Calendar | None = None,
    fallback: str | None = None,
    timeout: float | None = None,
    memory: int | str | None = None,
    workers: int | None = None,
    executor: str = "local",
    executor_settings: Mapping[str, Any] | PathLike | None = None,
    seed: int = 0,
    retry_failed: bool = False,
    take_over: PathLike | None = None,
    until_hour: int | None = None,
    code_version: str | None = None,
    progress: Progress = SILENT,
) -> RunReport:
    """Fit a model to every partition of a store; the same call again goes on where it stopped.

    Every partition gets a row, whatever happens to the others: `ok`, `failed` with the reason,
    or `skipped` by the model. Partitions that have a row are not fitted again, unless their
    data changed.

    Parameters
    ----------
    store : path
        A series store or a viewing store.
    run : path
        The run's folder, new or begun by the same call.
    model : str
        A model of `daypart.models`, or `module:name` of your own.
    parameters : mapping, path or several of them, optional
        The model's parameters, JSON, or a TOML file; overrides for the partitions with one value
        of a key column under its name. See `runs.parameters`.
    calendar : path or rows, optional
        Named events, each with an effect of its own: see `runs.calendar_file.read_calendar`. The
        run keeps them; its forecasts know those of the weeks ahead.
    fallback : str, optional
        A model for the partitions that `model` fails on; the column `model` names it.
    timeout : float, optional
        Seconds that one partition's fit may take until it fails.
    memory : int or str, optional
        Bytes, or a size such as `2GB`, that a worker's fits may take beyond its start.
    workers : int, optional
        Processes of `local`, before its settings; one for each core when left out.
    executor : str
        `local` (worker processes; a model of daypart's own and up to 512 partitions are fitted
        in this process, which is faster than starting workers), `inline` (always here), `slurm`
        or `aws-batch` (array jobs).
    executor_settings : mapping or path, optional
        The executor's settings by name, or a TOML file with them under `[executor.NAME]`.
    seed : int
    retry_failed : bool
        Fit failed partitions again; the newest attempt counts.
    take_over : path, optional
        An earlier run: partitions with a good row there of the same data, model, version,
        parameters and seed are copied, not fitted. The source of a model of your own counts
        in its version, see `code_version`.
    until_hour : int, optional
        Fit only the hours before this one (UTC hours since 1970), as `backtest` does.
    code_version : str, optional
        Of your own models, in place of a hash of their source and of the modules beside
        installed packages that they import: the same text says that the code fits as before.
    progress : Progress

    Returns
    -------
    RunReport

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM, with all finished blocks saved; at once while it plans or
        compacts.
    DaypartError
        For an unknown model or executor, a store that is not there, a calendar at fault, a
        folder that can't be written to or holds another run, and a run that another driver is
        fitting.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.series.store import SeriesStore
    >>> from daypart.series.block import block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> fit(f"{folder}/store", run=f"{folder}/run", model="seasonal_naive").ok
    1
    """
    started = time.perf_counter()
    opened = SeriesStore.open(store)
    runner = executor_of_call(executor, executor_settings, workers)
    folder = RunFolder.at(run)
    options = FitOptions(
        model=model,
        parameters=parameters,
        calendar=calendar,
        fallback=fallback,
        timeout=timeout,
        memory=memory,
        seed=seed,
        until_hour=until_hour,
        code_version=code_version,
    )
    settings = check_options(folder, opened, options)
    check_same_run(folder, settings)
    if take_over is not None:
        RunFolder.open(take_over)
    if isinstance(runner, ChecksAccess) and not folder.holds_run():
        runner.check_access(folder.path)
    is_new = isinstance(folder.path, Path) and not folder.path.exists()
    # Planning and compacting write files that are whole or not there.
    with interruptible(str(folder.path)), folder.lock():
        check_same_run(folder, settings)
        active = runner.active_tasks(folder.path)
        planning = FitPlanning(folder, opened, settings)
        write = partial(
            planning.write,
            retry_failed=retry_failed,
            active=active,
            size=runner.task_size,
        )
        with removed_if_not_planned(folder, is_new), planning_recorded(folder, progress) as shown:
            plan = write(progress=shown)
            taken = 0
            if take_over is not None and plan.pending:
                taken = take_over_rows(folder, plan.table, take_over, planning.hash_rows)
                plan = write(progress=shown) if taken else plan
        runner = quickest(runner, plan.pending, settings)
        made = get_model(model, **settings.parameters)
        if plan.pending and isinstance(made, HasKernels) and runner.cores > 0:
            # Said and done here, once, so that no worker compiles in silence. Other machines
            # have kernels of their own.
            with progress.step("loading the model (compiled the first time)"):
                made.compile_kernels()
        with progress.step("fitting", total=plan.pending, unit="partitions") as step:
            execute_plan(runner, folder, plan, step, progress)
            store_as_planned(folder, settings, sorted(settings.regions))
            results = index_results(folder, plan.table)
            compact_regions(folder, results, least_share=LEAST_SHARE)
            report = _report(folder, plan, results, time.perf_counter() - started)
            report = replace(report, taken_over=taken, already_done=report.already_done - taken)
            step.summarise(
                f"{report.ok:,} ok, {report.failed:,} failed, {report.skipped:,} skipped"
            )
    return report


def fit_requests(
    store: PathLike,
    *,
    run: PathLike,
    workers: int | None = None,
    executor: str = "local",
    executor_settings: Mapping[str, Any] | PathLike | None = None,
    retry_failed: bool = False,
    **options: Any,
) -> list[Request]:
    """Return exactly what `fit` would submit, without submitting or writing anything.

    Parameters
    ----------
    store, run : path
    workers, executor, executor_settings, retry_failed
        As in `fit`.
    **options
        The fields of `FitOptions`, as in `fit`.

    Returns
    -------
    list of Request
        Empty where nothing remains to be done.

    Raises
    ------
    DaypartError
        As `fit` raises before it starts.
    """
    opened = SeriesStore.open(store)
    runner = executor_of_call(executor, executor_settings, workers)
    folder = RunFolder.at(run)
    settings = check_options(folder, opened, FitOptions(**options))
    check_same_run(folder, settings)
    active = runner.active_tasks(folder.path) if folder.holds_run() else frozenset()
    plan = FitPlanning(folder, opened, settings).draw(
        retry_failed=retry_failed, active=active, size=runner.task_size
    )
    return runner.requests(plan.tasks)


def _report(folder: RunFolder, plan: TaskPlan, results: ResultIndex, seconds: float) -> RunReport:
    counts = Counter(results.statuses().tolist())
    if counts[MISSING_STATUS]:
        raise DamagedFile(
            f"{folder.plan}: does not match the results of {counts[MISSING_STATUS]:,} partitions",
            hint="delete it, and run the same daypart fit again",
        )
    return RunReport(
        run=folder.path,
        partitions=plan.partitions,
        ok=counts["ok"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        fitted=plan.pending,
        already_done=plan.partitions - plan.pending,
        seconds=seconds,
        failures=_first_failures(results),
        fallbacks=results.fallbacks(),
        unreadable=tuple(map(short_name, results.damaged)),
    )


def _first_failures(results: ResultIndex) -> tuple[tuple[str, str], ...]:
    failed = np.flatnonzero(results.statuses() == "failed")[:_FAILURES_NAMED]
    rows = results.rows.select(["unique_id", "reason"]).take(failed).to_pylist()
    return tuple((row["unique_id"], row["reason"]) for row in rows)
