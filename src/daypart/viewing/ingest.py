"""Ingest: from tune events and households to a viewing store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.series import SeriesBlock, SeriesStore
from daypart.storage import PathLike, file_digest, read_table
from daypart.viewing.clock import Window, day_number, day_of_number, local_day_of_hour
from daypart.viewing.commit import (
    remove_superseded,
    segment_bits_sql,
    write_households,
    write_universe,
)
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.dayparts import STANDARD_DAYPARTS, DaypartTable
from daypart.viewing.household_key import household_key, key_fingerprint
from daypart.viewing.households import (
    WEIGHT_UNIT,
    changed_markets,
    choose_panel,
    keep_absent_households,
)
from daypart.viewing.mapping import ColumnMapping, read_mapping
from daypart.viewing.market_update import MarketUpdate, Update, update_market
from daypart.viewing.markets import Market
from daypart.viewing.quarantine import open_quarantine, write_quarantine
from daypart.viewing.reference import (
    Reference,
    load_market_table,
    load_reference,
    markets_in_events,
)
from daypart.viewing.report import IngestReport, Rows, rows_of_json
from daypart.viewing.segments import ALL_HOUSEHOLDS, Predicate, read_segments
from daypart.viewing.sessions import HOUR_MS
from daypart.viewing.settings import (
    KEY_COLUMNS,
    MEASURE,
    Settings,
    check_agreement,
    open_previous,
)
from daypart.viewing.sources import Source, find_files, open_source, text_literal
from daypart.viewing.staging import (
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
from daypart.viewing.workspace import Workspace, open_workspace

FROM_EVENTS = "from-events"
"""`households` for tables without one: every id in the events is a household of weight 1."""

_LONGEST_WINDOW_DAYS = 3660


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
        into, key=KEY_COLUMNS, overlapping={"segment": ALL_HOUSEHOLDS}, measures=[MEASURE]
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
        _stage(workspace, sources, staging, progress)
        batch = _Batch(workspace, store, previous, settings, reference, list(new_files), sources)
        return _credit(batch, started, skipped, progress)


@dataclass(frozen=True)
class _Batch:
    """The staged rows of one ingest with everything that decides what becomes of them."""

    workspace: Workspace
    store: SeriesStore
    previous: SeriesStore | None
    settings: Settings
    reference: Reference
    digests: Sequence[str]
    sources: Sequence[Source]

    @property
    def viewing_before(self) -> Mapping[str, Any]:
        return {} if self.previous is None else self.previous.extra["viewing"]

    @property
    def generation(self) -> int:
        return self.store.generation + 1


@dataclass
class _Tally:
    """What the markets add up to while they are credited."""

    rows: Rows
    events: dict[str, list[str]]
    hut: dict[str, str]
    panel: dict[str, str]
    minutes_after_window: float = 0.0

    def add(self, code: str, done: MarketUpdate) -> None:
        counts = done.rows
        reasons = {"duplicate": counts.duplicate, "overlapping": counts.overlapping}
        change = Rows(
            0,
            counts.credited,
            counts.below_minimum_tune,
            {reason: rows for reason, rows in reasons.items() if rows},
            counts.capped,
        )
        self.rows = self.rows.plus(change)
        self.events[code] = list(done.events)
        self.hut[code], self.panel[code] = done.hut, done.panel
        self.minutes_after_window += done.minutes_after_window


def _new_files(
    files: Sequence[Path], previous: SeriesStore | None
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Return the files by digest whose content is new, and the names of the others."""
    known = set(previous.extra["viewing"]["batches"]) if previous else set()
    new: dict[str, Path] = {}
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
    batch: _Batch, started: float, skipped: tuple[str, ...], progress: Progress
) -> IngestReport:
    """Credit the staged rows market by market, and commit."""
    workspace = batch.workspace
    codes = list(batch.reference.markets)
    staged = {codes[number]: found for number, found in staged_markets(workspace).items()}
    if not staged:
        raise nothing_valid(workspace, batch.sources)
    segments, names_before = _segments(batch), batch.viewing_before.get("networks", [])
    networks = sorted(
        {*names_before, *staged_names(workspace, "network"), *(batch.reference.networks or ())}
    )
    changed = _settle_households(batch, segments)
    active = _active_markets(batch, staged)
    before = _window_before(batch)
    window = _window_of(batch, staged).union(before)
    _number_names(workspace, networks, segments)
    open_quarantine(workspace)
    update = Update(
        workspace,
        batch.store,
        batch.generation,
        window,
        before,
        tuple(networks),
        tuple(segments),
        _network_markets(batch),
        before is None
        or networks != list(names_before)
        or list(segments) != list(batch.viewing_before["segments"]),
        batch.settings.rules,
        batch.settings.dayparts,
        batch.settings.event_segments is not None,
        batch.viewing_before.get("files", {}),
    )
    read = sum(rows_by_file(workspace).values())
    files_before = batch.viewing_before.get("files", {})
    tally = _Tally(
        Rows(read=read, set_aside=reasons_of_rows_set_aside(workspace)),
        events={**files_before.get("events", {})},
        hut={**files_before.get("hut", {})},
        panel={**files_before.get("panel", {})},
    )
    viewing: dict[str, Any] = {}
    with progress.step("crediting", total=len(active), unit="markets") as step:

        def blocks() -> Iterator[tuple[str, SeriesBlock]]:
            for code, market in active.items():
                part = codes.index(code)
                done = update_market(
                    update,
                    market,
                    staged.get(code),
                    staged_rows_sql(workspace, part) if code in staged else None,
                    households_changed=code in changed,
                )
                if done is not None:
                    tally.add(code, done)
                    yield code, done.block
                step.advance()
            viewing.update(_finish(batch, update, active, tally, segments))

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


