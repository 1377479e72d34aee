"""The hours ahead: where they start, and how they divide into days and weeks of a local clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.errors import DaypartError, did_you_mean
from daypart.models.protocol import Window
from daypart.series.local_time import HOURS_PER_WEEK, local_hours

PERIODS = ("hour", "day", "week", "total")
_DAYS_PER_WEEK = 7
_SPARE_HOURS = 72
"""Enough to hold a whole local day more at either end, in any time zone."""


@dataclass(frozen=True)
class Horizon:
    """Some weeks ahead, as hours or as sums over whole local days.

    By the hour all partitions have the same UTC hours. By the day, the week or in total they
    have the same local calendar days, so that a sum over time zones adds evening to evening;
    the first is the first day that is wholly ahead in every zone. A week is seven days
    from that one on.

    Parameters
    ----------
    start : int
        First hour ahead (UTC hours since 1970).
    weeks : int
    per : str
        One of `PERIODS`.
    first_day : int
        Days since 1970 of the first local day; unused by the hour.
    hour_group : sequence of str
        A name for each of the 168 local hours of the week, where sums are divided by it: a
        series then has every period of the first name, then every one of the next. None
        of them: undivided.
    """

    start: int
    weeks: int
    per: str
    first_day: int
    hour_group: Sequence[str] = ()

    @classmethod
    def after(
        cls,
        start: int,
        weeks: int,
        per: str,
        timezones: Iterable[str],
        hour_group: Sequence[str] = (),
    ) -> Horizon:
        """Lay out the weeks from an hour on.

        Parameters
        ----------
        start : int
            UTC hours since 1970.
        weeks : int
        per : str
            One of `PERIODS`.
        timezones : iterable of str
        hour_group : sequence of str
            A name for each of the 168 local hours of the week; empty: undivided.

        Raises
        ------
        DaypartError
            For fewer than one week or an unknown period.
        """
        if weeks < 1:
            raise DaypartError(f"weeks is {weeks}", hint="give 1 or more")
        if per not in PERIODS:
            raise DaypartError(f"no period {per!r}", hint=did_you_mean(per, PERIODS))
        first_days = [_first_whole_day(start, zone) for zone in set(timezones)]
        return cls(start, weeks, per, max(first_days, default=start // 24), tuple(hour_group))

    @property
    def hour_group_names(self) -> tuple[str, ...]:
        """The names that divide the week, in the order of their first hours."""
        return tuple(dict.fromkeys(self.hour_group))

    @property
    def periods(self) -> int:
        """How many values a series has ahead."""
        return self._times * max(1, len(self.hour_group_names))

    @property
    def _times(self) -> int:
        """How many stretches of time follow each other."""
        days = self.weeks * _DAYS_PER_WEEK
        return {"hour": self.weeks * HOURS_PER_WEEK, "day": days, "week": self.weeks, "total": 1}[
            self.per
        ]

    def window(self, timezone: str) -> Window:
        """Return the UTC hours ahead in a time zone."""
        from daypart.models.protocol import Window

        if self.per == "hour":
            return Window(self.start, self._times)
        first, days = self._local_days(timezone)
        return Window(first, len(days))

    def sums(self, hourly: NDArray[Any], timezone: str) -> NDArray[Any]:
        """Add hours (the last axis, of `window`) up to periods.

        Parameters
        ----------
        hourly : array, shape (..., hours)
            Values of the hours of `window`.
        timezone : str
        """
        if not self.hour_group:
            return self._sums_over_time(hourly, timezone)
        belongs = self._belongs(timezone)
        each = [self._sums_over_time(hourly * hours, timezone) for hours in belongs]
        return np.concatenate(each, axis=-1)

    def covered(self, timezones: Iterable[str]) -> NDArray[np.bool_]:
        """Tell which periods hold an hour of their own in any of some time zones."""
        found = np.zeros(self.periods, bool)
        for zone in timezones:
            found |= self.sums(np.ones(self.window(zone).hours, np.int64), zone) > 0
        return found

    def _belongs(self, timezone: str) -> NDArray[np.bool_]:
        """Tell which hours of the window belong to which name, shape (names, hours)."""
        window = self.window(timezone)
        clock = local_hours(window.first_hour, window.hours, timezone)
        name = np.asarray(self.hour_group, dtype=object)[clock.hour_of_week]
        return np.stack([name == each for each in self.hour_group_names])

    def _sums_over_time(self, hourly: NDArray[Any], timezone: str) -> NDArray[Any]:
        if self.per == "hour":
            return hourly
        _, days = self._local_days(timezone)
        days_each = {"day": 1, "week": _DAYS_PER_WEEK, "total": self.weeks * _DAYS_PER_WEEK}
        borders = self.first_day + np.arange(self._times) * days_each[self.per]
        return np.add.reduceat(hourly, np.searchsorted(days, borders), axis=-1)

    def stamps(self) -> pa.Array:
        """Return `ds`: the hours (UTC), or the first local day of each period."""
        if self.per == "hour":
            hours = self.start + np.arange(self._times, dtype=np.int64)
            once = pa.array(hours * 3_600_000_000, pa.timestamp("us", tz="UTC"))
        else:
            step = 1 if self.per == "day" else _DAYS_PER_WEEK
            days = self.first_day + np.arange(self._times) * step
            once = pa.array(days.astype(np.int32), pa.date32())
        return pa.concat_arrays([once] * max(1, len(self.hour_group_names)))

    def _local_days(self, timezone: str) -> tuple[int, NDArray[np.int32]]:
        """Return the first hour (UTC) of the local days ahead, and the local day of each hour."""
        begin = self.first_day * 24 - _SPARE_HOURS
        length = self.weeks * HOURS_PER_WEEK + 2 * _SPARE_HOURS
        day = local_hours(begin, length, timezone).day
        last_day = self.first_day + self.weeks * _DAYS_PER_WEEK
        low, high = np.searchsorted(day, [self.first_day, last_day])
        return begin + int(low), day[low:high]


def _first_whole_day(start: int, timezone: str) -> int:
    """Return the first local day that begins at or after an hour."""
    day = local_hours(start - 1, 2, timezone).day
    return int(day[0]) + 1
