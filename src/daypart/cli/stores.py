"""The verbs `ingest` and `import`."""

from __future__ import annotations

from pathlib import Path

import click

from daypart.cli.faces import Outcome, Progress, comma_list, verb


@verb("import", "daypart import sales.parquet --into store --key region,product")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--into", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--key", help="Columns that name a partition (default: unique_id).")
@click.option("--time", default="ds", show_default=True, help="Column of the instant.")
@click.option("--value", default="y", show_default=True, help="Column of the count.")
@click.option("--timezone", default="UTC", show_default=True, help="Zone of the local week.")
@click.option("--stamps-are", help="Zone of stamps without one (default: --timezone).")
@click.option("--memory", default="1GB", show_default=True)
def import_command(
    progress: Progress,
    table: Path,
    into: Path,
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
        f"{report.rows:,} rows -> {report.partitions:,} partitions in {report.regions:,} regions",
        f"{report.missing_hours:,} of {report.hours:,} hours are missing",
        f"store: {into}",
    ]
    return Outcome(lines, report)
