"""The part of `store.json` on viewing: settings, markets, rows, days and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from daypart.tables.sql import text_literal
from daypart.viewing.clock import LocalDays, day_of_number
from daypart.viewing.market.market_update import MarketUpdate, Update
from daypart.viewing.reading.markets import ViewingMarket
from daypart.viewing.reading.quarantine import write_quarantine
from daypart.viewing.reading.staging import reasons_of_rows_set_aside, rows_by_file
from daypart.viewing.store.batch import Batch
from daypart.viewing.store.days_read import with_days
from daypart.viewing.store.report import EventRows
from daypart.viewing.store.shared_files import write_households, write_universe


class Tally:
    """The sums over markets while they are credited.

    Attributes
    ----------
    rows : EventRows
    files : dict
        `events`, `hut` and `panel` by market.
    minutes_after_window : float
    """

    def __init__(self, batch: Batch) -> None:
        read = sum(rows_by_file(batch.workspace).values())
        self.rows = EventRows(read=read, set_aside=reasons_of_rows_set_aside(batch.workspace))
        before = batch.viewing_before.get("files", {})
        self.files: dict[str, dict[str, Any]] = {
            kind: dict(before.get(kind, {})) for kind in ("events", "hut", "panel")
        }
        self.minutes_after_window = 0.0

    def add(self, code: str, done: MarketUpdate) -> None:
        """Add a market.

        Parameters
        ----------
        code : str
        done : MarketUpdate
        """
        counts = done.rows
        reasons = {"duplicate": counts.duplicate, "overlapping": counts.overlapping}
        change = EventRows(
            0,
            counts.credited,
            counts.below_minimum_tune,
            {reason: rows for reason, rows in reasons.items() if rows},
            counts.capped,
        )
        self.rows = self.rows.plus(change)
        self.files["events"][code] = list(done.events)
        self.files["hut"][code], self.files["panel"][code] = done.hut, done.panel
        self.minutes_after_window += done.minutes_after_window


def viewing_record(
    batch: Batch,
    update: Update,
    markets: Mapping[str, ViewingMarket],
    tally: Tally,
    segments: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the files on all markets; return the part of `store.json` on viewing.

    Parameters
    ----------
    batch : Batch
    update : Update
    markets : mapping of str to ViewingMarket
        Of the store after the ingest.
    tally : Tally
        Of all markets.
    segments : mapping
        Name to predicate.
    """
    if not tally.rows.adds_up():
        raise RuntimeError(f"rows do not add up: {tally.rows}")
    before = batch.viewing_before
    return {
        **batch.settings.as_json(),
        "segments": {name: dict(predicate) for name, predicate in segments.items()},
        "markets": {code: _market_json(market, update.window) for code, market in markets.items()},
        "networks": list(update.networks),
        "network_markets": dict(update.network_markets),
        "households": int(batch.workspace.rows("SELECT count(*) FROM members")[0][0]),
        "rows": asdict(EventRows(**before.get("rows", {})).plus(tally.rows)),
        "batches": {**before.get("batches", {}), **_batches(batch)},
        "files": _write_files(batch, list(markets), tally, list(segments)),
        "window": _window_json(update.window, markets),
        "simulated": bool(before.get("simulated", False)) or _any_simulated(batch),
    }


def _write_files(
    batch: Batch, markets: list[str], tally: Tally, segments: list[str]
) -> dict[str, Any]:
    """Write the files on all markets; return the paths of all files, relative to the store."""
    workspace, folder, generation = batch.workspace, batch.store.folder, batch.generation
    by_event = batch.by_event
    files: dict[str, Any] = {
        "households": f"households-{generation}.parquet",
        "universe": f"universe-{generation}.parquet",
        **tally.files,
        "quarantine": list(batch.viewing_before.get("files", {}).get("quarantine", [])),
    }
    write_households(workspace, folder / files["households"], segments, event_segments=by_event)
    write_universe(
        workspace, folder / files["universe"], markets, segments, event_segments=by_event
    )
    quarantine = f"quarantine/{generation}.parquet"
    if write_quarantine(
        workspace,
        folder / quarantine,
        [table.name for table in batch.tables],
        batch.reference.households,
    ):
        files["quarantine"].append(quarantine)
    return files


def _market_json(market: ViewingMarket, window: LocalDays) -> dict[str, Any]:
    return {
        **market.as_json(),
        "first_hour": window.first_hour(market.timezone),
        "hours": window.hours(market.timezone),
    }


def _window_json(window: LocalDays, markets: Mapping[str, ViewingMarket]) -> dict[str, Any]:
    """Return the store's local days, and its UTC hours from the earliest to the last."""
    zones = {market.timezone for market in markets.values()}
    return {
        "first_day": day_of_number(window.first_day).isoformat(),
        "last_day": day_of_number(window.last_day).isoformat(),
        "first_hour": min(window.first_hour(zone) for zone in zones),
        "last_hour": max(window.first_hour(zone) + window.hours(zone) - 1 for zone in zones),
        "hours": max(window.hours(zone) for zone in zones),
    }


def _batches(batch: Batch) -> dict[str, Any]:
    rows = rows_by_file(batch.workspace)
    before = batch.viewing_before.get("batches", {})
    return {
        digest: {
            "file": table.name,
            "rows": rows.get(number, 0),
            "batch": batch.generation,
            "days": with_days(before.get(digest), batch.days),
        }
        for number, (digest, table) in enumerate(zip(batch.digests, batch.tables, strict=True))
    }


def _any_simulated(batch: Batch) -> bool:
    """Return whether a Parquet file of events carries the simulator's mark."""
    files = [text_literal(str(table.file)) for table in batch.tables if table.is_parquet]
    if not files:
        return False
    query = (
        f"SELECT count(*) FROM parquet_kv_metadata([{', '.join(files)}]) "
        "WHERE decode(key) = 'daypart.simulated' AND decode(value) = 'true'"
    )
    return bool(batch.workspace.rows(query)[0][0])
