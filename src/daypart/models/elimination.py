"""Factorise the field's Hessian and solve with it: tree nodes first, then the dense rest.

With cell weights R[c] = sum over weeks of W[k, c] and V[:, c] the Hessian between cell c and the
dense coordinates, eliminating a node n of pivot D = R + prior precision multiplies what its
parent sees by f = 1 - R / D:

    R[parent] += f R     V[parent] += f V     schur -= V V' / D

so every level of the tree costs as much as the first, and only an m x m Cholesky remains. A
path's conditional law given the dense coordinates x is then found from the root down:

    path[n] = f path[parent] - (V / D) x + N(0, 1 / D)
"""

from __future__ import annotations

import math

import numba

from daypart.models.field import (
    CARRY,
    CHOL,
    COV,
    CROSS,
    KEEP,
    LOAD,
    OWN,
    PIVOT,
    SCALED,
    SCHUR,
    SCRATCH,
    SPREAD,
    STRUCTURE,
    VARIANCE,
    WEIGHT,
    Scratch,
    Structure,
)
from daypart.models.kernels import F1, F2, FloatMatrix, FloatVector, kernel, log_of


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def reduce_tree(structure: Structure, s: Scratch, m: int) -> None:
    """Eliminate the tree from CROSS, WEIGHT (filled for the cells) and SCHUR."""
    weight, keep, pivot = s.node[WEIGHT], s.node[KEEP], s.node[PIVOT]
    cross, scaled, schur = s.load[CROSS], s.load[SCALED], s.square[SCHUR]
    precisions = s.scales[0]
    segments = len(structure.parents)
    root = 24 * segments
    nodes = len(weight)
    for n in range(168, nodes):
        weight[n] = 0.0
    for segment in range(segments):
        first = 24 * segment
        precision = precisions[structure.levels[segment]]
        parent = structure.parents[segment]
        above = 24 * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(24):
            pivot[first + n] = weight[first + n] + precision
            keep[first + n] = precision / pivot[first + n]
            weight[above + stride * n] += keep[first + n] * weight[first + n]
    pivot[root] = weight[root] + structure.level_precision
    keep[root] = 0.0
    for n in range(root + 1, nodes):
        pivot[n] = 1.0
    inverse = s.line[0]
    for n in range(nodes):
        inverse[n] = 1.0 / pivot[n]
    for i in range(m):
        row = cross[i]
        for n in range(168, nodes):
            row[n] = 0.0
        for segment in range(segments):
            first = 24 * segment
            parent = structure.parents[segment]
            if parent >= 0:
                above = 24 * parent
                for n in range(24):
                    row[above + n] += keep[first + n] * row[first + n]
            else:
                total = 0.0
                for n in range(24):
                    total += keep[first + n] * row[first + n]
                row[root] += total
        target = scaled[i]
        for n in range(nodes):
            target[n] = row[n] * inverse[n]
        for j in range(0, i, 2):
            left, right = scaled[j], scaled[j + 1]
            total = 0.0
            other = 0.0
            for n in range(nodes):
                total += row[n] * left[n]
                other += row[n] * right[n]
            schur[i, j] -= total
            schur[i, j + 1] -= other
        if i % 2 == 0:
            total = 0.0
            for n in range(nodes):
                total += row[n] * target[n]
            schur[i, i] -= total


@kernel(numba.boolean, F2, F2, numba.int64)
def cholesky(matrix: FloatMatrix, lower: FloatMatrix, m: int) -> bool:
    """Factorise the leading m x m block (its lower triangle is read); False if not positive."""
    for i in range(m):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            if i == j:
                if not total > 0.0:
                    return False
                lower[i, i] = math.sqrt(total)
            else:
                lower[i, j] = total / lower[j, j]
    return True


@kernel(numba.void, F2, F2, F2, numba.int64)
def invert_factor(lower: FloatMatrix, work: FloatMatrix, inverse: FloatMatrix, m: int) -> None:
    """Write the inverse of L L' (whole); `work` receives the transposed inverse of L."""
    for j in range(m):
        work[j, j] = 1.0 / lower[j, j]
        for i in range(j + 1, m):
            total = 0.0
            for k in range(j, i):
                total += lower[i, k] * work[j, k]
            work[j, i] = -total / lower[i, i]
    for i in range(m):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, m):
                total += work[i, k] * work[j, k]
            inverse[i, j] = total
            inverse[j, i] = total


@kernel(numba.float64, SCRATCH, numba.int64)
def log_determinant(s: Scratch, m: int) -> float:
    """Return the log determinant of the factorised Hessian."""
    pivot, logs, chol = s.node[PIVOT], s.line[0], s.square[CHOL]
    log_of(pivot, logs, len(pivot))
    total = 0.0
    for n in range(len(pivot)):
        total += logs[n]
    for i in range(m):
        total += 2.0 * math.log(chol[i, i])
    return total


