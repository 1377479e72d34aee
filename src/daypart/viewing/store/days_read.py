"""The days of a file of events that were read: a file given again for more days is read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

RequestedDays = tuple[date | None, date | None]
"""First and last local day to credit, None for no bound."""


def were_read(recorded: Mapping[str, Any] | None, days: RequestedDays) -> bool:
    """Return whether an earlier ingest of a file requested all of these days.

    Parameters
    ----------
    recorded : mapping or None
        Of the file in `batches` of `store.json`; None for a file that was never given.
    days : tuple of date or None

    Examples
    --------
    >>> read = {"days": [[None, "2025-03-09"]]}
    >>> were_read(read, (None, date(2025, 3, 8))), were_read(read, (None, None))
    (True, False)
    """
    if recorded is None:
        return False
    first, last = map(_text, days)
    return any(
        (begin is None or (first is not None and begin <= first))
        and (end is None or (last is not None and end >= last))
        for begin, end in recorded["days"]
    )


def with_days(recorded: Mapping[str, Any] | None, days: RequestedDays) -> list[Sequence[Any]]:
    """Return all days that were requested of a file, for `store.json`.

    Parameters
    ----------
    recorded : mapping or None
    days : tuple of date or None

    Examples
    --------
    >>> with_days(None, (None, date(2025, 3, 8)))
    [[None, '2025-03-08']]
    """
    return [*(recorded["days"] if recorded else ()), [_text(day) for day in days]]


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
