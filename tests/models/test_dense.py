"""The dense block's factor, solutions and inverse are NumPy's, whatever its size."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2
from daypart.models.negbin.field.dense import factorise_dense, invert_dense, solve_dense


@kernel(numba.boolean, F2, F1, F1, F2, F2, numba.int64, from_python=True)
def worked_out(upper, inverse, x, work, whole, m):
    """Call the kernels, which Python can't."""
    positive = factorise_dense(upper, inverse, m)
    if positive:
        solve_dense(upper, inverse, x, m)
        invert_dense(upper, inverse, work, whole, m)
    return positive


def room(m: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return a positive definite matrix and the room that the kernels want: full of what was."""
    rng = np.random.default_rng(m)
    factor = rng.normal(size=(m, m + 3))
    size = m + -m % 8
    upper = np.zeros((size, size))
    upper[:m, :m] = np.triu(factor @ factor.T)
    return factor @ factor.T, upper, size


@pytest.mark.parametrize("m", [1, 2, 3, 7, 8, 9, 13, 16, 17, 52, 61])
def test_solutions_and_inverses_are_those_of_numpy(m):
    matrix, upper, size = room(m)
    x = np.random.default_rng(1).normal(size=size)
    right = x[:m].copy()
    work, whole = np.full((size, size), 7.0), np.full((size, size), 7.0)
    assert worked_out(upper, np.zeros(size), x, work, whole, m)
    scale = np.linalg.cond(matrix)
    np.testing.assert_allclose(x[:m], np.linalg.solve(matrix, right), rtol=1e-13 * scale)
    assert not x[m:].any()
    inverse = np.linalg.inv(matrix)
    np.testing.assert_allclose(whole[:m, :m], inverse, atol=1e-13 * scale * np.abs(inverse).max())


def test_the_factors_diagonal_gives_the_determinant():
    matrix, upper, size = room(13)
    inverse = np.zeros(size)
    worked_out(upper, inverse, np.zeros(size), upper.copy(), upper.copy(), 13)
    assert -2.0 * np.log(inverse[:13]).sum() == pytest.approx(np.linalg.slogdet(matrix)[1])


def test_a_matrix_that_is_not_positive_is_refused():
    _, upper, size = room(9)
    upper[5, 5] = -1.0
    assert not worked_out(upper, np.zeros(size), np.zeros(size), upper.copy(), upper.copy(), 9)
