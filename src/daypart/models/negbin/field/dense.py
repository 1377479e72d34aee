"""The dense block of weeks and events: its Cholesky factor, solutions and inverse, by whole rows.

Matrices hold their upper triangle, and rows are worked on from a multiple of 8 to one of 8, so
that loops are whole vector instructions: what lies under the diagonal means nothing, and what
lies beyond m is 0.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector, unsigned


@kernel(numba.boolean, F2, F1, numba.int64)
def factorise_dense(upper: FloatMatrix, inverse: FloatVector, m: int) -> bool:
    """Put U with U' U = A in place of A, and 1 / diagonal into `inverse`; False if not positive."""
    width = unsigned(m + -m % 8)
    for panel in range(0, m, 4):
        end = min(panel + 4, m)
        for i in range(panel, end):
            row, start = upper[i], unsigned(i - i % 8)
            for k in range(panel, i):
                above = upper[k]
                factor = above[i]
                for n in range(start, width):
                    row[n] -= factor * above[n]
            if not row[i] > 0.0:
                return False
            inverse[i] = 1.0 / math.sqrt(row[i])
            factor = inverse[i]
            for n in range(start, width):
                row[n] *= factor
        for i in range(end, m):
            row, start = upper[i], unsigned(i - i % 8)
            a, b, c, d = upper[panel], upper[panel + 1], upper[panel + 2], upper[panel + 3]
            at_a, at_b, at_c, at_d = a[i], b[i], c[i], d[i]
            for n in range(start, width):
                row[n] -= at_a * a[n] + at_b * b[n] + at_c * c[n] + at_d * d[n]
    return True


@kernel(numba.void, F2, F1, F1, numba.int64)
def solve_dense(upper: FloatMatrix, inverse: FloatVector, x: FloatVector, m: int) -> None:
    """Put the solution of U' U z = x in place of x; what lies beyond m is set to 0."""
    width = m + -m % 8
    for i in range(m, width):
        x[i] = 0.0
    for i in range(m):
        row = upper[i]
        value = x[i] * inverse[i]
        x[i] = value
        block = min(i + 8 - i % 8, width)
        for n in range(i + 1, block):
            x[n] -= row[n] * value
        for n in range(unsigned(block), unsigned(width)):
            x[n] -= row[n] * value
    for i in range(m - 1, -1, -1):
        row = upper[i]
        total = x[i]
        block = min(i + 8 - i % 8, width)
        for n in range(i + 1, block):
            total -= row[n] * x[n]
        for n in range(unsigned(block), unsigned(width)):
            total -= row[n] * x[n]
        x[i] = total * inverse[i]


@kernel(numba.void, F2, F1, F2, F2, numba.int64)
def invert_dense(
    upper: FloatMatrix, inverse: FloatVector, work: FloatMatrix, whole: FloatMatrix, m: int
) -> None:
    """Write the inverse of U' U, both triangles; `work` receives that of U'."""
    width = unsigned(m + -m % 8)
    for i in range(m + -m % 4):
        row = work[i]
        for n in range(width):
            row[n] = 0.0
    for i in range(m):
        row = work[i]
        end = unsigned(i + 8 - i % 8)
        for k in range(0, i - i % 4, 4):
            a, b, c, d = work[k], work[k + 1], work[k + 2], work[k + 3]
            at_a, at_b, at_c, at_d = upper[k, i], upper[k + 1, i], upper[k + 2, i], upper[k + 3, i]
            for n in range(end):
                row[n] -= at_a * a[n] + at_b * b[n] + at_c * c[n] + at_d * d[n]
        for k in range(i - i % 4, i):
            above = work[k]
            factor = upper[k, i]
            for n in range(end):
                row[n] -= factor * above[n]
        row[i] += 1.0
        factor = inverse[i]
        for n in range(end):
            row[n] *= factor
    for j in range(0, m, 2):
        x, y = whole[j], whole[j + 1]
        for n in range(width):
            x[n] = 0.0
            y[n] = 0.0
        for i in range(j - j % 4, m, 4):
            a, b, c, d = work[i], work[i + 1], work[i + 2], work[i + 3]
            xa, xb, xc, xd = a[j], b[j], c[j], d[j]
            ya, yb, yc, yd = a[j + 1], b[j + 1], c[j + 1], d[j + 1]
            for n in range(width):
                x[n] += xa * a[n] + xb * b[n] + xc * c[n] + xd * d[n]
                y[n] += ya * a[n] + yb * b[n] + yc * c[n] + yd * d[n]
