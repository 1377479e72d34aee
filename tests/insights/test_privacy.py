"""No cell of too few households is published, nor one that subtraction would give."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from daypart.insights import publishable

LEAST = 50
GRIDS = hnp.arrays(
    np.int64,
    st.tuples(st.integers(1, 6), st.integers(1, 4)),
    elements=st.integers(0, 400),
)


def with_base(grid):
    """Make segment 0 hold at least as many households as every other."""
    grid = grid.copy()
    grid[:, 0] = grid.max(axis=1)
    return grid


@given(GRIDS)
def test_what_is_published_has_enough_households(grid):
    grid = with_base(grid)
    allowed = publishable(grid, LEAST)
    households = np.concatenate([grid, grid.sum(axis=0, keepdims=True)])
    assert (households[allowed] >= LEAST).all()


@given(GRIDS)
def test_no_hidden_market_is_the_total_less_the_others(grid):
    grid = with_base(grid)
    allowed = publishable(grid, LEAST)
    for segment in range(grid.shape[1]):
        hidden = ~allowed[:-1, segment]
        if allowed[-1, segment] and hidden.any():
            assert hidden.sum() >= 2
            assert grid[hidden, segment].sum() >= LEAST


@given(GRIDS)
def test_no_small_complement_of_a_segment_can_be_found(grid):
    grid = with_base(grid)
    allowed = publishable(grid, LEAST)
    households = np.concatenate([grid, grid.sum(axis=0, keepdims=True)])
    complement = households[:, [0]] - households
    small = (complement > 0) & (complement < LEAST)
    assert not allowed[small].any()


def test_all_is_published_where_all_is_large():
    assert publishable(np.full((3, 2), 500), LEAST).all()


def test_no_threshold_publishes_everything():
    assert publishable(np.array([[3, 1], [0, 0]]), 0).all()


def test_a_single_market_and_its_total_go_together():
    assert publishable(np.array([[20]]), LEAST).ravel().tolist() == [False, False]
    assert publishable(np.array([[80]]), LEAST).ravel().tolist() == [True, True]
