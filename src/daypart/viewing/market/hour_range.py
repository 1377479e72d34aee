"""The hours of a market that new events can change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daypart.viewing.clock import HOUR_MS, LocalDays, MarketHours, market_hours
from daypart.viewing.crediting import CreditingRules


@dataclass(frozen=True)
class HourRange:
    """UTC hours, from the first to before the second."""

    start: int
    stop: int


def affected_hours(
    window: LocalDays,
    before: LocalDays | None,
    timezone: str,
    starts_ms: tuple[int, int] | None,
    rules: CreditingRules,
) -> HourRange | None:
    """Return the hours that new events can change, as whole broadcast weeks.

    A tune lasts no longer than the idle cap. So new tunes change hours up to one cap after the
    last start, and they shorten earlier tunes that began up to one cap before the first start.

    Parameters
    ----------
    window, before : LocalDays
        The store's days with and without the new events (None: a new store).
    timezone : str
    starts_ms : tuple of int, optional
        First and last start of the new events; None if the market has none.
    rules : CreditingRules

    Returns
    -------
    HourRange or None
        None if nothing changes.
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
