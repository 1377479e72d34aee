"""Counts with their nouns, as people write them."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Write a count with its noun.

    Parameters
    ----------
    count : int
    noun : str
        Of one; more of them get an `s`.

    Examples
    --------
    >>> counted(1, "network"), counted(1200, "line")
    ('1 network', '1,200 lines')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
