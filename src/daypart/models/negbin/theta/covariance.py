"""theta's covariance at its mode, and each coordinate's skewness, from slopes beside the mode.

With value v0 and slope g0 at the mode, v and g at a step e along coordinate i, the second and third
derivative of minus the log density there are

    third = 6 ((g - g0)_i e - 2 (v - v0 - g0_i e)) / e^3     second = third e / 2 - (g - g0)_i / e
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel, linked
from daypart.models.jit.types import F2, I1, FloatMatrix, IntVector
from daypart.models.negbin.field.mode_derivative import warm_start
from daypart.models.negbin.field.structure import (
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
)
from daypart.models.negbin.theta import marginal
from daypart.models.negbin.theta.workspace import (
    CHECKS,
    COVARIANCE,
    GRADIENT,
    HIGHEST,
    LOWEST,
    SEARCH,
    SKEWNESS,
    Covariance,
    Search,
)

log_posterior = linked(marginal.log_posterior)

LEAST_CURVATURE = 4.0
"""Of minus the log density: less is not enough for the prior's own tails."""
LOST_DIGITS = 1e11
"""A log density beyond this has too few digits left for a third difference."""


@kernel(numba.boolean, F2, F2, numba.int64)
def cholesky(matrix: FloatMatrix, lower: FloatMatrix, m: int) -> bool:
    """Factorise the leading m x m block (its lower triangle is read); False if not positive.

    For a matrix of a few rows; `dense` works on whole ones, which must be padded.
    """
    for i in range(m):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 0.0:
                    return False
                lower[i, i] = math.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    return True


@kernel(numba.boolean, COVARIANCE)
def invert_hessian(covariance: Covariance) -> bool:
    """Put the inverse in place of the Hessian, and fill its root; False where that fails.

    The Hessian is made symmetric; too small a curvature is raised, and mixed terms shrink until
    the Hessian is positive definite.
    """
    hessian = covariance.matrix
    d = len(hessian)
    lower, upper = covariance.work[:d], covariance.work[d : 2 * d]
    for i in range(d):
        for j in range(i):
            mean = 0.5 * (hessian[i, j] + hessian[j, i])
            hessian[i, j] = mean
            hessian[j, i] = mean
        hessian[i, i] = max(hessian[i, i], LEAST_CURVATURE)
    for _ in range(80):
        if cholesky(hessian, lower, d):
            break
        for i in range(d):
            for j in range(d):
                if i != j:
                    hessian[i, j] *= 0.7
    for i in range(d):
        for j in range(d):
            upper[i, j] = 0.0
    for j in range(d):
        for i in range(j, d):
            total = 1.0 if i == j else 0.0
            for k in range(j, i):
                total -= lower[i, k] * upper[k, j]
            upper[i, j] = total / lower[i, i]
    for i in range(d):
        for j in range(d):
            total = 0.0
            for k in range(d):
                total += upper[k, i] * upper[k, j]
            hessian[i, j] = total
    return cholesky(hessian, covariance.root, d)


@kernel(numba.float64, SEARCH, numba.int64)
def slope_width(search: Search, i: int) -> float:
    """Return how far beside the mode the slope is taken along coordinate i."""
    return 0.5 * math.sqrt(min(max(search.inverse[i, i], 1e-5), 0.02))


@kernel(numba.float64, SEARCH, COVARIANCE, numba.int64, numba.float64, numba.float64)
def take_slope(
    search: Search, covariance: Covariance, i: int, value: float, at_mode: float
) -> float:
    """Fill a row of the Hessian and the skewness from value and slope at `trial`.

    Returns the size of the skewness.
    """
    row = covariance.matrix[i]
    step = search.trial[i] - search.best[i]
    bend = search.trial_slope[i] - search.slope[i]
    rise = value - at_mode - search.slope[i] * step
    third = 6.0 * (bend * step - 2.0 * rise) / (step * step * step)
    if abs(value) > LOST_DIGITS:
        third = 0.0
    for j in range(len(row)):
        row[j] = (search.slope[j] - search.trial_slope[j]) / step
    row[i] = max(0.5 * third * step - bend / step, 0.25 * row[i])
    covariance.skewness[i] = third * max(row[i], LEAST_CURVATURE) ** -1.5
    size: float = abs(covariance.skewness[i])
    return size


@kernel(numba.float64, SEARCH, COVARIANCE)
def remaining_slope(search: Search, covariance: Covariance) -> float:
    """Return the Newton step that remains at the mode, in standard deviations.

    A slope that leads beyond the bounds is set to 0.
    """
    d = len(search.best)
    for i in range(d):
        low, high = search.best[i] <= LOWEST, search.best[i] >= HIGHEST
        if (low and search.slope[i] < 0.0) or (high and search.slope[i] > 0.0):
            search.slope[i] = 0.0
    largest = 0.0
    for i in range(d):
        offset = 0.0
        for j in range(d):
            offset += covariance.matrix[i, j] * search.slope[j]
        largest = max(largest, abs(offset) / math.sqrt(covariance.matrix[i, i]))
    return largest


@kernel(
    numba.boolean,
    *(STRUCTURE, SERIES, SCRATCH, SEARCH, COVARIANCE),
    *(numba.float64, F2, I1),
)
def find_covariance(
    structure: Structure,
    t: Series,
    s: Scratch,
    search: Search,
    covariance: Covariance,
    at_mode: float,
    sums: FloatMatrix,
    steps: IntVector,
) -> bool:
    """Take the slope beside the mode along each coordinate: covariance, its root and skewness.

    Parameters
    ----------
    structure, t, s
        What is fitted, and the arrays to work in, at the mode.
    search, covariance : Search, Covariance
    at_mode : float
        Log density at the mode.
    sums : float64 array, shape (SUM_ROWS, columns)
        Receives two checks: the slope that remains at the mode, and the largest skewness.
    steps : int64 array, shape (2,)
        Newton steps and evaluations are added.

    Returns
    -------
    bool
        False where a point beside the mode has no density.
    """
    for i in range(len(search.best)):
        for j in range(len(search.best)):
            search.trial[j] = search.best[j]
        search.trial[i] += slope_width(search, i)
        if search.trial[i] > HIGHEST:
            search.trial[i] -= 2.0 * slope_width(search, i)
        warm_start(structure, t, s, search.trial, search.best)
        value = log_posterior(structure, t, s, search.trial, search.trial_slope, steps)
        skewness = take_slope(search, covariance, i, value, at_mode)
        sums[CHECKS, SKEWNESS] = max(sums[CHECKS, SKEWNESS], skewness)
        if value == -np.inf:
            return False
    if not invert_hessian(covariance):
        return False
    sums[CHECKS, GRADIENT] = max(sums[CHECKS, GRADIENT], remaining_slope(search, covariance))
    return True
