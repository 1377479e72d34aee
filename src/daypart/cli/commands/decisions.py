"""The verbs that use the audiences: `insights`, `reach`, `plan`, `measure`, `report`, `serve`."""

from __future__ import annotations

from typing import Any

import click

from daypart.cli.options import (
    MIN_HOUSEHOLDS,
    PATH,
    TRUST_RUN,
    names,
    seed_option,
    table_options,
)
from daypart.cli.verb import Outcome, verb
from daypart.progress import Progress
from daypart.wording import counted

_CALIBRATE = click.option("--run", type=PATH, help="Calibrate impressions to this run's forecast.")


@verb("insights", group="Decide", example="daypart insights run --out insights")
@click.argument("run", type=PATH)
@TRUST_RUN
@click.option("--out", required=True, type=PATH, help="Folder to write.")
@MIN_HOUSEHOLDS
def insights_command(progress: Progress, run: str, out: str, min_households: int | None) -> Outcome:
    """Write ratings, shares and indices of a run.

    By market, network, daypart and segment: ratings, HUT, share, impressions and index, each
    with its interval; top networks; a heat map of the week. Figures that the disclosure rules
    of the store withhold read `suppressed`.
    """
    from daypart import insights

    found = insights(run, out=out, min_households=min_households, progress=progress)
    return Outcome([*found.headlines, f"insights: {out}"], found)


@verb(
    "reach",
    group="Decide",
    example="daypart reach store --schedule plan.csv --segment adults_55_plus",
)
@click.argument("store", type=PATH)
@click.option("--schedule", required=True, type=PATH, help="plan.csv, or the same columns.")
@click.option("--segment", default="all", help="Target segment.")
@click.option("--markets", type=names, help="Markets (default: those of the schedule).")
@table_options
@_CALIBRATE
@TRUST_RUN
@click.option("--method", default="unbiased", help="unbiased or surrogate.")
@MIN_HOUSEHOLDS
def reach_command(
    progress: Progress,
    store: str,
    schedule: str,
    markets: tuple[str, ...] | None,
    mapping: str | None,
    stamp_format: str | None,
    **options: Any,
) -> Outcome:
    """Count the reach of a schedule of spots.

    On STORE's household panel. A schedule is a table of market, network, daypart, spots and,
    optionally, week.
    """
    from daypart import mapped_table, reach

    table = mapped_table(schedule, mapping, stamp_format)
    found = reach(store, schedule=table, markets=markets or None, progress=progress, **options)
    return Outcome(found.lines(), found)


@verb("plan", group="Decide", example="daypart plan store --run run --brief brief.toml --out plan")
@click.argument("store", type=PATH)
@click.option("--brief", required=True, type=PATH, help="TOML: target, flight, budget, limits.")
@click.option("--out", required=True, type=PATH, help="Folder to write.")
@_CALIBRATE
@TRUST_RUN
@click.option(
    "--evaluate", "--schedule", "evaluate", type=PATH, help="Evaluate this schedule instead."
)
@table_options
@seed_option()
@MIN_HOUSEHOLDS
def plan_command(
    progress: Progress,
    store: str,
    out: str,
    evaluate: str | None,
    mapping: str | None,
    stamp_format: str | None,
    **options: Any,
) -> Outcome:
    """Plan a campaign from a brief, with a certified gap.

    Chooses the spots on STORE's household panel, within the brief's limits. Writes plan.json,
    plan.xlsx, plan.csv and reach_curve.csv.
    """
    from daypart import mapped_table, plan

    schedule = evaluate and mapped_table(evaluate, mapping, stamp_format)
    made = plan(store, out=out, evaluate=schedule, progress=progress, **options)
    return Outcome([*made.sentences(), f"plan: {out}"], made)


@verb(
    "measure",
    group="Decide",
    example="daypart measure store --plan plan --asrun asrun.csv --out delivery",
)
@click.argument("store", type=PATH)
@click.option("--plan", required=True, type=PATH, help="Folder written by daypart plan.")
@click.option("--asrun", required=True, type=PATH, help="As-run log.")
@table_options
@click.option("--out", type=PATH, help="Folder to write.")
@click.option("--under", default=95.0, help="Delivery index below which to warn.")
@MIN_HOUSEHOLDS
def measure_command(
    progress: Progress,
    store: str,
    asrun: str,
    out: str | None,
    mapping: str | None,
    stamp_format: str | None,
    **options: Any,
) -> Outcome:
    """Measure what a plan delivered, from an as-run log.

    The log has market, network, instant (with its zone), length (seconds) and cost; the viewing
    is that in STORE. Rows that can't be used are set aside with the reason.
    """
    from daypart import mapped_table, measure

    log = mapped_table(asrun, mapping, stamp_format)
    found = measure(store, asrun=log, out=out, progress=progress, **options)
    return Outcome([*found.lines(), *([f"delivery: {out}"] if out else [])], found)


@verb(
    "report",
    group="Decide",
    example="daypart report report.html --store store --run run --plan plan",
)
@click.argument("out", type=PATH)
@click.option("--store", required=True, type=PATH, help="Folder of the store.")
@click.option("--run", type=PATH, help="Folder written by daypart fit.")
@click.option("--insights", type=PATH, help="Folder written by daypart insights.")
@click.option("--plan", type=PATH, help="Folder written by daypart plan.")
@click.option("--delivery", type=PATH, help="Folder written by daypart measure.")
@TRUST_RUN
@click.option("--backtest", type=PATH, help="Folder written by daypart backtest.")
@click.option("--forecast", type=PATH, help="File written by daypart predict --by market.")
@click.option("--truth", type=PATH, help="truth.parquet of a simulated market.")
@click.option("--title", default="Audience report", help="Title of the page.")
@click.option("--currency", default="$", help="Sign or code of the currency.")
@click.option("--logo", type=PATH, help="PNG, SVG or JPEG of up to 200,000 bytes.")
def report_command(progress: Progress, out: str, **options: Any) -> Outcome:
    """Write a report as one HTML file that works offline."""
    from daypart import report

    written = report(out, progress=progress, **options)
    return Outcome([f"report: {written}"], {"report": written})


@verb("serve", group="Decide", example="daypart serve daypart-demo")
@click.argument("folder", type=PATH)
@click.option("--port", default=8765, help="Port; 0 for a free one.")
def serve_command(progress: Progress, folder: str, port: int) -> Outcome:
    """Show a folder's report and runs in a browser.

    Serves on 127.0.0.1 only, until Ctrl-C.
    """
    from daypart.web.server import serve

    with serve(folder, port=port) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        try:
            click.echo(f"{folder}: {address} (stop with Ctrl-C)", err=True)
            server.serve_forever()
        except KeyboardInterrupt:
            return Outcome(["stopped"], {"address": address})
    return Outcome([], {"address": address})


@verb("releases", group="Decide", example="daypart releases store")
@click.argument("store", type=PATH)
def releases_command(progress: Progress, store: str) -> Outcome:
    """List what left a store.

    When, which output, by which rules, and the digest of it. A figure that too few households
    would make the difference of to an earlier one is suppressed, or its release refused.
    """
    from daypart import releases

    found = releases(store)
    lines = [
        f"{entry.when[:19]}Z  {entry.output:<9} {counted(entry.figures, 'figure'):>14}  "
        f"households {entry.rules['households']}, contributors {entry.rules['contributors']}, "
        f"dominance {entry.rules['dominance_percent']:g} %  {entry.digest[:12]}"
        for entry in found
    ]
    content = {"releases": [{k: v for k, v in vars(e).items() if k != "sketches"} for e in found]}
    return Outcome(lines or ["nothing has left this store"], content)
