"""Quantiles of forecasts hold their probabilities, whatever is wider: the mean or the counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nbinom

from daypart.models.negbin.forecast.forecast import ABSCISSA_WEIGHTS, ABSCISSAE, normal_quantiles
from daypart.models.negbin.forecast.quantiles import forecast_cells
from daypart.models.spread_counts import whole_counts

PROBABILITIES = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
DRAWS = 400_000


def quantiles_of(log_mean, deviation, r):
    moments, quantiles = np.empty((1, 2)), np.empty((1, len(PROBABILITIES)))
    forecast_cells(
        np.array([log_mean]),
        np.array([[deviation**2]]),
        np.ones(1),
        np.array([r]),
        ABSCISSAE,
        ABSCISSA_WEIGHTS,
        PROBABILITIES,
        normal_quantiles(PROBABILITIES),
        moments,
        quantiles,
    )
    return quantiles[0]


@pytest.mark.parametrize(
    ("mean", "deviation", "r"),
    [
        (0.3, 0.5, 0.2),
        (5, 0.3, 0.05),
        (49, 0.2, 0.01),
        (51, 0.2, 0.01),
        (60, 0.5, 0.02),
        (100, 0.15, 0.03),
        (100, 0.4, 1.5),
        (1000, 0.3, 0.001),  # the mean is ten times as uncertain as the counts are wide
        (1000, 0.02, 0.001),
        (2000, 0.5, 0.02),
        (2000, 1e-6, 1e-4),
        (40, 1.5, 0.3),  # the upper quantiles lie beyond what is summed
        (1e9, 0.1, 0.01),
    ],
)
def test_quantiles_hold_their_probabilities(mean, deviation, r):
    rng = np.random.default_rng(7)
    expected = mean * np.exp(deviation * rng.standard_normal(DRAWS))
    counts = rng.poisson(rng.gamma(1 / r, r * expected))
    spread = counts + rng.uniform(-0.5, 0.5, DRAWS)
    found = quantiles_of(np.log(mean), deviation, r)
    assert (np.diff(found) >= 0).all()
    for quantile, probability in zip(found, PROBABILITIES, strict=True):
        if quantile > 0:  # an end is never below 0, where the lowest counts may hold more
            assert (spread <= quantile).mean() == pytest.approx(probability, abs=0.01)


def test_an_hour_of_no_or_of_endless_viewing_has_finite_quantiles():
    for log_mean in (-700.0, -40.0, 60.0, 290.0):
        assert np.isfinite(quantiles_of(log_mean, 0.5, 0.1)).all()


@pytest.mark.parametrize("mean", [0.01, 0.3, 5.0, 40.0])
def test_whole_quantiles_are_the_smallest_counts_that_reach_a_probability(mean):
    r = 0.2
    found = whole_counts(quantiles_of(np.log(mean), 1e-4, r))
    law = nbinom(1 / r, 1 / (1 + r * mean))
    np.testing.assert_array_equal(found, law.ppf(PROBABILITIES))
