"""The verbs on models: `fit`, `posterior`, `predict`, `backtest` and `audit`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from daypart.cli.damaged import damaged_lines
from daypart.cli.options import (
    PATH,
    TRUST_RUN,
    days,
    execution_options,
    model_options,
    model_parameters,
    names,
    seed_option,
    take_calendar,
)
from daypart.cli.verb import Outcome, verb
from daypart.errors import EXIT_DONE, EXIT_PARTITIONS_FAILED
from daypart.progress import Progress
from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.runs.fit import RunReport
    from daypart.runs.predict import PredictReport


@verb("fit", group="Model", example="daypart fit store --run run")
@click.argument("store", type=PATH)
@click.option("--run", required=True, type=PATH, help="Folder of the run, new or existing.")
@model_options
@click.option("--fallback", help="Model for partitions on which the model fails.")
@execution_options
@click.option("--show-requests", is_flag=True, help="Print what would be submitted, and exit.")
@seed_option()
@click.option("--retry-failed", is_flag=True, help="Fit failed partitions again.")
@click.option("--take-over", type=PATH, help="Copy unchanged results from this earlier run.")
@click.option("--code-version", help="Version of your own model (default: hash of its source).")
def fit_command(
    progress: Progress,
    store: str,
    parameters: str | None,
    settings: dict[str, Any],
    show_requests: bool,
    take_over: str | None,
    **options: Any,
) -> Outcome:
    """Fit a model to every partition of a store.

    Every partition gets a row: ok, failed or skipped. After an interruption the same command
    continues with the missing partitions. Exit code 3 when some partitions failed.
    """
    from daypart.runs.fit import fit, fit_requests

    options["parameters"] = model_parameters(parameters, settings)
    take_calendar(options)
    if show_requests:
        from daypart.storage.files import plain

        requests = fit_requests(store, **options)
        lines = [json.dumps(plain(request)) for request in requests]
        return Outcome(lines or ["nothing to submit"], {"requests": requests})
    report = fit(store, take_over=take_over, progress=progress, **options)
    code = EXIT_PARTITIONS_FAILED if report.failed else EXIT_DONE
    return Outcome(_fit_lines(report), report, code)


def _fit_lines(report: RunReport) -> list[str]:
    return [
        *(f"failed: {name}: {reason}" for name, reason in report.failures[:5]),
        *([f"fallback: {counted(report.fallbacks, 'partition')}"] if report.fallbacks else []),
        *damaged_lines(report.unreadable),
        f"{counted(report.partitions, 'partition')} = {report.ok:,} ok + "
        f"{report.failed:,} failed + {report.skipped:,} skipped; {report.fitted:,} fitted now, "
        f"{report.already_done:,} done before, {report.taken_over:,} taken over, "
        f"{report.seconds:.1f} s",
        f"run: {report.run}",
    ]


@verb("posterior", group="Model", example="daypart posterior run --out posterior.parquet")
@click.argument("run", type=PATH)
@TRUST_RUN
@click.option("--out", required=True, type=PATH, help="File by hour, .parquet or .csv.")
@click.option(
    "--hyperparameters",
    type=PATH,
    help="File by partition (default: OUT's name with -hyperparameters).",
)
def posterior_command(progress: Progress, run: str, **options: Any) -> Outcome:
    """Write the posterior of log mu in every fitted hour.

    A row per partition and hour: unique_id, ds, log_mu_mean, log_mu_sd. A second file has a row
    per partition: mean, sd and quantiles of its hyperparameters. The partitions of RUN are
    fitted again from its store.
    """
    from daypart import posterior
    from daypart.disclosure.partitions import withheld_lines

    written = posterior(run, progress=progress, **options)
    lines = [
        f"{counted(written.rows, 'row')}: {written.out}",
        f"{counted(written.partitions, 'partition')}, {written.without_posterior:,} without a "
        f"posterior: {written.hyperparameters}",
        *withheld_lines(written.withheld, "partition"),
    ]
    return Outcome(lines, written)


@verb(
    "predict", group="Model", example="daypart predict run --weeks 4 --by market --out forecast.csv"
)
@click.argument("run", type=PATH)
@TRUST_RUN
@click.option("--out", required=True, type=PATH, help="File to write, .parquet or .csv.")
@click.option("--weeks", default=4, help="Horizon, weeks.")
@click.option(
    "--level", "levels", multiple=True, type=float, help="Interval, % (default: 50, 80 and 95)."
)
@click.option("--by", type=names, help="Key columns of totals, such as market,daypart.")
@click.option("--per", default="hour", help="hour, day, week or total.")
@click.option("--draws", default=400, help="Sample paths for totals.")
@seed_option()
def predict_command(
    progress: Progress, run: str, out: str, levels: tuple[float, ...], **options: Any
) -> Outcome:
    """Forecast the weeks after the data of a run.

    A row per partition and hour: unique_id, ds, mean, median, lo-80, hi-80 ... With --by, totals
    with the intervals of the total. Exit code 3 when partitions have no forecast.
    """
    from daypart import predict
    from daypart.disclosure.partitions import withheld_lines

    forecast = predict(run, out=out, levels=levels or (50, 80, 95), progress=progress, **options)
    noun = "total" if options["by"] is not None else "partition"
    lines = [
        f"{counted(forecast.rows, 'row')}: {out}",
        *withheld_lines(forecast.withheld, noun),
        *_without_forecast(forecast),
    ]
    code = EXIT_PARTITIONS_FAILED if forecast.without_forecast else EXIT_DONE
    return Outcome(lines, forecast, code)


def _without_forecast(forecast: PredictReport) -> list[str]:
    lines = []
    if forecast.without_forecast:
        more = forecast.without_forecast - len(forecast.unfitted)
        lines.append(
            f"{counted(forecast.without_forecast, 'partition')} without a forecast: "
            f"{', '.join(forecast.unfitted)}{f' and {more:,} more' if more > 0 else ''}"
        )
    if forecast.ended:
        name, end = forecast.ended[0]
        lines.append(
            f"{counted(len(forecast.ended), 'partition')} in the totals ended over a week before "
            f"the forecast begins, such as {name} on {end:%Y-%m-%d}"
        )
    return lines


@verb("backtest", group="Model", example="daypart backtest store --weeks 2 --out backtest")
@click.argument("store", type=PATH)
@click.option("--out", required=True, type=PATH, help="Folder for the scores and runs.")
@click.option("--weeks", default=2, help="Held-out weeks at the end.")
@click.option("--test-days", type=int, help="Hold out so many days instead of weeks.")
@click.option("--from", "start", help="First held-out day or hour (UTC) (default: at the end).")
@click.option("--origins", default=1, help="Hold out windows at N origins, each STEP earlier.")
@click.option("--step", "step_days", type=days, default="7d", help="Between origins, such as 7d.")
@click.option(
    "--against",
    type=names,
    default="seasonal_naive",
    help="Models to compare with: four_week_mean, auto_ets, mstl ...",
)
@click.option("--sample", type=int, help="Score N partitions only (default: all).")
@model_options
@seed_option()
def backtest_command(
    progress: Progress,
    store: str,
    out: str,
    parameters: str | None,
    settings: dict[str, Any],
    **options: Any,
) -> Outcome:
    """Score forecasts of held-out weeks.

    Fits STORE without its last weeks and scores the forecasts of these weeks: CRPS, WAPE by
    level of aggregation, and the coverage of the intervals, against simple forecasts.
    """
    from daypart import backtest

    options["parameters"] = model_parameters(parameters, settings)
    take_calendar(options)
    scores = backtest(store, out=out, progress=progress, **options)
    return Outcome([*scores.lines(), f"scores: {out}"], {"out": scores.out, **scores.summary})


@verb("audit", group="Model", example="daypart audit run --sample 20 --draws 500 --out audit.csv")
@click.argument("run", type=PATH)
@TRUST_RUN
@click.option("--sample", default=200, help="Number of partitions.")
@click.option("--draws", default=1000, help="Draws of each of four chains.")
@seed_option()
@click.option("--out", type=PATH, help="File of all comparisons, .parquet or .csv.")
def audit_command(progress: Progress, run: str, **options: Any) -> Outcome:
    """Compare a run's posteriors with those of NUTS.

    Fits a sample of RUN's partitions with the No-U-Turn sampler, some seconds each; needs the
    extra nuts. Exit code 3 when some of them disagree.
    """
    from daypart import audit

    found = audit(run, progress=progress, **options)
    content = {
        "run": found.run,
        "agree": found.agree,
        "disagree": found.disagree,
        "undecided": found.undecided,
        "partitions": found.table.to_pylist(),
    }
    return Outcome(found.lines(), content, EXIT_PARTITIONS_FAILED if found.disagree else EXIT_DONE)
