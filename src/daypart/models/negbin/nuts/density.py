"""The joint log density that NUTS walks, with its gradient: the same model as the Laplace kernels.

A point holds log theta (cube roots of the scales, and of size^(-1/2)), then the tree, the weeks
and the event effects. A level of the tree whose data are many is centred: its coordinates are
the paths themselves, around their parent's. One whose data are few is not: they are standard
normal, times the scale. Weeks are K - 1 coordinates that a basis turns into K weeks: what shifts
all of them is part of the root, whose prior widens by it, so that no ridge is left. None of this
changes the model.

References
----------
Papaspiliopoulos, Roberts and Skold (2007), A general framework for the parametrization of
hierarchical models, Statistical Science 22.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, I1, FloatMatrix, FloatVector, IntVector
from daypart.models.negbin.field.structure import SERIES, STRUCTURE, Series, Structure
from daypart.models.negbin.theta.marginal import digamma

LARGE_SIZE = 1e8
"""Sizes from which on the difference of log gamma functions is a series in 1 / size."""


@kernel(
    numba.float64,
    *(STRUCTURE, SERIES, I1, F2, numba.float64, F1, F1, F1, F1, F2, F2),
    from_python=True,
)
def log_density(
    structure: Structure,
    t: Series,
    centred: IntVector,
    basis: FloatMatrix,
    shared: float,
    values: FloatVector,
    number: FloatVector,
    x: FloatVector,
    slope: FloatVector,
    eta: FloatMatrix,
    work: FloatMatrix,
) -> float:
    """Return the log density at `x` up to a constant, and fill its slope and log mu.

    Parameters
    ----------
    structure, t
        As the Laplace kernels take them.
    centred : int64 array, shape (levels + 1,)
        1 where the coordinates of a level (last: the weeks) are centred.
    basis : float64 array, shape (weeks, weeks - 1)
    shared : float
        Variance that the root takes over from the weeks, in squared week scales.
    values, number : float64 arrays
        The counts that occur, and how often.
    x, slope : float64 arrays, shape (d + nodes + weeks - 1 + effects,)
    eta : float64 array, shape (weeks, 168)
        Receives log mu less log exposure.
    work : float64 array, shape (4, nodes + weeks)
    """
    d = len(structure.hyper_scales)
    segments = len(structure.parents)
    root = 24 * segments
    tree, free = d, d + root + 1
    effects = free + t.weeks - 1
    path, pull, week, week_pull = work[0], work[1], work[2], work[3]
    total = 0.0
    for i in range(len(slope)):
        slope[i] = 0.0
    # paths from the root down, weeks from their basis, events on top
    path[root] = x[tree + root]
    for segment in range(segments - 1, -1, -1):
        level = structure.levels[segment]
        scale = math.exp(3.0 * x[level])
        parent = structure.parents[segment]
        above = 24 * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(24):
            value = x[tree + 24 * segment + n]
            if centred[level] == 1:
                path[24 * segment + n] = value
            else:
                path[24 * segment + n] = path[above + stride * n] + scale * value
    week_scale = math.exp(3.0 * x[d - 2])
    unit = 1.0 if centred[d - 2] == 1 else week_scale
    for k in range(t.weeks):
        week[k] = 0.0
        week_pull[k] = 0.0
        for j in range(t.weeks - 1):
            week[k] += basis[k, j] * unit * x[free + j]
        for c in range(168):
            eta[k, c] = path[c] + week[k]
    for e in range(t.events):
        eta[t.event[0, e], t.event[1, e]] += x[effects + t.event[2, e]]
    # likelihood
    phi = math.exp(-6.0 * x[d - 1])
    phi_slope = 0.0
    base, base_slope = math.lgamma(phi), digamma(phi)
    log_phi = math.log(phi)
    for i in range(len(values)):
        y = values[i]
        if phi > LARGE_SIZE:  # their difference would have no digits left
            bend = 0.5 * y * (y - 1.0) / phi
            total += number[i] * (y * log_phi + bend)
            phi_slope += number[i] * (y - bend) / phi
        else:
            total += number[i] * (math.lgamma(y + phi) - base)
            phi_slope += number[i] * (digamma(y + phi) - base_slope)
    for n in range(root + 1):
        pull[n] = 0.0
    for k in range(t.weeks):
        for c in range(168):
            exposure = t.exposure[k, c]
            if not exposure > 0.0:
                eta[k, c] = math.nan
                continue
            y = t.counts[k, c]
            mu = exposure * math.exp(eta[k, c])
            grown = math.log1p(mu / phi)
            total += y * (eta[k, c] + math.log(exposure) - log_phi) - (y + phi) * grown
            residual = (y - mu) * phi / (phi + mu)
            phi_slope += (mu - y) / (phi + mu) - grown
            pull[c] += residual
            week_pull[k] += residual
            eta[k, c] = eta[k, c] if math.isfinite(residual) else math.nan
    for e in range(t.events):
        k, c = t.event[0, e], t.event[1, e]
        exposure = t.exposure[k, c]
        if exposure > 0.0:
            mu = exposure * math.exp(eta[k, c])
            slope[effects + t.event[2, e]] += (t.counts[k, c] - mu) * phi / (phi + mu)
    slope[d - 1] -= 6.0 * phi * phi_slope
    # priors, from the cells up
    for segment in range(segments):
        level = structure.levels[segment]
        scale = math.exp(3.0 * x[level])
        parent = structure.parents[segment]
        above = 24 * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(24):
            node, higher = 24 * segment + n, above + stride * n
            value = x[tree + node]
            if centred[level] == 1:
                away = (path[node] - path[higher]) / scale
                total -= 0.5 * away * away + 3.0 * x[level]
                slope[tree + node] = pull[node] - away / scale
                pull[higher] += away / scale
                slope[level] += 3.0 * (away * away - 1.0)
            else:
                total -= 0.5 * value * value
                slope[tree + node] = pull[node] * scale - value
                pull[higher] += pull[node]
                slope[level] += 3.0 * pull[node] * scale * value
    variance = 1.0 / structure.level_precision + shared * week_scale * week_scale
    level = x[tree + root]
    total -= 0.5 * level * level / variance + 0.5 * math.log(variance)
    slope[tree + root] = pull[root] - level / variance
    bend = 0.5 * (level * level / variance - 1.0) / variance
    slope[d - 2] += 6.0 * bend * shared * week_scale * week_scale
    for j in range(t.weeks - 1):
        value = x[free + j]
        drawn = 0.0
        for k in range(t.weeks):
            drawn += basis[k, j] * week_pull[k]
        if centred[d - 2] == 1:
            away = value / week_scale
            total -= 0.5 * away * away + 3.0 * x[d - 2]
            slope[free + j] = drawn - away / week_scale
            slope[d - 2] += 3.0 * (away * away - 1.0)
        else:
            total -= 0.5 * value * value
            slope[free + j] = drawn * week_scale - value
            slope[d - 2] += 3.0 * drawn * week_scale * value
    for j in range(t.effects):
        value = x[effects + j]
        total -= 0.5 * structure.event_precision * value * value
        slope[effects + j] -= structure.event_precision * value
    for i in range(d):
        theta = math.exp(x[i])
        ratio = theta**3.0 / structure.hyper_scales[i]
        away = theta - structure.centre[i]
        total += 3.0 * x[i] - 0.5 * ratio * ratio - 0.5 * structure.pull[i] * away * away
        slope[i] += 3.0 - 3.0 * ratio * ratio - structure.pull[i] * away * theta
    return total if np.isfinite(total) else -math.inf
