"""The field's posterior over theta: moments at theta's visits, mixed into what a state row keeps.

Between its mode and the visits to both sides of an axis, the field's moments at given theta are
taken as quadratic in the axis's normal score, and as a sum over axes; along an axis that was not
visited, means move by the mode's answer to theta.
"""

from __future__ import annotations

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, F3, FloatCube, FloatMatrix, FloatVector
from daypart.models.negbin.field.structure import (
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
    SHARED,
    SPREAD,
    STRUCTURE,
    TABLE_VARIANCE,
    Scratch,
    Series,
    Structure,
)
from daypart.models.negbin.theta.axes import ABOVE, BELOW, VISITS, Visits
from daypart.models.negbin.theta.climb import VECTORS

# Rows of the sums.
HOUR, HOUR_VARIANCE, DENSE, DENSE_VARIANCE, LEVEL, CHECKS = range(6)
SUM_ROWS = 6
# Columns of the moments: 168 hours, their mean, the dense part.
LEVEL_COLUMN, DENSE_COLUMN = 168, 169


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


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, VISITS, numba.int64)
def keep_moments(structure: Structure, t: Series, s: Scratch, visits: Visits, slot: int) -> None:
    """Keep the field's means and variances at the theta just visited.

    Of hours: log mu of each hour of the week per unit of exposure at the forecast's origin (the
    last week of a walk, an average week otherwise); their level; weeks and events; and, where
    the scratch has room for it, log mu in every cell.
    """
    m = t.weeks + t.effects
    last = t.weeks - 1
    mean, variance = visits.moment[slot, 0], visits.moment[slot, 1]
    path, path_shift, own = s.node[PATH], s.node[LAMBDA_PATH], s.node[OWN]
    dense, shift = s.dense[POINT], s.dense[LAMBDA]
    shared, spreads, cov = s.node[SHARED], s.load[SPREAD], s.square[COV]
    for c in range(168):
        mean[c] = path[c] - 0.5 * path_shift[c]
        variance[c] = own[c] + shared[c]
    if structure.walk == 1:
        origin = dense[last] - 0.5 * shift[last]
        spread = spreads[last]
        for c in range(168):
            mean[c] += origin
            variance[c] += cov[last, last] - 2.0 * spread[c]
    level = 0.0
    for c in range(168):
        level += mean[c]
    mean[LEVEL_COLUMN] = level / 168.0
    variance[LEVEL_COLUMN] = level_variance(structure, t, s)
    for i in range(m):
        mean[DENSE_COLUMN + i] = dense[i] - 0.5 * shift[i]
        variance[DENSE_COLUMN + i] = cov[i, i]
    if len(visits.fitted) > 0:
        keep_fitted(t, s, visits, slot)


@kernel(numba.void, SERIES, SCRATCH, VISITS, numba.int64)
def keep_fitted(t: Series, s: Scratch, visits: Visits, slot: int) -> None:
    """Keep mean and variance of log mu (per unit of exposure) in every cell."""
    path, path_shift, variances = s.node[PATH], s.node[LAMBDA_PATH], s.table[TABLE_VARIANCE]
    dense, shift = s.dense[POINT], s.dense[LAMBDA]
    for k in range(t.weeks):
        week = dense[k] - 0.5 * shift[k]
        for c in range(168):
            visits.fitted[k, slot, 0, c] = path[c] - 0.5 * path_shift[c] + week
            visits.fitted[k, slot, 1, c] = variances[k, c]
    for e in range(t.events):
        j = t.weeks + t.event[2, e]
        visits.fitted[t.event[0, e], slot, 0, t.event[1, e]] += dense[j] - 0.5 * shift[j]


@kernel(numba.void, F3, numba.int64, F1)
def make_quadratic(moments: FloatCube, axis: int, curve: FloatVector) -> None:
    """Put slope and curvature along an axis in place of the moments at its two visits."""
    a, b = curve[BELOW], curve[ABOVE]
    for row in range(2):
        centre, low, high = moments[0, row], moments[1 + 2 * axis, row], moments[2 + 2 * axis, row]
        for x in range(len(centre)):
            below = (low[x] - centre[x]) / a
            curvature = ((high[x] - centre[x]) / b - below) / (b - a)
            low[x] = below - curvature * a
            high[x] = curvature


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, VISITS, F2, numba.int64)
def answer_along(
    structure: Structure, t: Series, s: Scratch, visits: Visits, w: FloatMatrix, axis: int
) -> None:
    """Put the mode's answer to theta where the slope along an axis not visited is kept."""
    d = w.shape[1]
    m = t.weeks + t.effects
    slope, curvature = visits.moment[1 + 2 * axis, 0], visits.moment[2 + 2 * axis, 0]
    bend, length = w[VECTORS + 5 * d, axis], w[VECTORS + 5 * d + 1, axis]
    for row in range(2):
        for x in range(visits.moment.shape[2]):
            visits.moment[1 + 2 * axis, row, x] = 0.0
            visits.moment[2 + 2 * axis, row, x] = 0.0
    for j in range(axis, d):
        factor = w[VECTORS + 4 * d + j, axis] * length
        effects, dense = s.response[d + j], s.response_dense[j]
        origin = dense[t.weeks - 1] if structure.walk == 1 else 0.0
        for c in range(168):
            slope[c] += factor * (effects[c] + origin)
        for i in range(m):
            slope[DENSE_COLUMN + i] += factor * dense[i]
    for c in range(168):
        slope[LEVEL_COLUMN] += slope[c] / 168.0
    for x in range(len(slope)):
        curvature[x] = 0.5 * bend * slope[x]
    if len(visits.fitted) > 0:
        answer_in_cells(structure, t, visits, axis)


