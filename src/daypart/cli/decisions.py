"""The verbs `insights`, `reach`, `plan`, `measure` and `report`."""

from __future__ import annotations

import click

from daypart.cli.faces import Outcome, Progress, comma_list, verb

_PATH = click.Path()
_MIN_HOUSEHOLDS = click.option(
    "--min-households", default=50, show_default=True, help="Smaller cells are suppressed."
)


@verb("insights", "daypart insights run --out insights")
@click.argument("run", type=_PATH)
@click.option("--out", required=True, type=_PATH, help="A folder.")
@_MIN_HOUSEHOLDS
def insights_command(progress: Progress, run: str, out: str, min_households: int) -> Outcome:
    """Tell ratings, HUT, share, impressions and index of RUN's audiences.

    By market, network, daypart and segment, each with its interval; top networks; a heat map of
    the week. Cells of too few households read `suppressed`.
    """
    from daypart import insights

    found = insights(run, out=out, min_households=min_households, progress=progress)
    return Outcome([*found.headlines, f"insights: {out}"], found)


@verb("reach", "daypart reach store --schedule plan.csv --segment adults_55_plus")
@click.argument("store", type=_PATH)
@click.option("--schedule", required=True, type=_PATH, help="plan.csv, or columns as there.")
@click.option("--segment", default="all", show_default=True)
@click.option("--markets", help="Some of the markets, separated by commas.")
@click.option("--run", type=_PATH, help="Calibrate impressions to this run's forecast.")
@click.option("--method", default="unbiased", show_default=True, help="Or surrogate.")
@_MIN_HOUSEHOLDS
def reach_command(
    progress: Progress,
    store: str,
    schedule: str,
    segment: str,
    markets: str | None,
    run: str | None,
    method: str,
    min_households: int,
) -> Outcome:
    """Tell reach and frequency of a schedule of spots from STORE's household panel.

    A schedule is a table of market, network, daypart, spots, and perhaps week.
    """
    from daypart import reach

    found = reach(
        store,
        schedule=schedule,
        segment=segment,
        markets=comma_list(markets) or None,
        run=run,
        method=method,
        min_households=min_households,
        progress=progress,
    )
    return Outcome(found.lines(), found)


@verb("plan", "daypart plan store --run run --brief brief.toml --out plan")
@click.argument("store", type=_PATH)
@click.option("--brief", required=True, type=_PATH, help="TOML: target, flight, budget, limits.")
@click.option("--out", required=True, type=_PATH, help="A folder.")
@click.option("--run", type=_PATH, help="Calibrate impressions to this run's forecast.")
@click.option("--evaluate", "--schedule", "evaluate", type=_PATH, help="Evaluate this plan only.")
@click.option("--seed", default=0, show_default=True)
@_MIN_HOUSEHOLDS
def plan_command(
    progress: Progress,
    store: str,
    brief: str,
    out: str,
    run: str | None,
    evaluate: str | None,
    seed: int,
    min_households: int,
) -> Outcome:
    """Plan the campaign of a brief on STORE's household panel, with a certified gap.

    Writes plan.json, plan.xlsx, plan.csv and reach_curve.csv.
    """
    from daypart import plan

    made = plan(
        store,
        brief=brief,
        out=out,
        run=run,
        evaluate=evaluate,
        seed=seed,
        min_households=min_households,
        progress=progress,
    )
    return Outcome([*made.sentences(), f"plan: {out}"], made)


@verb("measure", "daypart measure store --plan plan --asrun asrun.csv --out delivery")
@click.argument("store", type=_PATH)
@click.option("--plan", "plan_folder", required=True, type=_PATH, help="What plan wrote.")
@click.option("--asrun", required=True, type=_PATH, help="CSV or Parquet: what aired when.")
@click.option("--out", type=_PATH, help="A folder.")
@click.option("--under", default=95.0, show_default=True, help="Index that is under-delivery.")
@_MIN_HOUSEHOLDS
def measure_command(
    progress: Progress,
    store: str,
    plan_folder: str,
    asrun: str,
    out: str | None,
    under: float,
    min_households: int,
) -> Outcome:
    """Measure what a plan delivered, from what aired and the viewing in STORE.

    The log has market, network, instant (with its zone), length (seconds) and cost. Rows that
    can't be used are set aside with the reason.
    """
    from daypart import measure

    found = measure(
        store,
        plan=plan_folder,
        asrun=asrun,
        out=out,
        under=under,
        min_households=min_households,
        progress=progress,
    )
    return Outcome([*found.lines(), *([f"delivery: {out}"] if out else [])], found)


@verb("report", "daypart report report.html --store store --run run --plan plan")
@click.argument("out", type=_PATH)
@click.option("--store", required=True, type=_PATH)
@click.option("--run", type=_PATH)
@click.option("--insights", "insights_folder", type=_PATH, help="What insights wrote.")
@click.option("--plan", "plan_folder", type=_PATH, help="What plan wrote.")
@click.option("--delivery", "delivery_folder", type=_PATH, help="What measure wrote.")
@click.option("--backtest", "backtest_folder", type=_PATH, help="What backtest wrote.")
@click.option("--forecast", type=_PATH, help="What predict wrote with --by market.")
@click.option("--truth", type=_PATH, help="truth.parquet of a simulated market.")
@click.option("--title", default="Audience report", show_default=True)
@click.option("--currency", default="$", show_default=True)
@click.option("--logo", type=_PATH, help="PNG or SVG.")
def report_command(
    progress: Progress,
    out: str,
    store: str,
    run: str | None,
    insights_folder: str | None,
    plan_folder: str | None,
    delivery_folder: str | None,
    backtest_folder: str | None,
    forecast: str | None,
    truth: str | None,
    title: str,
    currency: str,
    logo: str | None,
) -> Outcome:
    """Write one HTML file OUT that opens without a network."""
    from daypart import report

    written = report(
        out,
        store=store,
        run=run,
        insights=insights_folder,
        plan=plan_folder,
        delivery=delivery_folder,
        backtest=backtest_folder,
        forecast=forecast,
        truth=truth,
        title=title,
        currency=currency,
        logo=logo,
        progress=progress,
    )
    return Outcome([f"report: {written}"], {"report": written})
