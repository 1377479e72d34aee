"""The scales' posterior from a few integration points is that of a fine grid."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from daypart.models.negbin.block.fit_block import BlockFit, fitted_of
from daypart.models.negbin.theta.marginal import log_posterior
from daypart.models.negbin.theta.workspace import HIGHEST, LOWEST
from daypart.models.registry import get_model
from daypart.series.block import block_from_arrays

MONDAY = 96
NODES = 9


def counts(mean: float, scales: tuple[float, float, float], seed: int) -> np.ndarray:
    """Draw thirteen weeks with effects of the hours and weeks of these scales, and a tau."""
    rng = np.random.default_rng(seed)
    hours, weeks = scales[0] * rng.normal(size=168), scales[1] * rng.normal(size=13)
    size = scales[2] ** -2.0
    rate = mean * np.exp(hours[None, :] + weeks[:, None]) * rng.gamma(size, 1.0 / size, (13, 168))
    return rng.poisson(rate).astype(np.int32)


def fitted(series: np.ndarray, inference: str) -> BlockFit:
    block = block_from_arrays(pa.table({"unique_id": ["a"]}), ["UTC"], [MONDAY], [series.ravel()])
    found = BlockFit(get_model("crossed", inference=inference).specification, block)
    found.fit(0, 1)
    return found


def moments_on_a_grid(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and sds of sh, sw and 1 / size, by the density at each point of a grid."""
    found = fitted(series, "full")
    posterior, at_mode = fitted_of(found, 0), found.buffers.theta
    mode, root = at_mode.search.best.copy(), at_mode.covariance.root.copy()
    places, weights = np.polynomial.hermite_e.hermegauss(NODES)
    scratch, slope, steps = found.buffers.scratch, np.zeros(3), np.zeros(2, np.int64)
    value, theta = [], []
    for place in itertools.product(range(NODES), repeat=3):
        z = 1.2 * places[list(place)]
        theta.append(np.clip(mode + root @ z, LOWEST, HIGHEST))
        density = log_posterior(
            posterior.structure, posterior.table, scratch, theta[-1], slope, steps
        )
        value.append(density + np.log(weights[list(place)]).sum() + 0.5 * (z @ z) / 1.44)
    weight = np.exp(np.array(value) - max(value))
    natural = np.array(theta) ** [3.0, 3.0, 6.0]
    mean = weight @ natural / weight.sum()
    return mean, np.sqrt(weight @ (natural - mean) ** 2 / weight.sum())


@pytest.mark.parametrize("inference", ["auto", "full"])
@pytest.mark.parametrize(
    ("mean", "scales"), [(0.4, (0.8, 0.3, 0.7)), (4.0, (0.6, 0.05, 0.4)), (200.0, (0.9, 0.2, 0.2))]
)
def test_means_and_sds_of_scales_are_those_of_a_grid(mean, scales, inference):
    series = counts(mean, scales, seed=1)
    expected, deviation = moments_on_a_grid(series)
    hyper = fitted(series, inference).rows.hyper[2:, 0]
    # the grid leaves out the expansion's next term, which counts where counts are few
    slack = 0.15 if mean < 1 else 0.1
    assert (np.abs(hyper[0] - expected) <= slack * deviation).all()
    np.testing.assert_allclose(hyper[1], deviation, rtol=0.12)


def test_dense_series_take_few_evaluations_and_sparse_ones_integrate_over_axes():
    dense = fitted(counts(200.0, (0.9, 0.2, 0.2), seed=2), "auto").rows.steps[0, 1]
    sparse = fitted(counts(0.2, (0.9, 0.2, 0.6), seed=2), "auto").rows.steps[0, 1]
    full = fitted(counts(200.0, (0.9, 0.2, 0.2), seed=2), "full").rows.steps[0, 1]
    assert dense <= 8 < sparse <= 18
    assert dense + 6 <= full <= 18
