"""Reading the household panel of a viewing store into arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daypart.errors import DaypartError
from daypart.planning.arrays import Floats, Ints
from daypart.planning.brief.flight import DaypartClock
from daypart.planning.panel.panel import ALL, Panel, PanelMarket
from daypart.series.store_document import read_viewing
from daypart.series.store_tables import HOUSEHOLD_COLUMNS, PANEL_COLUMNS, UNIVERSE_COLUMNS
from daypart.storage.location import Location, PathLike, location
from daypart.storage.tables import read_table
from daypart.tables.names import match_names
from daypart.viewing.dayparts import daypart_table


def read_panel(
    store: PathLike, markets: Sequence[str] = (ALL,), *, setting: str = "markets"
) -> Panel:
    """Read the household panel of a viewing store.

    Parameters
    ----------
    store : path-like
        The store's folder.
    markets : sequence of str
        Names or codes; `all` is every market with a panel.
    setting : str
        The setting that names the markets, for messages.

    Returns
    -------
    Panel
        Of every panel household in those markets (segment `all`).

    Raises
    ------
    DaypartError
        Where the folder holds no viewing store, a market is unknown or has no panel household.

    Examples
    --------
    >>> read_panel("/nowhere")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/store.json: no such file; name the folder of a store
    """
    folder = location(store)
    viewing = _viewing(folder)
    places = _choose_markets(viewing, markets, setting)
    clock = DaypartClock.of(daypart_table(viewing["dayparts"]))
    files = viewing["files"]
    households = read_table(folder / files["households"], HOUSEHOLD_COLUMNS)
    universe = read_table(folder / files["universe"], UNIVERSE_COLUMNS).to_pydict()
    tables = [read_table(folder / files["panel"][place.code], PANEL_COLUMNS) for place in places]
    networks = _networks(viewing, tables)
    first_week, weeks = _history_weeks(tables, folder)
    parts = []
    for number, (place, table) in enumerate(zip(places, tables, strict=True)):
        chosen = _panel_households(households, place)
        grid = _Grid(number, networks, clock.names, first_week, weeks)
        parts.append((chosen, _read_minutes(table, chosen["household"], grid, place)))
    members = [segment for chosen, _ in parts for segment in chosen["segments"]]
    names = sorted({name for segments in members for name in segments or ()} - {ALL})
    counts = [len(chosen["household"]) for chosen, _ in parts]
    panel = Panel(
        segment=ALL,
        markets=places,
        networks=networks,
        dayparts=clock.names,
        clock=clock,
        household=np.concatenate([chosen["household"] for chosen, _ in parts]),
        market=np.repeat(np.arange(len(places)), counts),
        weight=np.concatenate([chosen["weight"] for chosen, _ in parts]),
        universe_estimate=np.ones(len(places)),
        row_start=np.concatenate([[0], np.cumsum(np.concatenate([m.lengths for _, m in parts]))]),
        cell=np.concatenate([m.cell for _, m in parts]),
        minutes=np.concatenate([m.minutes for _, m in parts]),
        odd_minutes=np.concatenate([m.odd_minutes for _, m in parts]),
        weekly_minutes=np.concatenate([m.weekly for _, m in parts]),
        history_minutes=np.array(
            [clock.minutes_between(*place.window, place.timezone) for place in places]
        ),
        members={ALL: np.ones(len(members), dtype=np.bool_)}
        | {name: np.array([name in (held or ()) for held in members]) for name in names},
        universe={
            (market, segment): float(estimate)
            for market, segment, estimate in zip(
                universe["market"], universe["segment"], universe["universe_estimate"], strict=True
            )
        },
        simulated=bool(viewing.get("simulated", False)),
        crediting=dict(viewing.get("crediting", {})),
    )
    return panel.of_segment(ALL)


def read_markets(store: PathLike) -> tuple[PanelMarket, ...]:
    """Read the markets of a viewing store that have a panel.

    Raises
    ------
    DaypartError
        Where the folder holds no viewing store.
    """
    return tuple(_markets_of(_viewing(location(store))).values())


@dataclass(frozen=True)
class _Grid:
    """Where one market's rows go: its number, and the names and weeks to index by."""

    market: int
    networks: tuple[str, ...]
    dayparts: tuple[str, ...]
    first_week: int
    weeks: int


@dataclass(frozen=True)
class _Minutes:
    """One market's minutes by household and cell, and by household and week."""

    lengths: Ints
    cell: Ints
    minutes: Floats
    odd_minutes: Floats
    weekly: Floats


def _viewing(folder: Location) -> dict[str, Any]:
    try:
        return read_viewing(folder)
    except DaypartError as error:
        raise DaypartError(error.message, hint=error.hint or "name the folder of a store") from None


