"""No cell of too few households is published, nor one that other cells would give."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daypart.disclosure.groups import Memberships
from daypart.disclosure.suppression import publishable

LEAST = 50
EVERYONE = np.array([[True]])


@st.composite
def memberships(draw):
    """Up to 4 markets and 4 segments, of which the first holds all households."""
    markets, segments = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    patterns = (np.arange(2 ** (segments - 1))[:, None] >> np.arange(segments - 1)) & 1 == 1
    patterns = np.hstack([np.ones((len(patterns), 1), bool), patterns])
    sizes = st.sampled_from([0, 0, 3, 20, 60, 400])
    households = draw(
        st.lists(
            st.lists(sizes, min_size=len(patterns), max_size=len(patterns)),
            min_size=markets,
            max_size=markets,
        )
    )
    return Memberships(patterns, np.array(households, np.int64))


def every_row(members):
    """Each cell as a row over all kinds of households of all markets; totals come last."""
    markets = len(members.households)
    present = [members.households[m] > 0 for m in range(markets)]
    blocks = [members.patterns[p].T.astype(float) for p in present]
    widths = [block.shape[1] for block in blocks]
    starts = np.concatenate([[0], np.cumsum(widths)])
    rows = np.zeros((markets + 1, members.patterns.shape[1], starts[-1]))
    for market, block in enumerate(blocks):
        rows[market, :, starts[market] : starts[market + 1]] = block
    rows[-1] = rows[:-1].sum(axis=0)
    return rows


def can_be_found(row, published):
    if not len(published):
        return not row.any()
    solution = np.linalg.lstsq(published.T, row, rcond=None)[0]
    return np.abs(published.T @ solution - row).max() < 1e-6


@given(memberships())
def test_what_is_published_has_enough_households(members):
    allowed = publishable(members, LEAST)
    assert (members.in_segments()[allowed] >= LEAST).all()


@settings(max_examples=200)
@given(memberships())
def test_no_sum_or_difference_of_published_cells_gives_a_small_one(members):
    """A second way: one large system of equations instead of a small one a market."""
    allowed = publishable(members, LEAST)
    rows, households = every_row(members), members.in_segments()
    published = rows[allowed]
    for cell in np.argwhere((households > 0) & (households < LEAST)):
        assert not can_be_found(rows[tuple(cell)], published)


@settings(max_examples=300)
@given(memberships())
def test_no_small_group_of_a_market_can_be_found_whatever_combines_it(members):
    """An attacker who tries every set of combinations of segments, in every market."""
    allowed = publishable(members, LEAST)
    published = every_row(members)[allowed]
    start = 0
    for households in members.households:
        present = np.flatnonzero(households > 0)
        for chosen in range(1, 2 ** len(present)):
            inside = (chosen >> np.arange(len(present))) & 1 == 1
            if households[present[inside]].sum() < LEAST:
                row = np.zeros(published.shape[1])
                row[start + np.flatnonzero(inside)] = 1
                assert not can_be_found(row, published)
        start += len(present)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 9), st.integers(20, 400))
def test_no_small_group_is_a_sum_or_difference_of_up_to_four_segments(seed, segments, households):
    """Overlapping segments of random sizes, nested, complementary and equal ones among them."""
    rng = np.random.default_rng(seed)
    belongs = rng.random((households, segments)) < rng.choice([0.05, 0.4, 0.9], segments)
    belongs[:, 0] = True
    belongs[:, 1] &= belongs[:, 2]
    belongs[:, 3] = ~belongs[:, 2] if rng.random() < 0.5 else belongs[:, 2]
    members = Memberships.count(belongs, np.zeros(households, np.int64), 1)
    allowed = np.flatnonzero(publishable(members, LEAST)[0])
    rows = members.patterns.T[allowed].astype(np.int64)
    for size in range(1, 5):
        for chosen in combinations(range(len(rows)), size):
            for signs in product((1, -1), repeat=size - 1):
                sums = np.array((1, *signs)) @ rows[list(chosen)]
                left = members.households[0][sums != 0].sum()
                assert left == 0 or left >= LEAST


def test_two_segments_that_share_one_household_and_cover_all_do_not_give_it_away():
    parts = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], bool)
    allowed = publishable(Memberships(parts, np.array([[60, 70, 1]])), LEAST)
    assert allowed[0].tolist() == [True, False, True]


@given(memberships())
def test_markets_hidden_under_a_published_total_are_two_or_more_and_enough_together(members):
    allowed = publishable(members, LEAST)
    households, rows = members.in_segments(), every_row(members)
    for segment in range(allowed.shape[1]):
        unknown = [
            not can_be_found(rows[market, segment], rows[market][allowed[market]])
            for market in range(len(members.households))
        ]
        hidden = np.array(unknown) & (households[:-1, segment] > 0)
        if allowed[-1, segment] and hidden.any():
            assert hidden.sum() >= 2
            assert households[:-1, segment][hidden].sum() >= LEAST


def test_the_last_segment_of_a_partition_is_not_all_less_the_others():
    parts = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]], bool)
    allowed = publishable(Memberships(parts, np.array([[500, 90, 20], [400, 300, 200]])), LEAST)
    assert allowed[0].tolist() == [True, True, False, False]
    assert allowed[1, :2].all()
    assert allowed[2, 0]
    assert not allowed[2, 2:].any()


def test_all_is_published_where_all_is_large():
    parts = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1]], bool)
    assert publishable(Memberships(parts, np.full((3, 3), 500)), LEAST).all()


@pytest.mark.parametrize("least", [0, 1])
def test_no_threshold_publishes_every_household(least):
    parts = np.array([[1, 1], [1, 0]], bool)
    assert publishable(Memberships(parts, np.array([[3, 1], [2, 2]])), least).all()


def test_a_single_market_and_its_total_go_together():
    assert not publishable(Memberships(EVERYONE, np.array([[20]])), LEAST).any()
    assert publishable(Memberships(EVERYONE, np.array([[80]])), LEAST).all()


def test_a_lone_small_market_takes_the_smallest_other_with_it():
    allowed = publishable(Memberships(EVERYONE, np.array([[900], [20], [300]])), LEAST)
    assert allowed.ravel().tolist() == [True, False, False, True]


def test_210_markets_of_six_segments_take_no_time_to_speak_of():
    import time

    rng = np.random.default_rng(1)
    belongs = np.hstack([np.ones((30_000, 1), bool), rng.random((30_000, 5)) < 0.2])
    members = Memberships.count(belongs, rng.zipf(1.3, 30_000) % 210, 210)
    started = time.process_time()
    allowed = publishable(members, LEAST)
    assert time.process_time() - started < 2
    assert allowed.any()
    assert not allowed.all()


def test_50_markets_of_30_segments_take_seconds():
    import time

    rng = np.random.default_rng(1)
    belongs = np.hstack([np.ones((30_000, 1), bool), rng.random((30_000, 29)) < 0.2])
    members = Memberships.count(belongs, rng.integers(0, 50, 30_000), 50)
    started = time.process_time()
    allowed = publishable(members, LEAST)
    assert time.process_time() - started < 10
    assert allowed.any()
