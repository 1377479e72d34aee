"""The prior of the weeks, a walk and shocks, in the approximation and in the sampler's density."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from daypart.models.negbin.block.fit_block import BlockFit, fitted_of
from daypart.models.negbin.nuts.density import bases_of
from daypart.models.negbin.nuts.sampler import Density
from daypart.models.negbin.theta.marginal import log_posterior
from daypart.models.registry import get_model
from daypart.series.block import block_from_arrays

MONDAY = 96
WEEK_SCALE, WALK_SCALE = 3, 4


def counts(mean: float, walk: float, shock: float, weeks: int = 13, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hours = 0.5 * np.sin(np.arange(168) * 2 * np.pi / 24) + 0.1 * rng.normal(size=168)
    level = np.cumsum(walk * rng.normal(size=weeks)) + shock * rng.normal(size=weeks)
    rate = mean * np.exp(hours[None, :] + level[:, None]) * rng.gamma(20, 1 / 20, (weeks, 168))
    return rng.poisson(rate).astype(np.int32)


def fitted(series: np.ndarray, inference: str = "full", name: str = "negbin") -> BlockFit:
    block = block_from_arrays(pa.table({"unique_id": ["a"]}), ["UTC"], [MONDAY], [series.ravel()])
    found = BlockFit(get_model(name, inference=inference).specification, block)
    found.fit(0, 1)
    return found


@pytest.mark.parametrize("weeks", [1, 2, 13, 60])
def test_the_basis_holds_the_eigenvectors_of_a_walks_covariance(weeks):
    basis = bases_of(weeks)
    number = np.arange(1, weeks + 1)
    walk = np.minimum(number[:, None], number[None, :])
    np.testing.assert_allclose((basis.walk * basis.eigenvalue) @ basis.walk.T, walk, atol=1e-9)


@pytest.mark.parametrize("mean", [0.5, 300.0])
def test_the_slope_of_the_log_density_is_that_of_its_values(mean):
    found = fitted(counts(mean, 0.05, 0.1))
    posterior, mode = fitted_of(found, 0), found.buffers.theta.search.best.copy()
    steps = np.zeros(2, np.int64)

    def density(theta: np.ndarray) -> tuple[float, np.ndarray]:
        slope = np.zeros(6)
        for _ in range(2):  # the mode is found to a small step: a second call starts from it
            value = log_posterior(
                posterior.structure, posterior.table, found.buffers.scratch, theta, slope, steps
            )
        return value, slope

    for place in (WEEK_SCALE, WALK_SCALE):
        away = np.eye(6)[place] * 1e-3
        difference = (density(mode + away)[0] - density(mode - away)[0]) / 2e-3
        assert difference == pytest.approx(density(mode)[1][place], abs=0.02, rel=0.02)


@pytest.mark.parametrize("mean", [0.5, 300.0])
@pytest.mark.parametrize("name", ["negbin", "crossed"])
def test_the_sampler_gets_the_slope_of_its_density(mean, name):
    found = fitted(counts(mean, 0.05, 0.1, weeks=5), name=name)
    posterior = fitted_of(found, 0)
    scales = found.rows.hyper[2, 0, :-1].copy()
    density = Density(posterior.structure, posterior.table, scales)
    evaluate, x = density.function(), density.start(1)
    slope = evaluate(x)[1]
    for place in range(len(x)):
        away = np.eye(len(x))[place] * 1e-5
        difference = (evaluate(x + away)[0] - evaluate(x - away)[0]) / 2e-5
        assert difference == pytest.approx(slope[place], abs=1e-2, rel=1e-4), place
