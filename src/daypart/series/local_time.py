"""Local wall clock of UTC hours: the week and the hour of the week."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.tables.zones import timezone_of

HOURS_PER_WEEK = 168
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY_1970 = 4
"""1970-01-05 was the first Monday: days since 1970 of a Monday leave 4 modulo 7."""


def hour_to_datetime(hour: int) -> datetime:
    """Return the UTC instant of an hour given as whole hours since 1970.

    Examples
    --------
    >>> hour_to_datetime(24).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return _EPOCH + timedelta(hours=int(hour))


def datetime_to_hour(instant: datetime) -> int:
    """Return the hour (whole hours since 1970, UTC) that contains an instant.

    Examples
    --------
    >>> datetime_to_hour(datetime(1970, 1, 2, 0, 59, tzinfo=UTC))
    24
    """
    return int((instant - _EPOCH) // timedelta(hours=1))


def refuse_part_hours(timezone: str, first_hour: int, last_hour: int) -> None:
    """Raise where local hours do not begin with hours of UTC: a store's hours are UTC's.

    Parameters
    ----------
    timezone : str
        IANA name.
    first_hour, last_hour : int
        Of the data, whole hours since 1970.

    Raises
    ------
    DaypartError
        For a zone such as Asia/Kolkata, in the years in which its clocks differ so from UTC.

    Examples
    --------
    >>> refuse_part_hours("Asia/Kolkata", 482_000, 482_100)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: time zone Asia/Kolkata: its clocks are 5:30 h from UTC...
    """
    zone = timezone_of(timezone)
    for hour in (*range(first_hour, last_hour, 24), last_hour):
        offset = hour_to_datetime(hour).astimezone(zone).utcoffset() or timedelta()
        if offset % timedelta(hours=1):
            minutes = int(abs(offset) / timedelta(minutes=1))
            raise DaypartError(
                f"time zone {timezone}: its clocks are {minutes // 60}:{minutes % 60:02} h from "
                "UTC, and a store has whole hours only",
                hint="use a zone of whole hours, such as UTC",
            )


@dataclass(frozen=True)
class LocalHours:
    """Local wall clock of consecutive UTC hours.

    Parameters
    ----------
    day : int32 array, shape (hours,)
        Local calendar day, days since 1970-01-01.
    week : int32 array, shape (hours,)
        Whole weeks from the local Monday on or before the first hour.
    hour_of_week : int16 array, shape (hours,)
        0 to 167, Monday 00:00 first. A day of 23 hours skips a value, one of 25 repeats one.
    """

    day: NDArray[np.int32]
    week: NDArray[np.int32]
    hour_of_week: NDArray[np.int16]


@functools.lru_cache(maxsize=512)
def local_hours(first_hour: int, hours: int, timezone: str) -> LocalHours:
    """Return the local wall clock of consecutive UTC hours.

    Parameters
    ----------
    first_hour : int
        Whole hours since 1970-01-01T00:00Z.
    hours : int
    timezone : str
        IANA name.

    Returns
    -------
    LocalHours
        Read-only arrays (they are cached).

    Raises
    ------
    DaypartError
        For a name that is not a time zone.

    Examples
    --------
    The clocks of New York went forward on Sunday 2025-03-09 at 02:00, so the hour 02 is missing:

    >>> midnight = datetime_to_hour(datetime(2025, 3, 9, 5, tzinfo=UTC))
    >>> (local_hours(midnight, 4, "America/New_York").hour_of_week - 144).tolist()
    [0, 1, 3, 4]
    """
    local = first_hour + np.arange(hours, dtype=np.int64)
    local = local + _utc_offsets(first_hour, hours, timezone)
    day = local // 24
    monday = (day - _MONDAY_1970) // 7
    hour_of_week = (day - _MONDAY_1970) % 7 * 24 + local % 24
    first_week = monday[0] if hours else 0
    arrays = day.astype(np.int32), (monday - first_week).astype(np.int32)
    result = LocalHours(*arrays, hour_of_week.astype(np.int16))
    for array in (result.day, result.week, result.hour_of_week):
        array.flags.writeable = False
    return result


def _utc_offsets(first_hour: int, hours: int, timezone: str) -> NDArray[np.int64]:
    """Return local minus UTC in hours (rounded down), found day by day and refined at changes."""
    zone = timezone_of(timezone)

    def offset_at(hour: int) -> int:
        instant = hour_to_datetime(first_hour + hour).astimezone(zone)
        return int((instant.utcoffset() or timedelta()) // timedelta(hours=1))

    offsets = np.empty(hours, dtype=np.int64)
    for start in range(0, hours, 24):
        stop = min(start + 24, hours)
        first, last = offset_at(start), offset_at(stop - 1)
        if first == last:
            offsets[start:stop] = first
        else:
            offsets[start:stop] = [offset_at(hour) for hour in range(start, stop)]
    return offsets
