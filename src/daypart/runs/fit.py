"""Fit one model to every partition of a store."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from daypart.errors import DaypartError, Interrupted
from daypart.models import COMPILED_MODELS, compile_kernels
from daypart.progress import SILENT, Progress, Step
from daypart.runs.events import BlockFinished, Event
from daypart.runs.executor import Executor, Task, get_executor
from daypart.runs.folder import RunFolder, RunSettings
from daypart.runs.parts import MISSING_STATUS, Standing, standing_of
from daypart.runs.plan import Plan, make_plan
from daypart.runs.registry import is_own_model, load_model
from daypart.runs.stopping import stop_on_signals
from daypart.series import SeriesStore
from daypart.storage import PathLike, make_folder, read_table, remove_unfinished

SMALL_PLAN = 512
"""Up to so many partitions a model of daypart's own is fitted faster than workers start."""

_FAILURES_NAMED = 5


@dataclass(frozen=True)
class RunReport:
    """What a call of `fit` did, and where the run stands.

    Parameters
    ----------
    run : Path
    partitions : int
        Of the store; `ok + failed + skipped` add up to it.
    ok, failed, skipped : int
        Partitions by status, of this and of earlier calls.
    fitted : int
        Partitions that this call fitted.
    already_done : int
        Partitions whose row was there before.
    seconds : float
    failures : tuple of (str, str)
        The first failed partitions, `unique_id` and reason.
    """

    run: Path
    partitions: int
    ok: int
    failed: int
    skipped: int
    fitted: int
    already_done: int
    seconds: float
    failures: tuple[tuple[str, str], ...] = ()


def fit(
    store: PathLike,
    *,
    run: PathLike,
    model: str = "negbin",
    parameters: Mapping[str, Any] | None = None,
    workers: int | None = None,
    executor: str = "local",
    seed: int = 0,
    retry_failed: bool = False,
    until_hour: int | None = None,
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
    parameters : mapping, optional
        The model's parameters, JSON.
    workers : int, optional
        Processes; one for each core when left out.
    executor : str
        `local` (worker processes; a model of daypart's own and up to 512 partitions are fitted
        in this process, which is faster than starting workers) or `inline` (always here).
    seed : int
    retry_failed : bool
        Fit failed partitions again; the newest attempt counts.
    until_hour : int, optional
        Fit only the hours before this one (UTC hours since 1970), as `backtest` does.
    progress : Progress

    Returns
    -------
    RunReport

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM, with all finished blocks saved.
    DaypartError
        For an unknown model or executor, a store that is not there, a folder that can't be
        written to or holds another run, and a run that another driver is fitting.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.series import SeriesStore, block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> fit(f"{folder}/store", run=f"{folder}/run", model="seasonal_naive").ok
    1
    """
    started = time.perf_counter()
    opened = SeriesStore.open(store)
    runner = get_executor(executor, workers)
    folder = RunFolder.at(run)
    settings = _settings(folder, opened, model, _as_json(parameters or {}), seed, until_hour)
    _check_same(folder, settings)
    with folder.lock():
        _check_same(folder, settings)
        plan = _plan(folder, opened, settings, retry_failed)
        if runner.name == "local" and plan.pending <= SMALL_PLAN and not is_own_model(model):
            runner = get_executor("inline")
        if plan.pending and model in COMPILED_MODELS:
            # Said and done here, once, so that no worker compiles in silence.
            with progress.step("loading the model (compiled the first time)"):
                compile_kernels()
        with progress.step("fitting", total=plan.pending, unit="partitions") as step:
            _execute(runner, folder, plan, step)
            report = _report(folder, plan, time.perf_counter() - started)
            step.summarise(
                f"{report.ok:,} ok, {report.failed:,} failed, {report.skipped:,} skipped"
            )
    return report


def _settings(
    folder: RunFolder,
    store: SeriesStore,
    model: str,
    parameters: Mapping[str, Any],
    seed: int,
    until_hour: int | None,
) -> RunSettings:
    """Return the settings of this call; a run that was begun keeps its time of creation."""
    settings = RunSettings(
        store=folder.relative_store(store.folder),
        model=model,
        model_version=str(load_model(model, parameters).version),
        parameters=dict(parameters),
        seed=seed,
        key=store.key,
        overlapping=dict(store.overlapping),
        hour_groups=dict(store.hour_groups),
        until_hour=until_hour,
        regions={name: region["content_hash"] for name, region in store.regions.items()},
    )
    if folder.holds_run():
        return replace(settings, created=folder.read_settings().created)
    return settings


def _as_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as `run.json` will hold them."""
    try:
        content: dict[str, Any] = json.loads(json.dumps(parameters, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DaypartError(f"parameters can't be written as JSON ({error})") from None
    return content


def _check_same(folder: RunFolder, wanted: RunSettings) -> None:
    """Refuse a folder that holds another run, and say what differs."""
    if not folder.holds_run():
        return
    there = folder.read_settings()
    for name in ("store", "model", "model_version", "parameters", "seed", "until_hour", "key"):
        before, now = getattr(there, name), getattr(wanted, name)
        if before != now:
            raise DaypartError(
                f"{folder.path}: holds a run with {name.replace('_', ' ')} {_shown(before)}, "
                f"not {_shown(now)}",
                hint="name a new folder for the run",
            )


def _shown(value: object) -> str:
    return "(none)" if value is None else str(value)


def _plan(folder: RunFolder, store: SeriesStore, settings: RunSettings, retry_failed: bool) -> Plan:
    """Write the plan, then `run.json`: in this order a crash between them is mended next time."""
    known = folder.read_settings().regions if folder.holds_run() else {}
    make_folder(folder.parts)
    for each in (folder.path, folder.parts):
        remove_unfinished(each)
    plan = make_plan(folder, store, settings, known_regions=known, retry_failed=retry_failed)
    folder.write_settings(settings)
    return plan


def _execute(runner: Executor, folder: RunFolder, plan: Plan, step: Step) -> None:
    """Run the plan's tasks, with Ctrl-C and SIGTERM as requests to flush and stop."""
    fitted = 0

    def on_event(event: Event) -> None:
        nonlocal fitted
        if isinstance(event, BlockFinished):
            fitted += event.partitions
            step.advance(event.partitions, event.failed)

    tasks = [Task(folder.path, index) for index in plan.tasks]
    with stop_on_signals() as stop:
        try:
            runner.execute(tasks, on_event, stop)
        except Interrupted:
            done = plan.partitions - plan.pending + fitted
            raise Interrupted(
                f"{folder.path}: stopped with {done:,} of {plan.partitions:,} partitions saved",
                hint="run the same command again to go on",
            ) from None


def _report(folder: RunFolder, plan: Plan, seconds: float) -> RunReport:
    standing = standing_of(folder, read_table(folder.plan))
    counts = Counter(standing.statuses().tolist())
    if counts[MISSING_STATUS]:
        raise RuntimeError(f"{counts[MISSING_STATUS]} partitions have no row after all tasks ended")
    return RunReport(
        run=folder.path,
        partitions=plan.partitions,
        ok=counts["ok"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        fitted=plan.pending,
        already_done=plan.partitions - plan.pending,
        seconds=seconds,
        failures=_first_failures(standing),
    )


def _first_failures(standing: Standing) -> tuple[tuple[str, str], ...]:
    failed = np.flatnonzero(standing.statuses() == "failed")[:_FAILURES_NAMED]
    rows = standing.rows.select(["unique_id", "reason"]).take(failed).to_pylist()
    return tuple((row["unique_id"], row["reason"]) for row in rows)
