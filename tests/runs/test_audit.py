"""The No-U-Turn sampler judges a run's posteriors, in the same density and other coordinates."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from counted_stores import make_store

import daypart
from daypart.cli.main import main
from daypart.errors import DaypartError
from daypart.models.negbin.block.fit_block import fit_partitions
from daypart.models.negbin.nuts.sampler import Density, sample_posterior, split_rhat
from daypart.models.negbin.posterior_columns import summarise
from daypart.models.registry import get_model
from daypart.runs.audit import _disagreeing
from daypart.series.block import block_from_arrays


def density_of(name: str, mean: float) -> Density:
    """The density of a partition with a missing stretch and an event, after its fast fit."""
    random = np.random.default_rng(3)
    hours = np.exp(np.sin(np.arange(168) / 24 * 2 * np.pi))
    mu = mean * hours * np.exp(random.normal(0, 0.2, (6, 1)))
    counts = random.poisson(mu * random.gamma(4, 0.25, mu.shape)).ravel().astype(np.int32)
    counts[100:120] = -1
    block = block_from_arrays(pa.table({"unique_id": ["a"]}), ["UTC"], [473_352], [counts])
    calendar = [{"name": "a", "from": "2024-01-10", "to": "2024-01-11"}]
    model = get_model(name, inference="full", calendar=calendar)
    fitted = next(iter(fit_partitions(model.specification, block)))
    return Density(fitted.structure, fitted.table, summarise(fitted.nodes)[:-1, 0])


@pytest.mark.parametrize("name", ["crossed", "negbin"])
@pytest.mark.parametrize("mean", [0.05, 2.0, 300.0])
def test_the_slope_of_the_density_is_that_of_its_differences(name, mean):
    density = density_of(name, mean)
    evaluate = density.function()
    x = density.start(1)
    slope = evaluate(x)[1]
    steps = 1e-5 * np.eye(len(x))
    found = [(evaluate(x + step)[0] - evaluate(x - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(slope, found, atol=2e-5 * np.abs(slope).max() + 1e-4)


def test_what_is_centred_does_not_change_the_density():
    """The same field has the same density in both coordinates, but for their Jacobian."""
    density = density_of("crossed", 3.0)
    other = Density(density.structure, density.table, 1e-3 * density.scales)
    assert density.centred().tolist() == [1, 1]
    assert other.centred().tolist() == [0, 0]
    x = density.start(2)
    d, root = 3, 3 + 168
    scale, week_scale = np.exp(3 * x[0]), np.exp(3 * x[1])
    z = x.copy()
    z[d:root] = (x[d:root] - x[root]) / scale
    weeks = slice(root + 1, root + 1 + density.table.weeks)
    bases = density.bases
    z[weeks] = bases.walk.T @ (bases.mean_first @ x[weeks]) / week_scale
    np.testing.assert_allclose(density.log_mu(x[None]), other.log_mu(z[None]), atol=1e-9)
    jacobian = 168 * np.log(scale) + density.table.weeks * np.log(week_scale)
    values = density.function()(x)[0], other.function()(z)[0]
    assert values[0] == pytest.approx(values[1] - jacobian, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["crossed", "negbin"])
def test_the_fast_posterior_agrees_with_the_sampler(name, tmp_path, capsys):
    store = make_store(tmp_path / "store", {"501": 2, "803": 2}, hours=1008, mean=5.0).folder
    daypart.fit(store, run=tmp_path / "run", model=name)
    found = daypart.audit(tmp_path / "run", sample=2, draws=600, out=tmp_path / "audit.csv")
    assert found.disagree == 0
    assert found.agree >= 1
    assert len(set(found.table["market"].to_pylist())) == 2
    assert (tmp_path / "audit.csv").read_text().count("\n") == 3
    command = ["audit", str(tmp_path / "run"), "--sample", "1", "--draws", "400", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    told = json.loads(capsys.readouterr().out)
    assert ended.value.code in (0, 3)
    assert told["agree"] + told["disagree"] + told["undecided"] == 1


def test_a_posterior_that_is_wrong_is_found_out():
    """The posterior of another series is far from a partition's own."""
    density, other = density_of("crossed", 5.0), density_of("crossed", 9.0)
    one, two = (sample_posterior(each, draws=200, tune=300) for each in (density, other))
    away = np.abs(one.log_mu_mean - two.log_mu_mean) / one.log_mu_sd
    assert np.nanmedian(away) > 2


def test_chains_that_stay_apart_have_a_large_rhat():
    draws = np.random.default_rng(0).normal(size=(4, 200, 2))
    draws[0, :, 1] += 3
    close, apart = split_rhat(draws)
    assert close < 1.02
    assert apart > 1.3


def test_a_run_of_another_model_or_a_missing_extra_is_named(tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", {"501": 2}).folder
    daypart.fit(store, run=tmp_path / "naive", model="seasonal_naive")
    with pytest.raises(DaypartError, match="seasonal_naive has no posterior of log mu"):
        daypart.audit(tmp_path / "naive")
    daypart.fit(store, run=tmp_path / "run", model="crossed")
    with pytest.raises(DaypartError, match="sample is 0"):
        daypart.audit(tmp_path / "run", sample=0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DaypartError, match=r"needs nutpie; pip install 'daypart\[nuts\]'"):
        daypart.audit(tmp_path / "run")


def test_the_density_is_smooth_where_counts_are_all_but_poisson():
    """The size's log gamma functions lose their digits far out; their difference must not."""
    density = density_of("crossed", 2.0)
    evaluate, x = density.function(), density.start(1)
    values = []
    for size in (0.9e8, 1.1e8, 1e14, 1e20):
        x[2] = -np.log(size) / 6.0
        value, slope = evaluate(x)
        values.append(value - 3.0 * x[2])  # without the prior of the coordinate
        assert slope[2] == pytest.approx(3.0, abs=0.01)
    np.testing.assert_allclose(values, values[0], atol=0.01)


def test_a_difference_counts_beyond_the_samplers_own_noise():
    found = {
        "difference": 0.2,
        "difference_noise": 0.02,
        "sd_ratio_low": 0.93,
        "sd_ratio_high": 1.0,
        "sd_ratio_noise": 0.01,
        "hyper_noise": 0.05,
        "sh_difference": 0.24,
        "sw_difference": 0.26,
    }
    names = ("sh", "sw")
    assert _disagreeing(found, names, 5.0) == ["log_mu", "sd", "sw"]
    noisy = {**found, "difference_noise": 0.16, "sd_ratio_noise": 0.05, "hyper_noise": 0.1}
    assert _disagreeing(noisy, names, 5.0) == []
    assert _disagreeing(found, names, 0.5) == ["log_mu"]
