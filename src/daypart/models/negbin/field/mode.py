"""The latent field at given scales: slope, Hessian, and Newton's way to the mode.

With energy E(x) = -log likelihood - log prior, slope g and Hessian H = Z' W Z + prior precision,

    x <- x - H^-1 g

The log likelihood (`likelihood`) is concave in log mu, so that Newton's method needs a step cap
only. (It gets a line search after a dozen steps, for series that no such model could have made.)
"""

from __future__ import annotations

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector, unsigned
from daypart.models.negbin.field.dense import factorise_dense
from daypart.models.negbin.field.design import (
    effect_energy,
    effect_precision,
    subtract_effect_slopes,
)
from daypart.models.negbin.field.likelihood import evaluate_field, log_likelihood
from daypart.models.negbin.field.structure import (
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
)
from daypart.models.negbin.field.tree import reduce_tree, solve
from daypart.models.negbin.field.weeks import subtract_week_slopes, week_energy

ENOUGH = 3e-4
"""A Newton step of this squared length, in posterior standard deviations, is the last: what it
leaves is of its square, and its effect on the determinant is known to first order."""
MOST_STEPS = 60
LONGEST_STEP = 3.0
"""In log mu."""


@kernel(numba.void, STRUCTURE, SERIES, F2, F1, F1)
def sum_table(
    structure: Structure, t: Series, table: FloatMatrix, tree: FloatVector, dense: FloatVector
) -> None:
    """Sum a weeks x hours table over what each coordinate of the field reaches (Z' table)."""
    cells = unsigned(structure.cells)
    for c in range(cells):
        tree[c] = 0.0
    for k in range(t.weeks):
        row = table[k]
        total = 0.0
        for c in range(cells):
            tree[c] += row[c]
            total += row[c]
        dense[k] = total
    for j in range(t.effects):
        dense[t.weeks + j] = 0.0
    for e in range(t.events):
        dense[t.weeks + t.event[2, e]] += table[t.event[0, e], t.event[1, e]]
    sum_cells(structure, tree)


@kernel(numba.void, STRUCTURE, F1)
def sum_cells(structure: Structure, tree: FloatVector) -> None:
    """Fill a tree from its cells: each node with the sum of what is below it."""
    segments = len(structure.parents)
    root = structure.width * segments
    width = unsigned(structure.width)
    for n in range(structure.cells, len(tree)):
        tree[n] = 0.0
    for segment in range(segments):
        parent = structure.parents[segment]
        first = unsigned(structure.width * segment)
        if parent >= 0:
            gap = unsigned(structure.width * parent) - first
            for n in range(first, first + width):
                tree[n + gap] += tree[n]
        else:
            total = 0.0
            for n in range(first, first + width):
                total += tree[n]
            tree[root] += total


@kernel(numba.boolean, STRUCTURE, SERIES, SCRATCH)
def factorise(structure: Structure, t: Series, s: Scratch) -> bool:
    """Factorise the Hessian from the curvature that `evaluate_field` left."""
    cells = unsigned(structure.cells)
    cross, schur = s.newton.cross, s.newton.schur
    weeks = t.weeks
    m = weeks + t.effects
    width = unsigned(m + -m % 8)
    for i in range(m):
        row = schur[i]
        for j in range(width):
            row[j] = 0.0
    for k in range(weeks):
        row, prior = schur[k], s.weeks.precision[k]
        for j in range(unsigned(k), unsigned(weeks)):
            row[j] = prior[j]
        row[k] += s.newton.week_weight[k]
    for j in range(t.effects):
        row = cross[weeks + j]
        for c in range(cells):
            row[c] = 0.0
        schur[weeks + j, weeks + j] = effect_precision(structure, t, s.newton.precisions, j)
    for e in range(t.events):
        k, c, j = t.event[0, e], t.event[1, e], weeks + t.event[2, e]
        curvature = cross[k, c]
        cross[j, c] += curvature
        schur[j, j] += curvature
        schur[k, j] += curvature
        other = e - 1
        while other >= 0 and t.event[0, other] == k and t.event[1, other] == c:
            i = weeks + t.event[2, other]
            schur[min(i, j), max(i, j)] += curvature
            other -= 1
    reduce_tree(structure, s, m)
    return factorise_dense(schur, s.newton.inverse_diagonal, m)


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH)
def subtract_prior_slope(structure: Structure, t: Series, s: Scratch) -> None:
    """Subtract from RHS the slope of the prior's energy at the current point."""
    tree, rhs_tree = s.newton.point.tree, s.newton.rhs.tree
    precisions = s.newton.precisions
    width, segments = unsigned(structure.width), len(structure.parents)
    root = structure.width * segments
    for segment in range(segments):
        precision = precisions[structure.levels[segment]]
        first = unsigned(structure.width * segment)
        for n in range(first, first + width):
            rhs_tree[n] -= precision * tree[n]
    rhs_tree[root] -= structure.level_precision * tree[root]
    subtract_week_slopes(t, s)
    subtract_effect_slopes(structure, t, s)


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH)
def prior_energy(structure: Structure, t: Series, s: Scratch) -> float:
    """Return the weeks' and the fixed priors' energy; SQUARES receives each other scale's sum.

    That is the sum of squares of the effects that have the scale.
    """
    tree, squares = s.newton.point.tree, s.newton.squares
    width, segments = unsigned(structure.width), len(structure.parents)
    root = structure.width * segments
    for i in range(len(squares)):
        squares[i] = 0.0
    for segment in range(segments):
        total = 0.0
        first = unsigned(structure.width * segment)
        for n in range(first, first + width):
            total += tree[n] * tree[n]
        squares[structure.levels[segment]] += total
    energy: float = 0.5 * structure.level_precision * tree[root] * tree[root]
    return energy + week_energy(t, s) + effect_energy(structure, t, s)


