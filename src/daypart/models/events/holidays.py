"""Days on which people view differently: United States federal holidays, built from their rules."""

from __future__ import annotations

import functools
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from daypart.series.local_time import local_hours

US_EFFECTS = ("family_day", "family_evening", "public_day", "public_evening")
"""Family holidays (New Year's Day, Independence Day, Thanksgiving and the day after, Christmas
Eve and Day) and the other public ones, each by part of the day (day: 06 to 18 local)."""

_EPOCH = date(1970, 1, 1)


def us_federal_holidays(year: int) -> dict[date, str]:
    """Return the federal holidays of a year on their own days, not the days they are moved to.

    Parameters
    ----------
    year : int
        Juneteenth counts from 2021.

    Returns
    -------
    dict of date to str

    Examples
    --------
    >>> [day.isoformat() for day, name in us_federal_holidays(2024).items() if "giving" in name]
    ['2024-11-28']

    References
    ----------
    5 U.S.C. 6103.
    """
    holidays = {
        date(year, 1, 1): "New Year's Day",
        _nth_weekday(year, 1, 0, 3): "Birthday of Martin Luther King, Jr.",
        _nth_weekday(year, 2, 0, 3): "Washington's Birthday",
        _nth_weekday(year, 6, 0, 1) - timedelta(days=7): "Memorial Day",
        date(year, 7, 4): "Independence Day",
        _nth_weekday(year, 9, 0, 1): "Labor Day",
        _nth_weekday(year, 10, 0, 2): "Columbus Day",
        date(year, 11, 11): "Veterans Day",
        _nth_weekday(year, 11, 3, 4): "Thanksgiving Day",
        date(year, 12, 25): "Christmas Day",
    }
    if year >= 2021:
        holidays[date(year, 6, 19)] = "Juneteenth"
    return dict(sorted(holidays.items()))


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


_FAMILY = ("New Year's Day", "Independence Day", "Thanksgiving Day", "Christmas Day")


@functools.lru_cache(maxsize=256)
def _kind_of_days(year: int) -> dict[int, int]:
    kinds: dict[int, int] = {}
    for day, name in us_federal_holidays(year).items():
        number = (day - _EPOCH).days
        kinds[number] = 0 if name in _FAMILY else 1
        if name == "Thanksgiving Day":
            kinds[number + 1] = 0
        if name == "Christmas Day":
            kinds[number - 1] = 0
    return kinds


@functools.lru_cache(maxsize=512)
def us_holiday_effects(first_hour: int, hours: int, timezone: str) -> NDArray[np.int16]:
    """Return which of `US_EFFECTS` acts in each hour, -1 for none.

    Parameters
    ----------
    first_hour : int
        UTC hours since 1970.
    hours : int
    timezone : str
        IANA name; only `America/` and `US/` zones and Honolulu have these holidays.

    Returns
    -------
    int16 array, shape (hours,), read-only

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from daypart.series.local_time import datetime_to_hour
    >>> christmas = datetime_to_hour(datetime(2024, 12, 25, 12, tzinfo=UTC))
    >>> us_holiday_effects(christmas, 2, "UTC").tolist()
    [-1, -1]
    >>> us_holiday_effects(christmas, 13, "America/New_York").tolist()[-3:]
    [0, 1, 1]
    """
    effects = np.full(hours, -1, dtype=np.int16)
    if timezone.startswith(("America/", "US/")) or timezone == "Pacific/Honolulu":
        clock = local_hours(first_hour, hours, timezone)
        hour = clock.hour_of_week % 24
        evening = (hour < 6) | (hour >= 18)
        for day in np.unique(clock.day):
            year = (_EPOCH + timedelta(days=int(day))).year
            kind = _kind_of_days(year).get(int(day))
            if kind is not None:
                there = clock.day == day
                effects[there] = 2 * kind + evening[there]
    effects.flags.writeable = False
    return effects
