"""Unusual days: counts far from those of the same day in the weeks around, such as a feast's.

With x[d] = log(1 + counts of day d) and m[d] the median of x on the same day of up to six weeks
before and six after, a day is unusual where

    |x[d] - m[d]| >= 0.4, >= 5 sd of such distances (by their median), and
    |counts - exp(m)| >= 6 sqrt(the larger of both)

Such a day is missing to the fit: it would widen every hour of its week, and all coming weeks. Days
with an event of the calendar stay, and where more than one day in twenty is unusual, all do.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, I1, FloatVector, IntVector
from daypart.models.jit.vector_math import sort

AROUND = 6
"""Weeks before and after."""
FEWEST = 4
"""Of these, with the day observed in full."""
LEAST = 0.4
WIDER = 5.0
SURE = 6.0
MOST_SHARE = 0.05
_TYPICAL = 1.4826
"""Of a normal law: its standard deviation over the median of absolute deviations."""

_I32 = numba.types.Array(numba.int32, 1, "C")
_F32 = numba.types.Array(numba.float32, 1, "C")


@kernel(numba.int64, _I32, _F32, I1, F1, F1, F1)
def hide_unusual_days(
    series: np.ndarray,
    exposures: np.ndarray,
    event_hour: IntVector,
    level: FloatVector,
    away: FloatVector,
    room: FloatVector,
) -> int:
    """Make the unusual days of a series missing, counted from its first hour; return their number.

    Parameters
    ----------
    series : int32 array, shape (hours,)
        -1 where missing; written to.
    exposures : float32 array
        One for every 24 hours.
    event_hour : int64 array
        Hours with an event.
    level, away, room : float64 arrays, shape (days,) or larger, overwritten
    """
    days = len(series) // 24
    daily_levels(series, exposures, level)
    for hour in event_hour:
        if hour // 24 < days:
            level[hour // 24] = -1.0
    seen = 0
    for d in range(days):
        away[d] = 0.0
        if level[d] >= 0.0:
            found = usual_level(level, days, d, room)
            if found >= 0.0:
                away[d] = level[d] - found
                seen += 1
    if seen == 0:
        return 0
    seen = 0
    for d in range(days):
        if away[d] != 0.0:
            room[seen] = abs(away[d])
            seen += 1
    sort(room[:seen])
    limit = max(LEAST, WIDER * _TYPICAL * room[seen // 2] if seen > 0 else LEAST)
    number = 0
    for d in range(days):
        counts, usual = math.exp(level[d]), math.exp(level[d] - away[d])
        clear = abs(counts - usual) >= SURE * math.sqrt(max(counts, usual))
        away[d] = 1.0 if abs(away[d]) >= limit and clear else 0.0
        number += int(away[d])
    if number > MOST_SHARE * days:
        return 0
    for d in range(days):
        if away[d] > 0.0:
            for i in range(24 * d, 24 * d + 24):
                series[i] = -1
    return number


@kernel(numba.void, _I32, _F32, F1)
def daily_levels(series: np.ndarray, exposures: np.ndarray, level: FloatVector) -> None:
    """Write log(1 + counts) of each day, -1 where not all of its hours were observed."""
    for d in range(len(series) // 24):
        total = 0.0
        whole = exposures[d] > 0.0
        for i in range(24 * d, 24 * d + 24):
            whole = whole and series[i] >= 0
            total += series[i]
        level[d] = math.log1p(total) if whole else -1.0


@kernel(numba.float64, F1, numba.int64, numba.int64, F1)
def usual_level(level: FloatVector, days: int, day: int, room: FloatVector) -> float:
    """Return the median of the same day in the weeks around, -1 where too few were observed."""
    found = 0
    for week in range(-AROUND, AROUND + 1):
        other = day + 7 * week
        if week != 0 and 0 <= other < days and level[other] >= 0.0:
            room[found] = level[other]
            found += 1
    if found < FEWEST:
        return -1.0
    sort(room[:found])
    middle: float = 0.5 * (room[found // 2] + room[(found - 1) // 2])
    return middle
