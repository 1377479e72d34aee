"""What an ingest comes to: the sum over markets, and what `store.json` says about viewing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daypart.viewing.clock import Window, day_of_number
from daypart.viewing.market.market_update import MarketUpdate, Update
from daypart.viewing.reading.markets import Market
from daypart.viewing.reading.quarantine import write_quarantine
from daypart.viewing.reading.sources import text_literal
from daypart.viewing.reading.staging import rows_by_file
from daypart.viewing.store.batch import Batch
from daypart.viewing.store.commit import write_households, write_universe
from daypart.viewing.store.report import Rows, rows_of_json


@dataclass
class Tally:
    """What the markets add up to while they are credited."""

    rows: Rows
    events: dict[str, list[str]]
    hut: dict[str, str]
    panel: dict[str, str]
    minutes_after_window: float = 0.0

    def add(self, code: str, done: MarketUpdate) -> None:
        """Add one market."""
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


def finish(
    batch: Batch,
    update: Update,
    markets: Mapping[str, Market],
    tally: Tally,
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
    by_event = batch.by_event
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


def _batches(batch: Batch) -> dict[str, Any]:
    rows = rows_by_file(batch.workspace)
    return {
        digest: {"file": str(source.path), "rows": rows.get(number, 0), "batch": batch.generation}
        for number, (digest, source) in enumerate(zip(batch.digests, batch.sources, strict=True))
    }


def _any_simulated(batch: Batch) -> bool:
    """Tell whether a Parquet file of events carries the simulator's mark."""
    files = [text_literal(str(s.file)) for s in batch.sources if s.is_parquet]
    if not files:
        return False
    query = (
        f"SELECT count(*) FROM parquet_kv_metadata([{', '.join(files)}]) "
        "WHERE decode(key) = 'daypart.simulated' AND decode(value) = 'true'"
    )
    return bool(batch.workspace.rows(query)[0][0])
