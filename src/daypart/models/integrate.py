"""Integrate the scales out: their mode, a degree-5 rule around it, and the mixed posterior.

The rule has 1 + 2 d axis and 2^d (d = 3) or 2^(d - 1) (d = 5) corner nodes, all but the first at
distance sqrt(d + 2) in standardised coordinates; it integrates polynomials of degree 5 against a
normal density exactly. Each half axis is stretched to the density's own fall (a split normal),
and a node's weight is corrected by density over split normal.

References
----------
Stroud (1971), Approximate calculation of multiple integrals, rule E_n^{r^2} 5-2.
Rue, Martino and Chopin (2009), section 6.5.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.elimination import cholesky
from daypart.models.field import SCRATCH, SERIES, STRUCTURE, Scratch, Series, Structure
from daypart.models.kernels import F1, F2, I1, FloatMatrix, FloatVector, IntVector, kernel
from daypart.models.marginal import log_posterior

LOWEST, HIGHEST = -8.5, 4.0
"""Where theta may go: scales from 0.0002 to 55."""
GRADIENT_ENOUGH = 2e-3


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH)
def start_field(structure: Structure, t: Series, s: Scratch) -> None:
    """Put the point at the series' mean level, with every effect at 0."""
    total = 0.5
    exposure = 1e-300
    for k in range(t.weeks):
        for c in range(168):
            total += t.counts[k, c]
            exposure += t.exposure[k, c]
    root = 24 * len(structure.parents)
    level = math.log(total / exposure)
    for n in range(root + 1):
        s.tree[n] = 0.0
        s.path[n] = level
    s.tree[root] = level
    for i in range(t.weeks + t.effects):
        s.dense[i] = 0.0


@kernel(numba.void, F2, F1, F1, numba.float64)
def update_inverse(
    work: FloatMatrix, move: FloatVector, change: FloatVector, curvature: float
) -> None:
    """Update the inverse Hessian in the first rows of `work` by the BFGS formula."""
    d = len(move)
    image = work[d + 4]
    for i in range(d):
        image[i] = 0.0
        for j in range(d):
            image[i] += work[i, j] * change[j]
    bend = 0.0
    for i in range(d):
        bend += image[i] * change[i]
    scale = (1.0 + bend / curvature) / curvature
    for i in range(d):
        for j in range(d):
            work[i, j] += scale * move[i] * move[j]
            work[i, j] -= (image[i] * move[j] + move[i] * image[j]) / curvature


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, F1, F1, F2, I1)
def climb(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: FloatVector,
    slope: FloatVector,
    work: FloatMatrix,
    steps: IntVector,
) -> float:
    """Move theta to the mode of its posterior by BFGS; `steps` counts Newton steps and evaluations.

    `work` holds the inverse Hessian (d rows), then trial, trial slope, direction, difference.
    """
    d = len(theta)
    trial, trial_slope = work[d], work[d + 1]
    direction, change = work[d + 2], work[d + 3]
    for i in range(d):
        for j in range(d):
            work[i, j] = 0.0
        work[i, i] = 0.02
    value = log_posterior(structure, t, s, theta, slope, steps)
    steps[1] += 1
    if value == -np.inf:
        return value
    for _ in range(40):
        largest = 0.0
        rise = 0.0
        for i in range(d):
            total = 0.0
            for j in range(d):
                total += work[i, j] * slope[j]
            direction[i] = total
            rise += total * slope[i]
            largest = max(largest, abs(total))
        if rise < GRADIENT_ENOUGH:
            return value
        length = min(1.0, 1.0 / largest)
        accepted = False
        for _attempt in range(12):
            for i in range(d):
                trial[i] = min(max(theta[i] + length * direction[i], LOWEST), HIGHEST)
            trial_value = log_posterior(structure, t, s, trial, trial_slope, steps)
            steps[1] += 1
            if trial_value == -np.inf:
                start_field(structure, t, s)
            elif trial_value >= value + 1e-4 * length * rise - 1e-7 * abs(value):
                accepted = True
                break
            length *= 0.4
        if not accepted:
            log_posterior(structure, t, s, theta, slope, steps)
            return value
        curvature = 0.0
        for i in range(d):
            direction[i] = trial[i] - theta[i]
            change[i] = slope[i] - trial_slope[i]
            curvature += direction[i] * change[i]
        if curvature > 1e-10:
            update_inverse(work, direction, change, curvature)
        value = trial_value
        for i in range(d):
            theta[i] = trial[i]
            slope[i] = trial_slope[i]
    return value


@kernel(numba.boolean, STRUCTURE, SERIES, SCRATCH, F1, F1, F2, F2, I1)
def spread_of_theta(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: FloatVector,
    slope: FloatVector,
    work: FloatMatrix,
    root: FloatMatrix,
    steps: IntVector,
) -> bool:
    """Fill `root` with the Cholesky factor of theta's covariance at the mode.

    The Hessian comes from central differences of the slope; a direction in which it isn't
    positive is given a curvature of 0.25.
    """
    d = len(theta)
    trial, ahead, behind = work[d], work[d + 1], work[d + 2]
    hessian = work[d + 5 : 2 * d + 5]
    lower = work[2 * d + 5 : 3 * d + 5]
    upper = work[3 * d + 5 : 4 * d + 5]
    inverse = work[4 * d + 5 : 5 * d + 5]
    for i in range(d):
        for j in range(d):
            trial[j] = theta[j]
        width = 0.3 * math.sqrt(min(max(work[i, i], 0.01), 0.5))
        trial[i] = theta[i] + width
        above = log_posterior(structure, t, s, trial, ahead, steps)
        trial[i] = theta[i] - width
        below = log_posterior(structure, t, s, trial, behind, steps)
        steps[1] += 2
        if above == -np.inf or below == -np.inf:
            return False
        for j in range(d):
            hessian[i, j] = (behind[j] - ahead[j]) / (2.0 * width)
    for i in range(d):
        for j in range(i):
            mean = 0.5 * (hessian[i, j] + hessian[j, i])
            hessian[i, j] = mean
            hessian[j, i] = mean
        hessian[i, i] = max(hessian[i, i], 0.25)
    for _ in range(20):
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
            inverse[i, j] = total
    return bool(cholesky(inverse, root, d))
