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


def test_a_share_of_4_3_of_a_hut_of_61_2_is_a_rating_of_2_63():
    assert metrics.rating_of_share(4.3, 61.2) == pytest.approx(2.63, abs=0.005)
    assert metrics.rating(2_775, 105_500) == pytest.approx(2.63, abs=0.005)


def test_a_million_and_a_half_for_85_million_impressions_costs_17_6_a_thousand():
    assert metrics.cpm(1.5e6, 85e6) == pytest.approx(17.6, abs=0.05)


@given(audience=households, universe=households)
def test_grp_is_reach_times_frequency(audience, universe):
    reached = min(audience, universe) / 2
    frequency = metrics.average_frequency(audience, reached)
    assert metrics.grp(audience, universe) == pytest.approx(
        metrics.rating(reached, universe) * frequency
    )


@given(percent, percent)
def test_share_and_rating_are_each_others_inverse(rating, hut):
    share = metrics.share(rating, hut)
    assert metrics.rating_of_share(share, hut) == pytest.approx(rating)


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
    [metrics.rating, metrics.share, metrics.index, metrics.grp, metrics.cpm, metrics.cpp],
)
def test_without_a_base_a_metric_is_not_defined(metric):
    assert math.isnan(metric(1.0, 0.0))
    assert np.isnan(metric([1.0, 2.0], [0.0, 4.0])).tolist() == [True, False]


def test_delivery_is_told_per_hundred_ordered():
    assert metrics.delivery_index(95, 100) == 95


@given(st.lists(st.tuples(st.booleans(), st.booleans(), households), min_size=1, max_size=8))
def test_reach_of_two_schedules_lies_between_the_larger_and_their_sum(seen):
    one, other, weight = (np.array(column) for column in zip(*seen, strict=True))
    reach = [weight @ reached for reached in (one, other, one | other)]
    rounding = 1e-9 * weight.sum()
    assert 0 <= metrics.incremental_reach(reach[2], reach[0]) <= reach[1] + rounding
    shared = metrics.duplication(*reach)
    assert shared == pytest.approx(weight @ (one & other), abs=1e-6 * weight.sum())


@given(audience=households, universe=households, cost=st.floats(1, 1e7))
def test_the_cost_of_a_point_is_that_of_a_hundredth_of_the_universe(audience, universe, cost):
    points = metrics.grp(audience, universe)
    assert metrics.cpp(cost, points) == pytest.approx(
        metrics.cpm(cost, audience) * universe / 100 / 1000
    )


@given(st.lists(st.tuples(households, st.floats(0, 60)), min_size=1, max_size=6))
def test_no_average_audience_is_larger_than_the_universe(seen):
    weights, minutes = zip(*seen, strict=True)
    audience = metrics.average_audience(metrics.viewing_minutes(weights, minutes), 60)
    assert 0 <= metrics.rating(audience, sum(weights)) <= 100 * (1 + 1e-9)