@kernel(numba.void, STRUCTURE, SERIES, VISITS, numba.int64)
def answer_in_cells(structure: Structure, t: Series, visits: Visits, axis: int) -> None:
    """Lay the answer along an axis out over every cell."""
    low = 1 + 2 * axis
    for row in range(2):
        answer = visits.moment[low + row, 0]
        origin = answer[DENSE_COLUMN + t.weeks - 1] if structure.walk == 1 else 0.0
        for k in range(t.weeks):
            target, none = visits.fitted[k, low + row, 0], visits.fitted[k, low + row, 1]
            for c in range(168):
                target[c] = answer[c] - origin + answer[DENSE_COLUMN + k]
                none[c] = 0.0
        for e in range(t.events):
            k, c, j = t.event[0, e], t.event[1, e], t.weeks + t.event[2, e]
            visits.fitted[k, low + row, 0, c] += answer[DENSE_COLUMN + j]


@kernel(numba.void, F3, F2)
def mix_moments(moments: FloatCube, scores: FloatMatrix) -> None:
    """Put mean and variance over theta in place of those at the mode.

    `scores` holds the means of each axis's score and its square, and under them their covariances.
    """
    mean, variance = moments[0, 0], moments[0, 1]
    for a in range(scores.shape[1]):
        factor = scores[0, a]
        shift, change = moments[1 + a, 0], moments[1 + a, 1]
        for x in range(len(mean)):
            mean[x] += factor * shift[x]
            variance[x] += factor * change[x]
        for b in range(a + 1):
            other = moments[1 + b, 0]
            factor = scores[1 + a, b] * (1.0 if a == b else 2.0)
            for x in range(len(mean)):
                variance[x] += factor * shift[x] * other[x]


@kernel(numba.void, F2, F2, F2)
def moments_of_scores(rule: FloatMatrix, nodes: FloatMatrix, scores: FloatMatrix) -> None:
    """Write means and covariances of a rule's scores and their squares under the nodes' weights."""
    d = rule.shape[1] - 1
    for i in range(1 + 2 * d):
        for j in range(2 * d):
            scores[i, j] = 0.0
    for node in range(len(rule)):
        for i in range(d):
            z = rule[node, 1 + i]
            scores[0, 2 * i] += nodes[node, 0] * z
            scores[0, 2 * i + 1] += nodes[node, 0] * z * z
    for node in range(len(rule)):
        for a in range(2 * d):
            z = rule[node, 1 + a // 2]
            one = (z if a % 2 == 0 else z * z) - scores[0, a]
            for b in range(a + 1):
                z = rule[node, 1 + b // 2]
                two = (z if b % 2 == 0 else z * z) - scores[0, b]
                scores[1 + a, b] += nodes[node, 0] * one * two


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, VISITS, F2, F2, F2, F2)
def mix_field(
    structure: Structure,
    t: Series,
    s: Scratch,
    visits: Visits,
    rule: FloatMatrix,
    w: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
) -> None:
    """Mix the field's moments over the nodes' weights, and fill the sums.

    HOUR, DENSE and LEVEL receive means and variances of what `keep_moments` keeps; `fitted` holds
    those of every cell at its first place.
    """
    moments_of_scores(rule, nodes, visits.scores)
    for axis in range(w.shape[1]):
        curve = visits.curve[axis]
        if curve[BELOW] == 0.0:
            answer_along(structure, t, s, visits, w, axis)
        else:
            make_quadratic(visits.moment, axis, curve)
            for k in range(min(t.weeks, len(visits.fitted))):
                make_quadratic(visits.fitted[k], axis, curve)
    mix_moments(visits.moment, visits.scores)
    for k in range(min(t.weeks, len(visits.fitted))):
        mix_moments(visits.fitted[k], visits.scores)
    mean, variance = visits.moment[0, 0], visits.moment[0, 1]
    for c in range(168):
        sums[HOUR, c] = mean[c]
        sums[HOUR_VARIANCE, c] = max(variance[c], 1e-12)
    for i in range(t.weeks + t.effects):
        sums[DENSE, i] = mean[DENSE_COLUMN + i]
        sums[DENSE_VARIANCE, i] = max(variance[DENSE_COLUMN + i], 1e-12)
    sums[LEVEL, 0] = mean[LEVEL_COLUMN]
    sums[LEVEL, 1] = max(variance[LEVEL_COLUMN], 1e-12)
