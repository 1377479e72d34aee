"""The joint log density that NUTS walks, with its gradient: the same model as the Laplace kernels.

    log p(x) = sum_kc log NB(y[k, c] | mu[k, c], phi) + log p(tree) + log p(weeks) + log p(events)
               + log p(theta)

A point x holds log theta (cube roots of the scales, and of size^(-1/2)), then the tree, the weeks
and the event effects. A level of the tree with much data is centred: its coordinates are the
paths themselves, around their parent's. One with little data is not centred: its coordinates are
standard normal, times the scale. The same holds of the weeks, in a basis of their mean and of what
remains, or in that of their prior's eigenvectors. The root's coordinate is the level with the
weeks' mean, so that the posterior has no ridge. None of this changes the model.

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


class WeekBases(NamedTuple):
    """Two orthonormal bases of the weeks, one vector a column."""

    mean_first: FloatMatrix
    """All weeks alike, then differences."""
    walk: FloatMatrix
    """Eigenvectors of a walk's covariance; see `field.weeks`."""
    eigenvalue: FloatVector


WEEK_BASES = numba.types.NamedTuple([F2, F2, F1], WeekBases)


def bases_of(weeks: int) -> WeekBases:
    """Return the bases of a number of weeks.

    Parameters
    ----------
    weeks : int

    Examples
    --------
    >>> bases = bases_of(3)
    >>> bases.mean_first[:, 0].round(3).tolist(), (bases.walk @ bases.walk.T).round(9).tolist()
    ([0.577, 0.577, 0.577], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    """
    mean_first = np.full((weeks, weeks), 1.0 / np.sqrt(weeks))
    for j in range(1, weeks):
        mean_first[:j, j] = 1.0 / np.sqrt(j * (j + 1.0))
        mean_first[j, j] = -j / np.sqrt(j * (j + 1.0))
        mean_first[j + 1 :, j] = 0.0
    frequency = (2.0 * np.arange(weeks) + 1.0) * np.pi / (2.0 * weeks + 1.0)
    walk = np.sin(np.outer(np.arange(weeks) + 1.0, frequency)) * 2.0 / np.sqrt(2.0 * weeks + 1.0)
    return WeekBases(mean_first, walk, 1.0 / (2.0 - 2.0 * np.cos(frequency)))


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


@kernel(numba.void, SERIES, TREE, I1, F1, F1, F1, F1, F2)
def fill_field(
    t: Series,
    tree: Tree,
    centred: IntVector,
    scale: FloatVector,
    x: FloatVector,
    path: FloatVector,
    week: FloatVector,
    eta: FloatMatrix,
) -> None:
    """Fill the paths from the root down, and log mu.

        eta[k, c] = path[c] + week[k] - mean of the weeks + effects of the cell's events

    Parameters
    ----------
    t, tree, centred, eta
        As `log_density` takes them.
    scale : float64 array, shape (d - 1,)
    x : float64 array
        The point without theta.
    path : float64 array, overwritten
    week : float64 array
        See `fill_weeks`.
    """
    root = len(tree.above) - 1
    effects = root + 1 + t.weeks
    path[root] = x[root]
    for n in range(root - 1, -1, -1):
        level = tree.level[n]
        path[n] = x[n] if centred[level] == 1 else path[tree.above[n]] + scale[level] * x[n]
    mean = week[: t.weeks].mean()
    for k in range(t.weeks):
        for c in range(eta.shape[1]):
            eta[k, c] = path[c] + week[k] - mean
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


@kernel(numba.void, WEEK_BASES, STRUCTURE, numba.int64, F1, F1, F1, F1)
def fill_weeks(
    bases: WeekBases,
    structure: Structure,
    centred: int,
    scale: FloatVector,
    x: FloatVector,
    variance: FloatVector,
    week: FloatVector,
) -> None:
    """Fill the weeks from their coordinates, and their variance along each eigenvector.

    Parameters
    ----------
    bases, structure
    centred : int
    scale : float64 array, shape (d - 1,)
    x : float64 array, shape (weeks,)
    variance, week : float64 arrays, overwritten
    """
    weeks = len(x)
    for j in range(weeks):
        variance[j] = scale[structure.week_scale] ** 2
        if structure.walk_scale != FIXED:
            variance[j] += scale[structure.walk_scale] ** 2 * bases.eigenvalue[j]
    for k in range(weeks):
        week[k] = 0.0
        for j in range(weeks):
            if centred == 1:
                week[k] += bases.mean_first[k, j] * x[j]
            else:
                week[k] += bases.walk[k, j] * math.sqrt(variance[j]) * x[j]


