"""Dollars and durations as text."""

from __future__ import annotations


def dollars(amount: float) -> str:
    """Write an amount: to the cent from a dollar on, with two significant digits below.

    Examples
    --------
    >>> dollars(1234.5), dollars(0.01234)
    ('$1,234.50', '$0.012')
    """
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.2g}"


def spell_seconds(seconds: float) -> str:
    """Write a duration in seconds, minutes or hours.

    Examples
    --------
    >>> spell_seconds(90), spell_seconds(600), spell_seconds(36_000)
    ('90.0 s', '10.0 min', '10.0 h')
    """
    if seconds < 120:
        return f"{seconds:,.1f} s"
    return f"{seconds / 60:,.1f} min" if seconds < 7_200 else f"{seconds / 3600:,.1f} h"