def _segments(batch: _Batch) -> dict[str, dict[str, Any]]:
    """Return the store's segments, `all` first."""
    column = batch.settings.event_segments
    if column is None:
        return {name: dict(predicate) for name, predicate in batch.settings.segments.items()}
    names = {*batch.viewing_before.get("segments", {}), *staged_names(batch.workspace, "segment")}
    named = {name: {column: name} for name in sorted(names - {ALL_HOUSEHOLDS})}
    return {ALL_HOUSEHOLDS: {}, **named}


def _settle_households(batch: _Batch, segments: Mapping[str, Any]) -> list[str]:
    """Complete `members`, choose the panel; return the markets whose households changed."""
    workspace = batch.workspace
    if batch.settings.households_from_events:
        workspace.run(
            f"""
            INSERT INTO members BY NAME
            SELECT DISTINCT household, t.market, CAST({WEIGHT_UNIT} AS BIGINT) AS weight,
                   CAST(0 AS BIGINT) AS segments
            FROM {staged_rows_sql(workspace)} e JOIN market_table t ON e.part = t.number
            """
        )
    if batch.previous is not None:
        stored = read_table(batch.previous.folder / batch.viewing_before["files"]["households"])
        bits = segment_bits_sql(
            list(segments), event_segments=batch.settings.event_segments is not None
        )
        keep_absent_households(workspace, stored, bits)
    choose_panel(workspace, batch.settings.panel_households)
    return changed_markets(workspace) if batch.previous is not None else []


def _network_markets(batch: _Batch) -> dict[str, str]:
    """Return the one market of each local network."""
    listed = (batch.reference.networks or {}).items()
    local = {network: market for network, market in listed if market is not None}
    return {**batch.viewing_before.get("network_markets", {}), **local}


def _active_markets(batch: _Batch, staged: Mapping[str, StagedMarket]) -> dict[str, Market]:
    """Return the markets that the store holds from now on."""
    networks = batch.reference.networks or {}
    if not batch.settings.households_from_events:
        return dict(batch.reference.markets)
    named = {*staged, *batch.store.regions, *networks.values()}
    return {code: m for code, m in batch.reference.markets.items() if code in named}


def _window_before(batch: _Batch) -> Window | None:
    if batch.previous is None:
        return None
    stored = batch.viewing_before["window"]
    days = (day_number(date.fromisoformat(stored[name])) for name in ("first_day", "last_day"))
    return Window(*days)


