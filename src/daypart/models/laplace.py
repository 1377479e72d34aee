"""The latent field at given scales: likelihood, Hessian, and Newton's way to the mode.

The negative binomial is written with r = tau^2 = 1 / phi and q = 1 / (1 + r mu), in which

    slope      (y - mu) q            curvature    W = (1 + r y) mu q^2
    dW / deta  W (2 q - 1)           dW / dr      mu q^2 (y - 2 (1 + r y) mu q)

so that the log likelihood is concave in log mu, and Newton's method needs a step cap only. (It
gets a line search after a dozen steps, for series that no such model could have made.)
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.elimination import (
    cholesky,
    reduce_tree,
    solve,
)
from daypart.models.field import SCRATCH, SERIES, STRUCTURE, Scratch, Series, Structure
from daypart.models.kernels import F1, F2, FloatMatrix, FloatVector, kernel, log_of

ENOUGH = 1e-7
"""A Newton step of this squared length, in posterior standard deviations, ends the search."""
MOST_STEPS = 60
LONGEST_STEP = 3.0
"""In log mu."""


@kernel(numba.void, SERIES, SCRATCH, numba.float64)
def evaluate_field(t: Series, s: Scratch, r: float) -> None:
    """Fill mean, shrink, residual and the cells' curvature (in `cross`) at `path`, `dense`."""
    for c in range(168):
        s.row[c] = math.exp(s.path[c])
    for k in range(t.weeks):
        factor = math.exp(s.dense[k])
        exposure = t.exposure[k]
        mean = s.mean[k]
        for c in range(168):
            mean[c] = exposure[c] * s.row[c] * factor
    for e in range(t.events):
        s.mean[t.event_week[e], t.event_hour[e]] *= math.exp(s.dense[t.weeks + t.event_effect[e]])
    for k in range(t.weeks):
        mean = s.mean[k]
        shrink = s.shrink[k]
        residual = s.residual[k]
        count = t.counts[k]
        curvature = s.cross[k, :168]
        for c in range(168):
            mu = mean[c]
            y = count[c]
            q = 1.0 / (1.0 + r * mu)
            shrink[c] = q
            residual[c] = (y - mu) * q
            curvature[c] = (1.0 + r * y) * mu * q * q


@kernel(numba.void, STRUCTURE, SERIES, F2, F1, F1)
def sum_table(
    structure: Structure, t: Series, table: FloatMatrix, tree: FloatVector, dense: FloatVector
) -> None:
    """Sum a weeks x hours table over what each coordinate of the field reaches (Z' table)."""
    segments = len(structure.parents)
    root = 24 * segments
    for n in range(root + 1):
        tree[n] = 0.0
    cells = tree[:168]
    for k in range(t.weeks):
        row = table[k]
        total = 0.0
        for c in range(168):
            cells[c] += row[c]
            total += row[c]
        dense[k] = total
    for segment in range(segments):
        parent = structure.parents[segment]
        below = tree[24 * segment : 24 * segment + 24]
        if parent >= 0:
            above = tree[24 * parent : 24 * parent + 24]
            for n in range(24):
                above[n] += below[n]
        else:
            for n in range(24):
                tree[root] += below[n]
    for j in range(t.effects):
        dense[t.weeks + j] = 0.0
    for e in range(t.events):
        dense[t.weeks + t.event_effect[e]] += table[t.event_week[e], t.event_hour[e]]


@kernel(numba.boolean, STRUCTURE, SERIES, SCRATCH, F1)
def factorise(structure: Structure, t: Series, s: Scratch, precisions: FloatVector) -> bool:
    """Factorise the Hessian from the curvature that `evaluate_field` left in `cross`."""
    weeks = t.weeks
    m = weeks + t.effects
    week_precision = precisions[len(precisions) - 1]
    for c in range(168):
        s.weight[c] = 0.0
    for j in range(t.effects):
        for c in range(168):
            s.cross[weeks + j, c] = 0.0
    for i in range(m):
        for j in range(i + 1):
            s.schur[i, j] = 0.0
    for k in range(weeks):
        row = s.cross[k]
        total = 0.0
        for c in range(168):
            total += row[c]
            s.weight[c] += row[c]
        s.schur[k, k] = total + week_precision
        if structure.walk == 1 and k + 1 < weeks:
            s.schur[k, k] += week_precision
            s.schur[k + 1, k] = -week_precision
    for j in range(t.effects):
        s.schur[weeks + j, weeks + j] = structure.event_precision
    for e in range(t.events):
        k, c, j = t.event_week[e], t.event_hour[e], weeks + t.event_effect[e]
        curvature = s.cross[k, c]
        s.cross[j, c] += curvature
        s.schur[j, j] += curvature
        s.schur[j, k] += curvature
    reduce_tree(structure, s, precisions, m)
    return cholesky(s.schur, s.chol, m)


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1)
def subtract_prior_slope(
    structure: Structure, t: Series, s: Scratch, precisions: FloatVector
) -> None:
    """Subtract from `rhs` the slope of the prior's energy at the current point."""
    segments = len(structure.parents)
    root = 24 * segments
    for segment in range(segments):
        precision = precisions[structure.levels[segment]]
        for n in range(24 * segment, 24 * segment + 24):
            s.rhs_tree[n] -= precision * s.tree[n]
    s.rhs_tree[root] -= structure.level_precision * s.tree[root]
    week_precision = precisions[len(precisions) - 1]
    previous = 0.0
    for k in range(t.weeks):
        if structure.walk == 1:
            innovation = s.dense[k] - previous
            s.rhs_dense[k] -= week_precision * innovation
            if k > 0:
                s.rhs_dense[k - 1] += week_precision * innovation
            previous = s.dense[k]
        else:
            s.rhs_dense[k] -= week_precision * s.dense[k]
    for j in range(t.effects):
        s.rhs_dense[t.weeks + j] -= structure.event_precision * s.dense[t.weeks + j]


