"""From a ragged series to the weeks x hours table that the kernels fit."""

from __future__ import annotations

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, I1, I2, FloatMatrix, FloatVector, IntMatrix, IntVector

OBSERVED, TOTAL, LARGE, CONTRADICTED, LARGEST, EVENTS = range(6)
"""Places of what `lay_out` reports."""

_I32 = numba.types.Array(numba.int32, 1, "C")
_I16 = numba.types.Array(numba.int16, 1, "C")
_F32 = numba.types.Array(numba.float32, 1, "C")


@kernel(numba.void, F2, F1, F1, I1)
def count_sizes(
    counts: FloatMatrix, over: FloatVector, large: FloatVector, report: IntVector
) -> None:
    """Fill `over` and `large`; see `field.Series`."""
    for i in range(len(over)):
        over[i] = 0.0
    largest = 0
    number = 0
    for k in range(len(counts)):
        for c in range(168):
            y = int(counts[k, c])
            if y > 0:
                largest = max(largest, y)
                over[min(y, len(over)) - 1] += 1.0
                if y > len(over):
                    large[number] = y
                    number += 1
    report[LARGEST] = largest
    report[LARGE] = number
    for i in range(len(over) - 2, -1, -1):
        over[i] += over[i + 1]


@kernel(numba.void, _I32, _F32, _I32, _I16, I1, _I16, F2, F2, F1, F1, I2, I1, from_python=True)
def lay_out(
    series: np.ndarray,
    exposures: np.ndarray,
    week: np.ndarray,
    hour_of_week: np.ndarray,
    event_hour: IntVector,
    event_effect: np.ndarray,
    counts: FloatMatrix,
    exposure: FloatMatrix,
    over: FloatVector,
    large: FloatVector,
    events: IntMatrix,
    report: IntVector,
) -> None:
    """Fill one partition's tables from its series.

    Parameters
    ----------
    series : int32 array, shape (hours,)
        -1 where missing.
    exposures : float32 array
        One for every 24 hours.
    week, hour_of_week : int32, int16 arrays, shape (hours,)
        Local wall clock. Two hours in one cell (clocks put back) add up.
    event_hour, event_effect : int64, int16 arrays, shape (pairs,)
        Hours with an event and its effect, hours ascending.
    counts, exposure : float64 arrays, shape (weeks, 168), all written
    over, large, events : see `field.Series`
    report : int64 array, shape (6,)
        Observed hours, sum of counts, length of `large`, hours with a count but no exposure,
        largest count, columns of `events`.
    """
    weeks = len(counts)
    for k in range(weeks):
        for c in range(168):
            counts[k, c] = 0.0
            exposure[k, c] = 0.0
    for i in range(len(report)):
        report[i] = 0
    observed, total, contradicted = 0, 0, 0
    start = 0
    while start < len(series):
        k, c = week[start], hour_of_week[start]
        run = min(24 - start % 24, 168 - c, len(series) - start)
        last = start + run - 1
        if week[last] != k or hour_of_week[last] != c + run - 1:
            run = 1  # clocks go back or forward within the day, so hour by hour
        exposed = exposures[start // 24]
        given, target, shown = series[start : start + run], counts[k], exposure[k]
        if exposed > 0.0:
            for i in range(run):
                y = given[i]
                if y >= 0:
                    target[c + i] += y
                    shown[c + i] += exposed
                    observed += 1
                    total += y
        else:
            for i in range(run):
                contradicted += 1 if given[i] > 0 else 0
        start += run
    report[OBSERVED], report[TOTAL], report[CONTRADICTED] = observed, total, contradicted
    count_sizes(counts, over, large, report)
    for pair in range(len(event_hour)):
        i = event_hour[pair]
        place = report[EVENTS]
        events[0, place] = week[i]
        events[1, place] = hour_of_week[i]
        events[2, place] = event_effect[pair]
        other = place - 1
        while other >= 0 and events[0, other] == week[i] and events[1, other] == hour_of_week[i]:
            if events[2, other] == event_effect[pair]:  # two hours in one cell, one event
                break
            other -= 1
        else:
            report[EVENTS] += 1
