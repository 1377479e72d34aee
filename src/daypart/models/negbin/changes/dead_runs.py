"""Dead runs: hours on end without a count where the series is hardly ever empty.

With m[h] the mean count of hour of week h, a run of zeros is dead where, even for the most
dispersed counts (a geometric law, P(0) = 1 / (1 + m)),

    sum over its hours of log(1 + m[h]) >= 30

and it lasts a day. Hours with an event of the calendar do not speak for it: a shop is shut on
Christmas Day, and forecasts have to know. Nor is dead what is a habit of the series.

At the beginning such a run is an opening, in between an outage: both are missing. At the end it is
missing, too, but for one that is long enough to be a closure, whose whole weeks stay (`steps`).
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, I1, I2, FloatVector, IntMatrix, IntVector
from daypart.models.negbin.changes.unusual_days import AROUND, hide_unusual_days

OPENING, OUTAGE, CLOSURE, STEP = range(4)
"""Kinds of change."""
MOST_RUNS = 6
"""Runs of a series that are kept; a series with more is empty by habit."""
SHORTEST = 24
CLOSED_AFTER = 672
"""Hours: four weeks, of which three are whole wherever they begin."""
ENOUGH = 30.0
"""Of minus the log probability of a run."""
_PERIOD = 168

_I32 = numba.types.Array(numba.int32, 1, "C")
_F32 = numba.types.Array(numba.float32, 1, "C")


@kernel(numba.int64, _I32, _F32, I1, F1, F1, I2)
def find_dead_runs(
    series: np.ndarray,
    exposures: np.ndarray,
    event_hour: IntVector,
    mean: FloatVector,
    seen: FloatVector,
    runs: IntMatrix,
) -> int:
    """Write kind, first hour and end of each dead run of a series; return their number.

    Parameters
    ----------
    series : int32 array, shape (hours,)
        -1 where missing.
    exposures : float32 array
        One for every 24 hours.
    event_hour : int64 array
        Hours with an event, ascending.
    mean, seen : float64 arrays, shape (168,), overwritten
    runs : int64 array, shape (MOST_RUNS, 3)
    """
    number = 0
    known = False
    begin = -1
    for i in range(len(series) + 1):
        if i < len(series) and (series[i] < 0 or not exposures[i // 24] > 0.0):
            continue
        if i < len(series) and series[i] == 0:
            begin = i if begin < 0 else begin
            continue
        if begin >= 0 and i - begin >= SHORTEST:
            if not known:
                mean_by_hour(series, exposures, mean, seen)
                known = True
            if surprise(begin, i, event_hour, mean) >= ENOUGH:
                if number == MOST_RUNS:
                    return 0
                closed = i == len(series) and i - begin >= CLOSED_AFTER
                runs[number, 0] = OPENING if begin == 0 else CLOSURE if closed else OUTAGE
                runs[number, 1] = begin
                runs[number, 2] = i
                number += 1
        begin = -1
    return number


@kernel(numba.void, _I32, _F32, F1, F1)
def mean_by_hour(
    series: np.ndarray, exposures: np.ndarray, mean: FloatVector, seen: FloatVector
) -> None:
    """Write the mean count of each hour of the week, counted from the first hour."""
    for h in range(_PERIOD):
        mean[h] = 0.0
        seen[h] = 0.0
    for i in range(len(series)):
        if series[i] >= 0 and exposures[i // 24] > 0.0:
            mean[i % _PERIOD] += series[i]
            seen[i % _PERIOD] += 1.0
    for h in range(_PERIOD):
        mean[h] /= max(seen[h], 1.0)


@kernel(numba.float64, numba.int64, numba.int64, I1, F1)
def surprise(begin: int, end: int, event_hour: IntVector, mean: FloatVector) -> float:
    """Return minus the log probability of no count in a run, without the hours with an event."""
    total = 0.0
    for i in range(begin, end):
        total += math.log1p(mean[i % _PERIOD])
    for event in event_hour:
        if begin <= event < end:
            total -= math.log1p(mean[event % _PERIOD])
    return total


@kernel(
    numba.void,
    *(_I32, I1, _F32, I1, I1, I1, I1, I1, I1, numba.types.Array(numba.int64, 3, "C")),
    from_python=True,
    allocates=True,
)
def hide_dead_runs(
    counts: np.ndarray,
    count_start: IntVector,
    exposures: np.ndarray,
    exposure_start: IntVector,
    events: IntVector,
    event_hour: IntVector,
    event_start: IntVector,
    number: IntVector,
    unusual: IntVector,
    runs: np.ndarray,
) -> None:
    """Find the dead runs and unusual days of a block's partitions, and make them missing.

    Parameters
    ----------
    counts, count_start, exposures, exposure_start, events, event_hour, event_start
        As in `block.inputs.Placed`; the counts are written to.
    number, unusual : int64 arrays, shape (partitions,)
        Receive the number of each partition's runs, and of its unusual days.
    runs : int64 array, shape (partitions, MOST_RUNS, 3)
        Receives kind, first hour and end.
    """
    mean, seen = np.zeros(_PERIOD), np.zeros(_PERIOD)
    longest = 0
    for i in range(len(number)):
        longest = max(longest, count_start[i + 1] - count_start[i])
    days = np.zeros((3, longest // 24 + 2 * AROUND))
    for i in range(len(number)):
        series = counts[count_start[i] : count_start[i + 1]]
        hours = event_hour[event_start[events[i]] : event_start[events[i] + 1]]
        given = exposures[exposure_start[i] : exposure_start[i + 1]]
        number[i] = find_dead_runs(series, given, hours, mean, seen, runs[i])
        for run in range(number[i]):
            if runs[i, run, 0] != CLOSURE:
                for hour in range(runs[i, run, 1], runs[i, run, 2]):
                    series[hour] = -1
        unusual[i] = hide_unusual_days(series, given, hours, days[0], days[1], days[2])
