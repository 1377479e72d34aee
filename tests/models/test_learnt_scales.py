"""Effects of the design list with a scale that is learnt: slopes, recovery, and the sampler's."""

from __future__ import annotations

import numpy as np
import pytest
from test_negbin import start
from test_seasons_effects_priors import fit

from daypart.errors import DaypartError
from daypart.models.negbin.block.fit_block import structure_of
from daypart.models.negbin.configuration import CROSSED, DAY_TYPES, with_learnt_scale
from daypart.models.negbin.field.structure import FIXED, HISTOGRAM, Series, make_scratch
from daypart.models.negbin.model import NegativeBinomial
from daypart.models.negbin.nuts.sampler import Density
from daypart.models.negbin.theta.marginal import log_posterior
from daypart.models.negbin.theta.workspace import DENSE, DENSE_VARIANCE
from daypart.models.registry import get_model


def learning(configuration, *, half_normal=0.5):
    names = tuple(f"month_{i}" for i in range(12))
    return with_learnt_scale(
        configuration, "month_scale", names, half_normal=half_normal, start=0.2
    )


def table_of(counts, scale):
    """Three effects, two of them with a learnt scale, some in one cell."""
    seen = counts.ravel()
    large = seen[seen > HISTOGRAM].astype(float)
    return Series(
        weeks=len(counts),
        effects=3,
        events=5,
        counts=counts.astype(float),
        exposure=np.ones(counts.shape),
        event=np.array([[0, 0, 1, 2, 3], [30, 30, 40, 41, 42], [0, 1, 1, 2, 0]]),
        scales=np.array([scale, scale, FIXED]),
        over=np.array([(seen > i).sum() for i in range(HISTOGRAM)], float),
        large=np.append(large, 0.0),
        large_total=len(large),
    )


@pytest.mark.parametrize("configuration", [CROSSED, DAY_TYPES])
@pytest.mark.parametrize("mean", [0.5, 30.0])
def test_the_slope_of_the_log_marginal_in_a_learnt_scale_is_that_of_its_differences(
    configuration, mean
):
    given = learning(configuration)
    structure, theta = structure_of(given), np.cbrt(given.start)
    counts = np.random.default_rng(7).negative_binomial(2, 2 / (2 + mean), (5, 168))
    table = table_of(counts, len(theta) - 2)
    scratch = make_scratch(structure, 5, 3, 2000)
    slope, steps = np.zeros(len(theta)), np.zeros(2, np.int64)

    def value_at(point, into):
        start(structure, table, scratch)
        log_posterior(structure, table, scratch, point, into, steps)
        return log_posterior(structure, table, scratch, point, into, steps)

    value_at(theta, slope)
    for i in range(len(theta)):
        step = 2e-3 * (np.arange(len(theta)) == i)
        rise = value_at(theta + step, np.zeros_like(theta)) - value_at(
            theta - step, np.zeros_like(theta)
        )
        assert rise / 4e-3 == pytest.approx(slope[i], rel=2e-3, abs=0.02)


@pytest.mark.parametrize("configuration", [CROSSED, DAY_TYPES])
def test_the_slope_of_the_density_that_is_sampled_is_that_of_its_differences(configuration):
    given = learning(configuration)
    counts = np.random.default_rng(8).poisson(4.0, (4, 168))
    table = table_of(counts, len(given.start) - 2)
    density = Density(structure_of(given), table, np.array(given.start[:-1]))
    value_at, x = density.function(), density.start(3)
    _, slope = value_at(x)
    theta = range(len(given.start))
    for i in (*theta, *range(density.size - 7, density.size)):
        step = 1e-5 * (np.arange(len(x)) == i)
        rise = value_at(x + step)[0] - value_at(x - step)[0]
        assert rise / 2e-5 == pytest.approx(slope[i], rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("sd", [0.1, 0.4])
def test_the_scale_that_twelve_effects_share_is_recovered(sd):
    given = learning(CROSSED)
    rng = np.random.default_rng(9)
    effect = sd * rng.normal(size=12)
    week, cell = np.divmod(np.arange(24 * 168), 168)
    chosen = (week % 2 == 0) & (cell >= 96)
    design = np.stack([week, cell, week // 2])[:, chosen]
    log_mu = np.log(30.0) + 0.5 * rng.normal(size=168)[None, :].repeat(24, axis=0)
    log_mu[design[0], design[1]] += effect[design[2]]
    counts = rng.poisson(np.exp(log_mu) * rng.gamma(20.0, 0.05, (24, 168)))
    sums, nodes = fit(structure_of(given), given.start, counts, design, scales=[2] * 12)
    away = sums[DENSE, 24:36] - effect
    assert np.sqrt((away**2 / sums[DENSE_VARIANCE, 24:36]).mean()) < 2.0
    found = nodes[:, 0] @ nodes[:, 3] ** 3
    assert found == pytest.approx(np.sqrt((effect**2).mean()), rel=0.4)


@pytest.mark.parametrize("configuration", [CROSSED, DAY_TYPES])
def test_a_scale_without_an_effect_in_the_data_keeps_its_prior(configuration):
    given = learning(configuration, half_normal=0.5)
    counts = np.random.default_rng(10).poisson(5.0, (6, 168))
    _, nodes = fit(structure_of(given), given.start, counts, np.zeros((3, 0)))
    variance = nodes[:, 0] @ nodes[:, -2] ** 6
    # the rule is exact up to degree 5, and sigma^2 is of degree 6 in theta
    assert variance == pytest.approx(0.5**2, rel=0.15)
    _, plain = fit(structure_of(configuration), configuration.start, counts, np.zeros((3, 0)))
    for place in (1, -1):
        assert nodes[:, 0] @ nodes[:, place] == pytest.approx(
            plain[:, 0] @ plain[:, place], rel=0.05
        )


def test_a_scale_of_an_effect_that_no_rule_has_is_refused():
    misspelt = with_learnt_scale(
        CROSSED, "holiday_scale", ("familly_day",), half_normal=0.5, start=0.1
    )
    parameters = get_model("crossed").parameters
    with pytest.raises(DaypartError, match="'familly_day', which no rule has") as told:
        NegativeBinomial.of("crossed", misspelt, parameters)
    assert "family_day" in str(told.value)
    learnt = with_learnt_scale(CROSSED, "s", ("family_day",), half_normal=0.5, start=0.1)
    assert NegativeBinomial.of("crossed", learnt, parameters).hyperparameters[-2] == "s"
