"""The household panel of a viewing store: who watched how many minutes of which cell.

A cell is market x network x daypart, numbered `(market * networks + network) * dayparts + daypart`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError, did_you_mean
from daypart.planning.flight import DaypartClock
from daypart.storage import PathLike, local_path, read_json, read_table
from daypart.viewing.dayparts import daypart_table

ALL = "all"
_MICROSECONDS_PER_DAY = 86_400_000_000


@dataclass(frozen=True)
class Market:
    """A market as the planning room needs it.

    Parameters
    ----------
    code, name, timezone : str
    window : tuple of int
        First UTC hour of its history, and how many hours it has.
    """

    code: str
    name: str
    timezone: str
    window: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Panel:
    """Panel households of one segment with their minutes by cell, as a sparse matrix by rows.

    Parameters
    ----------
    segment : str
    markets : tuple of Market
    networks, dayparts : tuple of str
    clock : DaypartClock
        When the dayparts are.
    market : int array [households]
        Index into `markets`; never falls from one household to the next.
    weight : float array [households]
        Projection weights, scaled so that each market sums to its universe estimate.
    universe_estimate : float array [markets]
        Households of the segment.
    row_start : int array [households + 1], cell : int array [entries]
        Where each household's entries begin, and their cells, rising within a household.
    minutes : float array [entries]
        Minutes watched in the history.
    odd_minutes : float array [entries]
        Those watched in every second week of it (for checks of one half against the other).
    weekly_minutes : float array [households, weeks]
        All minutes of the household in each week of the history.
    history_minutes : int array [markets, dayparts]
        Minutes of the daypart in the history: what `minutes` can't exceed.
    members : mapping of str to bool array [households]
        Which households are in which segment.
    universe : mapping of (market code, segment) to float
    simulated : bool
        Whether the store says that its events were simulated.
    """

    segment: str
    markets: tuple[Market, ...]
    networks: tuple[str, ...]
    dayparts: tuple[str, ...]
    clock: DaypartClock
    market: NDArray[np.int64]
    weight: NDArray[np.float64]
    universe_estimate: NDArray[np.float64]
    row_start: NDArray[np.int64]
    cell: NDArray[np.int64]
    minutes: NDArray[np.float64]
    odd_minutes: NDArray[np.float64]
    weekly_minutes: NDArray[np.float64]
    history_minutes: NDArray[np.int64]
    members: Mapping[str, NDArray[np.bool_]]
    universe: Mapping[tuple[str, str], float]
    simulated: bool = False

    @property
    def households(self) -> int:
        """Raw panel households."""
        return len(self.market)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Markets, networks, dayparts."""
        return len(self.markets), len(self.networks), len(self.dayparts)

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return len(self.markets) * len(self.networks) * len(self.dayparts)

    @property
    def weeks(self) -> int:
        """Weeks of history."""
        return int(self.weekly_minutes.shape[1])

    def minutes_of_cell(self) -> NDArray[np.int64]:
        """Return T, the minutes of each cell's daypart in the history [cells]."""
        return np.repeat(self.history_minutes[:, None, :], len(self.networks), axis=1).ravel()

    def household_of_entry(self) -> NDArray[np.int64]:
        """Return the household of each entry [entries]."""
        return np.repeat(np.arange(self.households), np.diff(self.row_start))

    def impressions_per_spot(self) -> NDArray[np.float64]:
        """Return the expected impressions of one spot in each cell [cells], in households."""
        weighted = self.weight[self.household_of_entry()] * self.minutes
        totals = np.bincount(self.cell, weights=weighted, minlength=self.cells)
        history = np.maximum(self.minutes_of_cell(), 1)
        return np.asarray(totals / history, dtype=np.float64)

    def raw_households(self) -> NDArray[np.int64]:
        """Return raw panel households per market [markets]."""
        return np.bincount(self.market, minlength=len(self.markets))

    def select(self, chosen: NDArray[np.bool_], segment: str | None = None) -> Panel:
        """Keep some households, with their weights scaled to the segment's universe estimates.

        Parameters
        ----------
        chosen : bool array [households]
        segment : str, optional
            The segment they stand for; the present one without it.

        Raises
        ------
        DaypartError
            Where a market is left without a household, or has no universe estimate.
        """
        name = self.segment if segment is None else segment
        counts = np.bincount(self.market[chosen], minlength=len(self.markets))
        if (counts == 0).any():
            place = self.markets[int(np.argmin(counts))]
            raise DaypartError(
                f"segment {name} has no panel households in {place.name} ({place.code})",
                hint="leave that market out of the brief or take a wider segment",
            )
        estimates = np.array([self._estimate(place.code, name) for place in self.markets])
        sums = np.bincount(
            self.market[chosen], weights=self.weight[chosen], minlength=len(self.markets)
        )
        lengths = np.diff(self.row_start)[chosen]
        keep = chosen[self.household_of_entry()]
        kept_market = self.market[chosen]
        return Panel(
            segment=name,
            markets=self.markets,
            networks=self.networks,
            dayparts=self.dayparts,
            clock=self.clock,
            market=kept_market,
            weight=self.weight[chosen] * (estimates / sums)[kept_market],
            universe_estimate=estimates,
            row_start=np.concatenate([[0], np.cumsum(lengths)]),
            cell=self.cell[keep],
            minutes=self.minutes[keep],
            odd_minutes=self.odd_minutes[keep],
            weekly_minutes=self.weekly_minutes[chosen],
            history_minutes=self.history_minutes,
            members={key: member[chosen] for key, member in self.members.items()},
            universe=self.universe,
            simulated=self.simulated,
        )

    def of_segment(self, segment: str) -> Panel:
        """Return the households of a segment (`all` is everyone).

        Raises
        ------
        DaypartError
            For an unknown segment, or one without a household in a market.
        """
        if segment not in self.members:
            raise DaypartError(
                f"unknown segment {segment!r}", hint=did_you_mean(segment, self.members)
            )
        return self.select(self.members[segment], segment)

    def _estimate(self, market: str, segment: str) -> float:
        estimate = self.universe.get((market, segment), 0.0)
        if not estimate > 0:
            raise DaypartError(f"no universe estimate for segment {segment} in market {market}")
        return estimate


