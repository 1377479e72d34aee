"""The field's posterior over theta: moments at theta's points, integrated over theta.

Between the mode and the points on both sides of an axis, the field's moments at given theta are
taken as quadratic in the axis's normal score, and as a sum over axes; along an axis without
points, means move by the mode's implicit derivative.
"""

from __future__ import annotations

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F2, F3, FloatCube, FloatMatrix, unsigned
from daypart.models.negbin.field.structure import (
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
)
from daypart.models.negbin.field.weeks import REST
from daypart.models.negbin.theta.workspace import (
    DENSE,
    DENSE_AFTER,
    DENSE_VARIANCE,
    HOUR,
    HOUR_VARIANCE,
    LEVEL,
    ORIGIN_AFTER,
    POINTS,
    THETA,
    Points,
    Theta,
)


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH)
def level_variance(structure: Structure, t: Series, s: Scratch) -> float:
    """Return the variance of the mean over hours of log mu at the forecast's origin."""
    cells = unsigned(structure.cells)
    carry, keep, pivot = s.newton.carry, s.newton.keep, s.newton.pivot
    loads, cov, factors = s.covariance.load, s.covariance.dense, s.values
    segments = len(structure.parents)
    root = structure.width * segments
    m = t.weeks + t.effects
    for n in range(root + 1):
        carry[n] = 1.0 / structure.cells if n < structure.cells else 0.0
    variance: float = 0.0
    for segment in range(segments):
        first = structure.width * segment
        parent = structure.parents[segment]
        above = structure.width * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(structure.width):
            variance += carry[first + n] * carry[first + n] / pivot[first + n]
            carry[above + stride * n] += keep[first + n] * carry[first + n]
    variance += carry[root] * carry[root] / pivot[root]
    for i in range(m):
        load = loads[i]
        total = 0.0
        for c in range(cells):
            total -= load[c] / structure.cells
        factors[i] = total
    for k in range(t.weeks):
        factors[k] += s.weeks.origin[k]
    for i in range(m):
        for j in range(m):
            variance += factors[i] * cov[i, j] * factors[j]
    variance += s.weeks.scalars[REST]
    return variance


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, POINTS, numba.int64)
def keep_moments(structure: Structure, t: Series, s: Scratch, points: Points, slot: int) -> None:
    """Keep the field's means and variances at the theta evaluated last.

    Of hours: log mu of each hour of the week per unit of exposure at the forecast's origin (the
    last level of a walk, an average week otherwise); their level; the origin itself; weeks and
    events; and, where the scratch has room for it, log mu in every cell.
    """
    dense_column = structure.cells + DENSE_AFTER
    cells = unsigned(structure.cells)
    m = t.weeks + t.effects
    mean, variance = points.moment[slot, 0], points.moment[slot, 1]
    path, path_shift, own = s.newton.point.path, s.adjoint.solution.path, s.covariance.own
    dense, shift = s.newton.point.dense, s.adjoint.solution.dense
    shared, spreads, cov = s.covariance.shared, s.covariance.spread, s.covariance.dense
    for c in range(cells):
        mean[c] = path[c] - 0.5 * path_shift[c]
        variance[c] = own[c] + shared[c]
    origin = 0.0
    origin_variance = s.weeks.scalars[REST]
    for k in range(t.weeks):
        factor, spread = s.weeks.origin[k], spreads[k]
        origin += factor * (dense[k] - 0.5 * shift[k])
        for other in range(t.weeks):
            origin_variance += factor * cov[k, other] * s.weeks.origin[other]
        if factor != 0.0:
            for c in range(cells):
                variance[c] -= 2.0 * factor * spread[c]
    for c in range(cells):
        mean[c] += origin
        variance[c] += origin_variance
    level = 0.0
    for c in range(cells):
        level += mean[c]
    mean[structure.cells] = level / structure.cells
    variance[structure.cells] = level_variance(structure, t, s)
    mean[structure.cells + ORIGIN_AFTER] = origin
    variance[structure.cells + ORIGIN_AFTER] = origin_variance
    for i in range(m):
        mean[dense_column + i] = dense[i] - 0.5 * shift[i]
        variance[dense_column + i] = cov[i, i]
    if len(points.cell) > 0:
        keep_cells(t, s, points, slot)


@kernel(numba.void, SERIES, SCRATCH, POINTS, numba.int64)
def keep_cells(t: Series, s: Scratch, points: Points, slot: int) -> None:
    """Keep mean and variance of log mu (per unit of exposure) in every cell."""
    cells = unsigned(t.counts.shape[1])
    path, path_shift, variances = s.newton.point.path, s.adjoint.solution.path, s.covariance.cell
    dense, shift = s.newton.point.dense, s.adjoint.solution.dense
    for k in range(t.weeks):
        week = dense[k] - 0.5 * shift[k]
        for c in range(cells):
            points.cell[k, slot, 0, c] = path[c] - 0.5 * path_shift[c] + week
            points.cell[k, slot, 1, c] = variances[k, c]
    for e in range(t.events):
        j = t.weeks + t.event[2, e]
        points.cell[t.event[0, e], slot, 0, t.event[1, e]] += dense[j] - 0.5 * shift[j]


