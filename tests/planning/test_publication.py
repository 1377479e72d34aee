"""What is published: folding, suppression, shares that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypart.planning.reach.frequency import Frequency
from daypart.planning.reach.publication import (
    fold,
    publish_distribution,
    publish_reach,
    shares_of_100,
)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=60).filter(lambda x: sum(x) > 0))
def test_shares_have_one_decimal_and_sum_to_100(amounts):
    shares = shares_of_100(amounts)
    assert round(sum(shares), 6) == 100.0
    exact = 100 * np.array(amounts) / sum(amounts)
    assert np.abs(np.array(shares) - exact).max() <= 0.1 + 1e-9


def test_nothing_spent_has_no_shares():
    assert shares_of_100([0.0, 0.0]) == [0.0, 0.0]


@given(
    st.lists(st.floats(0, 500), min_size=11, max_size=11),
    st.integers(1, 200),
    st.lists(st.integers(1, 10), max_size=3),
)
def test_folding_loses_no_household_and_publishes_no_small_bin(raw, least, levels):
    raw = np.array(raw)
    counted = Frequency(np.zeros((1, 11)), raw * 10, np.zeros(11), max(raw.sum(), 1) * 10, raw)
    bins = fold(raw, least, range(1, 11), levels)
    rows = publish_distribution(counted, bins)
    assert len(rows) == 1 or all(row["households"] >= least * 10 - 1e-6 for row in rows)
    assert sum(row["households"] for row in rows) == pytest.approx(counted.reach(), abs=1e-6)
    begins = {int(row["exposures"].split("-")[0].rstrip("+")) for row in rows}
    for k in range(1, 11):
        shown = publish_reach(counted, k, bins)["percent"] != "suppressed"
        assert shown == (k in begins), "levels tell nothing that the folded bins do not"
