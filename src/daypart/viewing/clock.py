"""The broadcast clock: weeks, months and years of the trade, and the local days of a market."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from daypart.series.local_time import local_hours

HOUR_MS = 3_600_000
"""Milliseconds of an hour."""

_EPOCH = date(1970, 1, 1)
_MONDAY_1970 = 4
_SUNDAY = 6


def day_number(day: date) -> int:
    """Return days since 1970-01-01.

    Examples
    --------
    >>> day_number(date(1970, 1, 5))
    4
    """
    return (day - _EPOCH).days


def day_of_number(number: int) -> date:
    """Return the day at a number of days after 1970-01-01.

    Examples
    --------
    >>> day_of_number(4).isoformat()
    '1970-01-05'
    """
    return _EPOCH + timedelta(days=int(number))


def local_day_of_hour(hour: int, timezone: str) -> int:
    """Return the local calendar day (days since 1970) of a UTC hour (hours since 1970).

    Parameters
    ----------
    hour : int
    timezone : str
        IANA name.

    Examples
    --------
    >>> local_day_of_hour(3, "America/New_York")
    -1
    """
    return int(local_hours(int(hour), 1, timezone).day[0])


def first_hour_of_day(day: int, timezone: str) -> int:
    """Return the UTC hour in which a local calendar day begins.

    Parameters
    ----------
    day : int
        Days since 1970-01-01, local calendar.
    timezone : str
        IANA name.

    Returns
    -------
    int
        Whole hours since 1970-01-01T00:00Z.

    Examples
    --------
    >>> first_hour_of_day(0, "America/New_York")
    5
    """
    start = day * 24 - 30
    days = local_hours(start, 60, timezone).day
    return start + int(np.searchsorted(days, day))


@dataclass(frozen=True)
class LocalDays:
    """Whole local days, the same for every market.

    Parameters
    ----------
    first_day, last_day : int
        Days since 1970-01-01, both included.
    """

    first_day: int
    last_day: int

    def first_hour(self, timezone: str) -> int:
        """Return the first UTC hour in a time zone."""
        return first_hour_of_day(self.first_day, timezone)

    def hours(self, timezone: str) -> int:
        """Return the number of hours in a time zone."""
        return first_hour_of_day(self.last_day + 1, timezone) - self.first_hour(timezone)

    def union(self, other: LocalDays | None) -> LocalDays:
        """Return the days from the first to the last of both."""
        if other is None:
            return self
        return LocalDays(min(self.first_day, other.first_day), max(self.last_day, other.last_day))


@dataclass(frozen=True)
class MarketHours:
    """Broadcast week and hour of week of each hour, by the clock of a market.

    Parameters
    ----------
    first_hour : int
        UTC, hours since 1970.
    week : int32 array, shape (hours,)
        Monday of the broadcast week, days since 1970. The hours before the first broadcast day
        count with the first week.
    hour_of_week : int16 array, shape (hours,)
        Local, Monday 00:00 is 0.
    """

    first_hour: int
    week: NDArray[np.int32]
    hour_of_week: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.week)


def market_hours(days: LocalDays, timezone: str, broadcast_day_start_hour: int = 6) -> MarketHours:
    """Return broadcast week and hour of week of each hour of some local days.

    Parameters
    ----------
    days : LocalDays
    timezone : str
        IANA name.
    broadcast_day_start_hour : int
        Local hour at which a broadcast day begins; the hours before it belong to the day before.

    Returns
    -------
    MarketHours

    Examples
    --------
    >>> monday = day_number(date(2025, 3, 3))
    >>> hours = market_hours(LocalDays(monday, monday + 13), "America/New_York")
    >>> len(hours), sorted({day_of_number(week).isoformat() for week in hours.week})
    (335, ['2025-03-03', '2025-03-10'])
    """
    first = days.first_hour(timezone)
    local = local_hours(first, days.hours(timezone), timezone)
    hour_of_day = local.hour_of_week % 24
    broadcast_day = local.day - (hour_of_day < broadcast_day_start_hour)
    week = broadcast_day - (broadcast_day - _MONDAY_1970) % 7
    first_week = days.first_day - (days.first_day - _MONDAY_1970) % 7
    return MarketHours(first, np.maximum(week, first_week).astype(np.int32), local.hour_of_week)
