"""The rates at which sessions start, by hour: availability, habit, season, live sports."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from daypart.series.local_time import LocalHours, datetime_to_hour, local_hours
from daypart.synthetic.holidays import us_holidays
from daypart.synthetic.households import CHRONOTYPE_SHIFTS, GROUPS
from daypart.synthetic.reference import (
    DAY_TYPES,
    DEMOGRAPHICS,
    Network,
    SportsSlot,
    TvMarket,
    genre_hours,
    read_sports_calendar,
    sports_interest,
    viewing_minutes,
    weekday_profile,
)
from daypart.synthetic.sessions import LATE_HOURS
from daypart.tables.zones import timezone_of

SET_MINUTES_PER_PERSON_MINUTE = 1.22
"""Minutes that a household's sets are on for each viewing minute of its reference person."""

_EPOCH = date(1970, 1, 1)
_SATURDAY = 5
_SUNDAY_TYPE = DAY_TYPES.index("sunday")
_WEEKEND_TILT = np.repeat([1.0, 0.8, 1.5, 1.0], [6, 3, 8, 7])
_NETWORK_STEP, _NETWORK_WEEK, _MARKET_WEEK = 0.05, 0.06, 0.05
"""Standard deviations, in log: a network's weekly step and shock, a market's weather."""
_SEASON = 0.08
"""Amplitude, in log, of the year: most viewing in January, least in July."""


@dataclass(frozen=True)
class SimulatedHours:
    """The hours simulated in one market: whole local days, as UTC hours since 1970."""

    first_hour: int
    hours: int
    local: LocalHours

    @property
    def hour_of_day(self) -> NDArray[np.int64]:
        """Local hour, 0 to 23."""
        return self.local.hour_of_week.astype(np.int64) % 24


@dataclass(frozen=True)
class Demand:
    """The factors of the rates at which sessions start in one market.

    Parameters
    ----------
    window : SimulatedHours
    availability : float64 array, shape (groups, hours)
        Sessions an hour of a household of mean appetite.
    pull : float64 array, shape (networks, hours)
        Factor of a network; 1 is neutral.
    late : int64 array, shape (hours,)
        1 where a set may be left on all night.
    """

    window: SimulatedHours
    availability: NDArray[np.float64]
    pull: NDArray[np.float64]
    late: NDArray[np.int64]


