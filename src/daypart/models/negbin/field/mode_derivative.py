"""How the field's mode moves with theta: first-order answers, one solve a coordinate."""

from __future__ import annotations

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, FloatVector, unsigned
from daypart.models.negbin.field.design import add_effect_pulls
from daypart.models.negbin.field.mode import move, sum_table
from daypart.models.negbin.field.structure import (
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
)
from daypart.models.negbin.field.tree import solve
from daypart.models.negbin.field.weeks import add_week_pulls, origin_slope

FARTHEST = 1.0
"""In log mu."""


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1, F1, F1, F1, F1)
def implicit_derivative(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: FloatVector,
    direction: FloatVector,
    tree: FloatVector,
    dense: FloatVector,
    path: FloatVector,
) -> None:
    """Write how the mode moves as theta moves along a direction, to first order.

    A prior of precision p pulls an effect x by -p x, and d p / d theta = -6 p / theta; so the
    mode answers by H^-1 (6 p x / theta).
    """
    cells = unsigned(structure.cells)
    point = s.newton.point.tree
    rhs, rhs_dense = s.newton.rhs.tree, s.newton.rhs.dense
    precisions = s.newton.precisions
    last = len(precisions)
    r = theta[last] ** 6
    m = t.weeks + t.effects
    factor = 6.0 * direction[last] / theta[last]
    if factor != 0.0:
        residuals, means, shrinks = s.newton.residual, s.newton.mean, s.newton.shrink
        thirds = s.adjoint.third
        for k in range(t.weeks):
            for c in range(cells):
                thirds[k, c] = -factor * r * residuals[k, c] * means[k, c] * shrinks[k, c]
        sum_table(structure, t, thirds, rhs, rhs_dense)
    else:
        for n in range(len(rhs)):
            rhs[n] = 0.0
        for i in range(m):
            rhs_dense[i] = 0.0
    width = unsigned(structure.width)
    for segment in range(len(structure.parents)):
        level = structure.levels[segment]
        factor = 6.0 * direction[level] / theta[level] * precisions[level]
        first = unsigned(structure.width * segment)
        for n in range(first, first + width):
            rhs[n] += factor * point[n]
    add_week_pulls(structure, t, s, theta, direction)
    add_effect_pulls(t, s, theta, direction)
    solve(structure, s, rhs, rhs_dense, tree, dense, path, m)


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1)
def differentiate_mode(structure: Structure, t: Series, s: Scratch, theta: FloatVector) -> None:
    """Fill DERIVATIVE at the current mode, whose Hessian is factorised, and keep the point."""
    for n in range(len(s.newton.pivot)):
        s.derivative.mode.tree[n] = s.newton.point.tree[n]
    for i in range(t.weeks + t.effects):
        s.derivative.mode.dense[i] = s.newton.point.dense[i]
    d = len(theta)
    direction = s.logs[:d]
    for j in range(d):
        for i in range(d):
            direction[i] = 1.0 if i == j else 0.0
        implicit_derivative(
            structure,
            t,
            s,
            theta,
            direction,
            s.derivative.tree[j],
            s.derivative.dense[j],
            s.derivative.path[j],
        )
        s.derivative.origin[j] = origin_slope(structure, t, s, theta, j)


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1, F1)
def predict_mode(
    structure: Structure, t: Series, s: Scratch, theta: FloatVector, to: FloatVector
) -> None:
    """Move the point from the mode at `theta`, where it was found last, to where that at `to` is.

    No effect is moved by more than `FARTHEST`: far away the first order says little.
    """
    d = len(theta)
    direction = s.logs[:d]
    for i in range(d):
        direction[i] = to[i] - theta[i]
    path = s.newton.step.path
    implicit_derivative(
        structure, t, s, theta, direction, s.newton.step.tree, s.newton.step.dense, path
    )
    longest = 1e-300
    for n in range(len(path)):
        longest = max(longest, abs(path[n]))
    move(s, t.weeks + t.effects, min(1.0, FARTHEST / longest))


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1, F1)
def warm_start(
    structure: Structure, t: Series, s: Scratch, theta: FloatVector, centre: FloatVector
) -> None:
    """Put the point where the mode at `theta` should be, seen from that at `centre`."""
    tree, path, dense = s.newton.point.tree, s.newton.point.path, s.newton.point.dense
    for n in range(len(tree)):
        tree[n] = s.derivative.mode.tree[n]
    for i in range(t.weeks + t.effects):
        dense[i] = s.derivative.mode.dense[i]
    for j in range(len(theta)):
        distance = theta[j] - centre[j]
        effects, slopes = s.derivative.tree[j], s.derivative.dense[j]
        for n in range(len(tree)):
            tree[n] += distance * effects[n]
        for i in range(t.weeks + t.effects):
            dense[i] += distance * slopes[i]
    width, segments = unsigned(structure.width), len(structure.parents)
    root = structure.width * segments
    path[root] = tree[root]
    top = path[root]
    for segment in range(segments - 1, -1, -1):
        first = unsigned(structure.width * segment)
        parent = structure.parents[segment]
        if parent >= 0:
            gap = unsigned(structure.width * parent) - first
            for n in range(first, first + width):
                path[n] = path[n + gap] + tree[n]
        else:
            for n in range(first, first + width):
                path[n] = top + tree[n]
