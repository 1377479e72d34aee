"""Partitions take their prior from sums over them, and share what moves them all at once."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daypart.engine.results.parts import read_results
from daypart.models.protocol import Window
from daypart.runs.backtest import backtest
from daypart.runs.fit import fit
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.posterior import posterior
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

FIRST_HOUR = 483_432  # 2025-02-24T00:00Z, a Monday
WEEKS = 10
HOURS = 168 * WEEKS
SPARSE, LARGE = 0.25, 40.0


def week_of_television(rng):
    """Return a smooth log profile of the week."""
    hour = np.arange(168) % 24
    peak = rng.uniform(16, 23)
    return 1.2 * np.cos((hour - peak) / 24 * 2 * np.pi) + 0.3 * rng.standard_normal() * (
        np.arange(168) >= 120
    )


def block_of(market, networks, log_mu, rng, level):
    keys = pa.table(
        {
            "market": [market] * len(networks),
            "network": list(networks),
            "unique_id": [f"{market}/{name}" for name in networks],
        }
    )
    mu = level * np.exp(log_mu)
    counts = rng.poisson(mu * rng.gamma(8.0, 1 / 8.0, mu.shape)).astype(np.int32)
    return block_from_arrays(
        keys, ["UTC"] * len(networks), [FIRST_HOUR] * len(networks), list(counts)
    )


def make_related_store(folder, *, markets=8, networks=8, seed=3):
    """Write markets of which half are sparse; networks share profile, weeks and hours' shocks."""
    rng = np.random.default_rng(seed)
    hour, week = np.arange(HOURS) % 168, np.arange(HOURS) // 168
    profiles = np.stack([week_of_television(rng) for _ in range(networks)])
    walk = np.cumsum(0.12 * rng.standard_normal((networks, WEEKS)), axis=1)
    shocks = 0.25 * rng.standard_normal((networks, HOURS))
    shared = profiles[:, hour] + walk[:, week] + shocks - profiles.mean() - 0.3
    names = [f"n{i}" for i in range(networks)]
    blocks = []
    for place in range(markets):
        own = 0.1 * rng.standard_normal((networks, 168))[:, hour]
        level = SPARSE if place % 2 else LARGE
        blocks.append(
            (f"{500 + place}", block_of(f"{500 + place}", names, shared + own, rng, level))
        )
    store = SeriesStore.create(folder, key=["market", "network"])
    return store.replace_regions(blocks).folder


def make_unrelated_store(folder, *, markets=6, networks=6):
    """Write partitions that have nothing in common."""
    rng = np.random.default_rng(9)
    hour = np.arange(HOURS) % 168
    names = [f"n{i}" for i in range(networks)]
    blocks = []
    for place in range(markets):
        log_mu = np.stack([week_of_television(rng)[hour] for _ in names])
        log_mu += rng.normal(0.0, 1.5, (networks, 1))
        blocks.append((f"{500 + place}", block_of(f"{500 + place}", names, log_mu, rng, 1.0)))
    store = SeriesStore.create(folder, key=["market", "network"])
    return store.replace_regions(blocks).folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("parents")


@pytest.fixture(scope="module")
def store(folder):
    return make_related_store(folder / "store")


@pytest.fixture(scope="module")
def run(store, folder):
    fit(store, run=folder / "run", executor="inline")
    return folder / "run"


def held_back(store, *, pooling):
    return backtest(store, against=[], parameters={"pooling": pooling}, executor="inline", weeks=2)


@pytest.fixture(scope="module")
def scores(store):
    return {pooling: held_back(store, pooling=pooling) for pooling in (True, False)}


def crps_of(scores, size):
    return next(row["crps"] for row in scores.summary["sizes"] if row["size"] == size)


def test_pooling_improves_forecasts_of_sparse_partitions(scores):
    assert crps_of(scores[True], "0.1 to 1") < 0.985 * crps_of(scores[False], "0.1 to 1")


def test_pooling_harms_no_large_partition(scores):
    assert crps_of(scores[True], "10 and more") < 1.01 * crps_of(scores[False], "10 and more")


def test_intervals_of_totals_hold_what_moves_partitions_at_once(scores):
    pooled, apart = (scores[pooling].of("network", "negbin") for pooling in (True, False))
    assert abs(pooled["coverage_80"] - 0.8) < 0.08
    assert apart["coverage_80"] < pooled["coverage_80"] - 0.05


def test_unrelated_partitions_take_little_from_each_other(tmp_path):
    store = make_unrelated_store(tmp_path / "store")
    pooled, apart = (
        held_back(store, pooling=pooling).of("partition", "negbin") for pooling in (True, False)
    )
    assert pooled["crps"] < 1.02 * apart["crps"]
    assert abs(pooled["coverage_80"] - apart["coverage_80"]) < 0.03


def test_parents_are_written_beside_the_plan(run):
    parents = pq.read_table(run / "parents.parquet")
    names = parents["parent"].to_pylist()
    assert len(names) == 1 + 8 + 8
    assert {"*/*", "501/*", "*/n3"} <= set(names)
    assert set(parents["partitions"].to_pylist()) == {64, 8}
    rows = read_results(run)
    assert rows["parents"].to_pylist()[0] == ["*/*", "500/*", "*/n0"]


def test_the_same_call_again_fits_no_parent(run, store):
    before = (run / "parents.parquet").stat().st_mtime_ns
    again = fit(store, run=run, executor="inline")
    assert again.fitted == 0
    assert (run / "parents.parquet").stat().st_mtime_ns == before


