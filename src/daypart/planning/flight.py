"""The flight's broadcast weeks, and how many minutes of each daypart a stretch of time holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError

MINUTES_OF_WEEK = 7 * 24 * 60


@dataclass(frozen=True)
class Week:
    """One broadcast week (Monday to Sunday) of a flight, cut to the flight's days.

    Parameters
    ----------
    monday : date
        The week's name.
    days : tuple of date
        Its days that lie in the flight.
    """

    monday: dt.date
    days: tuple[dt.date, ...]


def broadcast_weeks(first_day: dt.date, last_day: dt.date) -> tuple[Week, ...]:
    """Cut a flight into broadcast weeks.

    Examples
    --------
    >>> weeks = broadcast_weeks(dt.date(2024, 4, 3), dt.date(2024, 4, 9))
    >>> [(str(week.monday), len(week.days)) for week in weeks]
    [('2024-04-01', 5), ('2024-04-08', 2)]
    """
    days = [first_day + dt.timedelta(n) for n in range((last_day - first_day).days + 1)]
    by_monday: dict[dt.date, list[dt.date]] = {}
    for day in days:
        by_monday.setdefault(day - dt.timedelta(day.weekday()), []).append(day)
    return tuple(Week(monday, tuple(days)) for monday, days in by_monday.items())


@dataclass(frozen=True)
class DaypartTable:
    """Which daypart each minute of the local week belongs to.

    Parameters
    ----------
    names : tuple of str
    of_minute : int array [10080]
        Index into `names` per minute of the calendar week, Monday 00:00 first.
    begins_on : int array [10080]
        Weekday (Monday 0) on which that minute's daypart began: the day before, after midnight.
    """

    names: tuple[str, ...]
    of_minute: NDArray[np.int64]
    begins_on: NDArray[np.int64]

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> DaypartTable:
        """Build the table from rows of name, days, start and end (a name may have several rows).

        Raises
        ------
        DaypartError
            Where a minute of the week has no daypart, or two.

        Examples
        --------
        >>> rows = [{"name": "day", "days": range(7), "start": "06:00", "end": "18:00"},
        ...         {"name": "night", "days": range(7), "start": "18:00", "end": "06:00"}]
        >>> DaypartTable.from_rows(rows).minutes_per_week().tolist()
        [5040, 5040]
        """
        names = tuple(dict.fromkeys(str(row["name"]) for row in rows))
        of_minute = np.full(MINUTES_OF_WEEK, -1, dtype=np.int64)
        begins_on = np.full(MINUTES_OF_WEEK, -1, dtype=np.int64)
        for row in rows:
            start, end = _minute_of_day(row["start"]), _minute_of_day(row["end"])
            end += 1440 if end <= start else 0
            for day in row["days"]:
                minutes = np.arange(day * 1440 + start, day * 1440 + end) % MINUTES_OF_WEEK
                if (of_minute[minutes] >= 0).any():
                    raise DaypartError(f"daypart {row['name']} overlaps another")
                of_minute[minutes] = names.index(str(row["name"]))
                begins_on[minutes] = day
        if (of_minute < 0).any():
            raise DaypartError("the daypart table leaves minutes of the week without a daypart")
        return cls(names, of_minute, begins_on)

    def minutes_per_week(self) -> NDArray[np.int64]:
        """Return each daypart's minutes in one week."""
        return np.bincount(self.of_minute, minlength=len(self.names))

    def minutes_on(self, days: Sequence[dt.date]) -> NDArray[np.int64]:
        """Return each daypart's minutes that begin on the given days."""
        total = np.zeros(len(self.names), dtype=np.int64)
        for day in days:
            chosen = self.of_minute[self.begins_on == day.weekday()]
            total += np.bincount(chosen, minlength=len(self.names))
        return total

    def minutes_between(self, first_hour: int, hours: int, timezone: str) -> NDArray[np.int64]:
        """Return each daypart's minutes in a window of UTC hours, on a market's local clock."""
        starts = _local_minute_of_week(first_hour, hours, timezone)
        minutes = (starts[:, None] + np.arange(60)) % MINUTES_OF_WEEK
        return np.bincount(self.of_minute[minutes].ravel(), minlength=len(self.names))


def _local_minute_of_week(first_hour: int, hours: int, timezone: str) -> NDArray[np.int64]:
    zone = ZoneInfo(timezone)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    minutes = np.empty(hours, dtype=np.int64)
    for n in range(hours):
        local = (epoch + dt.timedelta(hours=first_hour + n)).astimezone(zone)
        minutes[n] = local.weekday() * 1440 + local.hour * 60 + local.minute
    return minutes


def _minute_of_day(text: str) -> int:
    hour, minute = str(text).split(":")[:2]
    return int(hour) * 60 + int(minute)
