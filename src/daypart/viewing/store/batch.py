"""The batch of one ingest: the staged rows, and the days, names and households of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from daypart.errors import DaypartError
from daypart.series.local_time import refuse_part_hours
from daypart.series.store import SeriesStore
from daypart.series.store_tables import HOUSEHOLD_COLUMNS
from daypart.storage.tables import read_table
from daypart.tables.table import Table
from daypart.viewing.clock import HOUR_MS, LocalDays, day_number, day_of_number, local_day_of_hour
from daypart.viewing.reading.households import (
    WEIGHT_UNIT,
    changed_markets,
    choose_panel,
    keep_absent_households,
)
from daypart.viewing.reading.markets import ViewingMarket
from daypart.viewing.reading.reference import Reference
from daypart.viewing.reading.segments import ALL_HOUSEHOLDS, segment_bits_sql
from daypart.viewing.reading.staging import StagedMarket, staged_names, staged_rows_sql
from daypart.viewing.reading.workspace import Workspace
from daypart.viewing.settings import Settings
from daypart.viewing.store.days_read import RequestedDays

_LONGEST_WINDOW_DAYS = 3660


@dataclass(frozen=True)
class Batch:
    """The staged rows of one ingest, with the settings and tables that credit them.

    Parameters
    ----------
    workspace : Workspace
    store, previous : SeriesStore
        The store to write; the store before the ingest, None for a new one.
    settings : Settings
    reference : Reference
    digests : sequence of str
        Content hashes of the files.
    tables : sequence of Table
        Of the events.
    days : tuple of date or None
        First and last local day to credit.
    """

    workspace: Workspace
    store: SeriesStore
    previous: SeriesStore | None
    settings: Settings
    reference: Reference
    digests: Sequence[str]
    tables: Sequence[Table]
    days: RequestedDays

    @property
    def viewing_before(self) -> Mapping[str, Any]:
        """The part of `store.json` on viewing, before the ingest."""
        return {} if self.previous is None else self.previous.extra["viewing"]

    @property
    def by_event(self) -> bool:
        """Whether segments belong to events, not to households."""
        return self.settings.event_segments is not None

    @property
    def generation(self) -> int:
        """The generation of the files to write."""
        return self.store.generation + 1


def segments_of(batch: Batch) -> dict[str, dict[str, Any]]:
    """Return the store's segments, `all` first."""
    column = batch.settings.event_segments
    if column is None:
        return {name: dict(predicate) for name, predicate in batch.settings.segments.items()}
    names = {*batch.viewing_before.get("segments", {}), *staged_names(batch.workspace, "segment")}
    named = {name: {column: name} for name in sorted(names - {ALL_HOUSEHOLDS})}
    return {ALL_HOUSEHOLDS: {}, **named}


def settle_households(batch: Batch, segments: Mapping[str, Any]) -> list[str]:
    """Complete `members`, choose the panel; return the markets whose households changed.

    Parameters
    ----------
    batch : Batch
    segments : mapping
        As `segments_of` returns them.
    """
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
        stored = read_table(
            batch.previous.folder / batch.viewing_before["files"]["households"], HOUSEHOLD_COLUMNS
        )
        bits = segment_bits_sql(list(segments), event_segments=batch.by_event)
        keep_absent_households(workspace, stored, bits)
    choose_panel(workspace, batch.settings.panel_households)
    return changed_markets(workspace) if batch.previous is not None else []


def network_markets(batch: Batch) -> dict[str, str]:
    """Return the market of each local network."""
    listed = (batch.reference.networks or {}).items()
    local = {network: market for network, market in listed if market is not None}
    return {**batch.viewing_before.get("network_markets", {}), **local}


def active_markets(batch: Batch, staged: Mapping[str, StagedMarket]) -> dict[str, ViewingMarket]:
    """Return the markets of the store after the ingest.

    Parameters
    ----------
    batch : Batch
    staged : mapping of str to StagedMarket
        The markets with valid rows.
    """
    networks = batch.reference.networks or {}
    if not batch.settings.households_from_events:
        return dict(batch.reference.markets)
    named = {*staged, *batch.store.regions, *networks.values()}
    return {code: m for code, m in batch.reference.markets.items() if code in named}


def window_before(batch: Batch) -> LocalDays | None:
    """Return the days of the store before the ingest, None for a new store."""
    if batch.previous is None:
        return None
    stored = batch.viewing_before["window"]
    days = (day_number(date.fromisoformat(stored[name])) for name in ("first_day", "last_day"))
    return LocalDays(*days)


def staged_window(batch: Batch, staged: Mapping[str, StagedMarket]) -> LocalDays:
    """Return the local days on which the staged events start.

    Parameters
    ----------
    batch : Batch
    staged : mapping of str to StagedMarket
        The markets with valid rows.

    Raises
    ------
    DaypartError
        For more than ten years, and a zone whose clocks are not whole hours from UTC.
    """
    zones = {code: batch.reference.markets[code].timezone for code in staged}
    days = [
        local_day_of_hour(start_ms // HOUR_MS, zones[code])
        for code, found in staged.items()
        for start_ms in (found.first_start_ms, found.last_start_ms)
    ]
    window = LocalDays(min(days), max(days))
    if window.last_day - window.first_day >= _LONGEST_WINDOW_DAYS:
        rows_sql = staged_rows_sql(batch.workspace)
        number, row = batch.workspace.rows(
            f"SELECT source_file, source_row FROM {rows_sql} ORDER BY start_ms LIMIT 1"
        )[0]
        raise DaypartError(
            f"{batch.tables[number]}: events from {day_of_number(window.first_day)} to "
            f"{day_of_number(window.last_day)}, the earliest in row {row:,}",
            hint="give the days to credit (first_day, last_day)",
        )
    for zone in sorted(set(zones.values())):
        refuse_part_hours(
            zone, window.first_hour(zone), window.first_hour(zone) + window.hours(zone)
        )
    return window