@kernel(numba.void, SCRATCH, numba.int64, numba.float64)
def move(s: Scratch, m: int, length: float) -> None:
    """Go `length` times the step, from the current point."""
    tree, path, dense = s.newton.point.tree, s.newton.point.path, s.newton.point.dense
    step_tree, step_path, step_dense = s.newton.step.tree, s.newton.step.path, s.newton.step.dense
    for n in range(len(tree)):
        tree[n] += length * step_tree[n]
        path[n] += length * step_path[n]
    for i in range(m):
        dense[i] += length * step_dense[i]


@kernel(numba.float64, F1, F1, numba.int64)
def inner(one: FloatVector, two: FloatVector, count: int) -> float:
    """Return the inner product of the first `count` numbers."""
    total = 0.0
    for i in range(unsigned(count)):
        total += one[i] * two[i]
    return total


@kernel(numba.float64, F1, numba.int64)
def largest(values: FloatVector, count: int) -> float:
    """Return the largest size of the first `count` numbers, or 0 where that is within a step."""
    beyond = 0
    for i in range(unsigned(count)):
        beyond += 1 if abs(values[i]) > LONGEST_STEP else 0
    found = 0.0
    if beyond > 0:
        for i in range(count):
            found = max(found, abs(values[i]))
    return found


@kernel(numba.int64, STRUCTURE, SERIES, SCRATCH, numba.float64)
def find_mode(structure: Structure, t: Series, s: Scratch, r: float) -> int:
    """Find the field's mode: the point plus STEP, one last Newton step that is not yet taken.

    The Hessian, factorised, and the tables are those at the point.

    Returns
    -------
    int
        Newton steps, negative where the search did not end (or the Hessian was not positive).
    """
    step_tree, step_path, step_dense = s.newton.step.tree, s.newton.step.path, s.newton.step.dense
    rhs_tree, rhs_dense = s.newton.rhs.tree, s.newton.rhs.dense
    m = t.weeks + t.effects
    best = np.inf
    length = 1.0
    for iteration in range(MOST_STEPS):
        evaluate_field(t, s, r)
        if iteration >= 12:
            height = prior_energy(structure, t, s) - log_likelihood(t, s, r)[0]
            for i in range(len(s.newton.precisions)):
                height += 0.5 * s.newton.precisions[i] * s.newton.squares[i]
            if not height <= best + 1e-9 * abs(best) and length > 1e-6:
                move(s, m, -0.5 * length)
                length *= 0.5
                continue
            best = height
        if not factorise(structure, t, s):
            return -iteration - 1
        sum_cells(structure, rhs_tree)
        subtract_prior_slope(structure, t, s)
        solve(structure, s, rhs_tree, rhs_dense, step_tree, step_dense, step_path, m)
        decrement = inner(rhs_tree, step_tree, len(rhs_tree)) + inner(rhs_dense, step_dense, m)
        if decrement < ENOUGH:
            return iteration + 1
        longest = max(largest(step_path, len(step_path)), largest(step_dense, m))
        length = 1.0 if longest <= LONGEST_STEP else LONGEST_STEP / longest
        move(s, m, length)
    return -MOST_STEPS
