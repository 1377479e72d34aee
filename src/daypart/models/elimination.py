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

from daypart.models.field import SCRATCH, STRUCTURE, Scratch, Structure
from daypart.models.kernels import F1, F2, FloatMatrix, FloatVector, kernel, log_of


@kernel(numba.void, STRUCTURE, SCRATCH, F1, numba.int64)
def reduce_tree(structure: Structure, s: Scratch, precisions: FloatVector, m: int) -> None:
    """Eliminate the tree from `cross`, `weight` (filled for the cells) and `schur`."""
    segments = len(structure.parents)
    root = 24 * segments
    for n in range(168, root + 1):
        s.weight[n] = 0.0
    for i in range(m):
        row = s.cross[i]
        for n in range(168, root + 1):
            row[n] = 0.0
    for segment in range(segments):
        first = 24 * segment
        precision = precisions[structure.levels[segment]]
        parent = structure.parents[segment]
        weight = s.weight[first : first + 24]
        keep = s.keep[first : first + 24]
        pivot = s.pivot[first : first + 24]
        for n in range(24):
            pivot[n] = weight[n] + precision
            keep[n] = precision / pivot[n]
        if parent >= 0:
            above = s.weight[24 * parent : 24 * parent + 24]
            for n in range(24):
                above[n] += keep[n] * weight[n]
            for i in range(m):
                row = s.cross[i, first : first + 24]
                target = s.cross[i, 24 * parent : 24 * parent + 24]
                for n in range(24):
                    target[n] += keep[n] * row[n]
        else:
            total = 0.0
            for n in range(24):
                total += keep[n] * weight[n]
            s.weight[root] += total
            for i in range(m):
                row = s.cross[i, first : first + 24]
                total = 0.0
                for n in range(24):
                    total += keep[n] * row[n]
                s.cross[i, root] += total
    s.pivot[root] = s.weight[root] + structure.level_precision
    s.keep[root] = 0.0
    nodes = root + 1
    for i in range(m):
        row = s.cross[i]
        scaled = s.scaled[i]
        for n in range(nodes):
            scaled[n] = row[n] / s.pivot[n]
    for i in range(m):
        row = s.cross[i]
        for j in range(i + 1):
            scaled = s.scaled[j]
            total = 0.0
            for n in range(nodes):
                total += row[n] * scaled[n]
            s.schur[i, j] -= total


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


