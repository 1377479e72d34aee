"""US holidays on which people watch as on a Sunday."""

from __future__ import annotations

from datetime import date, timedelta

_FIXED = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 24), (12, 25), (12, 31))
_MONDAYS = ((1, 3), (2, 3), (9, 1), (10, 2))
"""Month and which Monday: King, Presidents, Labor and Columbus Day."""


def us_holidays(year: int) -> frozenset[date]:
    """Return the holidays of a year.

    Parameters
    ----------
    year : int

    Returns
    -------
    frozenset of date
        Federal holidays, the day after Thanksgiving, and the eves of Christmas and New Year.

    Examples
    --------
    >>> date(2025, 11, 27) in us_holidays(2025), date(2025, 5, 26) in us_holidays(2025)
    (True, True)
    """
    days = {date(year, month, day) for month, day in _FIXED}
    days |= {_nth_weekday(year, month, 0, nth) for month, nth in _MONDAYS}
    thanksgiving = _nth_weekday(year, 11, 3, 4)
    last_of_may = date(year, 5, 31)
    memorial_day = last_of_may - timedelta(days=last_of_may.weekday())
    return frozenset(days | {thanksgiving, thanksgiving + timedelta(days=1), memorial_day})


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
