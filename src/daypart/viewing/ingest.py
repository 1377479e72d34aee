"""Ingest: from tune events and households to a viewing store."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import date
from typing import Any

from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore
from daypart.storage.files import file_digest
from daypart.storage.location import Location, PathLike, location
from daypart.storage.private import private_files
from daypart.tables.local_copies import local_file
from daypart.tables.options import GivenOptions, TableOptions, read_options
from daypart.tables.paths import GivenTables, tables_of
from daypart.tables.table import GivenTable, Table, object_copy, open_table
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.dayparts import STANDARD_DAYPARTS, DaypartTable
from daypart.viewing.ingest_workers import IngestWorkers, LocalWorkers, OpenWorkers, WorkerInputs
from daypart.viewing.market.market_update import Update
from daypart.viewing.reading.columns import EVENTS
from daypart.viewing.reading.household_key import household_key, key_fingerprint
from daypart.viewing.reading.markets import ViewingMarket, markets_of_json
from daypart.viewing.reading.name_notes import notes_on_names
from daypart.viewing.reading.quarantine import open_quarantine
from daypart.viewing.reading.reference import load_market_table, load_reference, markets_in_events
from daypart.viewing.reading.segments import ALL_HOUSEHOLDS, Predicate, read_segments
from daypart.viewing.reading.staging import (
    StagedMarket,
    StagingRules,
    check_columns,
    nothing_valid,
    staged_markets,
    staged_names,
)
from daypart.viewing.reading.workspace import number_names, open_workspace
from daypart.viewing.settings import KEY_COLUMNS, MEASURE, Settings, check_agreement, open_previous
from daypart.viewing.store.batch import (
    Batch,
    active_markets,
    network_markets,
    segments_of,
    settle_households,
    staged_window,
    window_before,
)
from daypart.viewing.store.days_read import RequestedDays, were_read
from daypart.viewing.store.report import EventRows, IngestReport, report_of
from daypart.viewing.store.shared_files import remove_superseded
from daypart.viewing.store.viewing_record import Tally, viewing_record

FROM_EVENTS = "from-events"
"""The value of `households` that makes every id in the events a household of weight 1."""


@private_files()
def ingest(
    events: GivenTables,
    *,
    households: GivenTable,
    into: PathLike,
    markets: GivenTable | None = None,
    timezone: str | None = None,
    segments: PathLike | Mapping[str, Predicate] | None = None,
    networks: GivenTable | Sequence[str] | Mapping[str, str] | None = None,
    mapping: GivenOptions = None,
    stamp_format: str | None = None,
    crediting: CreditingRules | None = None,
    dayparts: DaypartTable = STANDARD_DAYPARTS,
    key: bytes | PathLike | None = None,
    memory: str = "1GB",
    threads: int | None = None,
    panel_households: int = 2000,
    first_day: date | None = None,
    last_day: date | None = None,
    on: OpenWorkers | None = None,
    progress: Progress = SILENT,
) -> IngestReport:
    r"""Credit tune events into a new or an existing viewing store.

    Each row is credited, below the minimum tune, or set aside in `quarantine/` with a reason;
    the three add up to the rows read. Ingesting A and then B gives the same store as ingesting
    both at once. A file whose content was ingested before is skipped, unless more days of it are
    requested now: rows that the store has are then set aside as duplicates.

    Parameters
    ----------
    events : path, pattern or folder, a sequence of them, or an Arrow object
        CSV, TSV, Parquet, Arrow, JSON lines or XLSX; a pandas or polars frame. With
        `household_id`, `network`, `start`, `end` or `duration_s`, and optionally `market` and
        `device_id`.
    households : path or "from-events"
        A table of `household_id`, `market`, `weight` and attributes. "from-events" makes every id
        in the events a household of weight 1; then the events may have a column `segment`.
    into : path
        The store's folder.
    markets : path, optional
        A table of `market`, `timezone`, and optionally `name` and `tv_homes`.
    timezone : str, optional
        IANA name of the zone of every market, instead of a table.
    segments : path or mapping, optional
        See `read_segments`; `all` always exists.
    networks : path, names, or mapping of names to markets, optional
        The networks to credit. The market of a network is that of its events without a market.
    mapping : optional
        How the events are written; see `tables.options.read_options`.
    stamp_format : str, optional
        Of stamps that are not ISO 8601, such as `%d/%m/%Y %H:%M`.
    crediting : CreditingRules, optional
    dayparts : DaypartTable
        For the panel.
    key : bytes or path, optional
        The key with which household and device ids are hashed; see `household_key`.
    memory : str
        Limit of DuckDB's memory, such as `1GB`.
    threads : int, optional
        All cores by default.
    panel_households : int
        The largest number of panel households of a market: those with the smallest hashes.
    first_day, last_day : date, optional
        Local days; events that start on other days are set aside.
    on : OpenWorkers, optional
        Who reads files and credits markets: `daypart.OnExecutor("slurm")` makes a task of each
        market; this process by default. The store is the same.
    progress : Progress

    Returns
    -------
    IngestReport

    Raises
    ------
    DaypartError
        Before anything is changed: for files, columns and settings that can't be used, events
        without a valid row, and settings other than the store's.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "events.csv").write_text(
    ...     "household_id,market,network,start,end\n"
    ...     "H1,501,ESPN,2025-03-03T20:30:00-05:00,2025-03-03T21:15:00-05:00\n"
    ...     "H1,501,ESPN,2025-03-03T22:00:00-05:00,2025-03-03T21:00:00-05:00\n"
    ... )
    >>> _ = (folder / "households.csv").write_text("household_id,market,weight\nH1,501,1000\n")
    >>> report = ingest(
    ...     folder / "events.csv", households=folder / "households.csv", into=folder / "store",
    ...     timezone="America/New_York", key=b"a key of sixteen bytes or more",
    ... )
    >>> report.rows.read, report.rows.credited, report.rows.set_aside, report.partitions
    (2, 1, {'end_before_start': 1}, 1)
    """
    started = time.monotonic()
    options = read_options(mapping, stamp_format=stamp_format)
    options.check_names(EVENTS.names)
    from_events = isinstance(households, str) and households == FROM_EVENTS
    table = None if from_events else households
    predicates = read_segments(segments)
    if from_events and len(predicates) > 1:
        raise DaypartError("segments need a table of households", hint="or map a column to segment")
    files = _files_of(events)
    previous = open_previous(into)
    days = first_day, last_day
    new_files, skipped = _new_files(files, previous, days)
    if previous is not None and not new_files:
        return _report(previous, started, skipped)
    key_bytes = household_key(key)
    store = previous or _new_store(into, dayparts)
    with open_workspace(store.folder, memory=memory, threads=threads, key=key_bytes) as workspace:
        tables = [
            open_table(workspace.connection, file, options, name=name)
            for name, file in new_files.values()
        ]
        staging, event_segments = _staging_rules(
            options, tables, from_events=from_events, networks_known=networks is not None
        )
        settings = Settings(
            crediting or CreditingRules(),
            dayparts,
            predicates,
            panel_households,
            from_events,
            event_segments,
            key_fingerprint(key_bytes),
        )
        if previous is not None:
            check_agreement(settings, previous)
        for each in tables:
            check_columns(each, staging)
        reference = load_reference(
            workspace,
            households=table,
            segments=predicates,
            markets=markets,
            timezone=timezone,
            networks=networks,
            known_markets=_stored_markets(previous),
            more_markets=markets_in_events(workspace, tables, staging) if from_events else set(),
        )
        load_market_table(workspace, reference.markets, first_day, last_day)
        batch = Batch(
            workspace, store, previous, settings, reference, list(new_files), tables, days
        )
        given = WorkerInputs(table, first_day, last_day, memory, threads, key)
        opened = on(batch, given, progress) if on else nullcontext(LocalWorkers(batch, progress))
        with opened as workers:
            workers.stage(staging)
            notes = (*reference.notes, *notes_on_names(workspace, reference))
            committed, tally = _credit(batch, workers, progress)
    return _report(committed, started, skipped, tally, len(tables), notes)


def _new_store(folder: PathLike, dayparts: DaypartTable) -> SeriesStore:
    return SeriesStore.create(
        folder,
        key=KEY_COLUMNS,
        overlapping={"segment": ALL_HOUSEHOLDS},
        measures=[MEASURE],
        hour_groups={"daypart": dayparts.hour_of_week_names()},
    )


def _files_of(events: GivenTables) -> list[tuple[str, Location]]:
    """Return the files of events by name; an object is copied to one."""
    return [
        (str(each), location(each))
        if isinstance(each, str | os.PathLike)
        else ("events", object_copy(each, "events"))
        for each in tables_of(events)
    ]


def _new_files(
    files: Sequence[tuple[str, Location]], previous: SeriesStore | None, days: RequestedDays
) -> tuple[dict[str, tuple[str, Location]], tuple[str, ...]]:
    """Return the files with new content or days by digest, and the names of the others."""
    known = previous.extra["viewing"]["batches"] if previous else {}
    new: dict[str, tuple[str, Location]] = {}
    skipped: list[str] = []
    for name, file in files:
        digest = file_digest(local_file(file))
        if digest in new or were_read(known.get(digest), days):
            skipped.append(name)
        else:
            new[digest] = (name, file)
    return new, tuple(skipped)


def _staging_rules(
    options: TableOptions, tables: Sequence[Table], *, from_events: bool, networks_known: bool
) -> tuple[StagingRules, str | None]:
    """Return the rules of staging, and the column of the events that is the segment, if any."""
    mapped = "segment" in options.columns
    if mapped and not from_events:
        raise DaypartError(
            "mapping: a segment column needs households from the events",
            hint=f"give --households {FROM_EVENTS}, or describe segments over households",
        )
    column = options.column_of("segment")
    present = mapped or (from_events and all(table.find(column) for table in tables))
    return (
        StagingRules(options, not from_events, networks_known, present),
        column if present else None,
    )


def _stored_markets(previous: SeriesStore | None) -> dict[str, ViewingMarket]:
    return {} if previous is None else markets_of_json(previous.extra["viewing"]["markets"])


def _credit(batch: Batch, workers: IngestWorkers, progress: Progress) -> tuple[SeriesStore, Tally]:
    """Credit the staged rows market by market, and commit the store."""
    workspace, codes = batch.workspace, list(batch.reference.markets)
    staged = {codes[number]: found for number, found in staged_markets(workspace).items()}
    if not staged:
        raise nothing_valid(workspace, batch.tables)
    segments = segments_of(batch)
    changed = settle_households(batch, segments)
    active = active_markets(batch, staged)
    update = _update(batch, staged, list(segments))
    number_names(workspace, update.networks, update.segments)
    open_quarantine(workspace)
    tally = Tally(batch)
    viewing: dict[str, Any] = {}
    updates = workers.credit(update, active, staged, changed, segments)
    with progress.step("crediting", total=len(active), unit="markets") as step:

        def blocks() -> Iterator[tuple[str, SeriesBlock]]:
            for code, done in updates:
                if done is not None:
                    tally.add(code, done)
                    yield code, done.block
                step.advance()
            viewing.update(viewing_record(batch, update, active, tally, segments))

        committed = batch.store.replace_regions(blocks(), extra={"viewing": viewing})
        remove_superseded(committed.folder, viewing["files"])
        step.summarise(
            f"{tally.rows.credited:,} rows credited, {tally.rows.all_set_aside:,} set aside, "
            f"{committed.partitions:,} partitions"
        )
    return committed, tally


def _update(batch: Batch, staged: Mapping[str, StagedMarket], segments: Sequence[str]) -> Update:
    names_before = batch.viewing_before.get("networks", [])
    networks = sorted(
        {
            *names_before,
            *staged_names(batch.workspace, "network"),
            *(batch.reference.networks or ()),
        }
    )
    before = window_before(batch)
    return Update(
        batch.workspace,
        batch.store,
        batch.generation,
        staged_window(batch, staged).union(before),
        before,
        tuple(networks),
        tuple(segments),
        network_markets(batch),
        before is None
        or networks != list(names_before)
        or list(segments) != list(batch.viewing_before["segments"]),
        batch.settings.rules,
        batch.settings.dayparts,
        batch.by_event,
        batch.viewing_before.get("files", {}),
    )


def _report(
    store: SeriesStore,
    started: float,
    skipped: tuple[str, ...],
    tally: Tally | None = None,
    files_read: int = 0,
    notes: tuple[str, ...] = (),
) -> IngestReport:
    return report_of(
        store,
        rows=tally.rows if tally else EventRows(),
        minutes_after_last_day=tally.minutes_after_window if tally else 0.0,
        files_read=files_read,
        files_skipped=skipped,
        seconds=time.monotonic() - started,
        notes=notes,
    )
