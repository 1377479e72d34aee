"""The flight's broadcast weeks, and how many minutes of each daypart a stretch of time holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from daypart.planning.arrays import Ints
from daypart.series.local_time import HOURS_PER_WEEK, local_hours
from daypart.viewing.dayparts import DAYS, DaypartTable


@dataclass(frozen=True)
class Week:
    """One broadcast week (Monday to Sunday) of a flight, cut to the flight's days.

    Parameters
    ----------
    monday : date
        The name of the week.
    days : tuple of date
        Its days in the flight.
    """

    monday: dt.date
    days: tuple[dt.date, ...]


def broadcast_weeks(first_day: dt.date, last_day: dt.date) -> tuple[Week, ...]:
    """Cut a flight into broadcast weeks.

    Parameters
    ----------
    first_day, last_day : date
        Both included.

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
class DaypartClock:
    """How many minutes of each daypart a stretch of time holds.

    Parameters
    ----------
    names : tuple of str
    of_hour : int array [168]
        Index into `names` per hour of the local week, Monday 00:00 first.
    begins_on : int array [168]
        Weekday (Monday 0) on which that hour's daypart began: the day before, after midnight.

    Examples
    --------
    >>> from daypart.viewing.dayparts import STANDARD_DAYPARTS
    >>> clock = DaypartClock.of(STANDARD_DAYPARTS)
    >>> dict(zip(clock.names, clock.minutes_per_week().tolist()))["Prime"]
    1320
    """

    names: tuple[str, ...]
    of_hour: Ints
    begins_on: Ints

    @classmethod
    def of(cls, table: DaypartTable) -> DaypartClock:
        """Read a daypart table's clock."""
        begins_on = np.empty(HOURS_PER_WEEK, dtype=np.int64)
        for row in table.rows:
            for name in row.days:
                begins_on[replace(row, days=(name,)).hours_of_week()] = DAYS.index(name)
        return cls(table.names, table.hour_of_week_dayparts().astype(np.int64), begins_on)

    def minutes_per_week(self) -> Ints:
        """Return each daypart's minutes in one week."""
        return 60 * np.bincount(self.of_hour, minlength=len(self.names))

    def minutes_on(self, days: Sequence[dt.date]) -> Ints:
        """Return each daypart's minutes that begin on the given days."""
        total = np.zeros(len(self.names), dtype=np.int64)
        for day in days:
            chosen = self.of_hour[self.begins_on == day.weekday()]
            total += 60 * np.bincount(chosen, minlength=len(self.names))
        return total

    def begins_between(self, first_hour: int, hours: int, timezone: str) -> tuple[Ints, Ints]:
        """Return when each UTC hour's daypart began, and which daypart it is, on a market's clock.

        Parameters
        ----------
        first_hour : int
            UTC hours since 1970.
        hours : int
            Length of the window.
        timezone : str
            Of the market.

        Returns
        -------
        began : int array [hours]
            Local day, as days since 1970: the day before, for the hours after midnight of a
            daypart that runs over it.
        daypart : int array [hours]
            Index into `names`.
        """
        local = local_hours(first_hour, hours, timezone)
        hour = local.hour_of_week.astype(np.int64)
        late = self.begins_on[hour] != hour // 24
        return local.day.astype(np.int64) - late, self.of_hour[hour]

    def dayparts_between(self, first_hour: int, hours: int, timezone: str) -> Ints:
        """Return the daypart of each UTC hour of a window, on a market's local clock.

        Parameters
        ----------
        first_hour : int
            UTC hours since 1970.
        hours : int
            Length of the window.
        timezone : str
            Of the market.
        """
        return self.of_hour[local_hours(first_hour, hours, timezone).hour_of_week]

    def minutes_between(self, first_hour: int, hours: int, timezone: str) -> Ints:
        """Return each daypart's minutes in a window of UTC hours.

        Parameters
        ----------
        first_hour : int
            UTC hours since 1970.
        hours : int
            Length of the window.
        timezone : str
            Of the market.
        """
        found = self.dayparts_between(first_hour, hours, timezone)
        return 60 * np.bincount(found, minlength=len(self.names))
