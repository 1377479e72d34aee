"""Scores agree with an independent library."""

from __future__ import annotations

import numpy as np
import pytest

from daypart.models.scores import proper as scores

scoringrules = pytest.importorskip("scoringrules")


def test_crps_from_draws_equals_the_fair_estimate_of_scoringrules():
    rng = np.random.default_rng(1)
    observed, draws = rng.poisson(4, 30).astype(float), rng.poisson(5, (30, 80)).astype(float)
    expected = scoringrules.crps_ensemble(observed, draws, estimator="fair")
    np.testing.assert_allclose(scores.crps_from_samples(observed, draws), expected)


def test_crps_from_many_quantiles_approaches_the_exact_value():
    levels = (np.arange(400) + 0.5) / 400
    observed = np.array([-0.5, 0.0, 2.0])
    from statistics import NormalDist

    quantiles = np.array([NormalDist().inv_cdf(level) for level in levels])
    expected = scoringrules.crps_normal(observed, 0.0, 1.0)
    found = scores.crps_from_quantiles(observed, np.tile(quantiles, (3, 1)), levels)
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_pinball_equals_the_quantile_score_of_scoringrules():
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


def test_a_missing_observation_has_no_score():
    levels, quantiles = [0.1, 0.5, 0.9], np.array([[0.0, 2.0, 5.0]])
    missing = np.array([np.nan])
    assert np.isnan(scores.crps_from_samples(missing, [[1.0, 2.0]])).all()
    assert np.isnan(scores.crps_from_quantiles(missing, quantiles, levels)).all()
    assert np.isnan(scores.log_score_from_quantiles(missing, quantiles, levels)).all()
