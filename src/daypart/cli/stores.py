"""The verbs `ingest` and `import`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from daypart.cli.faces import Outcome, Progress, comma_list, settings_of, verb
from daypart.storage.files import read_toml
from daypart.wording import counted

if TYPE_CHECKING:
    from daypart.viewing.dayparts import DaypartTable
    from daypart.viewing.store.report import IngestReport

_DAY = click.DateTime(["%Y-%m-%d"])
_PATH = click.Path()


@verb("ingest", "daypart ingest market/events --households market/households.parquet --into store")
@click.argument("events", nargs=-1, required=True)
@click.option("--households", required=True, help="Their table, or the word from-events.")
@click.option("--into", required=True, type=_PATH, help="The store, new or there already.")
@click.option("--markets", type=_PATH, help="Table: market, timezone, name, tv_homes.")
@click.option("--timezone", help="One zone for all markets, in place of --markets.")
@click.option("--segments", type=_PATH, help="TOML: [segments.NAME] column = value.")
@click.option("--networks", type=_PATH, help="Table of the networks that count.")
@click.option("--map", "mapping", help="start=start_date,... or a TOML with [columns].")
@click.option("--rule", "rules", multiple=True, help="A crediting rule: multi_set=split.")
@click.option("--dayparts", type=_PATH, help="TOML: name, version, rows.")
@click.option("--key-file", type=_PATH, help="Key of the household hash.")
@click.option("--memory", default="1GB", show_default=True, help="Bound, whatever the input.")
@click.option("--threads", type=int)
@click.option("--panel-households", default=2000, show_default=True, help="A market.")
@click.option("--first-day", type=_DAY)
@click.option("--last-day", type=_DAY)
@click.option("--on", "executor", help="A task a market: local, slurm, aws-batch ...")
@click.option("--executor-settings", type=_PATH, help="TOML: [executor.slurm] cpus = 2")
def ingest_command(
    progress: Progress,
    events: tuple[str, ...],
    households: str,
    into: str,
    markets: str | None,
    timezone: str | None,
    segments: str | None,
    networks: str | None,
    mapping: str | None,
    rules: tuple[str, ...],
    dayparts: str | None,
    key_file: str | None,
    memory: str,
    threads: int | None,
    panel_households: int,
    first_day: datetime | None,
    last_day: datetime | None,
    executor: str | None,
    executor_settings: str | None,
) -> Outcome:
    """Credit the viewing EVENTS (files, globs, folders) into a store.

    Every row is credited, below the minimum tune, or set aside with its reason. New days add
    to a store; a file that was ingested before changes nothing.
    """
    from daypart import OnExecutor, ingest
    from daypart.viewing.crediting import crediting_rules

    report = ingest(
        list(events),
        households=households,
        into=into,
        markets=markets,
        timezone=timezone,
        segments=segments,
        networks=networks,
        mapping=mapping,
        crediting=crediting_rules(settings_of(rules)),
        dayparts=_daypart_table(dayparts),
        key=key_file,
        memory=memory,
        threads=threads,
        panel_households=panel_households,
        first_day=first_day.date() if first_day else None,
        last_day=last_day.date() if last_day else None,
        on=OnExecutor(executor, executor_settings) if executor else None,
        progress=progress,
    )
    return Outcome([*_ingest_lines(report), f"store: {into}"], report)


def _daypart_table(path: str | None) -> DaypartTable:
    from daypart.viewing.dayparts import STANDARD_DAYPARTS, daypart_table

    return daypart_table(read_toml(path)) if path else STANDARD_DAYPARTS


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
        f" x {report.segments} segments, {report.first_day} to {report.last_day}",
    ]


@verb("import", "daypart import sales.parquet --into store --key region,product")
@click.argument("table", type=click.Path())
@click.option("--into", required=True, type=click.Path(), help="A new folder.")
@click.option("--key", help="Columns that name a partition (default: unique_id).")
@click.option("--time", default="ds", show_default=True, help="Column of the instant.")
@click.option("--value", default="y", show_default=True, help="Column of the count.")
@click.option("--timezone", default="UTC", show_default=True, help="Zone of the local week.")
@click.option("--stamps-are", help="Zone of stamps without one (default: --timezone).")
@click.option("--memory", default="1GB", show_default=True)
def import_command(
    progress: Progress,
    table: str,
    into: str,
    key: str | None,
    time: str,
    value: str,
    timezone: str,
    stamps_are: str | None,
    memory: str,
) -> Outcome:
    """Make a store from TABLE, a row per key, instant and number.

    For series of any kind: the many-model part needs no television.
    """
    from daypart import import_series

    report = import_series(
        table,
        into=into,
        key=comma_list(key) or None,
        time=time,
        value=value,
        timezone=timezone,
        stamps_are=stamps_are,
        memory=memory,
        progress=progress,
    )
    lines = [
        f"{counted(report.rows, 'row')} -> {counted(report.partitions, 'partition')} in "
        f"{counted(report.regions, 'region')}",
        f"{report.missing_hours:,} of {counted(report.hours, 'hour')} are missing",
        f"store: {into}",
    ]
    return Outcome(lines, report)
