"""As-run logs: which spot aired where and when, with the rows that can't be used set aside."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Ints
from daypart.planning.brief.flight import DaypartClock
from daypart.planning.panel.panel import PanelMarket
from daypart.planning.reach.schedule import read_rows
from daypart.storage.location import PathLike, local_path

COLUMNS = ("market", "network", "instant", "length", "cost")
_HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Airing:
    """A spot that aired.

    Parameters
    ----------
    market : str
        Code.
    network : str
    instant : int
        Milliseconds since 1970, UTC.
    length : float
        Seconds.
    cost : float
    week : date
        Monday of the broadcast week, on the market's clock.
    daypart : str
    """

    market: str
    network: str
    instant: int
    length: float
    cost: float
    week: dt.date
    daypart: str


@dataclass(frozen=True)
class AsRun:
    """An as-run log, read: rows in are airings plus rows set aside.

    Parameters
    ----------
    source : str
    rows : int
        Read.
    airings : tuple of Airing
    set_aside : tuple of dict
        `row` (the first is 1), `reason`, and the columns as they were.
    """

    source: str
    rows: int
    airings: tuple[Airing, ...]
    set_aside: tuple[dict[str, Any], ...]

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows were set aside for each reason."""
        return dict(sorted(Counter(row["reason"] for row in self.set_aside).items()))


@dataclass(frozen=True)
class Flight:
    """The flight that an airing must be in to be measured.

    Parameters
    ----------
    markets : tuple of PanelMarket
        Of the store, with the hours of viewing that each has.
    planned : frozenset of str
        Codes of the plan's markets.
    networks : frozenset of str
    clock : DaypartClock
    first_day, last_day : date
        Local.
    """

    markets: tuple[PanelMarket, ...]
    planned: frozenset[str]
    networks: frozenset[str]
    clock: DaypartClock
    first_day: dt.date
    last_day: dt.date


def read_asrun(asrun: PathLike | Iterable[Mapping[str, Any]], flight: Flight) -> AsRun:
    """Read an as-run log.

    Parameters
    ----------
    asrun : path-like or iterable of mappings
        CSV, Parquet or rows with `market` (code or name), `network`, `instant` (ISO 8601 with its
        zone, such as 2025-03-10T20:14:30-04:00), `length` (seconds) and `cost`.
    flight : Flight

    Returns
    -------
    AsRun

    Raises
    ------
    DaypartError
        Where the file is missing or empty, or lacks a column.
    """
    if isinstance(asrun, str | os.PathLike):
        file = local_path(asrun)
        source, rows = str(file), read_rows(file)
    else:
        source, rows = "asrun", list(asrun)
    if not rows:
        raise DaypartError(f"{source}: the as-run log is empty")
    missing = [name for name in COLUMNS if name not in rows[0]]
    if missing:
        raise DaypartError(
            f"{source}: no column {missing[0]!r}", hint=f"it has: {', '.join(rows[0])}"
        )
    reader = _Reader(flight)
    airings: list[Airing] = []
    aside: list[dict[str, Any]] = []
    seen: set[tuple[str, str, int]] = set()
    for number, row in enumerate(rows, start=1):
        found = reader.read(row)
        if isinstance(found, Airing):
            key = (found.market, found.network, found.instant)
            if key not in seen:
                seen.add(key)
                airings.append(found)
                continue
            found = "duplicate"
        given = {name: "" if row.get(name) is None else str(row[name]) for name in COLUMNS}
        aside.append({"row": number, "reason": found, **given})
    return AsRun(source, len(rows), tuple(airings), tuple(aside))


class _Reader:
    """Turns rows into airings; keeps each market's clock over its hours of viewing."""

    def __init__(self, flight: Flight) -> None:
        self.flight = flight
        names = {place.name: place for place in flight.markets}
        self.places = names | {place.code: place for place in flight.markets}
        self.clocks: dict[str, tuple[Ints, Ints]] = {}

    def read(self, row: Mapping[str, Any]) -> Airing | str:
        """Return the airing of a row, or the reason why it can't be used."""
        if any(row.get(name) in (None, "") for name in COLUMNS):
            return "missing_value"
        place = self.places.get(str(row["market"]))
        if place is None:
            return "unknown_market"
        if place.code not in self.flight.planned:
            return "market_not_in_plan"
        network = str(row["network"])
        if network not in self.flight.networks:
            return "unknown_network"
        length, cost = _number(row["length"]), _number(row["cost"])
        if not length > 0:
            return "bad_length"
        if not cost >= 0:
            return "bad_cost"
        instant = _instant(row["instant"])
        if isinstance(instant, str):
            return instant
        hour = instant // _HOUR_MS - place.window[0]
        if not 0 <= hour < place.window[1]:
            return "no_viewing_then"
        began, daypart = self._clock(place)
        day = dt.date(1970, 1, 1) + dt.timedelta(int(began[hour]))
        if not self.flight.first_day <= day <= self.flight.last_day:
            return "outside_flight"
        return Airing(
            market=place.code,
            network=network,
            instant=instant,
            length=length,
            cost=cost,
            week=day - dt.timedelta(day.weekday()),
            daypart=self.flight.clock.names[int(daypart[hour])],
        )

    def _clock(self, place: PanelMarket) -> tuple[Ints, Ints]:
        if place.code not in self.clocks:
            self.clocks[place.code] = self.flight.clock.begins_between(
                *place.window, place.timezone
            )
        return self.clocks[place.code]


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def _instant(value: Any) -> int | str:
    """Return milliseconds since 1970, or the reason why the value can't be used."""
    try:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        return "bad_instant"
    if moment.tzinfo is None:
        return "instant_without_zone"
    return round(moment.timestamp() * 1000)


def simulate_asrun(
    lines: Sequence[Mapping[str, Any]],
    flight: Flight,
    *,
    length: float = 30.0,
    delivered: float = 0.97,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Air a plan's spots at random minutes of their cells, and lose a few.

    Parameters
    ----------
    lines : sequence of mappings
        Of `plan.json`: market, network, daypart, week, spots, cost.
    flight : Flight
    length : float
        Seconds of a spot.
    delivered : float
        Chance that a spot airs.
    seed : int

    Returns
    -------
    list of dict
        Rows of an as-run log, in order of time.
    """
    rng = np.random.default_rng(seed)
    places = {place.code: place for place in flight.markets}
    clock, epoch = flight.clock, dt.date(1970, 1, 1)
    first_day, last_day = ((day - epoch).days for day in (flight.first_day, flight.last_day))
    found: list[tuple[int, dict[str, Any]]] = []
    for line in lines:
        place = places[line["market"]]
        monday = (dt.date.fromisoformat(line["week"]) - epoch).days
        first = monday * 24 - 48
        began, daypart = clock.begins_between(first, 12 * 24, place.timezone)
        inside = (began >= max(monday, first_day)) & (began <= min(monday + 6, last_day))
        hours = first + np.flatnonzero(inside & (daypart == clock.names.index(line["daypart"])))
        chosen = rng.choice(60 * len(hours), int(line["spots"]), replace=False)
        for minute in chosen[rng.random(len(chosen)) < delivered]:
            at = int(hours[minute // 60]) * _HOUR_MS + int(minute % 60) * 60_000
            at += int(rng.integers(60)) * 1000
            row = {
                "market": place.code,
                "network": line["network"],
                "instant": dt.datetime.fromtimestamp(at / 1000, dt.UTC).isoformat(),
                "length": length,
                "cost": round(float(line["cost"]) / int(line["spots"]), 2),
            }
            found.append((at, row))
    return [row for _, row in sorted(found, key=lambda pair: (pair[0], str(pair[1])))]
