"""One market of a store: its new events are credited, and its part of the store is renewed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.errors import DaypartError
from daypart.series.block import SeriesBlock, exposure_periods
from daypart.series.store import SeriesStore
from daypart.series.store_tables import EVENT_COLUMNS, HUT_COLUMNS, PANEL_COLUMNS
from daypart.storage.files import make_folder
from daypart.storage.location import file_name_of
from daypart.storage.seals import sealed_path
from daypart.storage.tables import checked_copy, read_table, write_table
from daypart.tables.sql import text_literal
from daypart.viewing.clock import HOUR_MS, LocalDays, market_hours
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.dayparts import DaypartTable
from daypart.viewing.market.cells import (
    any_network_cells,
    in_tab_blocks,
    in_tab_households,
    load_market_members,
    network_cells,
)
from daypart.viewing.market.credited_hours import credit_hours
from daypart.viewing.market.hour_matrices import HourMatrices
from daypart.viewing.market.hour_range import HourRange, affected_hours
from daypart.viewing.market.household_panel import PANEL_SCHEMA, panel_minutes, updated_panel
from daypart.viewing.market.sessions import RowCounts, judge_sessions, load_tunes
from daypart.viewing.reading.markets import ViewingMarket
from daypart.viewing.reading.quarantine import keep_rows_set_aside
from daypart.viewing.reading.staging import StagedMarket
from daypart.viewing.reading.workspace import Workspace

_NO_ROWS = RowCounts(0, 0, 0, 0, 0)
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Update:
    """The inputs of `update_market` that are the same for every market of one ingest.

    Parameters
    ----------
    workspace : Workspace
    store : SeriesStore
        Before the ingest.
    generation : int
        Of the files to write.
    window, window_before : LocalDays
        Local days of the store with and without the new events (None: a new store).
    networks, segments : tuple of str
    network_markets : mapping of str to str
        The market of each local network.
    names_changed : bool
        Whether the ingest adds networks or segments to the store.
    rules : CreditingRules
    dayparts : DaypartTable
    event_segments : bool
        Whether segments belong to events, not to households.
    files : mapping
        The store's files before the ingest: `events`, `hut`, `panel` by market.
    """

    workspace: Workspace
    store: SeriesStore
    generation: int
    window: LocalDays
    window_before: LocalDays | None
    networks: tuple[str, ...]
    segments: tuple[str, ...]
    network_markets: Mapping[str, str]
    names_changed: bool
    rules: CreditingRules
    dayparts: DaypartTable
    event_segments: bool
    files: Mapping[str, Mapping[str, Any]]

    def hours_of(self, market: ViewingMarket) -> HourRange:
        """Return all hours of the store in a market."""
        first = self.window.first_hour(market.timezone)
        return HourRange(first, first + self.window.hours(market.timezone))


@dataclass(frozen=True)
class MarketUpdate:
    """The result of `update_market`.

    Parameters
    ----------
    block : SeriesBlock
    rows : RowCounts
        Changes of the store's counts.
    events : tuple of str
        Its event files, relative to the store.
    hut, panel : str
        Its files, relative to the store.
    minutes_after_window : float
    """

    block: SeriesBlock
    rows: RowCounts
    events: tuple[str, ...]
    hut: str
    panel: str
    minutes_after_window: float


def update_market(
    update: Update,
    market: ViewingMarket,
    staged: StagedMarket | None,
    staged_sql: str | None,
    *,
    households_changed: bool,
) -> MarketUpdate | None:
    """Credit a market's new events and renew its part of the store.

    Parameters
    ----------
    update : Update
    market : ViewingMarket
    staged : StagedMarket or None
        Its new valid rows.
    staged_sql : str or None
        SQL that reads them.
    households_changed : bool
        Whether weights, segments or the panel differ from the store's.

    Returns
    -------
    MarketUpdate or None
        None if nothing of the market changes.
    """
    workspace, rules = update.workspace, update.rules
    hours = _hours_to_credit(update, market, staged, everything=households_changed)
    if hours is None and not update.names_changed:
        return None
    files = tuple(update.files.get("events", {}).get(market.code, ()))
    rows = _NO_ROWS
    late_minutes = 0.0
    load_market_members(
        workspace, market.code, len(update.segments), event_segments=update.event_segments
    )
    if hours is not None:
        reach_ms = rules.idle_cap_ms
        bounds = hours.start * HOUR_MS - reach_ms, hours.stop * HOUR_MS + reach_ms
        stored = [str(checked_copy(update.store.folder / file, EVENT_COLUMNS)) for file in files]
        load_tunes(workspace, staged_sql, stored, bounds)
        rows = judge_sessions(workspace, rules)
        credit_hours(workspace, rules, hours, event_segments=update.event_segments)
        late_minutes = _minutes_after(workspace, update.hours_of(market).stop * HOUR_MS)
        keep_rows_set_aside(workspace, market.code)
        if staged_sql is not None:
            files = (*files, _write_events(update, market))
    return MarketUpdate(
        _block(update, market, hours),
        rows,
        files,
        _write_hut(update, market, hours),
        _write_panel(update, market, hours),
        late_minutes,
    )


def _hours_to_credit(
    update: Update, market: ViewingMarket, staged: StagedMarket | None, *, everything: bool
) -> HourRange | None:
    if everything or update.rules.out_of_tab_silent_days is not None:
        return update.hours_of(market)
    starts = (staged.first_start_ms, staged.last_start_ms) if staged else None
    return affected_hours(
        update.window, update.window_before, market.timezone, starts, update.rules
    )


def _minutes_after(workspace: Workspace, end_ms: int) -> float:
    found = workspace.rows(
        f"SELECT sum(stop_ms - {end_ms}) FROM sessions "
        f"WHERE status = 'credited' AND stop_ms > {end_ms}"
    )[0][0]
    return float(found or 0) / 60_000


def _block(update: Update, market: ViewingMarket, hours: HourRange | None) -> SeriesBlock:
    """Return the market's partitions, in the order of their `unique_id`."""
    names = _partitions(update, market)
    ids = list(names)
    network, segment = np.array(list(names.values()), dtype=np.int64).reshape(-1, 2).T
    every = update.hours_of(market)
    shape = len(ids), every.stop - every.start
    matrices = HourMatrices.zeros(every.start, shape)
    if market.code in update.store.regions:
        old = update.store.read_region(market.code)
        if len(old):
            row_of = {name: row for row, name in enumerate(ids)}
            size = len(old), old.hours_of(0)
            matrices.place_stored(
                [row_of[name] for name in old.unique_ids],
                int(old.first_hours[0]),
                old.counts.reshape(size),
                old.measures["minutes"].reshape(size),
            )
    if hours is not None:
        cells = network_cells(update.workspace)
        rows = np.full((len(update.networks), len(update.segments)), -1, dtype=np.int64)
        rows[network, segment] = np.arange(len(ids))
        matrices.replace(hours, rows[cells.network, cells.segment], cells)
    exposures = _exposures(update, every)[segment]
    return SeriesBlock(
        keys=pa.table(
            {
                "market": pa.array([market.code] * len(ids), pa.string()),
                "network": pa.array([update.networks[n] for n in network], pa.string()),
                "segment": pa.array([update.segments[n] for n in segment], pa.string()),
                "unique_id": pa.array(ids, pa.string()),
            }
        ),
        timezones=[market.timezone] * len(ids),
        first_hours=np.full(len(ids), every.start, dtype=np.int64),
        offsets=np.arange(len(ids) + 1, dtype=np.int64) * shape[1],
        counts=matrices.counts.ravel(),
        exposure_offsets=np.arange(len(ids) + 1, dtype=np.int64) * exposures.shape[1],
        exposures=np.ascontiguousarray(exposures).ravel(),
        measures={"minutes": matrices.minutes.ravel()},
    )


