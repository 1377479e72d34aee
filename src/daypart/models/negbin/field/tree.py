"""Factorise the field's Hessian and solve with it: tree nodes first, then the dense rest.

With cell weights R[c] = sum over weeks of W[k, c] and V[:, c] the Hessian between cell c and the
dense coordinates, eliminating a node n of pivot D = R + prior precision multiplies what its
parent sees by f = 1 - R / D:

    R[parent] += f R     V[parent] += f V     schur -= V V' / D

so every level of the tree costs as much as the first, and only m x m remain (`dense`). A
path's conditional law given the dense coordinates x is then found from the root down:

    path[n] = f path[parent] - (V / D) x + N(0, 1 / D)
"""

from __future__ import annotations

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector, unsigned
from daypart.models.jit.vector_math import log_of
from daypart.models.negbin.field.dense import invert_dense, solve_dense
from daypart.models.negbin.field.structure import (
    SCRATCH,
    STRUCTURE,
    Scratch,
    Structure,
)


@kernel(numba.void, F2, F2, F2, numba.int64)
def subtract_products(cross: FloatMatrix, scaled: FloatMatrix, schur: FloatMatrix, m: int) -> None:
    """Subtract cross scaled' from the upper triangle of `schur`, two by four rows at a time.

    Rows of `cross` up to a multiple of 2, and of `scaled` of 4, hold zeros beyond m.
    """
    for i in range(0, m, 2):
        x, y = cross[i], cross[i + 1]
        for j in range(i - i % 4, m, 4):
            a, b, c, d = scaled[j], scaled[j + 1], scaled[j + 2], scaled[j + 3]
            xa, xb, xc, xd = 0.0, 0.0, 0.0, 0.0
            ya, yb, yc, yd = 0.0, 0.0, 0.0, 0.0
            for n in range(cross.shape[1]):
                xa += x[n] * a[n]
                xb += x[n] * b[n]
                xc += x[n] * c[n]
                xd += x[n] * d[n]
                ya += y[n] * a[n]
                yb += y[n] * b[n]
                yc += y[n] * c[n]
                yd += y[n] * d[n]
            schur[i, j] -= xa
            schur[i, j + 1] -= xb
            schur[i, j + 2] -= xc
            schur[i, j + 3] -= xd
            schur[i + 1, j] -= ya
            schur[i + 1, j + 1] -= yb
            schur[i + 1, j + 2] -= yc
            schur[i + 1, j + 3] -= yd


@kernel(numba.void, STRUCTURE, SCRATCH)
def eliminate_weights(structure: Structure, s: Scratch) -> None:
    """Fill PIVOT, INVERSE, KEEP and the upper levels of WEIGHT."""
    weight, keep = s.newton.weight, s.newton.keep
    pivot, inverse = s.newton.pivot, s.newton.inverse
    width, segments = unsigned(structure.width), len(structure.parents)
    root, nodes = unsigned(structure.width * segments), unsigned(len(weight))
    for n in range(unsigned(structure.cells), nodes):
        weight[n] = 0.0
    for segment in range(segments):
        first = unsigned(structure.width * segment)
        precision = s.newton.precisions[structure.levels[segment]]
        for n in range(first, first + width):
            inverse[n] = 1.0 / (weight[n] + precision)
        for n in range(first, first + width):
            pivot[n] = weight[n] + precision
            keep[n] = precision * inverse[n]
        parent = structure.parents[segment]
        if parent >= 0:
            gap = unsigned(structure.width * parent) - first
            for n in range(first, first + width):
                weight[n + gap] += keep[n] * weight[n]
        else:
            total = 0.0
            for n in range(first, first + width):
                total += keep[n] * weight[n]
            weight[root] += total
    pivot[root] = weight[root] + structure.level_precision
    keep[root] = 0.0
    inverse[root] = 1.0 / pivot[root]
    for n in range(root + unsigned(1), nodes):
        pivot[n] = 1.0
        inverse[n] = 1.0


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def reduce_tree(structure: Structure, s: Scratch, m: int) -> None:
    """Eliminate the tree from CROSS, WEIGHT (filled for the cells) and SCHUR."""
    eliminate_weights(structure, s)
    keep, inverse = s.newton.keep, s.newton.inverse
    cross, scaled = s.newton.cross, s.newton.scaled
    width, segments = unsigned(structure.width), len(structure.parents)
    root, nodes = unsigned(structure.width * segments), unsigned(len(keep))
    for i in range(m):
        row, target = cross[i], scaled[i]
        for n in range(unsigned(structure.cells), nodes):
            row[n] = 0.0
        top = 0.0
        for segment in range(segments):
            first = unsigned(structure.width * segment)
            parent = structure.parents[segment]
            if parent >= 0:
                gap = unsigned(structure.width * parent) - first
                for n in range(first, first + width):
                    row[n + gap] += keep[n] * row[n]
            else:
                for n in range(first, first + width):
                    top += keep[n] * row[n]
        row[root] = top
        for n in range(nodes):
            target[n] = row[n] * inverse[n]
    for i in range(m, m + m % 2):
        for n in range(nodes):
            cross[i, n] = 0.0
    for i in range(m, m + -m % 4):
        for n in range(nodes):
            scaled[i, n] = 0.0
    subtract_products(cross, scaled, s.newton.schur, m)


