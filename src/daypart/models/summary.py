"""Add up the field's posterior over the nodes of theta into what a state row keeps."""

from __future__ import annotations

import numba

from daypart.models.field import (
    CARRY,
    COV,
    KEEP,
    LAMBDA,
    LAMBDA_PATH,
    LOAD,
    OWN,
    PATH,
    PIVOT,
    POINT,
    SCRATCH,
    SERIES,
    SPREAD,
    STRUCTURE,
    TABLE_VARIANCE,
    THIRD,
    Scratch,
    Series,
    Structure,
)
from daypart.models.kernels import F1, F2, FloatMatrix, FloatVector, kernel

# Rows of the sums.
HOUR, HOUR_SQUARE, DENSE, DENSE_SQUARE, LEVEL, CHECKS = range(6)
SUM_ROWS = 6


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH)
def level_variance(structure: Structure, t: Series, s: Scratch) -> float:
    """Return the variance of the mean over hours of log mu at the forecast's origin."""
    carry, keep, pivot = s.node[CARRY], s.node[KEEP], s.node[PIVOT]
    loads, cov, factors = s.load[LOAD], s.square[COV], s.line[0]
    segments = len(structure.parents)
    root = 24 * segments
    m = t.weeks + t.effects
    for n in range(root + 1):
        carry[n] = 1.0 / 168.0 if n < 168 else 0.0
    variance: float = 0.0
    for segment in range(segments):
        first = 24 * segment
        parent = structure.parents[segment]
        above = 24 * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(24):
            variance += carry[first + n] * carry[first + n] / pivot[first + n]
            carry[above + stride * n] += keep[first + n] * carry[first + n]
    variance += carry[root] * carry[root] / pivot[root]
    for i in range(m):
        load = loads[i]
        total = 0.0
        for c in range(168):
            total -= load[c] / 168.0
        factors[i] = total
    if structure.walk == 1:
        factors[t.weeks - 1] += 1.0
    for i in range(m):
        for j in range(m):
            variance += factors[i] * cov[i, j] * factors[j]
    return variance


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, numba.float64, F2)
def add_field(
    structure: Structure, t: Series, s: Scratch, weight: float, sums: FloatMatrix
) -> None:
    """Add one node's posterior, `weight` times, to the sums.

    HOUR and its square: log mu of each hour of week per unit of exposure at the forecast's
    origin (the last week of a walk, an average week otherwise). DENSE: weeks and events. LEVEL:
    mean and mean square of the mean over hours.
    """
    m = t.weeks + t.effects
    last = t.weeks - 1
    walk = structure.walk == 1
    path, path_shift, own = s.node[PATH], s.node[LAMBDA_PATH], s.node[OWN]
    dense, shift = s.dense[POINT], s.dense[LAMBDA]
    loads, spreads, cov = s.load[LOAD], s.load[SPREAD], s.square[COV]
    variance = s.line[0]
    for c in range(168):
        variance[c] = own[c]
    for i in range(m):
        load, spread = loads[i], spreads[i]
        for c in range(168):
            variance[c] += load[c] * spread[c]
    origin = 0.0
    if walk:
        origin = dense[last] - 0.5 * shift[last]
        for c in range(168):
            variance[c] += cov[last, last] - 2.0 * spreads[last, c]
    level = 0.0
    for c in range(168):
        mean = path[c] - 0.5 * path_shift[c] + origin
        sums[HOUR, c] += weight * mean
        sums[HOUR_SQUARE, c] += weight * (variance[c] + mean * mean)
        level += mean / 168.0
    for i in range(m):
        mean = dense[i] - 0.5 * shift[i]
        sums[DENSE, i] += weight * mean
        sums[DENSE_SQUARE, i] += weight * (cov[i, i] + mean * mean)
    sums[LEVEL, 0] += weight * level
    sums[LEVEL, 1] += weight * (level_variance(structure, t, s) + level * level)


@kernel(numba.void, SERIES, SCRATCH, numba.float64)
def add_fitted(t: Series, s: Scratch, weight: float) -> None:
    """Add one node's posterior of log mu (per unit of exposure) in every cell to `fitted`."""
    path, path_shift, variances = s.node[PATH], s.node[LAMBDA_PATH], s.table[TABLE_VARIANCE]
    dense, shift = s.dense[POINT], s.dense[LAMBDA]
    means, third = s.fitted, s.table[THIRD]
    for k in range(t.weeks):
        week = dense[k] - 0.5 * shift[k]
        for c in range(168):
            third[k, c] = path[c] - 0.5 * path_shift[c] + week
    for e in range(t.events):
        j = t.weeks + t.event[2, e]
        third[t.event[0, e], t.event[1, e]] += dense[j] - 0.5 * shift[j]
    for k in range(t.weeks):
        for c in range(168):
            mean = third[k, c]
            means[0, k, c] += weight * mean
            means[1, k, c] += weight * (variances[k, c] + mean * mean)


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F2, F1, F2)
def add_uncertainty_of_theta(
    structure: Structure,
    t: Series,
    s: Scratch,
    root: FloatMatrix,
    offset: FloatVector,
    sums: FloatMatrix,
) -> None:
    """Widen the sums of a single node by what theta's uncertainty adds to first order.

    `root` is the Cholesky factor of theta's covariance, `offset` theta's mean less the node.
    """
    d = len(offset)
    m = t.weeks + t.effects
    last = t.weeks - 1
    answer = s.line[1]
    for a in range(d + 1):  # the last round moves the mean, the others add variance
        for c in range(168):
            answer[c] = 0.0
        for j in range(d):
            factor = offset[j] if a == d else root[j, a]
            effects = s.response[d + j]
            origin = s.response_dense[j, last] if structure.walk == 1 else 0.0
            for c in range(168):
                answer[c] += factor * (effects[c] + origin)
        level = 0.0
        for c in range(168):
            level += answer[c] / 168.0
        for c in range(168):
            if a == d:
                sums[HOUR_SQUARE, c] += answer[c] * (2.0 * sums[HOUR, c] + answer[c])
                sums[HOUR, c] += answer[c]
            else:
                sums[HOUR_SQUARE, c] += answer[c] * answer[c]
        if a == d:
            sums[LEVEL, 1] += level * (2.0 * sums[LEVEL, 0] + level)
            sums[LEVEL, 0] += level
        else:
            sums[LEVEL, 1] += level * level
        for i in range(m):
            total = 0.0
            for j in range(d):
                factor = offset[j] if a == d else root[j, a]
                total += factor * s.response_dense[j, i]
            if a == d:
                sums[DENSE_SQUARE, i] += total * (2.0 * sums[DENSE, i] + total)
                sums[DENSE, i] += total
            else:
                sums[DENSE_SQUARE, i] += total * total
