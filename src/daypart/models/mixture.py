"""One partition's fit: climb to the scales' mode, visit the nodes, mix the field's posteriors."""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.field import SCRATCH, SERIES, STRUCTURE, Scratch, Series, Structure
from daypart.models.integrate import HIGHEST, LOWEST, climb, spread_of_theta, start_field
from daypart.models.kernels import F1, F2, I1, FloatMatrix, FloatVector, IntVector, kernel
from daypart.models.marginal import log_posterior

CONVERGED, NO_MODE, NO_CURVATURE, GRADIENT_LEFT = 0, 1, 2, 4


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, numba.float64, F2)
def add_field(
    structure: Structure, t: Series, s: Scratch, weight: float, sums: FloatMatrix
) -> None:
    """Add one node's posterior to the sums.

    The rows of `sums` are

    0, 1  mean and mean square of each hour of week's level at the forecast origin
    2, 3  the same of the weeks and events
    4     [0, 1] mean and mean square of the level shared by all hours at the origin
    """
    m = t.weeks + t.effects
    segments = len(structure.parents)
    root = 24 * segments
    last = t.weeks - 1
    walk = structure.walk == 1
    origin = s.dense[last] - 0.5 * s.lam_dense[last] if walk else 0.0
    level = 0.0
    for c in range(168):
        mean = s.path[c] - 0.5 * s.lam_path[c] + origin
        variance = s.own[c]
        for i in range(m):
            variance += s.load[i, c] * s.spread[i, c]
        if walk:
            variance += s.cov[last, last] - 2.0 * s.spread[last, c]
        sums[0, c] += weight * mean
        sums[1, c] += weight * (variance + mean * mean)
        level += mean / 168.0
    for i in range(m):
        mean = s.dense[i] - 0.5 * s.lam_dense[i]
        sums[2, i] += weight * mean
        sums[3, i] += weight * (s.cov[i, i] + mean * mean)
    variance = 0.0
    for n in range(root + 1):
        s.carry[n] = 0.0
    for n in range(168):
        s.carry[n] = 1.0 / 168.0
    for segment in range(segments):
        parent = structure.parents[segment]
        for n in range(24 * segment, 24 * segment + 24):
            variance += s.carry[n] * s.carry[n] / s.pivot[n]
            above = 24 * parent + n - 24 * segment if parent >= 0 else root
            s.carry[above] += s.keep[n] * s.carry[n]
    variance += s.carry[root] * s.carry[root] / s.pivot[root]
    for i in range(m):
        load = 0.0
        for c in range(168):
            load += s.load[i, c] / 168.0
        s.step_dense[i] = -load
    if walk:
        s.step_dense[last] += 1.0
    for i in range(m):
        for j in range(m):
            variance += s.step_dense[i] * s.cov[i, j] * s.step_dense[j]
    sums[4, 0] += weight * level
    sums[4, 1] += weight * (variance + level * level)


@kernel(numba.int64, STRUCTURE, SERIES, SCRATCH, F1, F2, F2, F2, F2, I1)
def fit_series(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: FloatVector,
    rule: FloatMatrix,
    work: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
    steps: IntVector,
) -> int:
    """Fit one partition.

    `rule` holds a weight and d standardised coordinates a row, the centre first, then the axes
    (minus, plus). `nodes` receives weight and theta of each node, `sums` see `add_field`, and in
    row 5 the largest slope at the mode and the largest skewness. Returns 0 or what failed.
    """
    d = len(theta)
    slope = work[5 * d + 5]
    trial = work[5 * d + 6]
    stretch = work[5 * d + 7 : 5 * d + 9]
    root = work[5 * d + 9 : 6 * d + 9]
    for i in range(len(sums)):
        for j in range(sums.shape[1]):
            sums[i, j] = 0.0
    start_field(structure, t, s)
    peak = climb(structure, t, s, theta, slope, work, steps)
    if peak == -np.inf:
        return NO_MODE
    left = 0.0
    for i in range(d):
        left = max(left, abs(slope[i]))
    sums[5, 0] = left
    if not spread_of_theta(structure, t, s, theta, slope, work, root, steps):
        return NO_CURVATURE
    skewness = 0.0
    for i in range(d):
        stretch[0, i] = 1.0
        stretch[1, i] = 1.0
    for node in range(len(rule)):
        for side in range(2 if 0 < node <= 2 * d else 1):
            for i in range(d):
                trial[i] = theta[i]
            square = 0.0
            for j in range(d):
                z = rule[node, 1 + j]
                square += z * z
                factor = stretch[0 if z < 0.0 else 1, j]
                if z != 0.0:
                    for i in range(j, d):
                        trial[i] += root[i, j] * z * factor
            for i in range(d):
                trial[i] = min(max(trial[i], LOWEST), HIGHEST)
            value = log_posterior(structure, t, s, trial, slope, steps)
            steps[1] += 1
            if value == -np.inf:
                start_field(structure, t, s)
                value = peak - 50.0
            if side == 0 and 0 < node <= 2 * d:
                axis = (node - 1) // 2
                fall = max(peak - value, 0.05)
                stretch[(node - 1) % 2, axis] = min(max(math.sqrt(0.5 * square / fall), 0.4), 2.5)
            else:
                excess = value - peak + 0.5 * square
                for j in range(d):
                    z = rule[node, 1 + j]
                    if z != 0.0:
                        excess += math.log(
                            2.0 * stretch[0 if z < 0.0 else 1, j] / (stretch[0, j] + stretch[1, j])
                        )
                nodes[node, 0] = rule[node, 0] * math.exp(min(excess, 5.0))
                for i in range(d):
                    nodes[node, 1 + i] = trial[i]
                add_field(structure, t, s, nodes[node, 0], sums)
    for i in range(d):
        skewness = max(skewness, abs(math.log(stretch[1, i] / stretch[0, i])))
    sums[5, 1] = skewness
    total = 0.0
    for node in range(len(rule)):
        total += nodes[node, 0]
    for node in range(len(rule)):
        nodes[node, 0] /= total
    for i in range(5):
        for j in range(sums.shape[1]):
            sums[i, j] /= total
    return CONVERGED