def _markets_of(viewing: Mapping[str, Any]) -> dict[str, PanelMarket]:
    panelled = viewing["files"]["panel"]
    return {
        code: PanelMarket(
            code,
            str(about.get("name", code)),
            str(about["timezone"]),
            (
                int(about.get("first_hour", viewing["window"]["first_hour"])),
                int(about.get("hours", viewing["window"]["hours"])),
            ),
        )
        for code, about in sorted(viewing["markets"].items())
        if code in panelled
    }


def _choose_markets(
    viewing: Mapping[str, Any], wanted: Sequence[str], setting: str
) -> tuple[PanelMarket, ...]:
    places = _markets_of(viewing)
    if tuple(wanted) == (ALL,):
        return tuple(places.values())
    codes = {place.name: code for code, place in places.items()} | {code: code for code in places}
    matched = match_names("market", wanted, codes)
    try:
        chosen = dict.fromkeys(matched.known(name) for name in wanted)
    except DaypartError as error:
        raise DaypartError(f"{setting}: {error.message}", hint=error.hint) from None
    return tuple(places[code] for code in chosen)


def _networks(viewing: Mapping[str, Any], tables: Sequence[Any]) -> tuple[str, ...]:
    seen = {name for table in tables for name in table["network"].unique().to_pylist()}
    return tuple(sorted(seen | set(viewing.get("networks", ()))))


def _history_weeks(tables: Sequence[Any], folder: Location) -> tuple[int, int]:
    days = [_days(table["week"]) for table in tables]
    filled = [column for column in days if len(column)]
    if not filled:
        raise DaypartError(f"{folder}: the household panel is empty")
    first = int(min(column.min() for column in filled))
    return first, int(max(column.max() for column in filled) - first) // 7 + 1


def _days(column: Any) -> Ints:
    days = column.to_numpy()
    return np.asarray(days.astype("datetime64[D]").astype(np.int64))


def _panel_households(households: Any, place: PanelMarket) -> dict[str, Any]:
    chosen = households.filter(
        pc.and_(pc.equal(households["market"], place.code), households["in_panel"])
    ).sort_by("household")
    if chosen.num_rows == 0:
        raise DaypartError(f"no panel households in {place.name} ({place.code})")
    weight = chosen["weight"].to_numpy().astype(np.float64)
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise DaypartError(f"market {place.code}: a panel household's weight is not above 0")
    return {
        "household": chosen["household"].to_numpy(),
        "weight": weight,
        "segments": chosen["segments"].to_pylist(),
    }


def _read_minutes(table: Any, households: Ints, grid: _Grid, place: PanelMarket) -> _Minutes:
    """Sum one market's minutes over weeks, into entries ordered by household and cell."""
    network = _codes(table["network"], grid.networks)
    daypart = _codes(table["daypart"], grid.dayparts)
    if (daypart < 0).any():
        raise DaypartError(f"market {place.code}: the panel has a daypart that its table lacks")
    identity = table["household"].to_numpy()
    row = np.minimum(np.searchsorted(households, identity), len(households) - 1)
    known = households[row] == identity
    minutes = table["minutes"].to_numpy().astype(np.float64)
    keep = known & (minutes > 0)
    week = (_days(table["week"]) - grid.first_week) // 7
    odd = np.where(week % 2 == 1, minutes, 0.0)
    per_market = len(grid.networks) * len(grid.dayparts)
    keys = (row * per_market + network * len(grid.dayparts) + daypart)[keep]
    unique, place_of = np.unique(keys, return_inverse=True)
    return _Minutes(
        lengths=np.bincount(unique // per_market, minlength=len(households)),
        cell=grid.market * per_market + unique % per_market,
        minutes=_sums(place_of, minutes[keep], len(unique)),
        odd_minutes=_sums(place_of, odd[keep], len(unique)),
        weekly=_sums(
            (row * grid.weeks + week)[keep], minutes[keep], len(households) * grid.weeks
        ).reshape(len(households), grid.weeks),
    )


def _sums(group: Ints, values: Floats, groups: int) -> Floats:
    return np.bincount(group, weights=values, minlength=groups).astype(np.float64)


def _codes(column: Any, names: Sequence[str]) -> Ints:
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    index = {name: number for number, name in enumerate(names)}
    of_code = np.array(
        [index.get(name, -1) for name in encoded.dictionary.to_pylist()], dtype=np.int64
    )
    if len(of_code) == 0:
        return np.empty(0, dtype=np.int64)
    codes: Ints = of_code[encoded.indices.to_numpy(zero_copy_only=False)]
    return codes
