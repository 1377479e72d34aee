"""How much of a long history a fit uses: the last weeks alone where these forecast better.

For each of the last four weeks, the hours of the weeks before it, of the last L of them alone or of
all, give a profile p[c], scaled to the week's own total. With counts y the deviance is

    D(L) = 2 sum over the hours of y log(y / p) - (y - p)

A profile that drifts, as with the seasons, is closer in the recent weeks; one that does not, in all
of them. The L of the least deviance is used where it is under that of all weeks by 3 %.

References
----------
Tashman (2000), Out-of-sample tests of forecasting accuracy: rolling origins.
"""

from __future__ import annotations

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector, unsigned
from daypart.models.jit.vector_math import log_of
from daypart.models.negbin.field.structure import SERIES, Series

LENGTHS = (8, 13, 26)
TARGETS = 4
LEAST_GAIN = 0.03
_SHOWN = 0.5
"""Share of a week's hours that have to be observed for it to be forecast."""


@kernel(numba.int64, SERIES, F1, F2)
def weeks_to_use(t: Series, deviance: FloatVector, work: FloatMatrix) -> int:
    """Return how many of the last weeks to fit, all of them where that is as good.

    Parameters
    ----------
    t : Series
    deviance : float64 array, shape (4,), overwritten
    work : float64 array, shape (4, cells), overwritten
    """
    every = len(LENGTHS)
    if t.weeks <= LENGTHS[0] + TARGETS:
        return t.weeks
    for place in range(every + 1):
        deviance[place] = 0.0
    for target in range(t.weeks - TARGETS, t.weeks):
        add_deviances(t, target, deviance, work)
    best = every
    for place in range(every):
        there = t.weeks > LENGTHS[place] + TARGETS
        if there and deviance[place] < deviance[best]:
            best = place
    if best == every or deviance[best] > (1.0 - LEAST_GAIN) * deviance[every]:
        return t.weeks
    return LENGTHS[best]


@kernel(numba.void, SERIES, numba.int64, F1, F2)
def add_deviances(t: Series, target: int, deviance: FloatVector, work: FloatMatrix) -> None:
    """Add the deviance of one week from the profile of each length of history before it.

    Parameters
    ----------
    t, deviance, work
        As in `weeks_to_use`.
    target : int
    """
    cells = unsigned(t.counts.shape[1])
    counts, exposure, y, shown = work[0], work[1], t.counts[target], t.exposure[target]
    observed = 0
    for c in range(cells):
        counts[c] = 0.0
        exposure[c] = 0.0
        observed += 1 if shown[c] > 0.0 else 0
    if observed < _SHOWN * cells:
        return
    place = 0
    for back in range(1, target + 1):
        some, given = t.counts[target - back], t.exposure[target - back]
        for c in range(cells):
            counts[c] += some[c]
            exposure[c] += given[c]
        if back == target:
            deviance[len(LENGTHS)] += deviance_of(y, shown, work)
        if place < len(LENGTHS) and back == LENGTHS[place]:
            deviance[place] += deviance_of(y, shown, work)
            place += 1


@kernel(numba.float64, F1, F1, F2)
def deviance_of(y: FloatVector, shown: FloatVector, work: FloatMatrix) -> float:
    """Return the deviance of a week's counts from the profile that `work` has summed."""
    counts, exposure, profile, logs = work[0], work[1], work[2], work[3]
    cells = unsigned(len(y))
    total, exposed, observed = 0.5, 1e-300, 0.5
    for c in range(cells):
        total += counts[c]
        exposed += exposure[c]
        observed += y[c]
    rate = 0.5 * total / exposed  # half an hour of it keeps hours above 0
    expected = 0.5
    for c in range(cells):
        profile[c] = shown[c] * (counts[c] + rate * shown[c])
        profile[c] /= exposure[c] + 0.5 * shown[c] + 1e-300
        expected += profile[c]
    scale = observed / expected
    for c in range(cells):
        profile[c] = max(profile[c] * scale, 1e-6)
    log_of(profile, logs, len(y))
    found = 0.0
    for c in range(cells):
        if shown[c] > 0.0:
            found += profile[c] - y[c] - y[c] * logs[c]
    for c in range(cells):
        profile[c] = max(y[c], 1.0)
    log_of(profile, logs, len(y))
    for c in range(cells):
        found += y[c] * logs[c] if shown[c] > 0.0 else 0.0
    return 2.0 * found