def test_changed_data_of_one_region_changes_the_prior_of_all(tmp_path):
    path = make_related_store(tmp_path / "store", markets=4, networks=4)
    first = fit(path, run=tmp_path / "run", executor="inline")
    hashes = read_results(tmp_path / "run")["content_hash"].to_pylist()
    store = SeriesStore.open(path)
    block = store.read_region("500")
    block.counts[5] += 1
    store.replace_regions([("500", block)])
    again = fit(path, run=tmp_path / "run", executor="inline")
    assert (first.fitted, again.fitted) == (16, 16)
    later = read_results(tmp_path / "run")["content_hash"].to_pylist()
    assert not set(hashes) & set(later)
    fresh = fit(path, run=tmp_path / "fresh", executor="inline")
    assert fresh.ok == 16
    left, right = (
        read_results(tmp_path / name).drop_columns(["seconds", "attempt"])
        for name in ("run", "fresh")
    )
    assert left.equals(right)


def test_without_pooling_there_are_no_parents(store, tmp_path):
    fit(store, run=tmp_path / "run", parameters={"pooling": False}, executor="inline")
    assert not (tmp_path / "run" / "parents.parquet").exists()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["parents"] is None
    assert "parents" not in read_results(tmp_path / "run").column_names


def test_too_few_partitions_are_fitted_as_without_pooling(tmp_path):
    store = make_related_store(tmp_path / "store", markets=1, networks=3)
    fit(store, run=tmp_path / "pooled", executor="inline")
    fit(store, run=tmp_path / "apart", parameters={"pooling": False}, executor="inline")
    pooled, apart = (read_results(tmp_path / name) for name in ("pooled", "apart"))
    assert pooled["parents"].null_count == 3
    assert pooled["hour_of_week_mean"].equals(apart["hour_of_week_mean"])


def test_a_partitions_paths_are_the_same_whoever_is_drawn_with_it(run):
    fitted = FittedRun.open(run)
    window = Window(FIRST_HOUR + HOURS, 200)
    together = fitted.model.sample_paths(fitted.states(range(20)), window, 50, 1)
    alone = fitted.model.sample_paths(fitted.states([7]), window, 50, 1)
    assert np.array_equal(together[7], alone[0])


def test_partitions_of_one_network_move_together_and_others_do_not(run):
    fitted = FittedRun.open(run)
    ids = fitted.results.rows["unique_id"].to_pylist()
    places = [ids.index(name) for name in ("500/n1", "502/n1", "502/n2")]
    paths = fitted.model.sample_paths(
        fitted.states(places), Window(FIRST_HOUR + HOURS, 168), 2000, 1
    )
    busy = int(paths[0].mean(axis=0).argmax())
    same = np.corrcoef(paths[0, :, busy], paths[1, :, busy])[0, 1]
    other = np.corrcoef(paths[0, :, busy], paths[2, :, busy])[0, 1]
    assert same > 0.2
    assert abs(other) < same / 2


def test_workers_and_blocks_give_the_same_posteriors(run, store, tmp_path):
    fit(store, run=tmp_path / "run", workers=2)
    left, right = (
        read_results(each).drop_columns(["seconds", "attempt"]) for each in (run, tmp_path / "run")
    )
    assert left.equals(right)


def test_the_posterior_of_log_mu_includes_the_prior(run):
    hours = posterior(run).hours
    rows = hours.filter([name == "500/n1" for name in hours["unique_id"].to_pylist()])
    counts = SeriesStore.open(run.parent / "store").read_region("500").counts_of(1)
    expected = np.exp(rows["log_mu_mean"].to_numpy()).sum()
    assert expected == pytest.approx(counts.sum(), rel=0.1)


@pytest.mark.parametrize("hours", [1, 30, 200])
def test_a_series_that_has_just_begun_is_forecast_from_its_parents(tmp_path, hours):
    """Its profile is the network's, and its level what the few hours say."""
    folder = make_related_store(tmp_path / "store", networks=4)
    store = SeriesStore.open(folder)
    blocks = {name: store.read_region(name) for name in store.regions}
    last = next(name for name, block in blocks.items() if np.mean(block.counts) > 10)
    whole = blocks[last]
    late = [whole.counts_of(i)[-hours:].astype(np.int32) for i in range(len(whole))]
    begins = [FIRST_HOUR + HOURS - hours] * len(whole)
    keys = whole.keys.select(["market", "network", "unique_id"])
    short = block_from_arrays(keys, ["UTC"] * len(whole), begins, late)
    begun = SeriesStore.create(tmp_path / "begun", key=["market", "network"])
    begun = begun.replace_regions(
        (name, short if name == last else block) for name, block in blocks.items()
    )
    fit(begun.folder, run=tmp_path / "short", executor="inline")
    fit(folder, run=tmp_path / "long", executor="inline")
    level, width = {}, {}
    for name in ("short", "long"):
        opened = FittedRun.open(tmp_path / name)
        rows = opened.results.rows
        own = [i for i, market in enumerate(rows["market"].to_pylist()) if market == last]
        state = opened.states(own)
        assert state["status"].to_pylist() == ["ok"] * len(own)
        assert ["short" in flags for flags in state["flags"].to_pylist()] == [
            name == "short"
        ] * len(own)
        found = opened.model.forecast(state, Window(FIRST_HOUR + HOURS, 168), [0.1, 0.9])
        level[name] = np.log(found.mean)
        low, high = np.moveaxis(found.quantiles, -1, 0)
        width[name] = np.mean((high - low) / found.mean)
    apart = np.abs(level["short"] - level["long"]).mean(axis=1)
    assert apart.max() < (2.0 if hours == 1 else 0.5)
    assert width["short"] > 0.9 * width["long"]
    if hours < 168:
        assert width["short"] > width["long"]