def _window_of(batch: _Batch, staged: Mapping[str, StagedMarket]) -> Window:
    """Return the local days on which the staged events start."""
    zones = {code: batch.reference.markets[code].timezone for code in staged}
    first = {
        code: local_day_of_hour(found.first_start_ms // HOUR_MS, zones[code])
        for code, found in staged.items()
    }
    last = {
        code: local_day_of_hour(found.last_start_ms // HOUR_MS, zones[code])
        for code, found in staged.items()
    }
    window = Window(min(first.values()), max(last.values()))
    if window.last_day - window.first_day >= _LONGEST_WINDOW_DAYS:
        rows_sql = staged_rows_sql(batch.workspace)
        number, row = batch.workspace.rows(
            f"SELECT source_file, source_row FROM {rows_sql} ORDER BY start_ms LIMIT 1"
        )[0]
        raise DaypartError(
            f"{batch.sources[number].path}: events from {day_of_number(window.first_day)} to "
            f"{day_of_number(window.last_day)}, the earliest in row {row:,}",
            hint="name the days that count (first_day, last_day)",
        )
    return window


def _number_names(
    workspace: Workspace, networks: Sequence[str], segments: Mapping[str, Any]
) -> None:
    """Make the tables `network_numbers` and `segment_numbers`."""
    for table, names in (("network_numbers", networks), ("segment_numbers", list(segments))):
        rows = ", ".join(f"({text_literal(name)}, {n})" for n, name in enumerate(names))
        workspace.run(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT name, CAST(number AS BIGINT) AS number "
            f"FROM (VALUES {rows}) t(name, number)"
        )


def _finish(
    batch: _Batch,
    update: Update,
    markets: Mapping[str, Market],
    tally: _Tally,
    segments: Mapping[str, Any],
) -> dict[str, Any]:
    """Write what belongs to no one market; return what `store.json` says about viewing."""
    workspace, folder, generation = batch.workspace, batch.store.folder, batch.generation
    if not tally.rows.adds_up():
        raise RuntimeError(f"rows do not add up: {tally.rows}")
    files: dict[str, Any] = {
        "households": f"households-{generation}.parquet",
        "universe": f"universe-{generation}.parquet",
        "events": tally.events,
        "hut": tally.hut,
        "panel": tally.panel,
        "quarantine": list(batch.viewing_before.get("files", {}).get("quarantine", [])),
    }
    names = list(segments)
    by_event = update.event_segments
    write_households(workspace, folder / files["households"], names, event_segments=by_event)
    write_universe(
        workspace, folder / files["universe"], list(markets), names, event_segments=by_event
    )
    quarantine = f"quarantine/{generation}.parquet"
    if write_quarantine(workspace, str(folder), quarantine, [str(s.path) for s in batch.sources]):
        files["quarantine"].append(quarantine)
    before = batch.viewing_before
    rows_before = rows_of_json(before["rows"]) if before else Rows()
    return {
        **batch.settings.as_json(),
        "segments": {name: dict(predicate) for name, predicate in segments.items()},
        "markets": {code: _market_json(market, update.window) for code, market in markets.items()},
        "networks": list(update.networks),
        "network_markets": dict(update.network_markets),
        "households": int(workspace.rows("SELECT count(*) FROM members")[0][0]),
        "rows": rows_before.plus(tally.rows).as_json(),
        "batches": {**before.get("batches", {}), **_batches(batch)},
        "files": files,
        "window": _window_json(update.window, markets),
        "simulated": bool(before.get("simulated", False)) or _any_simulated(batch),
    }


def _market_json(market: Market, window: Window) -> dict[str, Any]:
    return {
        **market.as_json(),
        "first_hour": window.first_hour(market.timezone),
        "hours": window.hours(market.timezone),
    }


def _window_json(window: Window, markets: Mapping[str, Market]) -> dict[str, Any]:
    """Return the window: days are local, hours (UTC, since 1970) from the earliest to the last."""
    zones = {market.timezone for market in markets.values()}
    first = min(window.first_hour(zone) for zone in zones)
    last = max(window.first_hour(zone) + window.hours(zone) - 1 for zone in zones)
    return {
        "first_day": day_of_number(window.first_day).isoformat(),
        "last_day": day_of_number(window.last_day).isoformat(),
        "first_hour": first,
        "last_hour": last,
        "hours": max(window.hours(zone) for zone in zones),
    }


def _batches(batch: _Batch) -> dict[str, Any]:
    rows = rows_by_file(batch.workspace)
    return {
        digest: {"file": str(source.path), "rows": rows.get(number, 0), "batch": batch.generation}
        for number, (digest, source) in enumerate(zip(batch.digests, batch.sources, strict=True))
    }


def _any_simulated(batch: _Batch) -> bool:
    """Tell whether a Parquet file of events carries the simulator's mark."""
    files = [text_literal(str(s.path)) for s in batch.sources if s.is_parquet]
    if not files:
        return False
    query = (
        f"SELECT count(*) FROM parquet_kv_metadata([{', '.join(files)}]) "
        "WHERE decode(key) = 'daypart.simulated' AND decode(value) = 'true'"
    )
    return bool(batch.workspace.rows(query)[0][0])


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
