"""Coverage of a store by local day: which hours have data, and which days lack it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from daypart.series.local_time import local_hours
from daypart.wording import counted

_EPOCH = date(1970, 1, 1)
_PARTIAL_SHARE = 0.75
"""A first or last day with a smaller share of the usual day's hours is partial."""


@dataclass(frozen=True)
class Coverage:
    """Hours with data on each local day of a region.

    Parameters
    ----------
    region, timezone : str
    first_day : str
        `YYYY-MM-DD`.
    hours : tuple of int
        One number per day, 0 to 25.
    """

    region: str
    timezone: str
    first_day: str
    hours: tuple[int, ...]

    @property
    def empty_days(self) -> tuple[str, ...]:
        """Days without an hour of data."""
        return tuple(self._day(place) for place, hours in enumerate(self.hours) if not hours)

    @property
    def partial_days(self) -> tuple[str, ...]:
        """The first and the last day, where they have far fewer hours than the other days."""
        usual = float(np.median(self.hours[1:-1])) if len(self.hours) > 2 else 24.0
        ends = dict.fromkeys((0, len(self.hours) - 1))
        return tuple(
            self._day(place) for place in ends if 0 < self.hours[place] < _PARTIAL_SHARE * usual
        )

    @property
    def last_day(self) -> str:
        """The last local day, `YYYY-MM-DD`."""
        return self._day(len(self.hours) - 1)

    def _day(self, place: int) -> str:
        return (date.fromisoformat(self.first_day) + timedelta(days=place)).isoformat()


def coverage_of(
    region: str, timezone: str, first_hour: int, has_data: NDArray[np.bool_]
) -> Coverage:
    """Count the hours with data of each local day.

    Parameters
    ----------
    region, timezone : str
    first_hour : int
        Whole hours since 1970, UTC.
    has_data : bool array, shape (hours,)

    Returns
    -------
    Coverage

    Examples
    --------
    >>> found = coverage_of("a", "UTC", 20, np.arange(52) < 28)
    >>> found.first_day, found.hours, found.empty_days, found.partial_days
    ('1970-01-01', (4, 24, 0), ('1970-01-03',), ('1970-01-01',))
    """
    day = local_hours(first_hour, len(has_data), timezone).day
    hours = np.bincount(day - day[0], weights=has_data).astype(int)
    first = _EPOCH + timedelta(days=int(day[0]))
    return Coverage(region, timezone, first.isoformat(), tuple(hours.tolist()))


@dataclass(frozen=True)
class OddSeries:
    """A series with a run of days without a count that its other days make unlikely.

    Parameters
    ----------
    unique_id, reason : str
    surprise : float
        -log probability of the run, were days independent.
    """

    unique_id: str
    reason: str
    surprise: float


def find_silent_run(
    name: str, days: Sequence[date], active: NDArray[np.bool_], silence: str = "no count"
) -> OddSeries | None:
    """Return the least likely run of days without a count of a series.

    A series that counts on a share p of days has r days in a row without with probability
    (1 - p)^r; p is estimated outside the run.

    Parameters
    ----------
    name : str
    days : sequence of date
        Those on which any series counts, in order.
    active : bool array, shape (days,)
        On which of them this one does.
    silence : str
        What the reason calls a day that is not active.

    Examples
    --------
    >>> days = [date(2025, 3, day) for day in range(1, 21)]
    >>> find_silent_run("a", days, np.arange(20) < 15).reason
    'no count on the last 5 days, from 2025-03-16'
    """
    found = [_surprise(active, start, stop) for start, stop in _runs(~active)]
    if not found or not active.any():
        return None
    surprise, start, stop = max(found)
    span = counted(stop - start, "day")
    if stop == len(active):
        reason = f"{silence} on the last {span}, from {days[start]}"
    elif start == 0:
        reason = f"{silence} on the first {span}, to {days[stop - 1]}"
    else:
        reason = f"{silence} on {span}, {days[start]} to {days[stop - 1]}"
    return OddSeries(name, reason, surprise)


def _surprise(active: NDArray[np.bool_], start: int, stop: int) -> tuple[float, int, int]:
    others = len(active) - (stop - start)
    share = (active.sum() + 0.5) / (others + 1.0)
    return float(-(stop - start) * np.log1p(-share)), start, stop


def _runs(where: NDArray[np.bool_]) -> Sequence[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(np.int8), [0]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