@kernel(numba.float64, SCRATCH, numba.int64)
def log_determinant(s: Scratch, m: int) -> float:
    """Return the log determinant of the factorised Hessian."""
    pivot, logs, inverse = s.newton.pivot, s.values, s.newton.inverse_diagonal
    total = 0.0
    log_of(inverse, logs, m)
    for i in range(m):
        total -= 2.0 * logs[i]
    log_of(pivot, logs, len(pivot))
    for n in range(len(pivot)):
        total += logs[n]
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
    carry, keep, inverse = s.newton.carry, s.newton.keep, s.newton.inverse
    scaled = s.newton.scaled
    width, segments = unsigned(structure.width), len(structure.parents)
    root, nodes = unsigned(structure.width * segments), unsigned(len(carry))
    for n in range(nodes):
        carry[n] = 0.0
        tree[n] = rhs_tree[n]
    for segment in range(segments):
        first = unsigned(structure.width * segment)
        parent = structure.parents[segment]
        for n in range(first, first + width):
            tree[n] -= carry[n]
        if parent >= 0:
            gap = unsigned(structure.width * parent) - first
            for n in range(first, first + width):
                carry[n + gap] += carry[n] + (1.0 - keep[n]) * tree[n]
        else:
            total = 0.0
            for n in range(first, first + width):
                total += carry[n] + (1.0 - keep[n]) * tree[n]
            carry[root] += total
    tree[root] -= carry[root]
    for n in range(root + unsigned(1), nodes):
        tree[n] = 0.0
    for i in range(0, m, 4):  # the rows beyond m are zeros
        a, b, c, d = scaled[i], scaled[i + 1], scaled[i + 2], scaled[i + 3]
        along_a, along_b, along_c, along_d = 0.0, 0.0, 0.0, 0.0
        for n in range(nodes):
            along_a += a[n] * tree[n]
            along_b += b[n] * tree[n]
            along_c += c[n] * tree[n]
            along_d += d[n] * tree[n]
        dense[i] = rhs_dense[i] - along_a
        dense[i + 1] = rhs_dense[i + 1] - along_b
        dense[i + 2] = rhs_dense[i + 2] - along_c
        dense[i + 3] = rhs_dense[i + 3] - along_d
    solve_dense(s.newton.schur, s.newton.inverse_diagonal, dense, m)
    for n in range(nodes):
        tree[n] *= inverse[n]
    for i in range(0, m, 4):
        a, b, c, d = scaled[i], scaled[i + 1], scaled[i + 2], scaled[i + 3]
        for_a, for_b, for_c, for_d = dense[i], dense[i + 1], dense[i + 2], dense[i + 3]
        for n in range(nodes):
            tree[n] -= for_a * a[n] + for_b * b[n] + for_c * c[n] + for_d * d[n]
    path[root] = tree[root]
    top = path[root]
    for segment in range(segments - 1, -1, -1):
        first = unsigned(structure.width * segment)
        parent = structure.parents[segment]
        if parent >= 0:
            gap = unsigned(structure.width * parent) - first
            for n in range(first, first + width):
                tree[n] -= (1.0 - keep[n]) * path[n + gap]
            for n in range(first, first + width):
                path[n] = path[n + gap] + tree[n]
        else:
            for n in range(first, first + width):
                tree[n] -= (1.0 - keep[n]) * top
            for n in range(first, first + width):
                path[n] = top + tree[n]


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def path_loads(structure: Structure, s: Scratch, m: int) -> None:
    """Fill LOAD, OWN and each node's own part of VARIANCE from the root down."""
    keep, inverse, own = s.newton.keep, s.newton.inverse, s.covariance.own
    variance = s.covariance.effect
    scaled, load = s.newton.scaled, s.covariance.load
    width, segments = unsigned(structure.width), len(structure.parents)
    root, nodes = unsigned(structure.width * segments), unsigned(len(keep))
    for n in range(root, nodes):
        own[n] = inverse[n]
        variance[n] = own[n]
    for segment in range(segments - 1, -1, -1):
        first = unsigned(structure.width * segment)
        parent = structure.parents[segment]
        for n in range(first, first + width):
            higher = (
                own[unsigned(structure.width * parent) + n - first] if parent >= 0 else own[root]
            )
            share = 1.0 - keep[n]
            variance[n] = inverse[n] + share * share * higher
            own[n] = inverse[n] + keep[n] * keep[n] * higher
    for i in range(m):
        row, source = load[i], scaled[i]
        for n in range(root, nodes):
            row[n] = source[n]
        top = row[root]
        for segment in range(segments - 1, -1, -1):
            first = unsigned(structure.width * segment)
            parent = structure.parents[segment]
            if parent >= 0:
                gap = unsigned(structure.width * parent) - first
                for n in range(first, first + width):
                    row[n] = source[n] + keep[n] * row[n + gap]
            else:
                for n in range(first, first + width):
                    row[n] = source[n] + keep[n] * top


