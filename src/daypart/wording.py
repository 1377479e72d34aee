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
