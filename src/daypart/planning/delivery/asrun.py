"""As-run logs: which spot aired where and when, with the rows that can't be used set aside."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Ints
from daypart.planning.brief.flight import DaypartClock
from daypart.planning.panel.panel import PanelMarket
from daypart.tables.names import match_names
from daypart.tables.options import TableOptions
from daypart.tables.read import TableRows, read_rows
from daypart.tables.schema import Column, Schema
from daypart.tables.table import GivenTable
from daypart.tables.values.expressions import MISSING_VALUE
from daypart.tables.values.stamp import UNPARSABLE, WITHOUT_ZONE

AS_RUN = Schema(
    "as-run log",
    (
        Column("market", "text", "Code or name of the market."),
        Column("network", "text", "Name of the network."),
        Column("instant", "stamp", "When the spot began."),
        Column("length", "number", "Length of the spot.", unit="seconds", above=0),
        Column("cost", "number", "Price paid.", unit="the plan's currency", least=0),
    ),
)
"""An as-run log."""

_INSTANT_REASONS = {UNPARSABLE: "bad_instant", WITHOUT_ZONE: "instant_without_zone"}
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
    notes : tuple of str
        Names that were read as a name of the store, and unknown ones.
    """

    source: str
    rows: int
    airings: tuple[Airing, ...]
    set_aside: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()

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


def read_asrun(asrun: GivenTable, flight: Flight, options: TableOptions | None = None) -> AsRun:
    """Read an as-run log.

    Parameters
    ----------
    asrun : path-like, iterable of mappings, or Arrow object
        A table or rows with `market` (code or name), `network`, `instant` (ISO 8601 with its
        zone, such as 2025-03-10T20:14:30-04:00), `length` (seconds) and `cost`.
    flight : Flight
    options : TableOptions, optional
        How the table is written.

    Returns
    -------
    AsRun

    Raises
    ------
    DaypartError
        Where the file is missing or empty, or lacks a column.
    """
    rows = read_rows(asrun, AS_RUN, options)
    if len(rows) == 0:
        raise DaypartError(f"{rows.table}: the as-run log is empty")
    reader = _Reader(flight, rows)
    airings: list[Airing] = []
    aside: list[dict[str, Any]] = []
    seen: set[tuple[str, str, int]] = set()
    for number in range(1, len(rows) + 1):
        found = reader.read(number - 1)
        if isinstance(found, Airing):
            key = (found.market, found.network, found.instant)
            if key not in seen:
                seen.add(key)
                airings.append(found)
                continue
            found = "duplicate"
        given = {name: reader.texts[name][number - 1] or "" for name in AS_RUN.names}
        aside.append({"row": number, "reason": found, **given})
    notes = [note for names in reader.matched.values() for note in names.notes(rows.table)]
    return AsRun(rows.table.name, len(rows), tuple(airings), tuple(aside), tuple(notes))


class _Reader:
    """Turns rows into airings; keeps each market's clock over its hours of viewing."""

    def __init__(self, flight: Flight, rows: TableRows) -> None:
        self.flight = flight
        self.places = {place.code: place for place in flight.markets}
        codes = {place.name: place.code for place in flight.markets}
        catalogues = {
            "market": codes | {code: code for code in self.places},
            "network": {name: name for name in flight.networks},
        }
        self.values = {name: rows.values(name) for name in AS_RUN.names}
        self.texts = {name: rows.texts(name) for name in AS_RUN.names}
        self.problems = {name: rows.problems(name) for name in AS_RUN.names}
        self.matched = {
            name: match_names(name, (text for text in self.texts[name] if text), catalogue)
            for name, catalogue in catalogues.items()
        }
        self.clocks: dict[str, tuple[Ints, Ints]] = {}

    def read(self, row: int) -> Airing | str:
        """Return the airing of a row, or the reason why it can't be used."""
        if any(of_column[row] == MISSING_VALUE for of_column in self.problems.values()):
            return MISSING_VALUE
        code, network = (
            self.matched[name].found.get(self.texts[name][row] or "") for name in self.matched
        )
        if code is None:
            return "unknown_market"
        place = self.places[code]
        if code not in self.flight.planned:
            return "market_not_in_plan"
        if network is None:
            return "unknown_network"
        for name in ("length", "cost"):
            if self.problems[name][row]:
                return f"bad_{name}"
        if problem := self.problems["instant"][row]:
            return _INSTANT_REASONS.get(problem, problem)
        instant = int(self.values["instant"][row])
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
            length=self.values["length"][row],
            cost=self.values["cost"][row],
            week=day - dt.timedelta(day.weekday()),
            daypart=self.flight.clock.names[int(daypart[hour])],
        )

    def _clock(self, place: PanelMarket) -> tuple[Ints, Ints]:
        if place.code not in self.clocks:
            self.clocks[place.code] = self.flight.clock.begins_between(
                *place.window, place.timezone
            )
        return self.clocks[place.code]


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
