"""Seasons of other lengths and other effects are data; priors have the slopes that they claim."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from daypart.models.jit.compile import kernel
from daypart.models.negbin.block.fit_block import structure_of
from daypart.models.negbin.checks.khat import make_draws
from daypart.models.negbin.configuration import CROSSED, DAY_TYPES
from daypart.models.negbin.field.structure import (
    FIXED,
    HISTOGRAM,
    ROOT,
    STRUCTURE,
    Series,
    Structure,
    make_scratch,
)
from daypart.models.negbin.theta.integrate import fit_series
from daypart.models.negbin.theta.prior import log_prior, prior_curvature, prior_slope
from daypart.models.negbin.theta.quadrature import integration_rule
from daypart.models.negbin.theta.workspace import (
    DENSE,
    DENSE_VARIANCE,
    HOUR,
    HOUR_VARIANCE,
    SUM_ROWS,
    make_theta,
)


def fit(structure: Structure, start, counts, design, scales=None):
    """Fit counts of weeks x cells; `design` holds week, cell and effect of each entry.

    `scales` are the effects' coordinates of theta.
    """
    weeks, cells = counts.shape
    effects = int(design[2].max()) + 1 if design.size else 0
    seen = counts.ravel()
    large = seen[seen > HISTOGRAM].astype(float)
    table = Series(
        weeks=weeks,
        effects=effects,
        events=design.shape[1],
        counts=counts.astype(float),
        exposure=np.ones(counts.shape),
        event=np.ascontiguousarray(design, np.int64),
        scales=np.full(effects, FIXED) if scales is None else np.array(scales),
        over=np.array([(seen > i).sum() for i in range(HISTOGRAM)], float),
        large=np.append(large, 0.0),
        large_total=len(large),
    )
    d = len(start)
    rule = integration_rule(d)
    scratch = make_scratch(structure, weeks, effects, len(large) + 1)
    theta = make_theta(d, len(scratch.newton.rhs.dense), cells, weeks)
    theta.search.trial[:] = np.cbrt(start)
    draws = make_draws(len(scratch.newton.pivot), wanted=False)
    nodes, sums = np.zeros((len(rule), d + 1)), np.zeros((SUM_ROWS, max(cells, weeks + effects)))
    limits, steps = np.full(d, -1.0), np.zeros(2, np.int64)
    assert fit_series(structure, table, scratch, theta, draws, limits, rule, nodes, sums, steps)
    return sums, nodes


@pytest.mark.parametrize(("width", "days"), [(96, 7), (12, 1), (5, 3)])
def test_a_season_of_another_length_is_data(width, days):
    cells = width * days
    structure = structure_of(CROSSED)._replace(
        parents=np.full(days, ROOT, np.int64),
        levels=np.zeros(days, np.int64),
        width=width,
        cells=cells,
    )
    rng = np.random.default_rng(width)
    effect, week = 0.6 * rng.normal(size=cells), 0.1 * rng.normal(size=(20, 1))
    rate = 30.0 * np.exp(effect + week) * rng.gamma(5.0, 0.2, (20, cells))
    sums, nodes = fit(structure, CROSSED.start, rng.poisson(rate), np.zeros((3, 0)))
    truth = np.log(30.0) + effect
    away = (sums[HOUR, :cells] - truth) / np.sqrt(sums[HOUR_VARIANCE, :cells] + 0.05**2)
    assert np.sqrt((away**2).mean()) == pytest.approx(1.0, abs=0.35)
    assert nodes[:, 0] @ nodes[:, 1] ** 3 == pytest.approx(0.6, rel=0.35)


def test_a_tree_with_day_types_of_half_hours_is_data():
    structure = structure_of(DAY_TYPES)._replace(width=48, cells=336)
    rng = np.random.default_rng(3)
    hour, cell = 0.8 * rng.normal(size=48), 0.2 * rng.normal(size=336)
    truth = np.log(20.0) + np.tile(hour, 7) + cell
    rate = np.exp(truth) * rng.gamma(5.0, 0.2, (12, 336))
    sums, nodes = fit(structure, DAY_TYPES.start, rng.poisson(rate), np.zeros((3, 0)))
    assert np.sqrt(((sums[HOUR, :336] - truth) ** 2).mean()) < 0.2
    assert nodes[:, 0] @ nodes[:, 3] ** 3 == pytest.approx(0.8, rel=0.4)


def test_an_effect_of_the_design_list_is_recovered_from_simulated_counts():
    rng = np.random.default_rng(5)
    week, cell = np.array([(k, c) for k in range(0, 12, 2) for c in range(96, 120)]).T
    payday = np.stack([week, cell, np.zeros(len(week), int)])
    log_mu = np.log(40.0) + 0.5 * rng.normal(size=168)[None, :].repeat(12, axis=0)
    log_mu[week, cell] += 0.4
    counts = rng.poisson(np.exp(log_mu) * rng.gamma(20.0, 0.05, (12, 168)))
    sums, _ = fit(structure_of(CROSSED), CROSSED.start, counts, payday)
    mean, sd = sums[DENSE, 12], np.sqrt(sums[DENSE_VARIANCE, 12])
    assert sd < 0.1
    assert abs(mean - 0.4) < 3 * sd


@kernel(
    numba.types.UniTuple(numba.float64, 3), STRUCTURE, numba.int64, numba.float64, from_python=True
)
def prior_of(structure, i, theta):
    """Return value, slope and curvature, which Python can't call."""
    return (
        log_prior(structure, i, theta),
        prior_slope(structure, i, theta),
        prior_curvature(structure, i, theta),
    )


@pytest.mark.parametrize("theta", [0.2, 0.7, 1.4])
def test_slope_and_curvature_of_a_prior_are_derivatives_of_its_value(theta):
    structure = structure_of(DAY_TYPES)._replace(centre=np.full(5, 0.6), pull=np.full(5, 8.0))
    h = 1e-4
    for i in range(5):
        low, at, high = (prior_of(structure, i, theta + step) for step in (-h, 0.0, h))
        assert at[1] == pytest.approx((high[0] - low[0]) / (2 * h), rel=1e-5)
        assert at[2] == pytest.approx((high[1] - low[1]) / (2 * h), rel=1e-5)
