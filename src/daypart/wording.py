"""Counts with their nouns."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Parameters
    ----------
    count : int
    noun : str
        In the singular; the plural adds an `s`.

    Examples
    --------
    >>> counted(1, "network"), counted(1200, "line")
    ('1 network', '1,200 lines')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def span_of(hours: int) -> str:
    """Return a number of hours as weeks or days.

    Parameters
    ----------
    hours : int

    Examples
    --------
    >>> span_of(336), span_of(96)
    ('2 weeks', '4 days')
    """
    return counted(hours // 168, "week") if hours % 168 == 0 else counted(hours // 24, "day")