def _partitions(update: Update, market: ViewingMarket) -> dict[str, tuple[int, int]]:
    """Return the numbers of network and segment of each partition, by `unique_id`."""
    chosen = sorted(
        (f"{market.code}/{network}/{segment}", (place, number))
        for place, network in enumerate(update.networks)
        if update.network_markets.get(network, market.code) == market.code
        for number, segment in enumerate(update.segments)
    )
    for (first, _), (second, _) in itertools.pairwise(chosen):
        if first == second:
            raise DaypartError(f"two partitions are called {first!r}", hint="rename a network")
    return dict(chosen)


def _exposures(update: Update, hours: HourRange) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return in-tab households, shape (segments, blocks of 24 hours)."""
    segments, silent_days = len(update.segments), update.rules.out_of_tab_silent_days
    if silent_days is not None:
        return in_tab_blocks(update.workspace, segments, hours, silent_days).astype(np.float32)
    in_tab, _ = in_tab_households(update.workspace, segments)
    periods = exposure_periods(hours.stop - hours.start)
    return np.repeat(in_tab[:, None], periods, axis=1).astype(np.float32)


def _write_events(update: Update, market: ViewingMarket) -> str:
    name = _new_file(update, "events", market)
    with sealed_path(update.store.folder / name) as path:
        update.workspace.run(
            f"""
            COPY (
                SELECT household, n.name AS network, device, s.name AS segment,
                       make_timestamptz(start_ms * 1000) AS "start",
                       make_timestamptz(end_ms * 1000) AS "end"
                FROM sessions JOIN network_numbers n ON network = n.number
                     JOIN segment_numbers s ON segment = s.number
                WHERE is_new AND status <> 'duplicate'
                ORDER BY start_ms, household, device, end_ms, n.name, s.name
            ) TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)
            """
        )
    return name


def _write_hut(update: Update, market: ViewingMarket, hours: HourRange | None) -> str:
    """Write the households that watch any network, by segment and hour."""
    every = update.hours_of(market)
    segments, size = len(update.segments), every.stop - every.start
    matrices = HourMatrices.zeros(every.start, (segments, size))
    if before := update.files.get("hut", {}).get(market.code):
        row_of = {name: row for row, name in enumerate(update.segments)}
        for stored in read_table(update.store.folder / before, HUT_COLUMNS).to_pylist():
            first_hour = int(stored["first_hour"].timestamp()) // 3600
            row = [row_of[stored["segment"]]]
            matrices.place_stored(row, first_hour, [stored["counts"]], [stored["minutes"]])
    if hours is not None:
        cells = any_network_cells(update.workspace)
        matrices.replace(hours, cells.segment, cells)
    offsets = pa.array(np.arange(segments + 1, dtype=np.int32) * size)
    first_hours = [every.start * _HOUR_US] * segments
    table = pa.table(
        {
            "market": pa.array([market.code] * segments, pa.string()),
            "segment": pa.array(update.segments, pa.string()),
            "first_hour": pa.array(first_hours, pa.timestamp("us", tz="UTC")),
            "counts": pa.ListArray.from_arrays(offsets, pa.array(matrices.counts.ravel())),
            "minutes": pa.ListArray.from_arrays(offsets, pa.array(matrices.minutes.ravel())),
        }
    )
    name = _new_file(update, "hut", market)
    write_table(update.store.folder / name, table)
    return name


def _write_panel(update: Update, market: ViewingMarket, hours: HourRange | None) -> str:
    before = update.files.get("panel", {}).get(market.code)
    panel = PANEL_SCHEMA.empty_table()
    if before:
        panel = read_table(update.store.folder / before, PANEL_COLUMNS)
    if hours is not None:
        calendar = market_hours(
            update.window, market.timezone, update.rules.broadcast_day_start_hour
        )
        new = panel_minutes(update.workspace, calendar, update.dayparts)
        panel = updated_panel(panel, new, calendar, hours)
    name = _new_file(update, "panel", market)
    write_table(update.store.folder / name, panel)
    return name


def _new_file(update: Update, folder: str, market: ViewingMarket) -> str:
    """Make a folder of the store; return the market's next file in it, relative to the store."""
    make_folder(update.store.folder / folder)
    return f"{folder}/{file_name_of(market.code)}-{update.generation}.parquet"
