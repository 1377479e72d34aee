"""Counts of one are printed in the singular."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from daypart.cli.main import main
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore


def printed(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def store(tmp_path):
    keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    counts = [np.random.default_rng(1).poisson(9.0, 1344).astype(np.int32)]
    block = block_from_arrays(keys, ["UTC"], [480_000], counts)
    return SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", block)])


def test_a_run_of_one_partition_is_printed_in_the_singular(store, tmp_path, capsys):
    run = tmp_path / "run"
    fitted = printed(capsys, "fit", store.folder, "--run", run, "--model", "seasonal_naive")
    assert "1 partition = 1 ok" in fitted
    assert "1 partition in 1 execution," in printed(capsys, "cost", run)
    assert "1 partition = 1 ok" in printed(capsys, "status", run)
    estimated = printed(capsys, "estimate", store.folder, "--model", "seasonal_naive")
    assert "measured on 1 partition of" in estimated
    assert "1 task of " in estimated
    assert "1 tasks" not in estimated


def test_one_week_of_one_market_is_printed_in_the_singular(store, tmp_path, capsys):
    few = ("--markets", 1, "--networks", 1, "--households", 20, "--weeks", 1)
    simulated = printed(capsys, "simulate", tmp_path / "market", *few)
    assert "in 1 market on 1 network over 1 week:" in simulated
    scored = printed(
        capsys, "backtest", store.folder, "--out", tmp_path / "scores", "--weeks", 1,
        "--model", "seasonal_naive", "--against", "four_week_mean",
    )  # fmt: skip
    assert scored.startswith("1 week held out from")