def random_stream(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """Return the random generator of one purpose, independent of the others and of their order.

    Parameters
    ----------
    seed : int
    purpose : str
    number : int, default 0
        Of a market, for a purpose of each.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), number])


def window_of(timezone: str, start: date, weeks: int) -> SimulatedHours:
    """Return the hours of whole weeks from a local midnight on.

    Parameters
    ----------
    timezone : str
        IANA name.
    start : datetime.date
    weeks : int

    Examples
    --------
    The clocks went forward on 9 March 2025, except in Phoenix:

    >>> monday = date(2025, 3, 3)
    >>> window_of("America/Denver", monday, 1).hours, window_of("America/Phoenix", monday, 1).hours
    (167, 168)
    """
    zone = timezone_of(timezone)
    first, last = (
        datetime_to_hour(datetime.combine(day, time(), zone).astimezone(UTC))
        for day in (start, start + timedelta(weeks=weeks))
    )
    return SimulatedHours(first, last - first, local_hours(first, last - first, timezone))


def demand_of(
    market: TvMarket,
    networks: tuple[Network, ...],
    start: date,
    weeks: int,
    seed: int,
    mean_session_minutes: float,
) -> Demand:
    """Build the rates of one market.

    Parameters
    ----------
    market : TvMarket
    networks : tuple of Network
    start : datetime.date
    weeks : int
    seed : int
    mean_session_minutes : float
        By which minutes of viewing are divided to get sessions.

    Returns
    -------
    Demand
    """
    window = window_of(market.timezone, start, weeks)
    day_type = _day_types(window)
    hour = window.hour_of_day
    by_group = _sessions_by_group(market.state) / mean_session_minutes
    habit = np.array([genre_hours(network.genre)[day_type, hour] for network in networks])
    weekly = _weekly_effects(market, len(networks), int(window.local.week[-1]) + 1, seed)
    pull = habit * weekly[:, window.local.week] * _season(window)
    pull *= 1.0 + _sports_lift(market, networks, window, seed)
    return Demand(
        window,
        np.ascontiguousarray(by_group[:, day_type, hour]),
        np.ascontiguousarray(pull),
        np.isin(hour, LATE_HOURS).astype(np.int64),
    )


def _day_types(window: SimulatedHours) -> NDArray[np.int64]:
    """Return 0 (weekday), 1 (Saturday) or 2 (Sunday and holidays) for each hour."""
    weekday = window.local.hour_of_week.astype(np.int64) // 24
    day_type = np.maximum(weekday - _SATURDAY + 1, 0)
    days = window.local.day
    for day in range(int(days[0]), int(days[-1]) + 1):
        current = _EPOCH + timedelta(days=day)
        if current in us_holidays(current.year):
            day_type[days == day] = _SUNDAY_TYPE
    return day_type


def _sessions_by_group(state: str) -> NDArray[np.float64]:
    """Return minutes of set use started in an hour, shape (groups, day types, 24)."""
    region, minutes = viewing_minutes(state)
    profile = weekday_profile(region)
    starting = (profile + np.roll(profile, -1, axis=1)) / 2
    by_day_type = np.stack([starting, starting * _WEEKEND_TILT, starting * _WEEKEND_TILT], axis=1)
    by_day_type *= minutes[:, :, None] / by_day_type.sum(axis=2, keepdims=True)
    shifted = np.stack([np.roll(by_day_type, shift, axis=2) for shift in CHRONOTYPE_SHIFTS], axis=1)
    assert shifted.shape[:2] == (len(DEMOGRAPHICS), len(CHRONOTYPE_SHIFTS))
    return shifted.reshape(GROUPS, len(DAY_TYPES), 24) * SET_MINUTES_PER_PERSON_MINUTE


def _weekly_effects(market: TvMarket, networks: int, weeks: int, seed: int) -> NDArray[np.float64]:
    """Return factors by network and week: a random walk and shocks, and the market's weather."""
    shared = random_stream(seed, "network weeks").standard_normal((networks, weeks, 2))
    walk = _NETWORK_STEP * np.cumsum(shared[:, :, 0], axis=1) + _NETWORK_WEEK * shared[:, :, 1]
    weather = random_stream(seed, "market weeks", int(market.code)).standard_normal(weeks)
    return np.asarray(np.exp(walk + _MARKET_WEEK * weather), dtype=np.float64)


def _season(window: SimulatedHours) -> NDArray[np.float64]:
    return np.asarray(np.exp(_SEASON * np.cos(2 * np.pi * (window.local.day - 15) / 365.25)))


def _sports_lift(
    market: TvMarket, networks: tuple[Network, ...], window: SimulatedHours, seed: int
) -> NDArray[np.float64]:
    """Return what live sports add to each network's pull, hour by hour, in this market."""
    lift = np.zeros((len(networks), window.hours))
    position = {network.name: n for n, network in enumerate(networks)}
    interest = sports_interest(market.code)
    first_day = _EPOCH + timedelta(days=int(window.local.day[0]) - 1)
    for number, slot in enumerate(read_sports_calendar()):
        carriers = [position[name] for name in slot.networks if name in position]
        if not carriers:
            continue
        rng = random_stream(seed, "live sports", number)
        for day in _slot_days(slot, first_day, int(window.local.day[-1] - window.local.day[0]) + 2):
            carrier = carriers[rng.integers(len(carriers))]
            strength = slot.lift * float(np.exp(0.35 * rng.standard_normal()))
            begin = datetime.combine(
                day, time(slot.hour_new_york), timezone_of("America/New_York")
            ).astimezone(UTC)
            first = datetime_to_hour(begin) - window.first_hour
            inside = slice(max(first, 0), max(first + slot.hours, 0))
            lift[carrier, inside] += strength * interest[slot.league]
    return lift


def _slot_days(slot: SportsSlot, first_day: date, days: int) -> list[date]:
    """Return the days of a weekly slot within a span of days."""

    def in_season(day: date) -> bool:
        month_day = f"{day:%m-%d}"
        if slot.first_day <= slot.last_day:
            return slot.first_day <= month_day <= slot.last_day
        return month_day >= slot.first_day or month_day <= slot.last_day

    span = (first_day + timedelta(days=offset) for offset in range(days))
    return [day for day in span if day.weekday() == slot.weekday and in_season(day)]
