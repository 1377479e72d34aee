"""The verbs `fit`, `status`, `task`, `audit`, `posterior`, `predict` and `backtest`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from daypart.cli.amounts import dollars
from daypart.cli.faces import Outcome, Progress, comma_list, plain, settings_of, verb
from daypart.errors import EXIT_DONE, EXIT_INPUT, EXIT_PARTITIONS_FAILED
from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.engine.status import RunStatus
    from daypart.runs.fit import RunReport

_PATH = click.Path()
_MODEL = click.option(
    "--model", default="negbin", show_default=True, help="A name, or package.module:name."
)
_PARAMETERS = click.option("--parameters", type=_PATH, help="TOML: parameters, also by market ...")
_SET = click.option("--set", "pairs", multiple=True, help="One parameter: name=value.")
_CALENDAR = click.option(
    "--calendar", type=_PATH, help="Named events: .csv, .parquet or .toml of name, from, to."
)
_WORKERS = click.option("--workers", type=int, help="Processes; all cores by default.")


def _parameters(path: str | None, pairs: tuple[str, ...]) -> list[Any]:
    return [*([path] if path else []), settings_of(pairs)]


@verb("fit", "daypart fit store --run run")
@click.argument("store", type=_PATH)
@click.option("--run", required=True, type=_PATH, help="The run's folder, new or begun.")
@_MODEL
@_PARAMETERS
@_SET
@_CALENDAR
@click.option("--fallback", help="A model for partitions that the model fails on.")
@click.option("--timeout", type=float, help="Seconds that one partition may take.")
@click.option("--memory", help="What a worker's fits may take: 2GB ...")
@_WORKERS
@click.option(
    *("--on", "--executor", "executor"),
    default="local",
    show_default=True,
    help="local, inline, slurm, aws-batch.",
)
@click.option("--executor-settings", type=_PATH, help="TOML: [executor.local] workers = 2")
@click.option("--show-requests", is_flag=True, help="Print what would be submitted, and end.")
@click.option("--seed", default=0, show_default=True)
@click.option("--retry-failed", is_flag=True, help="Fit failed partitions again.")
@click.option("--take-over", type=_PATH, help="An earlier run: copy what is the same there.")
def fit_command(
    progress: Progress,
    store: str,
    run: str,
    model: str,
    parameters: str | None,
    pairs: tuple[str, ...],
    calendar: str | None,
    fallback: str | None,
    timeout: float | None,
    memory: str | None,
    workers: int | None,
    executor: str,
    executor_settings: str | None,
    show_requests: bool,
    seed: int,
    retry_failed: bool,
    take_over: str | None,
) -> Outcome:
    """Fit a model to every partition of STORE.

    A row per partition, always. Interrupt it, run the same command again, and it goes on with
    what is missing. Exit code 3 when some partitions failed.
    """
    from daypart.runs.fit import fit, fit_requests

    settings: dict[str, Any] = {
        "run": run,
        "model": model,
        "parameters": _parameters(parameters, pairs),
        "calendar": calendar,
        "fallback": fallback,
        "timeout": timeout,
        "memory": memory,
        "workers": workers,
        "executor": executor,
        "executor_settings": executor_settings,
        "seed": seed,
        "retry_failed": retry_failed,
    }
    if show_requests:
        requests = fit_requests(store, **settings)
        lines = [json.dumps(plain(request)) for request in requests]
        return Outcome(lines or ["nothing is left to do"], {"requests": requests})
    report = fit(store, **settings, take_over=take_over, progress=progress)
    code = EXIT_PARTITIONS_FAILED if report.failed else EXIT_DONE
    return Outcome(_fit_lines(report), report, code)


def _fit_lines(report: RunReport) -> list[str]:
    return [
        *(f"failed: {name}: {reason}" for name, reason in report.failures[:5]),
        f"{counted(report.partitions, 'partition')} = {report.ok:,} ok + "
        f"{report.failed:,} failed + {report.skipped:,} skipped; {report.fitted:,} fitted now, "
        f"{report.already_done:,} done before, {report.taken_over:,} taken over, "
        f"{report.seconds:.1f} s",
        f"run: {report.run}",
    ]


@verb("status", "daypart status run")
@click.argument("run", type=_PATH)
def status_command(progress: Progress, run: str) -> Outcome:
    """Tell how far RUN is, from its files alone."""
    from daypart import status

    found = status(run)
    return Outcome(_status_lines(found), found)


def _status_lines(found: RunStatus) -> list[str]:
    left = f", {found.seconds_left:,.0f} s left" if found.seconds_left else ""
    rate = f", {found.rate:,.0f} partitions/s{left}" if found.rate else ""
    return [
        f"{found.run}: {found.model}, {'running' if found.running else 'not running'}{rate}",
        f"{counted(found.partitions, 'partition')} = {found.ok:,} ok + {found.failed:,} failed + "
        f"{found.skipped:,} skipped + {found.missing:,} missing",
        *(
            f"  {region}: "
            + ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
            for region, counts in found.by_region.items()
        ),
        *(f"failure: {kind}: {count:,}" for kind, count in found.failures.items()),
        *(f"slowest: {name} {seconds:.3f} s" for name, seconds in found.slowest[:3]),
        *(
            f"slowest task: {task} {seconds:.1f} core-seconds of fits"
            for task, seconds in found.slowest_tasks[:1]
        ),
        *([f"so far: {dollars(found.dollars)}"] if found.dollars is not None else []),
    ]


@verb("task", "daypart task run 0")
@click.argument("run", type=_PATH)
@click.argument("index", type=int, envvar=["AWS_BATCH_JOB_ARRAY_INDEX", "SLURM_ARRAY_TASK_ID"])
@click.option("--array", help="INDEX counts the tasks of this array of the run, from 0.")
@click.option("--cores", type=int, envvar=["DAYPART_CORES", "SLURM_CPUS_PER_TASK"])
@click.option("--one-by-one", is_flag=True, help="Fit partitions alone, not in blocks.")
@click.option("--check", help="Fit nothing: write whether it could to RUN/checks/CHECK.json.")
def task_command(
    progress: Progress,
    run: str,
    index: int,
    array: str | None,
    cores: int | None,
    one_by_one: bool,
    check: str | None,
) -> Outcome:
    """Fit task INDEX of RUN's plan; a second attempt starts where the first stopped.

    INDEX may come from AWS_BATCH_JOB_ARRAY_INDEX or SLURM_ARRAY_TASK_ID. It uses all cores, or
    those of --cores, DAYPART_CORES or SLURM_CPUS_PER_TASK. SIGTERM: flush, exit code 75. It
    prints its start and a summary or why it stopped; what models print goes to the run's logs.
    """
    from daypart.engine.executors.array.child import task_of_child
    from daypart.engine.tasks.attempt import attempt_task
    from daypart.engine.tasks.stopping import stop_on_signals
    from daypart.errors import Interrupted

    if check is not None:
        from daypart.engine.executors.array.child_check import check_as_child

        told = check_as_child(run, check)
        line = told.fault or "it can be fitted here"
        return Outcome([line], told, EXIT_INPUT if told.fault else EXIT_DONE)
    if array is not None:
        index = task_of_child(run, array, index)
    began = time.monotonic()
    with stop_on_signals() as stop:
        try:
            done = attempt_task(
                run, index, cores=cores, stop=stop, one_by_one=one_by_one, progress=progress
            )
        except Interrupted as told:
            hint = "its finished blocks are saved: run it again to go on"
            raise Interrupted(f"task {index}: {told.message}", hint=hint) from None
    code = EXIT_PARTITIONS_FAILED if done.failed else EXIT_DONE
    line = f"task {index}: {done.ok:,} ok, {done.failed:,} failed, {done.skipped:,} skipped"
    return Outcome([f"{line}, {time.monotonic() - began:.1f} s"], done, code)


@verb("audit", "daypart audit run --sample 20 --draws 500 --out audit.csv")
@click.argument("run", type=_PATH)
@click.option("--sample", default=200, show_default=True, help="Partitions.")
@click.option("--draws", default=1000, show_default=True, help="Of each of four chains.")
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=_PATH, help="A .parquet or .csv file of all of them.")
def audit_command(
    progress: Progress, run: str, sample: int, draws: int, seed: int, out: str | None
) -> Outcome:
    """Judge RUN's posteriors by the No-U-Turn sampler, on a sample of its partitions.

    Exit code 3 when some of them disagree. Needs the extra nuts; some seconds a partition.
    """
    from daypart import audit

    found = audit(run, sample=sample, draws=draws, seed=seed, out=out, progress=progress)
    told = {
        "run": found.run,
        "agree": found.agree,
        "disagree": found.disagree,
        "undecided": found.undecided,
        "partitions": found.table.to_pylist(),
    }
    return Outcome(found.lines(), told, EXIT_PARTITIONS_FAILED if found.disagree else EXIT_DONE)


@verb("posterior", "daypart posterior run --out posterior.parquet")
@click.argument("run", type=_PATH)
@click.option("--out", required=True, type=_PATH, help="A .parquet or .csv file, by hour.")
@click.option(
    "--hyperparameters", type=_PATH, help="The second file; OUT's name with -hyperparameters."
)
def posterior_command(
    progress: Progress, run: str, out: str, hyperparameters: str | None
) -> Outcome:
    """Tell the posterior of log mu in every hour that RUN was fitted to.

    A row per partition and hour: unique_id, ds, log_mu_mean, log_mu_sd. A second file has a row
    per partition: mean, sd and quantiles of its hyperparameters. Fitted anew from the store.
    """
    from daypart import posterior

    told = posterior(run, out=out, hyperparameters=hyperparameters, progress=progress)
    lines = [
        f"{counted(told.rows, 'row')}: {told.out}",
        f"{counted(told.partitions, 'partition')}, {told.without_posterior:,} without a posterior: "
        f"{told.hyperparameters}",
    ]
    return Outcome(lines, told)


@verb("predict", "daypart predict run --weeks 4 --by market --out forecast.csv")
@click.argument("run", type=_PATH)
@click.option("--out", required=True, type=_PATH, help="A .parquet or .csv file.")
@click.option("--weeks", default=4, show_default=True)
@click.option("--level", "levels", multiple=True, type=float, help="50, 80 and 95 by default.")
@click.option("--by", help="Totals over: market, network,daypart ...")
@click.option("--per", default="hour", show_default=True, help="hour, day, week or total.")
@click.option("--draws", default=400, show_default=True, help="Sample paths behind totals.")
@click.option("--seed", default=0, show_default=True)
def predict_command(
    progress: Progress,
    run: str,
    out: str,
    weeks: int,
    levels: tuple[float, ...],
    by: str | None,
    per: str,
    draws: int,
    seed: int,
) -> Outcome:
    """Forecast every partition of RUN for the weeks after its data.

    A row per partition and hour: unique_id, ds, mean, lo-80, hi-80 ... With --by, totals with
    the intervals of the total.
    """
    from daypart import predict

    forecast = predict(
        run,
        out=out,
        weeks=weeks,
        levels=levels or (50, 80, 95),
        by=comma_list(by) if by is not None else None,
        per=per,
        draws=draws,
        seed=seed,
        progress=progress,
    )
    return Outcome([f"{counted(forecast.rows, 'row')}: {out}"], forecast)


@verb("backtest", "daypart backtest store --weeks 2 --out backtest")
@click.argument("store", type=_PATH)
@click.option("--out", required=True, type=_PATH, help="Folder of the scores and runs.")
@click.option("--weeks", default=2, show_default=True, help="Held back at the end.")
@_MODEL
@click.option(
    "--against",
    default="seasonal_naive",
    show_default=True,
    help="Also four_week_mean, auto_ets, mstl ...",
)
@click.option("--sample", type=int, help="Score so many partitions; others' models fit these.")
@_PARAMETERS
@_SET
@_CALENDAR
@_WORKERS
@click.option("--seed", default=0, show_default=True)
def backtest_command(
    progress: Progress,
    store: str,
    out: str,
    weeks: int,
    model: str,
    against: str,
    sample: int | None,
    parameters: str | None,
    pairs: tuple[str, ...],
    calendar: str | None,
    workers: int | None,
    seed: int,
) -> Outcome:
    """Fit STORE without its last weeks, and score the forecasts of them.

    CRPS, WAPE by level of aggregation, and the coverage of the intervals, against simple
    forecasts.
    """
    from daypart import backtest

    scores = backtest(
        store,
        out=out,
        weeks=weeks,
        model=model,
        against=comma_list(against),
        sample=sample,
        parameters=_parameters(parameters, pairs),
        calendar=calendar,
        workers=workers,
        seed=seed,
        progress=progress,
    )
    return Outcome([*scores.lines(), f"scores: {out}"], scores)