@kernel(numba.float64, STRUCTURE, SCRATCH, numba.int64)
def log_determinant(structure: Structure, s: Scratch, m: int) -> float:
    """Return the log determinant of the factorised Hessian."""
    nodes = 24 * len(structure.parents) + 1
    log_of(s.pivot, s.row_log, nodes)
    total = 0.0
    for n in range(nodes):
        total += s.row_log[n]
    for i in range(m):
        total += 2.0 * math.log(s.chol[i, i])
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
    segments = len(structure.parents)
    root = 24 * segments
    for n in range(root + 1):
        s.carry[n] = 0.0
    for segment in range(segments):
        first = 24 * segment
        parent = structure.parents[segment]
        carry = s.carry[first : first + 24]
        reduced = tree[first : first + 24]
        given = rhs_tree[first : first + 24]
        keep = s.keep[first : first + 24]
        for n in range(24):
            reduced[n] = given[n] - carry[n]
        if parent >= 0:
            above = s.carry[24 * parent : 24 * parent + 24]
            for n in range(24):
                above[n] += carry[n] + (1.0 - keep[n]) * reduced[n]
        else:
            total = 0.0
            for n in range(24):
                total += carry[n] + (1.0 - keep[n]) * reduced[n]
            s.carry[root] += total
    tree[root] = rhs_tree[root] - s.carry[root]
    for i in range(m):
        row = s.scaled[i]
        total = 0.0
        for n in range(root + 1):
            total += row[n] * tree[n]
        dense[i] = rhs_dense[i] - total
    for i in range(m):
        total = dense[i]
        for k in range(i):
            total -= s.chol[i, k] * dense[k]
        dense[i] = total / s.chol[i, i]
    for i in range(m - 1, -1, -1):
        total = dense[i] / s.chol[i, i]
        dense[i] = total
        for k in range(i):
            dense[k] -= s.chol[i, k] * total
    for n in range(root + 1):
        tree[n] /= s.pivot[n]
    for i in range(m):
        row = s.scaled[i]
        value = dense[i]
        for n in range(root + 1):
            tree[n] -= row[n] * value
    path[root] = tree[root]
    for segment in range(segments - 1, -1, -1):
        first = 24 * segment
        parent = structure.parents[segment]
        effect = tree[first : first + 24]
        keep = s.keep[first : first + 24]
        below = path[first : first + 24]
        for n in range(24):
            above_value = path[24 * parent + n] if parent >= 0 else path[root]
            effect[n] -= (1.0 - keep[n]) * above_value
            below[n] = above_value + effect[n]


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def add_dense_variance(structure: Structure, s: Scratch, m: int) -> None:
    """Add to `node_variance` what the dense coordinates contribute."""
    segments = len(structure.parents)
    root = 24 * segments
    for segment in range(segments):
        first = 24 * segment
        parent = structure.parents[segment]
        variance = s.node_variance[first : first + 24]
        for i in range(m):
            load = s.load[i, first : first + 24]
            spread = s.spread[i, first : first + 24]
            if parent >= 0:
                load_above = s.load[i, 24 * parent : 24 * parent + 24]
                spread_above = s.spread[i, 24 * parent : 24 * parent + 24]
                for n in range(24):
                    variance[n] += (load[n] - load_above[n]) * (spread[n] - spread_above[n])
            else:
                load_root = s.load[i, root]
                spread_root = s.spread[i, root]
                for n in range(24):
                    variance[n] += (load[n] - load_root) * (spread[n] - spread_root)
    total = 1.0 / s.pivot[root]
    for i in range(m):
        total += s.load[i, root] * s.spread[i, root]
    s.node_variance[root] = total


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def path_covariances(structure: Structure, s: Scratch, m: int) -> None:
    """Fill `cov`, `load`, `spread`, `own` and `node_variance` from the factorisation.

    Afterwards path[n] = -load[:, n] x + N(0, own[n]) with x ~ N(0, cov). `scaled` stays as it is.
    """
    segments = len(structure.parents)
    root = 24 * segments
    invert_factor(s.chol, s.schur, s.cov, m)
    s.own[root] = 1.0 / s.pivot[root]
    for i in range(m):
        s.load[i, root] = s.scaled[i, root]
    for segment in range(segments - 1, -1, -1):
        first = 24 * segment
        parent = structure.parents[segment]
        for n in range(24):
            above = s.own[24 * parent + n] if parent >= 0 else s.own[root]
            share = 1.0 - s.keep[first + n]
            s.node_variance[first + n] = 1.0 / s.pivot[first + n] + share * share * above
            s.own[first + n] = (
                1.0 / s.pivot[first + n] + s.keep[first + n] * s.keep[first + n] * above
            )
        for i in range(m):
            row = s.load[i, first : first + 24]
            scaled = s.scaled[i, first : first + 24]
            keep = s.keep[first : first + 24]
            if parent >= 0:
                upper = s.load[i, 24 * parent : 24 * parent + 24]
                for n in range(24):
                    row[n] = scaled[n] + keep[n] * upper[n]
            else:
                top = s.load[i, root]
                for n in range(24):
                    row[n] = scaled[n] + keep[n] * top
    nodes = root + 1
    for i in range(m):
        target = s.spread[i]
        for n in range(nodes):
            target[n] = 0.0
        for j in range(m):
            source = s.load[j]
            factor = s.cov[i, j]
            for n in range(nodes):
                target[n] += factor * source[n]
    add_dense_variance(structure, s, m)
