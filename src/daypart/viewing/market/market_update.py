"""One market of a store: credits its events, splices the hours, writes its files."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore
from daypart.storage.files import atomic_path, kept_copy, make_folder
from daypart.storage.location import file_name_of
from daypart.storage.tables import read_table, write_table
from daypart.viewing.clock import Window, market_hours
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.dayparts import DaypartTable
from daypart.viewing.market.aggregate import (
    HOURS_PER_BLOCK,
    Cells,
    any_network_cells,
    in_tab_blocks,
    in_tab_households,
    load_market_members,
    network_cells,
    panel_minutes,
    panel_schema,
)
from daypart.viewing.market.sessions import (
    HOUR_MS,
    RowCounts,
    credit_hours,
    judge_sessions,
    load_tunes,
)
from daypart.viewing.market.splice import HourRange, affected_hours, spliced
from daypart.viewing.reading.markets import Market
from daypart.viewing.reading.quarantine import keep_rows_set_aside
from daypart.viewing.reading.sources import text_literal
from daypart.viewing.reading.staging import StagedMarket
from daypart.viewing.reading.workspace import Workspace

_NO_ROWS = RowCounts(0, 0, 0, 0, 0)
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Update:
    """What is the same for every market of one ingest.

    Parameters
    ----------
    workspace : Workspace
    store : SeriesStore
        As it was.
    generation : int
        Of the files to write.
    window, window_before : Window
        Local days of the store with and without the new events (None: a new store).
    networks, segments : tuple of str
    network_markets : mapping of str to str
        The one market of each local network.
    names_changed : bool
        Whether networks or segments came to the store.
    rules : CreditingRules
    dayparts : DaypartTable
    event_segments : bool
    files : mapping
        The store's files as they were: `events`, `hut`, `panel` by market.
    """

    workspace: Workspace
    store: SeriesStore
    generation: int
    window: Window
    window_before: Window | None
    networks: tuple[str, ...]
    segments: tuple[str, ...]
    network_markets: Mapping[str, str]
    names_changed: bool
    rules: CreditingRules
    dayparts: DaypartTable
    event_segments: bool
    files: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class MarketUpdate:
    """What became of one market.

    Parameters
    ----------
    block : SeriesBlock
    rows : RowCounts
        Changes.
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
    market: Market,
    staged: StagedMarket | None,
    staged_sql: str | None,
    *,
    households_changed: bool,
) -> MarketUpdate | None:
    """Credit a market's new events and bring its part of the store up to date.

    Parameters
    ----------
    update : Update
    market : Market
    staged : StagedMarket or None
        Its new valid rows.
    staged_sql : str or None
        SQL that reads them.
    households_changed : bool
        Whether weights, segments or the panel are others than the store's.

    Returns
    -------
    MarketUpdate or None
        None where nothing of the market changes.
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
        stored = [str(kept_copy(update.store.folder / file)) for file in files]
        load_tunes(workspace, staged_sql, stored, bounds)
        rows = judge_sessions(workspace, rules)
        credit_hours(
            workspace, rules, (hours.start, hours.stop), event_segments=update.event_segments
        )
        late_minutes = _minutes_after(workspace, update.window, market)
        keep_rows_set_aside(workspace, market.code)
        if staged_sql is not None:
            files = (*files, _write_events(update, market))
    in_tab = in_tab_households(workspace, len(update.segments))
    block = _block(update, market, hours, in_tab)
    return MarketUpdate(
        block,
        rows,
        files,
        _write_hut(update, market, hours),
        _write_panel(update, market, hours),
        late_minutes,
    )


def _hours_to_credit(
    update: Update, market: Market, staged: StagedMarket | None, *, everything: bool
) -> HourRange | None:
    first = update.window.first_hour(market.timezone)
    whole = HourRange(first, first + update.window.hours(market.timezone))
    if everything or update.rules.out_of_tab_silent_days is not None:
        return whole
    starts = (staged.first_start_ms, staged.last_start_ms) if staged else None
    return affected_hours(
        update.window, update.window_before, market.timezone, starts, update.rules
    )


def _minutes_after(workspace: Workspace, window: Window, market: Market) -> float:
    end_ms = (window.first_hour(market.timezone) + window.hours(market.timezone)) * HOUR_MS
    found = workspace.rows(
        f"SELECT sum(stop_ms - {end_ms}) FROM sessions "
        f"WHERE status = 'credited' AND stop_ms > {end_ms}"
    )[0][0]
    return float(found or 0) / 60_000


def _write_events(update: Update, market: Market) -> str:
    name = f"events/{file_name_of(market.code)}-{update.generation}.parquet"
    make_folder(update.store.folder / "events")
    with atomic_path(update.store.folder / name) as path:
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


def _partitions(update: Update, market: Market) -> _Partitions:
    chosen = [
        (f"{market.code}/{network}/{segment}", place, number)
        for place, network in enumerate(update.networks)
        if update.network_markets.get(network, market.code) == market.code
        for number, segment in enumerate(update.segments)
    ]
    chosen.sort()
    for (first, *_), (second, *_) in itertools.pairwise(chosen):
        if first == second:
            raise DaypartError(f"two partitions are called {first!r}", hint="rename a network")
    return _Partitions(
        [name for name, _, _ in chosen],
        np.array([place for _, place, _ in chosen], dtype=np.int64),
        np.array([number for _, _, number in chosen], dtype=np.int64),
    )


@dataclass(frozen=True)
class _Partitions:
    """A market's partitions in the order of their `unique_id`."""

    unique_ids: list[str]
    network: NDArray[np.int64]
    segment: NDArray[np.int64]

    def row_of(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Return the row of each network x segment, -1 where there is none."""
        rows = np.full(shape, -1, dtype=np.int64)
        rows[self.network, self.segment] = np.arange(len(self.unique_ids))
        return rows


def _block(
    update: Update, market: Market, hours: HourRange | None, in_tab: NDArray[np.int64]
) -> SeriesBlock:
    partitions = _partitions(update, market)
    first = update.window.first_hour(market.timezone)
    shape = len(partitions.unique_ids), update.window.hours(market.timezone)
    old = update.store.read_region(market.code) if market.code in update.store.regions else None
    counts, minutes = _old_matrices(old, partitions.unique_ids, first, shape)
    if hours is not None:
        cells = network_cells(update.workspace)
        rows = partitions.row_of((len(update.networks), len(update.segments)))
        _place(counts, minutes, cells, rows[cells.network, cells.segment], first, hours)
    exposures = _exposures(update, first, shape[1], in_tab)[partitions.segment]
    return SeriesBlock(
        keys=pa.table(
            {
                "market": pa.array([market.code] * shape[0], pa.string()),
                "network": pa.array([update.networks[n] for n in partitions.network], pa.string()),
                "segment": pa.array([update.segments[n] for n in partitions.segment], pa.string()),
                "unique_id": pa.array(partitions.unique_ids, pa.string()),
            }
        ),
        timezones=[market.timezone] * shape[0],
        first_hours=np.full(shape[0], first, dtype=np.int64),
        offsets=np.arange(shape[0] + 1, dtype=np.int64) * shape[1],
        counts=counts.ravel(),
        exposure_offsets=np.arange(shape[0] + 1, dtype=np.int64) * exposures.shape[1],
        exposures=np.ascontiguousarray(exposures).ravel(),
        measures={"minutes": minutes.ravel()},
    )


def _old_matrices(
    old: SeriesBlock | None, ids: Sequence[str], first: int, shape: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if old is None or len(old) == 0:
        return np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
    place = {name: row for row, name in enumerate(ids)}
    rows = np.array([place[name] for name in old.unique_ids], dtype=np.int64)
    column = int(old.first_hours[0]) - first
    size = len(old), old.hours_of(0)
    counts = spliced(shape, old.counts.reshape(size), rows, column, np.int32)
    minutes = spliced(shape, old.measures["minutes"].reshape(size), rows, column, np.float32)
    return counts.astype(np.int32, copy=False), minutes.astype(np.float32, copy=False)


def _place(
    counts: NDArray[np.int32],
    minutes: NDArray[np.float32],
    cells: Cells,
    rows: NDArray[np.int64],
    first: int,
    hours: HourRange,
) -> None:
    """Replace the columns of some hours by what was credited in them."""
    counts[:, hours.start - first : hours.stop - first] = 0
    minutes[:, hours.start - first : hours.stop - first] = 0
    counts[rows, cells.hour - first] = cells.households
    minutes[rows, cells.hour - first] = cells.minutes


def _exposures(
    update: Update, first: int, hours: int, in_tab: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return in-tab households, shape (segments, blocks of 24 hours)."""
    silent_days = update.rules.out_of_tab_silent_days
    blocks = -(-hours // HOURS_PER_BLOCK)
    if silent_days is None:
        return np.repeat(in_tab[:, None], blocks, axis=1).astype(np.float32)
    window = HourRange(first, first + hours)
    in_blocks = in_tab_blocks(update.workspace, len(update.segments), window, silent_days)
    return in_blocks.astype(np.float32)


def _write_hut(update: Update, market: Market, hours: HourRange | None) -> str:
    first = update.window.first_hour(market.timezone)
    shape = len(update.segments), update.window.hours(market.timezone)
    counts = np.zeros(shape, dtype=np.int32)
    minutes = np.zeros(shape, dtype=np.float32)
    if before := update.files.get("hut", {}).get(market.code):
        table = read_table(update.store.folder / before)
        place = {name: row for row, name in enumerate(update.segments)}
        for row in table.to_pylist():
            column = int(row["first_hour"].timestamp()) // 3600 - first
            stop = column + len(row["counts"])
            counts[place[row["segment"]], column:stop] = row["counts"]
            minutes[place[row["segment"]], column:stop] = row["minutes"]
    if hours is not None:
        cells = any_network_cells(update.workspace)
        _place(counts, minutes, cells, cells.segment, first, hours)
    offsets = pa.array(np.arange(shape[0] + 1, dtype=np.int32) * shape[1])
    table = pa.table(
        {
            "market": pa.array([market.code] * shape[0], pa.string()),
            "segment": pa.array(update.segments, pa.string()),
            "first_hour": pa.array([first * _HOUR_US] * shape[0], pa.timestamp("us", tz="UTC")),
            "counts": pa.ListArray.from_arrays(offsets, pa.array(counts.ravel())),
            "minutes": pa.ListArray.from_arrays(offsets, pa.array(minutes.ravel())),
        }
    )
    return _write(update, "hut", market, table)


def _write_panel(update: Update, market: Market, hours: HourRange | None) -> str:
    before = update.files.get("panel", {}).get(market.code)
    kept = read_table(update.store.folder / before) if before else panel_schema().empty_table()
    if hours is not None:
        calendar = market_hours(
            update.window, market.timezone, update.rules.broadcast_day_start_hour
        )
        inside = slice(hours.start - calendar.first_hour, hours.stop - calendar.first_hour)
        weeks = pa.array(np.unique(calendar.week[inside])).cast(pa.date32())
        kept = kept.filter(pc.invert(pc.is_in(kept["week"], value_set=weeks)))
        new = panel_minutes(update.workspace, calendar, update.dayparts, update.networks)
        order = [(name, "ascending") for name in ("household", "week", "network", "daypart")]
        kept = pa.concat_tables([kept, new]).sort_by(order)
    return _write(update, "panel", market, kept)


def _write(update: Update, folder: str, market: Market, table: pa.Table) -> str:
    name = f"{folder}/{file_name_of(market.code)}-{update.generation}.parquet"
    make_folder(update.store.folder / folder)
    write_table(update.store.folder / name, table)
    return name
