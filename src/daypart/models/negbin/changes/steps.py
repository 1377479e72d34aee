"""Steps: a level that changed for good between two weeks, by far more than weeks differ.

With y[k] the counts of week k, e[k] those expected of an hour-of-week profile, and

    x[k] = log((y[k] + 1/2) / (e[k] + 1/2))

a split between weeks is a step where the means on both sides differ by at least log 2, by six
times what weeks differ from the mean of their side (as a median), and by seven times what counts
let be expected. The widest is taken off, then the next is looked for. The fit sees the
weeks before a step at the level after it, which is the one that forecasts start from.

References
----------
Fryzlewicz (2014), Wild binary segmentation for multiple change-point detection, Annals of
Statistics 42, section 1: binary segmentation.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector
from daypart.models.jit.vector_math import sort
from daypart.models.negbin.field.structure import SERIES, Series

MOST_STEPS = 3
FEWEST_WEEKS = 3
"""On both sides of a step, each observed for half of its hours."""
LEAST = math.log(2.0)
WIDER = 6.0
SURE = 49.0
"""Square of the step over its variance from counts alone."""
_TYPICAL = 1.4826
"""Of a normal law: its standard deviation over the median of absolute deviations."""


@kernel(numba.void, SERIES, F1, F1, F1)
def weekly_levels(t: Series, profile: FloatVector, level: FloatVector, total: FloatVector) -> None:
    """Write each week's log level against the mean profile, and its counts (-1 hardly observed).

    Parameters
    ----------
    t : Series
    profile : float64 array, shape (cells,), overwritten
    level, total : float64 arrays, shape (weeks,), overwritten
    """
    for c in range(t.counts.shape[1]):
        counts, exposure = 0.0, 0.0
        for k in range(t.weeks):
            counts += t.counts[k, c]
            exposure += t.exposure[k, c]
        profile[c] = counts / max(exposure, 1e-300)
    for k in range(t.weeks):
        counts, expected, seen = 0.0, 0.0, 0
        for c in range(t.counts.shape[1]):
            counts += t.counts[k, c]
            expected += t.exposure[k, c] * profile[c]
            seen += 1 if t.exposure[k, c] > 0.0 else 0
        level[k] = math.log((counts + 0.5) / (expected + 0.5))
        total[k] = counts if 2 * seen >= t.counts.shape[1] else -1.0


@kernel(numba.types.Tuple((numba.int64, numba.float64)), F1, F1, F1, numba.int64)
def widest_step(
    level: FloatVector, total: FloatVector, away: FloatVector, weeks: int
) -> tuple[int, float]:
    """Return the first week after the clearest step, and its size; 0 where there is none.

    Parameters
    ----------
    level, total
        See `weekly_levels`.
    away : float64 array, shape (weeks,), overwritten
    weeks : int
    """
    every, above, counts = 0.0, 0.0, 0.0
    for k in range(weeks):
        if total[k] >= 0.0:
            every += 1.0
            above += level[k]
            counts += total[k]
    best, place, size, mean, seen = 0.0, 0, 0.0, 0.0, 0.0
    n, before, earlier = 0.0, 0.0, 0.0
    for k in range(weeks - 1):
        if not total[k] >= 0.0:
            continue
        n += 1.0
        before += level[k]
        earlier += total[k]
        gap = (above - before) / max(every - n, 1.0) - before / n
        if min(n, every - n) >= FEWEST_WEEKS and gap * gap * n * (every - n) > best:
            best, place, size = gap * gap * n * (every - n), k + 1, gap
            mean, seen = before / n, earlier
    if place == 0 or abs(size) < LEAST:
        return 0, 0.0
    number = 0
    for k in range(weeks):
        if total[k] >= 0.0:
            away[number] = abs(level[k] - mean - (size if k >= place else 0.0))
            number += 1
    sort(away[:number])
    unsure = 1.0 / (seen + 1.0) + 1.0 / (counts - seen + 1.0)
    if abs(size) < WIDER * _TYPICAL * away[number // 2] or size * size < SURE * unsure:
        return 0, 0.0
    return place, size


@kernel(numba.int64, SERIES, F2, F1, F2, F2)
def take_off_steps(
    t: Series, offset: FloatMatrix, profile: FloatVector, work: FloatMatrix, steps: FloatMatrix
) -> int:
    """Find the steps, and put the weeks before each at the level after it; return their number.

    Parameters
    ----------
    t : Series
        Its exposure is multiplied by exp(-step) before a step.
    offset : float64 array, shape (weeks, cells)
        Of log mu; what the exposure was multiplied by is added.
    profile : float64 array, shape (cells,), overwritten
    work : float64 array, shape (3, weeks), overwritten
    steps : float64 array, shape (MOST_STEPS, 2)
        Receives the first week after each step, and its size in log mu.
    """
    level, total, away = work[0], work[1], work[2]
    weekly_levels(t, profile, level, total)
    number = 0
    while number < MOST_STEPS:
        place, size = widest_step(level, total, away, t.weeks)
        if place == 0:
            break
        steps[number, 0] = place
        steps[number, 1] = size
        number += 1
        factor = math.exp(-size)
        for k in range(place):
            level[k] += size
            for c in range(offset.shape[1]):
                offset[k, c] -= size
                t.exposure[k, c] *= factor
    return number
