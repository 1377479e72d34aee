"""The verbs that make a store: `simulate`, `simulate-counts`, `ingest` and `import`."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from daypart.cli.options import PATH, names, seed_option, set_option, table_options, tables_mapped
from daypart.cli.profile_lines import coverage_lines, profile_lines
from daypart.cli.verb import Outcome, verb
from daypart.errors import DaypartError, did_you_mean
from daypart.progress import Progress
from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.viewing.dayparts import DaypartTable
    from daypart.viewing.store.report import IngestReport

_DAY = click.DateTime(["%Y-%m-%d"])
_TABLES = ("households", "markets", "networks")
"""Tables beside the events that `--map-of` maps."""

_SHOWN = ("market", "network", "start", "end")
"""What is shown of a row that was set aside."""


@verb(
    "simulate",
    group="Data",
    example="daypart simulate market --markets 3 --households 2000 --weeks 6",
)
@click.argument("out", type=PATH)
@click.option("--markets", default=6, help="The N largest of 210 markets.")
@click.option("--networks", default=24, help="The N most popular of 165.")
@click.option("--households", default=20_000, help="Sample of all markets.")
@click.option("--weeks", default=13, help="Length of the data, weeks.")
@click.option("--segments", default=6, help="Number of segments, with `all`.")
@click.option("--start", help="First local day, YYYY-MM-DD, a Monday.")
@seed_option(7)
@click.option("--dirty-share", default=0.005, help="Share of dirty rows.")
def simulate_command(
    progress: Progress, out: str, markets: int, networks: int, weeks: int, **options: Any
) -> Outcome:
    """Simulate a television market, events and truth.

    Writes into the folder OUT: tune events (a file per market), households, networks, a rate card,
    segments, and the expected households of every partition and hour. All of it is simulated.
    """
    from daypart import simulate

    simulation = simulate(
        out, markets=markets, networks=networks, weeks=weeks, progress=progress, **options
    )
    lines = [
        f"simulated {counted(simulation.rows, 'row')} of tune events of "
        f"{counted(simulation.households_made, 'household')}, "
        f"{sum(simulation.dirty.values()):,} of them dirty",
        f"in {counted(markets, 'market')} on {counted(networks, 'network')} over "
        f"{counted(weeks, 'week')}: {out}",
    ]
    return Outcome(lines, simulation)


@verb(
    "simulate-counts",
    group="Data",
    example="daypart simulate-counts grid --markets 10 --networks 20",
)
@click.argument("out", type=PATH)
@click.option("--markets", default=210, help="Number of markets.")
@click.option("--networks", default=165, help="Number of networks.")
@click.option("--segments", default=6, help="Number of segments, with `all`.")
@click.option("--weeks", default=13, help="Length of the data, weeks.")
@seed_option(7)
def simulate_counts_command(progress: Progress, out: str, **options: Any) -> Outcome:
    """Simulate the hourly counts of a whole grid.

    Writes the store OUT. A partition is a market x network x segment. The default grid has 207,900
    partitions, for benchmarks of the fit.
    """
    from daypart import simulate_counts

    store = simulate_counts(out, progress=progress, **options)
    content = {"store": store.folder, "partitions": store.partitions}
    return Outcome([f"simulated {counted(store.partitions, 'partition')}: {out}"], content)


@verb(
    "ingest",
    group="Data",
    example="daypart ingest market/events --households market/households.parquet --into store",
)
@click.argument("events", nargs=-1, required=True)
@click.option("--households", required=True, help="Table of households, or the word from-events.")
@click.option("--into", required=True, type=PATH, help="Folder of the store, new or existing.")
@click.option("--markets", type=PATH, help="Table: market, timezone, name, tv_homes.")
@click.option("--timezone", help="Time zone of all markets, in place of --markets.")
@click.option("--segments", type=PATH, help="TOML: [segments.NAME] column = value.")
@click.option("--networks", type=PATH, help="Table of the networks to credit (default: all).")
@table_options
@click.option("--map-of", "maps", multiple=True, help="As --map, of another table: households:...")
@set_option("A crediting rule, such as multi_set=split", "--rule", "rules")
@click.option("--dayparts", type=PATH, help="TOML: name, version, rows.")
@click.option("--key-file", "key", type=PATH, help="Key of the hash of household ids.")
@click.option("--memory", default="1GB", help="Memory limit of DuckDB.")
@click.option("--threads", type=int, help="Threads (default: one per core).")
@click.option("--panel-households", default=2000, help="Maximum per market.")
@click.option("--first-day", type=_DAY, help="First local day to credit.")
@click.option("--last-day", type=_DAY, help="Last local day to credit.")
@click.option("--on", "executor", help="Run a task per market: local, slurm, aws-batch.")
@click.option("--executor-settings", type=PATH, help="TOML: [executor.slurm] cpus = 2")
def ingest_command(
    progress: Progress,
    events: tuple[str, ...],
    into: str,
    rules: dict[str, Any],
    dayparts: str | None,
    first_day: datetime | None,
    last_day: datetime | None,
    executor: str | None,
    executor_settings: str | None,
    maps: tuple[str, ...],
    **options: Any,
) -> Outcome:
    """Credit viewing events into a store.

    EVENTS are files, patterns or folders; - is standard input. Every row is credited, below the
    minimum tune, or set aside with its reason. New days are added to the store; a file that was
    ingested before is skipped.
    """
    from daypart import OnExecutor, ingest, mapped_table
    from daypart.viewing.crediting import crediting_rules

    for table, mapping in tables_mapped(maps).items():
        if not options.get(table) or table not in _TABLES:
            raise DaypartError(f"--map-of: no table {table!r}", hint=did_you_mean(table, _TABLES))
        options[table] = mapped_table(options[table], mapping)
    report = ingest(
        list(events),
        into=into,
        crediting=crediting_rules(rules),
        dayparts=_daypart_table(dayparts),
        first_day=_date_of(first_day),
        last_day=_date_of(last_day),
        on=OnExecutor(executor, executor_settings) if executor else None,
        progress=progress,
        **options,
    )
    return _with_profile(_ingest_lines(report), report, into)


def _with_profile(lines: list[str], report: Any, into: str) -> Outcome:
    """Return the outcome of making a store, with what the store now contains."""
    from dataclasses import asdict

    from daypart import inspect

    profile = inspect(into, odd=0)
    lines = [*lines, *profile_lines(profile), f"store: {into}"]
    return Outcome(lines, asdict(report) | {"profile": profile})


def _daypart_table(path: str | None) -> DaypartTable:
    from daypart.storage.files import read_toml
    from daypart.viewing.dayparts import STANDARD_DAYPARTS, daypart_table

    return daypart_table(read_toml(path)) if path else STANDARD_DAYPARTS


def _date_of(when: datetime | None) -> date | None:
    return when.date() if when else None


def _ingest_lines(report: IngestReport) -> list[str]:
    rows = report.rows
    aside = ", ".join(f"{reason} {count:,}" for reason, count in rows.set_aside.items())
    return [
        f"{counted(rows.read, 'row')} read = {rows.credited:,} credited + "
        f"{rows.below_minimum_tune:,} below the minimum tune + {rows.all_set_aside:,} set aside"
        + (f" ({aside})" * bool(aside)),
        *(f"skipped, ingested before: {name}" for name in report.files_skipped),
        *report.notes,
        f"{counted(report.partitions, 'partition')} = {counted(report.markets, 'market')} x "
        f"{counted(report.networks, 'network')}"
        f" x {counted(report.segments, 'segment')}, {report.first_day} to {report.last_day}",
    ]


@verb(
    "import", group="Data", example="daypart import sales.parquet --into store --key shop,product"
)
@click.argument("tables", nargs=-1, required=True)
@click.option("--into", required=True, type=PATH, help="Folder of the store, new.")
@click.option("--key", type=names, help="Columns of the key (default: unique_id).")
@click.option("--time", default="ds", help="Column of the time.")
@click.option("--value", default="y", help="Column of the count.")
@click.option("--timezone", default="UTC", help="Zone of the local week.")
@click.option("--stamps-are", help="Zone of times without one (default: --timezone).")
@table_options
@click.option("--memory", default="1GB", help="Memory limit of DuckDB.")
def import_command(
    progress: Progress, tables: tuple[str, ...], into: str, key: tuple[str, ...], **options: Any
) -> Outcome:
    """Make a store from tables of key, time and count.

    TABLES are files, patterns or folders: CSV, TSV, Parquet, Arrow, JSON lines or XLSX; - is
    standard input. The series need not be of television.
    """
    from daypart import import_series

    report = import_series(list(tables), into=into, key=key or None, progress=progress, **options)
    lines = [
        f"{counted(report.rows, 'row')} -> {counted(report.partitions, 'partition')} in "
        f"{counted(report.regions, 'region')}",
        f"{report.missing_hours:,} of {counted(report.hours, 'hour')} are missing",
    ]
    return _with_profile(lines, report, into)


@verb("inspect", group="Data", example="daypart inspect store --html coverage.html")
@click.argument("store", type=PATH)
@click.option("--odd", default=10, help="The largest number of odd series to name.")
@click.option("--html", type=PATH, help="Also write the profile as one HTML file.")
def inspect_command(progress: Progress, store: str, odd: int, html: str | None) -> Outcome:
    """Show what a store contains.

    Its span, days without data, and series that are odd; the hours with data of each region and
    day. Figures of too few households are left out.
    """
    from daypart import inspect

    profile = inspect(store, odd=odd)
    lines = [*profile_lines(profile), *coverage_lines(profile)]
    if html:
        from daypart.report.coverage_page import coverage_page
        from daypart.storage.files import write_text

        write_text(html, coverage_page(profile))
        lines.append(f"page: {html}")
    return Outcome(lines, profile)


@verb("quarantine", group="Data", example="daypart quarantine store --reason unknown_household")
@click.argument("store", type=PATH)
@click.option("--reason", help="List rows of this reason only.")
@click.option("--rows", default=20, help="The largest number of rows to list.")
def quarantine_command(progress: Progress, store: str, **options: Any) -> Outcome:
    """List rows that ingest set aside.

    With the file and the number of the row in it, as it was read into STORE. Ids are not shown.
    """
    from daypart import quarantine

    found = quarantine(store, **options)
    lines = [f"{reason}: {counted(count, 'row')}" for reason, count in found.reasons.items()]
    return Outcome(
        [
            *(lines or ["no row was set aside"]),
            *(
                f"{row['source_file']} row {row['source_row']:,}: {row['reason']}: "
                + ", ".join(str(row[name]) for name in _SHOWN if row[name] is not None)
                for row in found.rows
            ),
        ],
        found,
    )


@verb("forget", group="Data", example="daypart forget store --households ids.csv")
@click.argument("store", type=PATH)
@click.option("--households", required=True, type=PATH, help="Table with the column household_id.")
@click.option("--key-file", "key", type=PATH, help="File with the household key.")
@click.option("--memory", default="1GB", help="Memory limit of DuckDB.")
@click.option("--threads", type=int, help="Threads (default: all cores).")
def forget_command(progress: Progress, store: str, **options: Any) -> Outcome:
    """Remove households from a store.

    Counts, panel and set-aside rows become those of a store that never held them. Fit and publish
    again afterwards, and remove the households from your files: given again, they come back.
    """
    from daypart import forget

    done = forget(store, progress=progress, **options)
    lines = [
        f"{counted(done.households, 'household')} and {counted(done.rows, 'row')} removed, "
        f"{counted(done.markets, 'market')} counted anew"
    ]
    if done.not_held:
        lines.append(f"{counted(done.not_held, 'id')} not in tab in this store")
    return Outcome(lines, done)
