"""The search for the mode of theta, by asking and telling: BFGS with a backtracking line.

The caller evaluates the density at TRIAL and tells what it found; so the density
is called from one place, and this file knows nothing of it.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F2, FloatMatrix

LOWEST, HIGHEST = 0.05, 4.0
"""Where theta may go: scales from 0.0001 to 64."""
LONGEST = 0.25
ENOUGH = 0.02
"""The search ends where a quasi-Newton step promises less than this in log density."""
MOST_VISITS, MOST_HALVINGS = 60, 10

# Rows of a search matrix with d columns: vectors, then the inverse Hessian (d rows).
BEST, SLOPE, TRIAL, TRIAL_SLOPE, DIRECTION, CHANGE, STATE = range(7)
VECTORS = 7
# Columns of the STATE row (d >= 3): value, line length.
VALUE, LENGTH, HALVINGS = 0, 1, 2


@kernel(numba.void, F2)
def begin_search(w: FloatMatrix) -> None:
    """Make ready to search from TRIAL, to be evaluated first, by the inverse Hessian set."""
    for i in range(w.shape[1]):
        w[BEST, i] = w[TRIAL, i]
    w[STATE, VALUE] = -np.inf
    w[STATE, LENGTH] = 1.0
    w[STATE, HALVINGS] = 0.0


@kernel(numba.float64, F2)
def point_uphill(w: FloatMatrix) -> float:
    """Set DIRECTION to the quasi-Newton step from BEST; return the promised rise, doubled."""
    d = w.shape[1]
    rise = 0.0
    for i in range(d):
        total = 0.0
        for j in range(d):
            total += w[VECTORS + i, j] * w[SLOPE, j]
        w[DIRECTION, i] = total
        rise += total * w[SLOPE, i]
    return rise


@kernel(numba.void, F2)
def update_inverse(w: FloatMatrix) -> None:
    """Update the inverse Hessian (BFGS) by the move from BEST to TRIAL."""
    d = w.shape[1]
    curvature = 0.0
    for i in range(d):
        w[DIRECTION, i] = w[TRIAL, i] - w[BEST, i]
        w[CHANGE, i] = w[SLOPE, i] - w[TRIAL_SLOPE, i]
        curvature += w[DIRECTION, i] * w[CHANGE, i]
    if curvature < 1e-10:
        return
    bend = 0.0
    for i in range(d):
        total = 0.0
        for j in range(d):
            total += w[VECTORS + i, j] * w[CHANGE, j]
        w[SLOPE, i] = total  # the old slope is spent
        bend += total * w[CHANGE, i]
    scale = (1.0 + bend / curvature) / curvature
    for i in range(d):
        for j in range(d):
            crossed = w[SLOPE, i] * w[DIRECTION, j] + w[DIRECTION, i] * w[SLOPE, j]
            w[VECTORS + i, j] += scale * w[DIRECTION, i] * w[DIRECTION, j] - crossed / curvature


@kernel(numba.boolean, F2, numba.float64)
def learn(w: FloatMatrix, value: float) -> bool:
    """Take in the value and TRIAL_SLOPE at TRIAL; set the next TRIAL, or return False at the end.

    At the end BEST, SLOPE and the VALUE hold the mode.
    """
    d = w.shape[1]
    first = w[STATE, VALUE] == -np.inf
    old = w[STATE, VALUE]
    if first and value == -np.inf:
        return False
    gained = 0.0
    if not first:
        for i in range(d):
            gained += w[SLOPE, i] * (w[TRIAL, i] - w[BEST, i])
    if first or value >= old + 1e-4 * gained - 1e-9 * abs(old) - 1e-6:
        if not first:
            update_inverse(w)
        w[STATE, VALUE] = value
        w[STATE, HALVINGS] = 0.0
        w[STATE, LENGTH] = 1.0
        for i in range(d):
            w[BEST, i] = w[TRIAL, i]
            w[SLOPE, i] = w[TRIAL_SLOPE, i]
        if point_uphill(w) < ENOUGH:
            return False
        largest = 0.0
        for i in range(d):
            largest = max(largest, abs(w[DIRECTION, i]))
        w[STATE, LENGTH] = min(1.0, LONGEST / largest)
    else:
        w[STATE, HALVINGS] += 1.0
        w[STATE, LENGTH] *= 0.4
        point_uphill(w)
        if w[STATE, HALVINGS] > MOST_HALVINGS:
            return False
    farthest = 0.0
    for i in range(d):
        step = w[STATE, LENGTH] * w[DIRECTION, i]
        w[TRIAL, i] = min(max(w[BEST, i] + step, LOWEST), HIGHEST)
        farthest = max(farthest, abs(w[TRIAL, i] - w[BEST, i]))
    return farthest > 1e-7  # else at the bounds, and every way up leads beyond them


@kernel(numba.boolean, F2)
def at_best(w: FloatMatrix) -> bool:
    """Tell whether the last visit of the search was to the best point."""
    gap = 0.0
    for i in range(w.shape[1]):
        gap += abs(w[TRIAL, i] - w[BEST, i])
    return gap == 0.0


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


@kernel(numba.boolean, F2, F2, F2)
def covariance_root(hessian: FloatMatrix, work: FloatMatrix, root: FloatMatrix) -> bool:
    """Fill `root` with the Cholesky factor of the inverse of a (mended) Hessian.

    The Hessian is made symmetric; a direction in which it curves too little for the prior's own
    tails is given a curvature of 4, and mixed terms shrink until it is positive.
    """
    d = len(hessian)
    lower, upper = work[:d], work[d : 2 * d]
    for i in range(d):
        for j in range(i):
            mean = 0.5 * (hessian[i, j] + hessian[j, i])
            hessian[i, j] = mean
            hessian[j, i] = mean
        hessian[i, i] = max(hessian[i, i], 4.0)
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
    return cholesky(hessian, root, d)
