"""Scores agree with an independent library, and with each other."""

from __future__ import annotations

import numpy as np
import pytest

from daypart.models.scores import proper as scores

scoringrules = pytest.importorskip("scoringrules")


def test_crps_from_draws_is_the_librarys_fair_estimate():
    rng = np.random.default_rng(1)
    observed, draws = rng.poisson(4, 30).astype(float), rng.poisson(5, (30, 80)).astype(float)
    expected = scoringrules.crps_ensemble(observed, draws, estimator="fair")
    np.testing.assert_allclose(scores.crps_from_samples(observed, draws), expected)


def test_crps_of_one_negative_binomial_is_the_librarys_closed_form():
    observed = np.array([0.0, 1.0, 3.0, 20.0])
    mean, size = np.array([0.3, 2.0, 7.0, 11.0]), np.array([0.5, 2.0, 15.0, 4.0])
    expected = scoringrules.crps_negbinom(observed, size, size / (size + mean))
    found = scores.crps_of_mixture(observed, mean[:, None], size[:, None])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_log_score_of_one_negative_binomial_is_the_librarys():
    observed, mean, size = np.array([0.0, 2.0, 9.0]), np.array([0.3, 2.0, 7.0]), np.full(3, 2.0)
    expected = scoringrules.logs_negbinom(observed, size, size / (size + mean))
    np.testing.assert_allclose(
        scores.log_score(observed, mean[:, None], size[:, None]), expected, rtol=1e-9
    )


def test_crps_from_many_quantiles_tends_to_the_exact_one():
    levels = (np.arange(400) + 0.5) / 400
    observed = np.array([-0.5, 0.0, 2.0])
    from statistics import NormalDist

    quantiles = np.array([NormalDist().inv_cdf(level) for level in levels])
    expected = scoringrules.crps_normal(observed, 0.0, 1.0)
    found = scores.crps_from_quantiles(observed, np.tile(quantiles, (3, 1)), levels)
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_pinball_is_the_librarys_quantile_score():
    levels = [0.1, 0.5, 0.9]
    observed, quantiles = np.array([1.0, 8.0]), np.array([[0.0, 2.0, 5.0], [1.0, 2.0, 7.0]])
    expected = np.stack(
        [
            scoringrules.quantile_score(observed, quantiles[:, i], level)
            for i, level in enumerate(levels)
        ],
        axis=1,
    )
    np.testing.assert_allclose(scores.pinball(observed, quantiles, levels), expected)


def test_a_mixture_of_equal_parts_scores_as_one_of_them():
    one = scores.crps_of_mixture([3.0], [[2.0]], [[1.5]])
    two = scores.crps_of_mixture([3.0], [[2.0, 2.0]], [[1.5, 1.5]], [0.3, 0.7])
    np.testing.assert_allclose(one, two)
    np.testing.assert_allclose(
        scores.log_score([3.0], [[2.0]], [[1.5]]),
        scores.log_score([3.0], [[2.0, 2.0]], [[1.5, 1.5]], [0.3, 0.7]),
    )


def test_missing_observations_give_nan_and_leave_averages_alone():
    assert np.isnan(scores.crps_of_mixture([np.nan], [[2.0]], [[1.0]])).all()
    assert scores.wape([np.nan, 10.0], [1.0, 5.0]) == 0.5
    assert scores.coverage([np.nan, 1.0], [0.0, 0.0], [9.0, 2.0]) == 1.0
    assert np.isnan(scores.wape([], []))
    assert np.isnan(scores.coverage([], [], []))
