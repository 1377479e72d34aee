"""`posterior`: log mu of every fitted hour, and every partition's hyperparameters."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counted_stores import FIRST_HOUR, make_block, make_store

import daypart
from daypart.cli.main import main
from daypart.errors import DaypartError
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.files import read_json, write_json


def store_of(folder, counts, exposures=None, timezone="America/New_York"):
    """Write a store of one region `a` with a partition per series."""
    names = [f"n{i}" for i in range(len(counts))]
    keys = pa.table(
        {
            "market": ["a"] * len(names),
            "network": names,
            "unique_id": [f"a/{name}" for name in names],
        }
    )
    block = block_from_arrays(
        keys, [timezone] * len(names), [FIRST_HOUR] * len(names), counts, exposures
    )
    return SeriesStore.create(folder, key=["market", "network"]).replace_regions([("a", block)])


def poisson(seed, hours=504, mean=6.0):
    rng = np.random.default_rng(seed)
    return rng.poisson(mean * (1 + np.sin(np.arange(hours) / 24 * 2 * np.pi))).astype(np.int32)


def log_mu_of(table, name):
    chosen = table.filter(pa.compute.equal(table.column("unique_id"), name))
    return chosen.column("log_mu_mean").to_numpy(), chosen.column("log_mu_sd").to_numpy()


def test_every_partition_has_a_row_per_hour_and_one_of_hyperparameters(tmp_path):
    make_store(tmp_path / "store", {"501": 3, "803": 70})
    daypart.fit(tmp_path / "store", run=tmp_path / "run", model="crossed", executor="inline")
    told = daypart.posterior(tmp_path / "run", out=tmp_path / "log_mu.parquet")
    assert (told.rows, told.partitions, told.without_posterior) == (73 * 504, 73, 0)
    hours, hyper = pq.read_table(told.out), pq.read_table(told.hyperparameters)
    assert told.hyperparameters.name == "log_mu-hyperparameters.parquet"
    stamps = hours.column("ds").cast("int64").to_numpy().reshape(73, 504) // 3_600_000_000
    assert (stamps == FIRST_HOUR + np.arange(504)).all()
    assert len(set(hyper.column("unique_id").to_pylist())) == 73
    run = daypart.engine.results.parts.read_results(tmp_path / "run")
    for name in ("sh", "sw", "inv_phi"):
        stored = run.column(f"{name}_mean").to_numpy()
        np.testing.assert_allclose(hyper.column(f"{name}_mean").to_numpy(), stored, rtol=0.3)
        quantiles = [hyper.column(f"{name}_q{p}").to_numpy() for p in (5, 25, 50, 75, 95)]
        assert (np.diff(quantiles, axis=0) > 0).all()
    mean, sd = log_mu_of(hours, "501/n0000")
    counts = make_block("501", [f"n{i:04d}" for i in range(3)]).counts_of(0)
    assert np.exp(mean).sum() == pytest.approx(counts.sum(), rel=0.05)
    assert (sd > 0).all()


def test_log_mu_holds_the_hours_exposure_and_missing_hours_have_one(tmp_path):
    plain = poisson(1)
    gaps = plain.copy()
    gaps[100:130] = -1
    doubled = np.where(np.arange(21) % 2 == 1, 2.0, 1.0).astype(np.float32)
    more = np.where(np.arange(504) // 24 % 2 == 1, 2 * plain, plain).astype(np.int32)
    unseen = np.where(np.arange(21) == 3, 0.0, 1.0).astype(np.float32)
    hidden = np.where(np.arange(504) // 24 == 3, -1, plain).astype(np.int32)
    ones = np.ones(21, np.float32)
    store_of(tmp_path / "s", [plain, gaps, more, hidden], [ones, ones, doubled, unseen])
    daypart.fit(tmp_path / "s", run=tmp_path / "run", model="crossed", executor="inline")
    hours = daypart.posterior(tmp_path / "run").hours
    found = [log_mu_of(hours, f"a/n{i}") for i in range(4)]
    assert np.isfinite(found[1][0]).all()
    assert np.corrcoef(found[0][0][100:130], found[1][0][100:130])[0, 1] > 0.8
    days = found[2][0].reshape(21, 24).mean(axis=1) - found[0][0].reshape(21, 24).mean(axis=1)
    assert days[1::2].mean() - days[::2].mean() == pytest.approx(np.log(2), abs=0.1)
    assert np.isnan(found[3][0]).tolist() == (np.arange(504) // 24 == 3).tolist()


def test_partitions_without_a_posterior_are_told_with_their_reason(tmp_path):
    short = np.full(504, -1, np.int32)
    store_of(tmp_path / "s", [poisson(1), short, poisson(2)])
    daypart.fit(tmp_path / "s", run=tmp_path / "run", model="negbin", executor="inline")
    told = daypart.posterior(tmp_path / "run")
    assert set(told.hours.column("unique_id").to_pylist()) == {"a/n0", "a/n2"}
    assert told.hyperparameters.column("status").to_pylist() == ["ok", "skipped", "ok"]
    assert "missing" in told.hyperparameters.column("reason").to_pylist()[1]
    assert told.hyperparameters.column("cell_scale_q50").null_count == 1


def test_the_command_line_tells_both_files(tmp_path, capsys):
    store_of(tmp_path / "s", [poisson(1)])
    daypart.fit(tmp_path / "s", run=tmp_path / "run", model="crossed", executor="inline")
    out, second = tmp_path / "mu.csv", tmp_path / "scales.csv"
    arguments = ["posterior", tmp_path / "run", "--out", out, "--hyperparameters", second]
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["rows"], told["partitions"]) == (0, 504, 1)
    assert len(out.read_text().splitlines()) == 505
    assert "sh_q95" in second.read_text()


def test_a_model_without_such_a_posterior_is_refused(tmp_path):
    store_of(tmp_path / "s", [poisson(1)])
    daypart.fit(tmp_path / "s", run=tmp_path / "r", model="seasonal_naive", executor="inline")
    with pytest.raises(DaypartError, match="seasonal_naive has no posterior of log mu"):
        daypart.posterior(tmp_path / "r")


def test_a_store_that_changed_since_the_run_is_refused(tmp_path):
    store = store_of(tmp_path / "s", [poisson(1)])
    daypart.fit(tmp_path / "s", run=tmp_path / "r", model="crossed", executor="inline")
    content = read_json(store.folder / "store.json")
    content["regions"]["a"]["content_hash"] = "other"
    write_json(store.folder / "store.json", content)
    with pytest.raises(DaypartError, match="region 'a' changed since"):
        daypart.posterior(tmp_path / "r", out=tmp_path / "mu.csv")
    assert not (tmp_path / "mu.csv").exists()


def test_one_name_for_two_files_is_refused(tmp_path):
    name = tmp_path / "mu.csv"
    with pytest.raises(DaypartError, match="named for both tables"):
        daypart.posterior(tmp_path / "r", out=name, hyperparameters=name)
