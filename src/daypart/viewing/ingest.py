"""Ingest: from tune events and households to a viewing store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore
from daypart.storage.files import file_digest
from daypart.storage.location import Location, PathLike
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.dayparts import STANDARD_DAYPARTS, DaypartTable
from daypart.viewing.market.market_update import MarketUpdate, Update, update_market
from daypart.viewing.reading.household_key import household_key, key_fingerprint
from daypart.viewing.reading.mapping import ColumnMapping, read_mapping
from daypart.viewing.reading.markets import Market
from daypart.viewing.reading.quarantine import open_quarantine
from daypart.viewing.reading.reference import load_market_table, load_reference, markets_in_events
from daypart.viewing.reading.segments import ALL_HOUSEHOLDS, Predicate, read_segments
from daypart.viewing.reading.sources import Source, find_files, open_source
from daypart.viewing.reading.staging import (
    StagedMarket,
    StagingRules,
    check_columns,
    nothing_valid,
    reasons_of_rows_set_aside,
    rows_by_file,
    stage_file,
    staged_markets,
    staged_names,
    staged_rows_sql,
)
from daypart.viewing.reading.workspace import Workspace, open_workspace
from daypart.viewing.settings import KEY_COLUMNS, MEASURE, Settings, check_agreement, open_previous
from daypart.viewing.store.batch import (
    Batch,
    active_markets,
    network_markets,
    number_names,
    segments_of,
    settle_households,
    staged_window,
    window_before,
)
from daypart.viewing.store.commit import remove_superseded
from daypart.viewing.store.elsewhere import Elsewhere, Given, Where
from daypart.viewing.store.outcome import Tally, finish
from daypart.viewing.store.report import IngestReport, Rows, rows_of_json

FROM_EVENTS = "from-events"
"""`households` for tables without one: every id in the events is a household of weight 1."""


def ingest(
    events: PathLike | Sequence[PathLike],
    *,
    households: PathLike,
    into: PathLike,
    markets: PathLike | None = None,
    timezone: str | None = None,
    segments: PathLike | Mapping[str, Predicate] | None = None,
    networks: PathLike | Sequence[str] | Mapping[str, str] | None = None,
    mapping: str | PathLike | Mapping[str, str] | ColumnMapping | None = None,
    crediting: CreditingRules | None = None,
    dayparts: DaypartTable = STANDARD_DAYPARTS,
    key: bytes | PathLike | None = None,
    memory: str = "1GB",
    threads: int | None = None,
    panel_households: int = 2000,
    first_day: date | None = None,
    last_day: date | None = None,
    on: Where | None = None,
    progress: Progress = SILENT,
) -> IngestReport:
    r"""Credit tune events into a viewing store, new or there already.

    Each row is credited, below the minimum tune, or set aside in `quarantine/` with a reason;
    the three add up to the rows read. Ingesting A and then B makes the store that ingesting
    both at once makes. A file whose content was ingested before is skipped.

    Parameters
    ----------
    events : path, glob or folder, or a sequence of them
        Parquet, CSV and gzipped CSV with `household_id`, `network`, `start`, `end` or
        `duration_s` (seconds), perhaps `market` and `device_id`.
    households : path or "from-events"
        A table of `household_id`, `market`, `weight` and attributes. "from-events" makes every id
        in the events a household of weight 1; then a column `segment` of the events may be the
        segment.
    into : path
        The store's folder.
    markets : path, optional
        A table of `market`, `timezone`, and perhaps `name` and `tv_homes`.
    timezone : str, optional
        IANA name of every market's zone, where there is no such table.
    segments : path or mapping, optional
        See `read_segments`; `all` is always there.
    networks : path, names, or mapping of names to markets, optional
        The networks that count. Where events carry no market, that of their network.
    mapping : optional
        See `read_mapping`.
    crediting : CreditingRules, optional
    dayparts : DaypartTable
        For the panel.
    key : bytes or path, optional
        Under which household and device ids are hashed; see `household_key`.
    memory : str
        Bound on DuckDB's memory, such as `1GB`.
    threads : int, optional
        All cores by default.
    panel_households : int
        The most panel households of a market: those with the smallest hashes.
    first_day, last_day : date, optional
        Local days; events that start on others are set aside.
    on : Where, optional
        Where files are read and markets credited: `daypart.OnExecutor("slurm")` makes a task of
        each market; in this process when left out. The store is the same.
    progress : Progress

    Returns
    -------
    IngestReport

    Raises
    ------
    DaypartError
        Before anything is changed: for files, columns and settings that can't be used, events of
        which no row is valid, and settings other than the store's.

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
    rules = crediting or CreditingRules()
    columns = read_mapping(mapping)
    from_events = str(households) == FROM_EVENTS
    predicates = read_segments(segments)
    if from_events and len(predicates) > 1:
        raise DaypartError("segments need a table of households", hint="or map a column to segment")
    files = find_files(events)
    previous = open_previous(into)
    new_files, skipped = _new_files(files, previous)
    if previous is not None and not new_files:
        return _report_of(previous, started, skipped)
    key_bytes = household_key(key)
    store = previous or SeriesStore.create(
        into,
        key=KEY_COLUMNS,
        overlapping={"segment": ALL_HOUSEHOLDS},
        measures=[MEASURE],
        hour_groups={"daypart": dayparts.hour_of_week_names()},
    )
    with open_workspace(store.folder, memory=memory, threads=threads, key=key_bytes) as workspace:
        sources = [open_source(workspace.connection, path) for path in new_files.values()]
        staging, event_segments = _staging_rules(
            columns, sources, from_events=from_events, networks_known=networks is not None
        )
        settings = Settings(
            rules,
            dayparts,
            predicates,
            panel_households,
            from_events,
            event_segments,
            key_fingerprint(key_bytes),
        )
        if previous is not None:
            check_agreement(settings, previous)
        for source in sources:
            check_columns(source, staging)
        reference = load_reference(
            workspace,
            households=None if from_events else households,
            segments=predicates,
            markets=markets,
            timezone=timezone,
            networks=networks,
            known_markets=_stored_markets(previous),
            more_markets=markets_in_events(workspace, sources, staging) if from_events else set(),
        )
        load_market_table(workspace, reference.markets, first_day, last_day)
        batch = Batch(workspace, store, previous, settings, reference, list(new_files), sources)
        if on is None:
            _stage(workspace, sources, staging, progress)
            return _credit(batch, started, skipped, progress)
        where_from = None if from_events else households
        given = Given(where_from, first_day, last_day, memory, threads, key)
        with on(batch, given, progress) as elsewhere:
            elsewhere.stage(staging)
            return _credit(batch, started, skipped, progress, elsewhere)