@kernel(numba.void, F3, numba.int64, numba.float64, numba.float64)
def make_quadratic(moments: FloatCube, axis: int, a: float, b: float) -> None:
    """Put slope and curvature along an axis in place of the moments at its points' scores a, b."""
    for row in range(2):
        centre, low, high = moments[0, row], moments[1 + 2 * axis, row], moments[2 + 2 * axis, row]
        for x in range(len(centre)):
            below = (low[x] - centre[x]) / a
            curvature = ((high[x] - centre[x]) / b - below) / (b - a)
            low[x] = below - curvature * a
            high[x] = curvature


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, THETA, numba.int64)
def derivative_along(structure: Structure, t: Series, s: Scratch, theta: Theta, axis: int) -> None:
    """Put the mode's implicit derivative in place of the slope along an axis without points."""
    dense_column = structure.cells + DENSE_AFTER
    cells = unsigned(structure.cells)
    points, axes = theta.points, theta.axes
    d = len(axes.bend)
    m = t.weeks + t.effects
    slope, curvature = points.moment[1 + 2 * axis, 0], points.moment[2 + 2 * axis, 0]
    bend, length = axes.bend[axis], axes.length[axis]
    for row in range(2):
        for x in range(points.moment.shape[2]):
            points.moment[1 + 2 * axis, row, x] = 0.0
            points.moment[2 + 2 * axis, row, x] = 0.0
    for j in range(axis, d):
        factor = theta.covariance.root[j, axis] * length
        effects, dense = s.derivative.path[j], s.derivative.dense[j]
        origin = s.derivative.origin[j]
        slope[structure.cells + ORIGIN_AFTER] += factor * origin
        for c in range(cells):
            slope[c] += factor * (effects[c] + origin)
        for i in range(m):
            slope[dense_column + i] += factor * dense[i]
    for c in range(cells):
        slope[structure.cells] += slope[c] / structure.cells
    for x in range(len(slope)):
        curvature[x] = 0.5 * bend * slope[x]
    if len(points.cell) > 0:
        derivative_in_cells(structure, t, points, axis)


@kernel(numba.void, STRUCTURE, SERIES, POINTS, numba.int64)
def derivative_in_cells(structure: Structure, t: Series, points: Points, axis: int) -> None:
    """Write the implicit derivative along an axis in every cell."""
    dense_column = structure.cells + DENSE_AFTER
    cells = unsigned(structure.cells)
    low = 1 + 2 * axis
    for row in range(2):
        slope = points.moment[low + row, 0]
        origin = slope[structure.cells + ORIGIN_AFTER]
        for k in range(t.weeks):
            target, none = points.cell[k, low + row, 0], points.cell[k, low + row, 1]
            for c in range(cells):
                target[c] = slope[c] - origin + slope[dense_column + k]
                none[c] = 0.0
        for e in range(t.events):
            k, c, j = t.event[0, e], t.event[1, e], t.weeks + t.event[2, e]
            points.cell[k, low + row, 0, c] += slope[dense_column + j]


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


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, THETA, F2, F2, F2)
def integrate_field(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: Theta,
    rule: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
) -> None:
    """Integrate the field's moments over the nodes, and fill the sums.

    HOUR, DENSE and LEVEL receive means and variances of what `keep_moments` keeps; the first slot
    of `points.cell` receives those of every cell.
    """
    dense_column = structure.cells + DENSE_AFTER
    cells = unsigned(structure.cells)
    points, axes = theta.points, theta.axes
    moments_of_scores(rule, nodes, points.score)
    for axis in range(len(axes.bend)):
        a, b = axes.below[axis], axes.above[axis]
        if a == 0.0:
            derivative_along(structure, t, s, theta, axis)
        else:
            make_quadratic(points.moment, axis, a, b)
            for k in range(min(t.weeks, len(points.cell))):
                make_quadratic(points.cell[k], axis, a, b)
    mix_moments(points.moment, points.score)
    for k in range(min(t.weeks, len(points.cell))):
        mix_moments(points.cell[k], points.score)
    mean, variance = points.moment[0, 0], points.moment[0, 1]
    for c in range(cells):
        sums[HOUR, c] = mean[c]
        sums[HOUR_VARIANCE, c] = max(variance[c], 1e-12)
    for i in range(t.weeks + t.effects):
        sums[DENSE, i] = mean[dense_column + i]
        sums[DENSE_VARIANCE, i] = max(variance[dense_column + i], 1e-12)
    sums[LEVEL, 0] = mean[structure.cells]
    sums[LEVEL, 1] = max(variance[structure.cells], 1e-12)
    sums[LEVEL, 2] = mean[structure.cells + ORIGIN_AFTER]