@kernel(numba.void, STRUCTURE, SCRATCH, F1, F1, F1, F1, F1, numba.int64)
def solve(
    structure: Structure,
    s: Scratch,
    rhs_tree: FloatVector,
    rhs_dense: FloatVector,
    tree: FloatVector,
    dense: FloatVector,
    path: FloatVector,
    m: int,
) -> None:
    """Solve H z = rhs; `tree` and `dense` receive z, `path` the sums of z from the root."""
    carry, keep, pivot = s.node[CARRY], s.node[KEEP], s.node[PIVOT]
    scaled, chol = s.load[SCALED], s.square[CHOL]
    segments = len(structure.parents)
    root = 24 * segments
    nodes = len(carry)
    for n in range(nodes):
        carry[n] = 0.0
        tree[n] = rhs_tree[n]
    for segment in range(segments):
        first = 24 * segment
        parent = structure.parents[segment]
        above = 24 * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(24):
            tree[first + n] -= carry[first + n]
            passed = carry[first + n] + (1.0 - keep[first + n]) * tree[first + n]
            carry[above + stride * n] += passed
    tree[root] -= carry[root]
    for n in range(root + 1, nodes):
        tree[n] = 0.0
    for i in range(m):
        row = scaled[i]
        total = rhs_dense[i]
        for n in range(nodes):
            total -= row[n] * tree[n]
        dense[i] = total
    for i in range(m):
        total = dense[i]
        for k in range(i):
            total -= chol[i, k] * dense[k]
        dense[i] = total / chol[i, i]
    for i in range(m - 1, -1, -1):
        total = dense[i] / chol[i, i]
        dense[i] = total
        for k in range(i):
            dense[k] -= chol[i, k] * total
    for n in range(nodes):
        tree[n] /= pivot[n]
    for i in range(m):
        row = scaled[i]
        value = dense[i]
        for n in range(nodes):
            tree[n] -= row[n] * value
    path[root] = tree[root]
    for segment in range(segments - 1, -1, -1):
        first = 24 * segment
        parent = structure.parents[segment]
        above = 24 * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(24):
            higher = path[above + stride * n]
            tree[first + n] -= (1.0 - keep[first + n]) * higher
            path[first + n] = higher + tree[first + n]


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def path_loads(structure: Structure, s: Scratch, m: int) -> None:
    """Fill LOAD, OWN and each node's own part of VARIANCE from the root down."""
    keep, pivot, own, variance = s.node[KEEP], s.node[PIVOT], s.node[OWN], s.node[VARIANCE]
    scaled, load = s.load[SCALED], s.load[LOAD]
    segments = len(structure.parents)
    root = 24 * segments
    own[root] = 1.0 / pivot[root]
    variance[root] = own[root]
    for segment in range(segments - 1, -1, -1):
        first = 24 * segment
        parent = structure.parents[segment]
        above = 24 * parent if parent >= 0 else root
        stride = 1 if parent >= 0 else 0
        for n in range(first, first + 24):
            higher = own[above + stride * (n - first)]
            share = 1.0 - keep[n]
            variance[n] = 1.0 / pivot[n] + share * share * higher
            own[n] = 1.0 / pivot[n] + keep[n] * keep[n] * higher
    for i in range(m):
        row, source = load[i], scaled[i]
        row[root] = source[root]
        for segment in range(segments - 1, -1, -1):
            first = 24 * segment
            parent = structure.parents[segment]
            if parent >= 0:
                above = 24 * parent
                for n in range(24):
                    row[first + n] = source[first + n] + keep[first + n] * row[above + n]
            else:
                top = row[root]
                for n in range(24):
                    row[first + n] = source[first + n] + keep[first + n] * top


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def path_covariances(structure: Structure, s: Scratch, m: int) -> None:
    """Fill COV, LOAD, SPREAD, OWN and VARIANCE from the factorisation.

    Afterwards path[n] = -LOAD[:, n] x + N(0, OWN[n]) with x ~ N(0, COV). SCALED stays as it is.
    """
    variance = s.node[VARIANCE]
    load, spread, cov = s.load[LOAD], s.load[SPREAD], s.square[COV]
    nodes = len(variance)
    segments = len(structure.parents)
    root = 24 * segments
    invert_factor(s.square[CHOL], s.square[SCHUR], cov, m)
    path_loads(structure, s, m)
    for i in range(m):
        target = spread[i]
        for n in range(nodes):
            target[n] = 0.0
        for j in range(0, m - 1, 2):
            one, two = load[j], load[j + 1]
            a, b = cov[i, j], cov[i, j + 1]
            for n in range(nodes):
                target[n] += a * one[n] + b * two[n]
        if m % 2 == 1:
            one, a = load[m - 1], cov[i, m - 1]
            for n in range(nodes):
                target[n] += a * one[n]
        row = load[i]
        top, top_spread = row[root], target[root]
        variance[root] += top * top_spread
        for segment in range(segments):
            first = 24 * segment
            parent = structure.parents[segment]
            if parent >= 0:
                gap = 24 * parent - first
                for n in range(first, first + 24):
                    variance[n] += (row[n] - row[n + gap]) * (target[n] - target[n + gap])
            else:
                for n in range(first, first + 24):
                    variance[n] += (row[n] - top) * (target[n] - top_spread)
