"""Time zones, and the local times that their clocks skip or repeat."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from daypart.errors import DaypartError

FIRST_YEAR, LAST_YEAR = 1990, 2099
"""Years that a stamp may have; a stamp outside them is an error of an export (0, 9999-12-31)."""


def timezone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises
    ------
    DaypartError
        For a name that is not a time zone.

    Examples
    --------
    >>> timezone_of("America/Chicago").key
    'America/Chicago'
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError):
        raise DaypartError(
            f"{name!r} is not a time zone", hint="give an IANA name such as America/New_York"
        ) from None


def is_zone(name: str) -> bool:
    """Return whether a text is the IANA name of a time zone.

    Examples
    --------
    >>> is_zone("America/Chicago"), is_zone("Chicago")
    (True, False)
    """
    try:
        return bool(timezone_of(name))
    except DaypartError:
        return False


def days_of_clock_changes(zones: Iterable[str]) -> tuple[date, ...]:
    """Return the local days around each change of the clocks of some zones.

    Only stamps of these days can be local times that a clock skipped or repeated.

    Parameters
    ----------
    zones : iterable of str
        IANA names.

    Returns
    -------
    tuple of date
        In order, each once.

    Examples
    --------
    >>> date(2025, 3, 9) in days_of_clock_changes(["America/New_York"])
    True
    """
    return tuple(sorted({day for zone in set(zones) for day in _days_of(zone)}))


@lru_cache(maxsize=512)
def _days_of(name: str) -> tuple[date, ...]:
    zone = timezone_of(name)
    found: list[date] = []
    instant = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    before = instant.astimezone(zone).utcoffset()
    while instant.year <= LAST_YEAR:
        instant += timedelta(days=1)
        local = instant.astimezone(zone)
        if local.utcoffset() != before:
            before = local.utcoffset()
            found += [local.date() + timedelta(days=offset) for offset in (-2, -1, 0, 1)]
    return tuple(found)