def read_panel(store: PathLike, markets: Sequence[str] = (ALL,)) -> Panel:
    """Read the household panel of a viewing store.

    Parameters
    ----------
    store : path-like
        The store's folder.
    markets : sequence of str
        Names or codes; `all` is every market with a panel.

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
    folder = local_path(store)
    viewing = _viewing(folder)
    places = _choose_markets(viewing, markets)
    clock = DaypartClock.of(daypart_table(viewing["dayparts"]))
    files = viewing["files"]
    households = read_table(
        folder / files["households"], ["household", "market", "weight", "in_panel", "segments"]
    )
    universe = read_table(
        folder / files["universe"], ["market", "segment", "universe_estimate"]
    ).to_pydict()
    tables = [read_table(folder / files["panel"][place.code]) for place in places]
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
    )
    return panel.of_segment(ALL)


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

    lengths: NDArray[np.int64]
    cell: NDArray[np.int64]
    minutes: NDArray[np.float64]
    odd_minutes: NDArray[np.float64]
    weekly: NDArray[np.float64]


def _viewing(folder: Path) -> dict[str, Any]:
    try:
        content = read_json(folder / "store.json")
    except DaypartError as error:
        raise DaypartError(error.message, hint="name the folder of a store") from None
    viewing = content.get("viewing")
    if not isinstance(viewing, dict) or "files" not in viewing:
        raise DaypartError(
            f"{folder}: holds no household panel", hint="make the store with `daypart ingest`"
        )
    return viewing


def _choose_markets(viewing: Mapping[str, Any], wanted: Sequence[str]) -> tuple[Market, ...]:
    panelled = viewing["files"]["panel"]
    places = {
        code: Market(
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
    if tuple(wanted) == (ALL,):
        return tuple(places.values())
    by_name = {place.name: code for code, place in places.items()}
    codes = []
    for name in wanted:
        code = name if name in places else by_name.get(name)
        if code is None:
            raise DaypartError(
                f"unknown market {name!r}", hint=did_you_mean(name, [*by_name, *places])
            )
        codes.append(code)
    return tuple(places[code] for code in dict.fromkeys(codes))


def _networks(viewing: Mapping[str, Any], tables: Sequence[Any]) -> tuple[str, ...]:
    seen = {name for table in tables for name in table["network"].unique().to_pylist()}
    return tuple(sorted(seen | set(viewing.get("networks", ()))))


def _history_weeks(tables: Sequence[Any], folder: Path) -> tuple[int, int]:
    days = [_days(table["week"]) for table in tables]
    filled = [column for column in days if len(column)]
    if not filled:
        raise DaypartError(f"{folder}: the household panel is empty")
    first = int(min(column.min() for column in filled))
    return first, int(max(column.max() for column in filled) - first) // 7 + 1


def _days(column: Any) -> NDArray[np.int64]:
    days = column.to_numpy()
    return np.asarray(days.astype("datetime64[D]").astype(np.int64))


def _panel_households(households: Any, place: Market) -> dict[str, Any]:
    import pyarrow.compute as pc

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


def _read_minutes(
    table: Any, households: NDArray[np.int64], grid: _Grid, place: Market
) -> _Minutes:
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


def _sums(
    group: NDArray[np.int64], values: NDArray[np.float64], groups: int
) -> NDArray[np.float64]:
    return np.bincount(group, weights=values, minlength=groups).astype(np.float64)


def _codes(column: Any, names: Sequence[str]) -> NDArray[np.int64]:
    import pyarrow as pa

    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    index = {name: number for number, name in enumerate(names)}
    of_code = np.array(
        [index.get(name, -1) for name in encoded.dictionary.to_pylist()], dtype=np.int64
    )
    if len(of_code) == 0:
        return np.empty(0, dtype=np.int64)
    codes: NDArray[np.int64] = of_code[encoded.indices.to_numpy(zero_copy_only=False)]
    return codes