@kernel(numba.void, F2, F2, F2, numba.int64)
def multiply(cov: FloatMatrix, load: FloatMatrix, spread: FloatMatrix, m: int) -> None:
    """Write cov times load, two by four rows at a time.

    Rows and columns of `cov`, and rows of `load`, hold zeros beyond m, up to a multiple of 4.
    """
    nodes = unsigned(load.shape[1])
    for i in range(0, m, 2):
        x, y = spread[i], spread[i + 1]
        for n in range(nodes):
            x[n] = 0.0
            y[n] = 0.0
        for j in range(0, m, 4):
            a, b, c, d = load[j], load[j + 1], load[j + 2], load[j + 3]
            xa, xb, xc, xd = cov[i, j], cov[i, j + 1], cov[i, j + 2], cov[i, j + 3]
            ya, yb = cov[i + 1, j], cov[i + 1, j + 1]
            yc, yd = cov[i + 1, j + 2], cov[i + 1, j + 3]
            for n in range(nodes):
                x[n] += xa * a[n] + xb * b[n] + xc * c[n] + xd * d[n]
                y[n] += ya * a[n] + yb * b[n] + yc * c[n] + yd * d[n]


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def path_covariances(structure: Structure, s: Scratch, m: int) -> None:
    """Fill COV, LOAD, SPREAD, OWN, SHARED and VARIANCE from the factorisation.

    Afterwards path[n] = -LOAD[:, n] x + N(0, OWN[n]) with x ~ N(0, COV). SCALED stays as it is.
    """
    load, spread, cov = s.covariance.load, s.covariance.spread, s.covariance.dense
    nodes = unsigned(load.shape[1])
    invert_dense(s.newton.schur, s.newton.inverse_diagonal, s.covariance.work, cov, m)
    path_loads(structure, s, m)
    padded = m + -m % 4
    for i in range(m, padded):
        for n in range(nodes):
            load[i, n] = 0.0
    for i in range(padded):
        for j in range(m, padded):
            cov[i, j] = 0.0
    for i in range(m, padded):
        for j in range(padded):
            cov[i, j] = 0.0
    multiply(cov, load, spread, m)
    for i in range(m + m % 2, padded):
        for n in range(nodes):
            spread[i, n] = 0.0
    add_dense_variances(structure, s, padded)


@kernel(numba.void, STRUCTURE, SCRATCH, numba.int64)
def add_dense_variances(structure: Structure, s: Scratch, padded: int) -> None:
    """Fill SHARED and ACROSS, and add what they make of each effect's variance to VARIANCE."""
    variance, shared, across = s.covariance.effect, s.covariance.shared, s.covariance.across
    load, spread = s.covariance.load, s.covariance.spread
    width, segments = unsigned(structure.width), len(structure.parents)
    root, nodes = unsigned(structure.width * segments), unsigned(len(variance))
    for n in range(nodes):
        shared[n] = 0.0
        across[n] = 0.0
    for i in range(0, padded, 4):
        a, b, c, d = load[i], load[i + 1], load[i + 2], load[i + 3]
        at, bt, ct, dt = spread[i], spread[i + 1], spread[i + 2], spread[i + 3]
        for n in range(nodes):
            shared[n] += a[n] * at[n] + b[n] * bt[n] + c[n] * ct[n] + d[n] * dt[n]
        for segment in range(segments):
            first = unsigned(structure.width * segment)
            parent = structure.parents[segment]
            if parent >= 0:
                gap = unsigned(structure.width * parent) - first
                for n in range(first, first + width):
                    across[n] += a[n] * at[n + gap] + b[n] * bt[n + gap]
                    across[n] += c[n] * ct[n + gap] + d[n] * dt[n + gap]
            else:
                top_a, top_b, top_c, top_d = at[root], bt[root], ct[root], dt[root]
                for n in range(first, first + width):
                    across[n] += a[n] * top_a + b[n] * top_b + c[n] * top_c + d[n] * top_d
    variance[root] += shared[root]
    for segment in range(segments):
        first = unsigned(structure.width * segment)
        parent = structure.parents[segment]
        for n in range(first, first + width):
            higher = (
                shared[unsigned(structure.width * parent) + n - first]
                if parent >= 0
                else shared[root]
            )
            variance[n] += shared[n] + higher - 2.0 * across[n]