@kernel(numba.float64, WEEK_BASES, STRUCTURE, numba.int64, F1, F1, F1, F1, F1, F1, F1)
def week_prior(
    bases: WeekBases,
    structure: Structure,
    centred: int,
    scale: FloatVector,
    x: FloatVector,
    variance: FloatVector,
    week: FloatVector,
    week_pull: FloatVector,
    slope: FloatVector,
    theta_slope: FloatVector,
) -> float:
    """Return the log prior of the weeks, with a = V' w and d as in `field.weeks`.

        -1/2 sum of a^2 / d + log d, or of z^2 where w = V sqrt(d) z

    Parameters
    ----------
    bases, structure, centred, scale, x, variance, week
        As `fill_weeks` takes and fills them.
    week_pull : float64 array
        Slope in each week; overwritten.
    slope : float64 array, shape (weeks,)
        The density's slope in the coordinates (overwritten).
    theta_slope : float64 array, added to
        In log theta.
    """
    weeks = len(x)
    shock = scale[structure.week_scale] ** 2
    total = 0.0
    for j in range(weeks):
        along, drawn = 0.0, 0.0
        for k in range(weeks):
            along += bases.walk[k, j] * week[k]
            drawn += bases.walk[k, j] * week_pull[k]
        if centred == 1:
            total -= 0.5 * (along * along / variance[j] + math.log(variance[j]))
            slope[j] = -along / variance[j]
            turn = 3.0 * (along * along / variance[j] - 1.0)
        else:
            total -= 0.5 * x[j] * x[j]
            slope[j] = drawn * math.sqrt(variance[j]) - x[j]
            turn = 3.0 * drawn * math.sqrt(variance[j]) * x[j]
        theta_slope[structure.week_scale] += turn * shock / variance[j]
        if structure.walk_scale != FIXED:
            theta_slope[structure.walk_scale] += turn * (1.0 - shock / variance[j])
    if centred == 1:
        for k in range(weeks):
            for j in range(weeks):
                week_pull[k] += bases.walk[k, j] * slope[j]
        for j in range(weeks):
            slope[j] = 0.0
            for k in range(weeks):
                slope[j] += bases.mean_first[k, j] * week_pull[k]
    return total


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
    *(STRUCTURE, SERIES, TREE, I1, WEEK_BASES, F1, F1, F1, F1, F2, F2),
    from_python=True,
)
def log_density(
    structure: Structure,
    t: Series,
    tree: Tree,
    centred: IntVector,
    bases: WeekBases,
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
    bases : WeekBases
    values, number : float64 arrays
        The counts that occur, and how often.
    x, slope : float64 arrays, shape (d + nodes + weeks + effects,)
    eta : float64 array, shape (weeks, 168)
        Receives log mu less log exposure.
    work : float64 array, shape (6, nodes + weeks), overwritten
    """
    d, nodes, weekly = len(structure.hyper_scales), len(tree.above), structure.week_scale
    root, free = d + nodes - 1, d + nodes
    effects = free + t.weeks
    path, pull, week, week_pull, scale = work[0], work[1], work[2], work[3], work[4, : d - 1]
    week_variance = work[5]
    slope[:] = 0.0
    pull[:] = 0.0
    week_pull[:] = 0.0
    for i in range(d - 1):
        scale[i] = math.exp(3.0 * x[i])
    fill_weeks(bases, structure, centred[weekly], scale, x[free:effects], week_variance, week)
    fill_field(t, tree, centred, scale, x[d:], path, week, eta)
    phi = math.exp(-6.0 * x[d - 1])
    of_counts, counts_slope = count_terms(values, number, phi)
    of_cells, cells_slope = cell_terms(t, phi, eta, pull, week_pull, slope[effects:])
    slope[d - 1] -= 6.0 * phi * (counts_slope + cells_slope)
    total = of_counts + of_cells
    total += tree_prior(tree, centred, scale, x[d:root], path, pull, slope[d:root], slope[:d])
    level = x[root] - week[: t.weeks].mean()
    total -= 0.5 * structure.level_precision * level * level
    slope[root] = pull[nodes - 1] - structure.level_precision * level
    back = (structure.level_precision * level - week_pull[: t.weeks].sum()) / t.weeks
    for k in range(t.weeks):
        week_pull[k] += back
    total += week_prior(
        bases,
        structure,
        centred[weekly],
        scale,
        x[free:effects],
        week_variance,
        week,
        week_pull,
        slope[free:effects],
        slope[:d],
    )
    total += effects_prior(structure, t, scale, x[effects:], slope[effects:], slope[:d])
    total += theta_prior(structure, x[:d], slope[:d])
    return total if np.isfinite(total) else -math.inf
