"""The joint log density that NUTS walks, with its gradient: the same model as the Laplace kernels.

    log p(x) = sum_kc log NB(y[k, c] | mu[k, c], phi) + log p(tree) + log p(weeks) + log p(events)
               + log p(theta)

A point x holds log theta (cube roots of the scales, and of size^(-1/2)), then the tree, the weeks
and the event effects. A level of the tree with much data is centred: its coordinates are the
paths themselves, around their parent's. One with little data is not centred: its coordinates are
standard normal, times the scale. Weeks are K - 1 coordinates that a basis turns into K weeks:
what shifts all of them is part of the root, whose prior variance grows by it, so that the
posterior has no ridge. None of this changes the model.

References
----------
Papaspiliopoulos, Roberts and Skold (2007), A general framework for the parametrization of
hierarchical models, Statistical Science 22.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, I1, FloatMatrix, FloatVector, IntVector
from daypart.models.negbin.field.likelihood import digamma
from daypart.models.negbin.field.structure import FIXED, SERIES, STRUCTURE, Series, Structure
from daypart.models.negbin.theta.prior import log_prior, prior_slope

LARGE_SIZE = 1e8
"""Sizes from which on the difference of log gamma functions is a series in 1 / size."""
_TWO = numba.types.UniTuple(numba.float64, 2)


class Tree(NamedTuple):
    """The hour tree, node by node: children before parents, the root last."""

    above: IntVector
    """Each node's parent; the root's is itself."""
    level: IntVector
    """The scale that each node's effect has; the root's is not used."""


TREE = numba.types.NamedUniTuple(I1, 2, Tree)


def tree_of(structure: Structure) -> Tree:
    """Return the nodes of a structure's segments.

    Examples
    --------
    >>> from daypart.models.negbin.block.fit_block import structure_of
    >>> from daypart.models.negbin.configuration import DAY_TYPES
    >>> tree = tree_of(structure_of(DAY_TYPES))
    >>> len(tree.above), tree.above[[0, 167, 168, 263]].tolist()
    (265, [168, 239, 240, 264])
    """
    width, root = structure.width, structure.width * len(structure.parents)
    hour = np.arange(width)
    above = [
        width * parent + hour if parent >= 0 else np.full(width, root)
        for parent in structure.parents.tolist()
    ]
    return Tree(
        np.concatenate([*above, [root]]).astype(np.int64),
        np.append(np.repeat(structure.levels, width), 0).astype(np.int64),
    )


@kernel(numba.void, SERIES, TREE, I1, F2, F1, F1, F1, F1, F2)
def fill_field(
    t: Series,
    tree: Tree,
    centred: IntVector,
    basis: FloatMatrix,
    scale: FloatVector,
    x: FloatVector,
    path: FloatVector,
    week: FloatVector,
    eta: FloatMatrix,
) -> None:
    """Fill the paths from the root down, the weeks from their basis, and log mu.

        eta[k, c] = path[c] + week[k] + effects of the cell's events

    Parameters
    ----------
    t, tree, centred, basis, eta
        As `log_density` takes them.
    scale : float64 array, shape (levels + 1,)
        Of the levels, then of the weeks.
    x : float64 array
        The point without theta.
    path, week : float64 arrays, overwritten
    """
    root = len(tree.above) - 1
    free, effects = root + 1, root + t.weeks
    path[root] = x[root]
    for n in range(root - 1, -1, -1):
        level = tree.level[n]
        path[n] = x[n] if centred[level] == 1 else path[tree.above[n]] + scale[level] * x[n]
    unit = 1.0 if centred[len(scale) - 1] == 1 else scale[len(scale) - 1]
    for k in range(t.weeks):
        week[k] = 0.0
        for j in range(t.weeks - 1):
            week[k] += basis[k, j] * unit * x[free + j]
        for c in range(eta.shape[1]):
            eta[k, c] = path[c] + week[k]
    for e in range(t.events):
        eta[t.event[0, e], t.event[1, e]] += x[effects + t.event[2, e]]


@kernel(_TWO, F1, F1, numba.float64)
def count_terms(values: FloatVector, number: FloatVector, phi: float) -> tuple[float, float]:
    """Return the part of the log likelihood that depends on counts and size, and its slope.

        sum over counts y of log Gamma(y + phi) - log Gamma(phi)

    Parameters
    ----------
    values, number : float64 arrays
        The counts that occur, and how often.
    phi : float
        The slope is in it.
    """
    total, slope = 0.0, 0.0
    base, base_slope, log_phi = math.lgamma(phi), digamma(phi), math.log(phi)
    for i in range(len(values)):
        y = values[i]
        if phi > LARGE_SIZE:  # their difference would have no digits left
            bend = 0.5 * y * (y - 1.0) / phi
            total += number[i] * (y * log_phi + bend)
            slope += number[i] * (y - bend) / phi
        else:
            total += number[i] * (math.lgamma(y + phi) - base)
            slope += number[i] * (digamma(y + phi) - base_slope)
    return total, slope


@kernel(_TWO, SERIES, numba.float64, F2, F1, F1, F1)
def cell_terms(
    t: Series,
    phi: float,
    eta: FloatMatrix,
    pull: FloatVector,
    week_pull: FloatVector,
    effect_slope: FloatVector,
) -> tuple[float, float]:
    """Return the rest of the log likelihood, with its slopes in size, paths, weeks and events.

        sum over cells of y log(mu / phi) - (y + phi) log(1 + mu / phi),
        slope in log mu: (y - mu) phi / (phi + mu)

    Parameters
    ----------
    t : Series
    phi : float
    eta : float64 array, shape (weeks, cells)
        Log mu less log exposure; becomes NaN in cells without exposure.
    pull, week_pull, effect_slope : float64 arrays, added to
    """
    total, slope, log_phi = 0.0, 0.0, math.log(phi)
    for k in range(t.weeks):
        for c in range(eta.shape[1]):
            exposure = t.exposure[k, c]
            if not exposure > 0.0:
                eta[k, c] = math.nan
                continue
            y = t.counts[k, c]
            mu = exposure * math.exp(eta[k, c])
            grown = math.log1p(mu / phi)
            total += y * (eta[k, c] + math.log(exposure) - log_phi) - (y + phi) * grown
            residual = (y - mu) * phi / (phi + mu)
            slope += (mu - y) / (phi + mu) - grown
            pull[c] += residual
            week_pull[k] += residual
            eta[k, c] = eta[k, c] if math.isfinite(residual) else math.nan
    for e in range(t.events):
        k, c = t.event[0, e], t.event[1, e]
        exposure = t.exposure[k, c]
        if exposure > 0.0:
            mu = exposure * math.exp(eta[k, c])
            effect_slope[t.event[2, e]] += (t.counts[k, c] - mu) * phi / (phi + mu)
    return total, slope


@kernel(numba.float64, TREE, I1, F1, F1, F1, F1, F1, F1)
def tree_prior(
    tree: Tree,
    centred: IntVector,
    scale: FloatVector,
    x: FloatVector,
    path: FloatVector,
    pull: FloatVector,
    slope: FloatVector,
    theta_slope: FloatVector,
) -> float:
    """Return the log prior of all nodes but the root, and carry slopes from the cells up.

    Parameters
    ----------
    tree, centred, scale, path
        As in `fill_field`.
    x, slope : float64 arrays
        The nodes' coordinates, and the density's slope in them (overwritten).
    pull : float64 array, shape (nodes,)
        Slope in each path; becomes that of all nodes below.
    theta_slope : float64 array, added to
        In log theta.
    """
    total = 0.0
    for n in range(len(tree.above) - 1):
        level, above = tree.level[n], tree.above[n]
        if centred[level] == 1:
            away = (path[n] - path[above]) / scale[level]
            total -= 0.5 * away * away + math.log(scale[level])
            slope[n] = pull[n] - away / scale[level]
            pull[above] += away / scale[level]
            theta_slope[level] += 3.0 * (away * away - 1.0)
        else:
            total -= 0.5 * x[n] * x[n]
            slope[n] = pull[n] * scale[level] - x[n]
            pull[above] += pull[n]
            theta_slope[level] += 3.0 * pull[n] * scale[level] * x[n]
    return total


@kernel(_TWO, numba.int64, F2, numba.float64, F1, F1, F1)
def week_prior(
    centred: int,
    basis: FloatMatrix,
    scale: float,
    x: FloatVector,
    week_pull: FloatVector,
    slope: FloatVector,
) -> tuple[float, float]:
    """Return the log prior of the weeks, and the density's slope in the log of their theta.

    Parameters
    ----------
    centred : int
    basis : float64 array, shape (weeks, weeks - 1)
    scale : float
    x, slope : float64 arrays, shape (weeks - 1,)
        Coordinates, and the density's slope in them (overwritten).
    week_pull : float64 array
        Slope in each week.
    """
    total, theta_slope = 0.0, 0.0
    for j in range(len(x)):
        drawn = 0.0
        for k in range(len(basis)):
            drawn += basis[k, j] * week_pull[k]
        if centred == 1:
            away = x[j] / scale
            total -= 0.5 * away * away + math.log(scale)
            slope[j] = drawn - away / scale
            theta_slope += 3.0 * (away * away - 1.0)
        else:
            total -= 0.5 * x[j] * x[j]
            slope[j] = drawn * scale - x[j]
            theta_slope += 3.0 * drawn * scale * x[j]
    return total, theta_slope


@kernel(numba.float64, STRUCTURE, SERIES, F1, F1, F1, F1)
def effects_prior(
    structure: Structure,
    t: Series,
    scale: FloatVector,
    x: FloatVector,
    slope: FloatVector,
    theta_slope: FloatVector,
) -> float:
    """Return the log prior of the effects of the design list, which are centred.

        sum over effects of -p x^2 / 2, and - log sigma where the scale sigma is learnt

    Parameters
    ----------
    structure, t
    scale : float64 array, shape (d - 1,)
    x, slope : float64 arrays, shape (effects,)
        Effects, and the density's slope in them (added to).
    theta_slope : float64 array, added to
        In log theta.
    """
    total = 0.0
    for j in range(len(x)):
        learnt = t.scales[j]
        precision = structure.event_precision
        if learnt != FIXED:
            precision = 1.0 / (scale[learnt] * scale[learnt])
            total -= math.log(scale[learnt])
            theta_slope[learnt] += 3.0 * (precision * x[j] * x[j] - 1.0)
        total -= 0.5 * precision * x[j] * x[j]
        slope[j] -= precision * x[j]
    return total


@kernel(numba.float64, STRUCTURE, F1, F1)
def theta_prior(structure: Structure, log_theta: FloatVector, slope: FloatVector) -> float:
    """Return the log prior of theta in the coordinate log theta, and add its slope.

        log prior(theta) + log theta

    Parameters
    ----------
    structure : Structure
    log_theta, slope : float64 arrays, shape (d,)
    """
    total = 0.0
    for i in range(len(structure.hyper_scales)):
        theta = math.exp(log_theta[i])
        total += log_prior(structure, i, theta) + log_theta[i]
        slope[i] += theta * prior_slope(structure, i, theta) + 1.0
    return total


@kernel(
    numba.float64,
    *(STRUCTURE, SERIES, TREE, I1, F2, numba.float64, F1, F1, F1, F1, F2, F2),
    from_python=True,
)
def log_density(
    structure: Structure,
    t: Series,
    tree: Tree,
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
    tree : Tree
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
    work : float64 array, shape (5, nodes + weeks), overwritten
    """
    d, nodes, weekly = len(structure.hyper_scales), len(tree.above), structure.week_scale
    root, free = d + nodes - 1, d + nodes
    effects = free + t.weeks - 1
    path, pull, week, week_pull, scale = work[0], work[1], work[2], work[3], work[4, : d - 1]
    slope[:] = 0.0
    pull[:] = 0.0
    week_pull[:] = 0.0
    for i in range(d - 1):
        scale[i] = math.exp(3.0 * x[i])
    fill_field(t, tree, centred, basis, scale[: weekly + 1], x[d:], path, week, eta)
    phi = math.exp(-6.0 * x[d - 1])
    of_counts, counts_slope = count_terms(values, number, phi)
    of_cells, cells_slope = cell_terms(t, phi, eta, pull, week_pull, slope[effects:])
    slope[d - 1] -= 6.0 * phi * (counts_slope + cells_slope)
    total = of_counts + of_cells
    total += tree_prior(tree, centred, scale, x[d:root], path, pull, slope[d:root], slope[:d])
    week_variance = shared * scale[weekly] * scale[weekly]
    variance = 1.0 / structure.level_precision + week_variance
    total -= 0.5 * x[root] * x[root] / variance + 0.5 * math.log(variance)
    slope[root] = pull[nodes - 1] - x[root] / variance
    slope[weekly] += 3.0 * (x[root] * x[root] / variance - 1.0) / variance * week_variance
    of_weeks, theta_slope = week_prior(
        centred[weekly], basis, scale[weekly], x[free:effects], week_pull, slope[free:effects]
    )
    total += of_weeks
    slope[weekly] += theta_slope
    total += effects_prior(structure, t, scale, x[effects:], slope[effects:], slope[:d])
    total += theta_prior(structure, x[:d], slope[:d])
    return total if np.isfinite(total) else -math.inf
