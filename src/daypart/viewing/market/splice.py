"""Which hours of a market a batch of events can change, and how new hours enter old ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.viewing.clock import MarketHours, Window, market_hours
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.market.sessions import HOUR_MS


@dataclass(frozen=True)
class HourRange:
    """UTC hours, from the first to before the second."""

    start: int
    stop: int


def affected_hours(
    window: Window,
    before: Window | None,
    timezone: str,
    starts_ms: tuple[int, int] | None,
    rules: CreditingRules,
) -> HourRange | None:
    """Return the hours whose numbers new events can change, as whole broadcast weeks.

    A tune lasts no longer than the idle cap, so that new ones reach so far after the last of
    them; and they cut earlier ones that began no more than a cap before the first of them.

    Parameters
    ----------
    window, before : Window
        The store's days with and without the new events (None: a new store).
    timezone : str
    starts_ms : tuple of int, optional
        First and last start of the new events; None where the market has none.
    rules : CreditingRules

    Returns
    -------
    HourRange or None
        None where nothing changes.
    """
    calendar = market_hours(window, timezone, rules.broadcast_day_start_hour)
    touched: list[tuple[int, int]] = []
    if before is None:
        return HourRange(calendar.first_hour, calendar.first_hour + len(calendar))
    if starts_ms is not None:
        first = (starts_ms[0] - rules.idle_cap_ms) // HOUR_MS
        touched.append((first, (starts_ms[1] + rules.idle_cap_ms) // HOUR_MS + 1))
    old_first, old_hours = before.first_hour(timezone), before.hours(timezone)
    if window.first_day < before.first_day:
        touched.append((old_first, old_first + 24))
    if window.last_day > before.last_day:
        old_end = old_first + old_hours
        touched.append((old_end - 1, old_end + rules.idle_cap_ms // HOUR_MS + 1))
    if not touched:
        return None
    return _whole_weeks(calendar, min(low for low, _ in touched), max(h for _, h in touched))


def _whole_weeks(calendar: MarketHours, low: int, high: int) -> HourRange:
    last = len(calendar) - 1
    first_week = calendar.week[np.clip(low - calendar.first_hour, 0, last)]
    last_week = calendar.week[np.clip(high - 1 - calendar.first_hour, 0, last)]
    inside = np.flatnonzero((calendar.week >= first_week) & (calendar.week <= last_week))
    return HourRange(
        calendar.first_hour + int(inside[0]), calendar.first_hour + int(inside[-1]) + 1
    )


def spliced(
    shape: tuple[int, int],
    old: NDArray[np.generic] | None,
    old_rows: NDArray[np.int64],
    old_column: int,
    dtype: type,
) -> NDArray[np.generic]:
    """Return a matrix of zeros with the old one placed in it.

    Parameters
    ----------
    shape : tuple of int
        Partitions, hours.
    old : array, shape (old partitions, old hours), or None
    old_rows : int64 array, shape (old partitions,)
        Their new rows.
    old_column : int
        The new column of the first old hour.
    dtype : type

    Returns
    -------
    array of `shape`

    Examples
    --------
    >>> spliced((2, 3), np.array([[7, 8]]), np.array([1]), 1, np.int32).tolist()
    [[0, 0, 0], [0, 7, 8]]
    """
    matrix: NDArray[np.generic] = np.zeros(shape, dtype=dtype)
    if old is not None and old.size:
        matrix[old_rows, old_column : old_column + old.shape[1]] = old
    return matrix