def _new_files(
    files: Sequence[Location], previous: SeriesStore | None
) -> tuple[dict[str, Location], tuple[str, ...]]:
    """Return the files by digest whose content is new, and the names of the others."""
    known = set(previous.extra["viewing"]["batches"]) if previous else set()
    new: dict[str, Location] = {}
    skipped: list[str] = []
    for path in files:
        digest = file_digest(path)
        if digest in known or digest in new:
            skipped.append(str(path))
        else:
            new[digest] = path
    return new, tuple(skipped)


def _staging_rules(
    columns: ColumnMapping, sources: Sequence[Source], *, from_events: bool, networks_known: bool
) -> tuple[StagingRules, str | None]:
    """Return how rows are judged, and the column that is the segment, if one is."""
    mapped = "segment" in columns.columns
    if mapped and not from_events:
        raise DaypartError(
            "mapping: a segment column needs households from the events",
            hint=f"say --households {FROM_EVENTS}, or describe segments over households",
        )
    column = columns.column_of("segment")
    present = mapped or (from_events and all(column in source.types for source in sources))
    return (
        StagingRules(columns, not from_events, networks_known, present),
        column if present else None,
    )


def _stored_markets(previous: SeriesStore | None) -> dict[str, Market]:
    if previous is None:
        return {}
    return {
        code: Market(code, about["name"], about["timezone"], about["tv_homes"])
        for code, about in previous.extra["viewing"]["markets"].items()
    }