@kernel(numba.float64, STRUCTURE, SERIES, F1, F1, F1)
def prior_energy(
    structure: Structure, t: Series, tree: FloatVector, dense: FloatVector, squares: FloatVector
) -> float:
    """Return the fixed priors' energy; `squares` receives each scale's sum of squares."""
    segments = len(structure.parents)
    root = 24 * segments
    for i in range(len(squares)):
        squares[i] = 0.0
    for segment in range(segments):
        total = 0.0
        for n in range(24 * segment, 24 * segment + 24):
            total += tree[n] * tree[n]
        squares[structure.levels[segment]] += total
    last = len(squares) - 1
    previous = 0.0
    for k in range(t.weeks):
        squares[last] += (dense[k] - previous) ** 2
        if structure.walk == 1:
            previous = dense[k]
    energy: float = 0.5 * structure.level_precision * tree[root] * tree[root]
    for j in range(t.effects):
        energy += 0.5 * structure.event_precision * dense[t.weeks + j] ** 2
    return energy


@kernel(numba.types.UniTuple(numba.float64, 2), SERIES, SCRATCH, numba.float64)
def log_likelihood(t: Series, s: Scratch, r: float) -> tuple[float, float]:
    """Return sum y log mu - (y + 1/r) log(1 + r mu) at the point evaluated, and its slope in r.

    Without the terms of y and r alone (`count_terms`), and with log mu without log exposure.
    """
    total = 0.0
    slope = 0.0
    phi = 1.0 / r
    for k in range(t.weeks):
        counts = t.counts[k]
        mean = s.mean[k]
        shrink = s.shrink[k]
        week = s.dense[k]
        for c in range(168):
            s.row[c] = 1.0 + r * mean[c]
        log_of(s.row, s.row_log, 168)
        for c in range(168):
            total += counts[c] * (s.path[c] + week) - (counts[c] + phi) * s.row_log[c]
            slope += phi * phi * s.row_log[c] - (counts[c] + phi) * mean[c] * shrink[c]
    for e in range(t.events):
        y = t.counts[t.event_week[e], t.event_hour[e]]
        total += y * s.dense[t.weeks + t.event_effect[e]]
    return total, slope


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, F1, numba.float64, F1)
def energy(
    structure: Structure,
    t: Series,
    s: Scratch,
    precisions: FloatVector,
    r: float,
    squares: FloatVector,
) -> float:
    """Return minus the log joint density (up to terms of theta) at the point last evaluated."""
    total = prior_energy(structure, t, s.tree, s.dense, squares)
    total -= log_likelihood(t, s, r)[0]
    for i in range(len(squares)):
        total += 0.5 * precisions[i] * squares[i]
    return total


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, numba.float64)
def move(structure: Structure, t: Series, s: Scratch, length: float) -> None:
    """Go `length` times the step, from the current point."""
    for n in range(24 * len(structure.parents) + 1):
        s.tree[n] += length * s.step_tree[n]
        s.path[n] += length * s.step_path[n]
    for i in range(t.weeks + t.effects):
        s.dense[i] += length * s.step_dense[i]


@kernel(numba.int64, STRUCTURE, SERIES, SCRATCH, F1, numba.float64, F1)
def find_mode(
    structure: Structure,
    t: Series,
    s: Scratch,
    precisions: FloatVector,
    r: float,
    squares: FloatVector,
) -> int:
    """Move the point to the field's mode; leaves the Hessian there factorised.

    Returns
    -------
    int
        Newton steps, negative where the search did not end (or the Hessian was not positive).
    """
    root = 24 * len(structure.parents)
    m = t.weeks + t.effects
    best = np.inf
    length = 1.0
    for iteration in range(MOST_STEPS):
        evaluate_field(t, s, r)
        if iteration >= 12:
            height = energy(structure, t, s, precisions, r, squares)
            if not height <= best + 1e-9 * abs(best) and length > 1e-6:
                move(structure, t, s, -0.5 * length)
                length *= 0.5
                continue
            best = height
        if not factorise(structure, t, s, precisions):
            return -iteration - 1
        sum_table(structure, t, s.residual, s.rhs_tree, s.rhs_dense)
        subtract_prior_slope(structure, t, s, precisions)
        solve(structure, s, s.rhs_tree, s.rhs_dense, s.step_tree, s.step_dense, s.step_path, m)
        decrement = 0.0
        for n in range(root + 1):
            decrement += s.rhs_tree[n] * s.step_tree[n]
        for i in range(m):
            decrement += s.rhs_dense[i] * s.step_dense[i]
        if decrement < ENOUGH:
            return iteration + 1
        longest = 0.0
        for n in range(168):
            longest = max(longest, abs(s.step_path[n]))
        for i in range(m):
            longest = max(longest, abs(s.step_dense[i]))
        length = 1.0 if longest <= LONGEST_STEP else LONGEST_STEP / longest
        move(structure, t, s, length)
    return -MOST_STEPS
