"""Metrics hold the worked values of the field's lexicons and their invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypart.insights import metrics

households = st.floats(1, 1e8)
percent = st.floats(0.01, 100)


def test_a_rating_of_2_63_at_a_hut_of_61_2_is_a_share_of_4_3():
    assert metrics.rating(2_775, 105_500) == pytest.approx(2.63, abs=0.005)
    assert metrics.share(2.63, 61.2) == pytest.approx(4.3, abs=0.005)


@given(st.lists(st.tuples(households, households), min_size=1, max_size=5))
def test_a_mean_of_ratings_lies_between_them_when_weighted_by_universe(markets):
    audiences, universes = np.array(markets).T
    together = metrics.rating(audiences.sum(), universes.sum())
    each = metrics.rating(audiences, universes)
    assert each.min() <= together * (1 + 1e-9)
    assert together <= each.max() * (1 + 1e-9)


@given(percent)
def test_the_base_has_an_index_of_100(rating):
    assert metrics.index(rating, rating) == pytest.approx(100)


@pytest.mark.parametrize(
    "metric",
    [metrics.rating, metrics.share, metrics.index],
)
def test_without_a_base_a_metric_is_not_defined(metric):
    assert math.isnan(metric(1.0, 0.0))
    assert np.isnan(metric([1.0, 2.0], [0.0, 4.0])).tolist() == [True, False]


@given(st.lists(st.tuples(households, st.floats(0, 60)), min_size=1, max_size=6))
def test_no_average_audience_is_larger_than_the_universe(seen):
    weights, minutes = np.array(seen).T
    audience = metrics.average_audience(weights @ minutes, 60)
    assert 0 <= metrics.rating(audience, weights.sum()) <= 100 * (1 + 1e-9)