def _stage(
    workspace: Workspace, sources: Sequence[Source], rules: StagingRules, progress: Progress
) -> None:
    with progress.step("reading events", total=len(sources), unit="files") as step:
        for number, source in enumerate(sources):
            stage_file(workspace, source, number, rules)
            step.advance()
        rows = rows_by_file(workspace)
        step.summarise(f"{sum(rows.values()):,} rows of {len(sources):,} files")


def _credit(
    batch: Batch,
    started: float,
    skipped: tuple[str, ...],
    progress: Progress,
    elsewhere: Elsewhere | None = None,
) -> IngestReport:
    """Credit the staged rows market by market, and commit."""
    workspace = batch.workspace
    codes = list(batch.reference.markets)
    staged = {codes[number]: found for number, found in staged_markets(workspace).items()}
    if not staged:
        raise nothing_valid(workspace, batch.sources)
    segments, names_before = segments_of(batch), batch.viewing_before.get("networks", [])
    networks = sorted(
        {*names_before, *staged_names(workspace, "network"), *(batch.reference.networks or ())}
    )
    changed = settle_households(batch, segments)
    active = active_markets(batch, staged)
    before = window_before(batch)
    window = staged_window(batch, staged).union(before)
    number_names(workspace, networks, segments)
    open_quarantine(workspace)
    update = Update(
        workspace,
        batch.store,
        batch.generation,
        window,
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
    read = sum(rows_by_file(workspace).values())
    files_before = batch.viewing_before.get("files", {})
    tally = Tally(
        Rows(read=read, set_aside=reasons_of_rows_set_aside(workspace)),
        events={**files_before.get("events", {})},
        hut={**files_before.get("hut", {})},
        panel={**files_before.get("panel", {})},
    )
    viewing: dict[str, Any] = {}
    if elsewhere is None:
        updates = _credited_here(update, active, codes, staged, changed)
    else:
        updates = elsewhere.credit(update, active, staged, changed, segments)
    with progress.step("crediting", total=len(active), unit="markets") as step:

        def blocks() -> Iterator[tuple[str, SeriesBlock]]:
            for code, done in updates:
                if done is not None:
                    tally.add(code, done)
                    yield code, done.block
                step.advance()
            viewing.update(finish(batch, update, active, tally, segments))

        committed = batch.store.replace_regions(blocks(), extra={"viewing": viewing})
        remove_superseded(committed.folder, viewing["files"])
        step.summarise(
            f"{tally.rows.credited:,} rows credited, {tally.rows.all_set_aside:,} set aside, "
            f"{committed.partitions:,} partitions"
        )
    return replace(
        _report_of(committed, started, skipped),
        rows=tally.rows,
        minutes_after_last_day=tally.minutes_after_window,
        files_read=len(batch.sources),
        notes=batch.reference.notes,
    )


def _credited_here(
    update: Update,
    active: Mapping[str, Market],
    codes: Sequence[str],
    staged: Mapping[str, StagedMarket],
    changed: Sequence[str],
) -> Iterator[tuple[str, MarketUpdate | None]]:
    """Credit the markets one after the other in this process."""
    for code, market in active.items():
        rows = staged_rows_sql(update.workspace, codes.index(code)) if code in staged else None
        yield (
            code,
            update_market(
                update, market, staged.get(code), rows, households_changed=code in changed
            ),
        )


def _report_of(store: SeriesStore, started: float, skipped: tuple[str, ...]) -> IngestReport:
    viewing = store.extra["viewing"]
    return IngestReport(
        rows=Rows(),
        rows_in_store=rows_of_json(viewing["rows"]),
        partitions=store.partitions,
        markets=len(viewing["markets"]),
        networks=len(viewing["networks"]),
        segments=len(viewing["segments"]),
        households=viewing["households"],
        first_day=viewing["window"]["first_day"],
        last_day=viewing["window"]["last_day"],
        hours=viewing["window"]["hours"],
        minutes_after_last_day=0.0,
        files_read=0,
        files_skipped=skipped,
        seconds=time.monotonic() - started,
    )
