"""A fit by the No-U-Turn sampler leaves the rows that a fast one leaves: all else works on it."""

from __future__ import annotations

import numpy as np
import pytest
from counted_stores import make_store

import daypart
from daypart.engine.results.parts import read_results
from daypart.errors import DaypartError
from daypart.models.registry import get_model
from daypart.series.store import SeriesStore

HOURS = 3 * 168


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Five partitions, so that parents are pooled, of three weeks."""
    folder = tmp_path_factory.mktemp("nuts") / "store"
    return make_store(folder, {"501": 5}, hours=HOURS, mean=4.0).folder


def test_a_sampled_row_says_what_a_fast_one_does_and_twice_the_same(store):
    pytest.importorskip("nutpie")
    block = SeriesStore.open(store).read_region("501").take([0])
    sampler = get_model("crossed", inference="nuts", draws=100)
    once, again = sampler.fit(block), sampler.fit(block)
    assert once.equals(again)
    fast = get_model("crossed", inference="full").fit(block)
    assert once.schema == fast.schema
    sampled, near = once.to_pylist()[0], fast.to_pylist()[0]
    assert sampled["inference"] == "nuts"
    away = np.subtract(sampled["hour_of_week_mean"], near["hour_of_week_mean"])
    assert np.abs(away / near["hour_of_week_sd"]).max() < 0.5
    assert np.sum(sampled["node_weight"]) == pytest.approx(1.0, abs=1e-5)
    for name in ("sh", "inv_phi"):
        apart = sampled[f"{name}_mean"] - near[f"{name}_mean"]
        assert abs(apart) < 0.4 * near[f"{name}_sd"]


def test_another_seed_gives_other_draws_and_no_seed_those_of_before(store, tmp_path):
    pytest.importorskip("nutpie")
    block = SeriesStore.open(store).read_region("501").take([0])
    alone = get_model("crossed", inference="nuts", draws=100).fit(block).to_pylist()[0]
    means = {}
    for name, seed in (("0", 0), ("7", 7), ("7 again", 7), ("8", 8)):
        daypart.fit(
            store,
            run=tmp_path / name,
            model="crossed",
            parameters={"inference": "nuts", "draws": 100},
            executor="inline",
            seed=seed,
        )
        means[name] = read_results(tmp_path / name).to_pylist()[0]["hour_of_week_mean"]
    assert means["0"] == alone["hour_of_week_mean"]
    assert means["7"] == means["7 again"]
    assert means["7"] != means["8"]
    assert means["7"] != means["0"]


def test_without_the_extra_the_run_does_not_begin(store, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for parameters in ({"inference": "nuts"}, {"market": {"501": {"inference": "nuts"}}}):
        with pytest.raises(DaypartError, match=r"needs nutpie; pip install 'daypart\[nuts\]'"):
            daypart.fit(store, run=tmp_path / "run", parameters=parameters)
    assert not (tmp_path / "run").exists()


def test_draws_belong_to_the_sampler_and_have_bounds():
    assert get_model("negbin", inference="nuts").parameters["draws"] == 1000
    with pytest.raises(DaypartError, match="draws=5; give 100"):
        get_model("negbin", inference="nuts", draws=5)
    with pytest.raises(DaypartError, match="no parameter 'draws'"):
        get_model("negbin", draws=500)


@pytest.mark.slow
def test_forecasts_posteriors_and_a_backtest_work_on_sampled_rows(store, tmp_path):
    """One network sampled, the others fast, all pooled."""
    pytest.importorskip("nutpie")
    own = {"network": {"n0001": {"inference": "nuts", "draws": 200}}}
    report = daypart.fit(store, run=tmp_path / "run", parameters=own, executor="inline")
    assert report.ok == 5
    rows = {row["network"]: row for row in read_results(tmp_path / "run").to_pylist()}
    assert rows["n0001"]["inference"] == "nuts"
    assert rows["n0001"]["parents"] == rows["n0002"]["parents"] != []
    daypart.fit(store, run=tmp_path / "fast", executor="inline")
    means = []
    for run in ("run", "fast"):
        out = tmp_path / f"{run}.parquet"
        table = daypart.predict(tmp_path / run, weeks=1, out=out)
        assert table.rows == 5 * 168
        forecast = daypart.predict(tmp_path / run, weeks=1, by=("network",), draws=100)
        assert np.isfinite(forecast["lo-80"].to_numpy()).all()
        means.append(forecast["mean"].to_numpy())
    np.testing.assert_allclose(means[0], means[1], rtol=0.15)
    told = daypart.posterior(tmp_path / "run", out=tmp_path / "posterior.parquet")
    assert (told.partitions, told.without_posterior) == (5, 0)
    scores = daypart.backtest(store, weeks=1, parameters=own, out=tmp_path / "backtest")
    assert scores.of("partition", "negbin")["coverage_80"] == pytest.approx(0.8, abs=0.15)
