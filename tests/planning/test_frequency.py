"""Reach and frequency: closed forms, no bias, and what must hold for every schedule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_stores import panel_of
from scipy.stats import beta, hypergeom

from daypart.errors import DaypartError
from daypart.planning.reach.exposure import count_frequency, exposure_chances, misses_by_group
from daypart.planning.reach.frequency import TOP


def test_two_independent_networks_of_30_and_40_percent_reach_58_percent():
    panel = panel_of([[300, 400]] * 3, 1000)
    assert count_frequency(panel, np.array([1, 1])).reach_percent() == pytest.approx(58.0)


def test_two_insertions_of_35_percent_reach_57_75_percent():
    panel = panel_of([[350_000]] * 3, 1_000_000)
    assert count_frequency(panel, np.array([2])).reach_percent() == pytest.approx(57.75, abs=1e-4)


def test_beta_distributed_households_with_30_and_45_percent_reach_45_percent():
    chance = beta(0.75, 1.75).ppf((np.arange(4000) + 0.5) / 4000)
    panel = panel_of(np.rint(chance * 10**6)[:, None], 10**6)
    assert count_frequency(panel, np.array([1])).reach_percent() == pytest.approx(30.0, abs=0.05)
    assert count_frequency(panel, np.array([2])).reach_percent() == pytest.approx(45.0, abs=0.05)


def test_reach_of_disjoint_audiences_adds():
    panel = panel_of([[500, 0]] * 4 + [[0, 200]] * 6, 1000)
    first, second = (count_frequency(panel, np.array(x)).reach() for x in ([3, 0], [0, 5]))
    assert count_frequency(panel, np.array([3, 5])).reach() == pytest.approx(first + second)


def test_reach_of_identical_audiences_is_the_larger_one():
    panel = panel_of([[1000, 1000]] * 4 + [[0, 0]] * 6, 1000)
    assert count_frequency(panel, np.array([1, 1])).reach() == pytest.approx(4.0)
    assert count_frequency(panel, np.array([1, 1])).reach(2) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("k", "x", "history"), [(5, 3, 20), (18, 7, 20), (20, 4, 20), (100, 15, 999)]
)
def test_exposures_to_one_cell_are_hypergeometric(k, x, history):
    chances = exposure_chances(panel_of([[k]], history), np.array([x]))[0]
    expected = hypergeom(history, k, x)
    assert chances[:TOP] == pytest.approx(expected.pmf(np.arange(TOP)), abs=1e-12)
    assert chances[TOP] == pytest.approx(expected.sf(TOP - 1), abs=1e-12)


@pytest.mark.parametrize("spots", [[5, 5, 5], [3, 8, 2], [40, 2, 7], [9, 30, 1]])
def test_exposures_to_cells_of_few_and_of_many_spots_convolve(spots):
    minutes, history = [150, 90, 3000], 10_000
    exact = np.ones(1)
    for k, x in zip(minutes, spots, strict=True):
        exact = np.convolve(exact, hypergeom(history, k, x).pmf(np.arange(x + 1)))
    chances = exposure_chances(panel_of([minutes] * 2, history), np.array(spots))
    assert chances[:, :TOP] == pytest.approx(np.tile(exact[:TOP], (2, 1)), abs=1e-12)
    assert chances[:, TOP] == pytest.approx(exact[TOP:].sum(), abs=1e-12)


def test_a_cell_of_another_market_has_chances_of_its_own():
    panel = panel_of([[150]] * 4, 10_000, market=[0, 0, 1, 1], markets=2)
    chances = exposure_chances(panel, np.array([5, 2]))
    for households, spots in ((slice(0, 2), 5), (slice(2, 4), 2)):
        exact = hypergeom(10_000, 150, spots).pmf(np.arange(TOP))
        assert chances[households, :TOP] == pytest.approx(np.tile(exact, (2, 1)), abs=1e-12)


def test_reach_is_unbiased_over_simulated_panels():
    rng = np.random.default_rng(5)
    chance = rng.beta(0.6, 6.0, size=(60, 3))
    spots, history = np.array([4, 2, 6]), 12
    truth = 100 * np.mean(1 - np.prod((1 - chance) ** spots, axis=1))
    found = [
        count_frequency(panel_of(rng.binomial(history, chance), history), spots).reach_percent()
        for _ in range(500)
    ]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - truth) < 4 * error
    assert error < 0.003 * truth


def test_ninety_percent_intervals_cover_the_truth():
    rng = np.random.default_rng(8)
    population = rng.beta(0.5, 4.0, size=(20_000, 2))
    spots, history = np.array([5, 5]), 2000
    truth = 100 * np.mean(1 - np.prod((1 - population) ** spots, axis=1))
    covered = []
    for _ in range(200):
        chosen = population[rng.choice(len(population), 150, replace=False)]
        market = np.repeat([0, 1], 75)
        minutes = rng.binomial(history, chosen)
        counted = count_frequency(
            panel_of(minutes, history, market=market, markets=2), np.tile(spots, 2)
        )
        covered.append(abs(counted.reach_percent() - truth) < 1.645 * counted.error_percent())
    assert 0.85 <= np.mean(covered) <= 0.95


def test_the_error_is_unknown_where_a_market_has_a_single_household():
    panel = panel_of([[10], [20]], 100, market=[0, 1], markets=2)
    assert np.isnan(count_frequency(panel, np.array([1, 1])).error_percent())


def test_more_spots_than_minutes_of_history_offer_the_surrogate():
    with pytest.raises(
        DaypartError, match=r"N0, All day: 11 spots, but only 10 minutes.*surrogate"
    ):
        count_frequency(panel_of([[3]], 10), np.array([11]))


HISTORY = 40
PANELS = st.lists(
    st.lists(st.integers(0, HISTORY), min_size=3, max_size=3), min_size=2, max_size=8
).map(lambda rows: panel_of(rows, HISTORY, weight=np.arange(1, len(rows) + 1)))
SCHEDULES = st.lists(st.integers(0, HISTORY), min_size=3, max_size=3).map(np.array)


@settings(max_examples=60, deadline=None)
@given(PANELS, SCHEDULES)
def test_the_distribution_sums_to_the_universe_and_agrees_with_impressions(panel, spots):
    counted = count_frequency(panel, spots)
    impressions = float(panel.impressions_per_spot() @ spots)
    assert counted.households.sum() == pytest.approx(counted.universe_estimate)
    assert (counted.households >= -1e-9).all()
    assert counted.reach() == pytest.approx(counted.households[1:].sum())
    assert impressions >= (np.arange(TOP + 1) * counted.households).sum() - 1e-6
    assert counted.reach() <= min(counted.universe_estimate, impressions) + 1e-6


@settings(max_examples=60, deadline=None)
@given(PANELS, SCHEDULES)
def test_reach_of_k_and_more_never_rises_with_k(panel, spots):
    counted = count_frequency(panel, spots)
    levels = [counted.reach(k) for k in range(TOP + 1)]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(levels))


@settings(max_examples=60, deadline=None)
@given(PANELS, SCHEDULES, SCHEDULES)
def test_reach_of_a_union_lies_between_the_larger_part_and_the_sum(panel, first, second):
    second = np.minimum(second, HISTORY - first)
    a, b, both = (count_frequency(panel, x).reach() for x in (first, second, first + second))
    assert max(a, b) - 1e-9 <= both <= a + b + 1e-9


@settings(max_examples=40, deadline=None)
@given(PANELS, SCHEDULES)
def test_misses_by_group_multiply_to_the_misses_of_all(panel, spots):
    parts = misses_by_group(panel, spots, np.array([0, 1, 0]), 2)
    assert parts.prod(axis=1) == pytest.approx(exposure_chances(panel, spots)[:, 0], abs=1e-12)


MINUTES = st.just(0.0) | st.floats(0.01, HISTORY)
FRACTIONS = st.lists(st.lists(MINUTES, min_size=3, max_size=3), min_size=2, max_size=8).map(
    lambda rows: panel_of(rows, HISTORY, weight=np.arange(1, len(rows) + 1))
)
FACTORS = st.lists(st.floats(0.4, 1.0), min_size=3, max_size=3).map(np.array)


@settings(max_examples=100, deadline=None)
@given(FRACTIONS, SCHEDULES, FACTORS)
def test_fractions_of_minutes_and_a_forecast_leave_the_mean_exposures_exact(panel, spots, factor):
    panel = panel.calibrated(factor)
    spots = np.minimum(spots, TOP - 1)
    for cell in range(3):
        alone = np.where(np.arange(3) == cell, spots, 0)
        counted = count_frequency(panel, alone)
        exposures = float(np.arange(TOP + 1) @ counted.households)
        assert exposures == pytest.approx(float(panel.impressions_per_spot() @ alone), abs=1e-7)
        assert (counted.probability >= -1e-12).all()
        assert counted.probability.sum(axis=1) == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(FRACTIONS, st.lists(st.floats(0.2, 5.0), min_size=3, max_size=3).map(np.array))
def test_a_calibrated_cell_has_the_impressions_of_the_forecast(panel, factor):
    wanted = panel.impressions_per_spot() * factor
    ever = np.bincount(
        panel.cell, weights=panel.weight[panel.household_of_entry()], minlength=panel.cells
    )
    calibrated = panel.calibrated(factor)
    assert calibrated.impressions_per_spot() == pytest.approx(np.minimum(wanted, ever), abs=1e-6)
    assert calibrated.minutes is panel.minutes


def test_a_forecast_of_half_the_viewing_counts_as_half_the_chance():
    panel = panel_of([[4000]] * 3, 10_000).calibrated(np.array([0.5]))
    assert count_frequency(panel, np.array([2])).reach_percent() == pytest.approx(36.0, abs=0.01)
