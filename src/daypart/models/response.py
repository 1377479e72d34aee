"""How the field's mode moves with theta: first-order answers, one solve a coordinate."""

from __future__ import annotations

import numba

from daypart.models.elimination import solve
from daypart.models.field import (
    MEAN,
    PATH,
    POINT,
    RESIDUAL,
    RHS,
    SCRATCH,
    SERIES,
    SHRINK,
    START,
    STRUCTURE,
    THIRD,
    Scratch,
    Series,
    Structure,
)
from daypart.models.kernels import F1, FloatVector, kernel
from daypart.models.laplace import sum_table


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1)
def respond(structure: Structure, t: Series, s: Scratch, theta: FloatVector) -> None:
    """Fill `response` at the current mode (its Hessian factorised), and keep the point in START.

    A prior of precision p pulls an effect x by -p x, and d p / d theta = -6 p / theta; so the
    mode answers by H^-1 (6 p x / theta).
    """
    tree, dense = s.node[POINT], s.dense[POINT]
    rhs, rhs_dense = s.node[RHS], s.dense[RHS]
    precisions = s.scales[0]
    last = len(precisions)
    r = theta[last] ** 6.0
    segments = len(structure.parents)
    m = t.weeks + t.effects
    for n in range(len(tree)):
        s.node[START, n] = tree[n]
    for i in range(m):
        s.dense[START, i] = dense[i]
    for coordinate in range(last + 1):
        factor = 6.0 / theta[coordinate]
        for n in range(len(rhs)):
            rhs[n] = 0.0
        for i in range(m):
            rhs_dense[i] = 0.0
        if coordinate < last - 1:
            for segment in range(segments):
                if structure.levels[segment] == coordinate:
                    for n in range(24 * segment, 24 * segment + 24):
                        rhs[n] = factor * precisions[coordinate] * tree[n]
        elif coordinate == last - 1:
            for k in range(t.weeks):
                step = dense[k]
                if structure.walk == 1 and k > 0:
                    step -= dense[k - 1]
                    rhs_dense[k - 1] -= factor * precisions[coordinate] * step
                rhs_dense[k] += factor * precisions[coordinate] * step
        else:
            residuals, means, shrinks = s.table[RESIDUAL], s.table[MEAN], s.table[SHRINK]
            thirds = s.table[THIRD]
            for k in range(t.weeks):
                for c in range(168):
                    thirds[k, c] = -factor * r * residuals[k, c] * means[k, c] * shrinks[k, c]
            sum_table(structure, t, thirds, rhs, rhs_dense)
        solve(
            structure,
            s,
            rhs,
            rhs_dense,
            s.response[coordinate],
            s.response_dense[coordinate],
            s.response[last + 1 + coordinate],
            m,
        )


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, F1, F1)
def jump(
    structure: Structure, t: Series, s: Scratch, theta: FloatVector, centre: FloatVector
) -> None:
    """Put the point where the mode at `theta` should be, seen from that at `centre`."""
    tree, path, dense = s.node[POINT], s.node[PATH], s.dense[POINT]
    for n in range(len(tree)):
        tree[n] = s.node[START, n]
    for i in range(t.weeks + t.effects):
        dense[i] = s.dense[START, i]
    for j in range(len(theta)):
        distance = theta[j] - centre[j]
        effects, slopes = s.response[j], s.response_dense[j]
        for n in range(len(tree)):
            tree[n] += distance * effects[n]
        for i in range(t.weeks + t.effects):
            dense[i] += distance * slopes[i]
    segments = len(structure.parents)
    root = 24 * segments
    path[root] = tree[root]
    for segment in range(segments - 1, -1, -1):
        first = 24 * segment
        parent = structure.parents[segment]
        above = 24 * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(24):
            path[first + n] = path[above + stride * n] + tree[first + n]
