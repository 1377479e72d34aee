"""A run beside another store is refused; a store replaced under a running fit is named."""

from __future__ import annotations

import shutil

import numpy as np
import pyarrow as pa
import pytest

import daypart
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import read_results
from daypart.errors import DaypartError
from daypart.runs.fitting import fit_work
from daypart.runs.run.settings import check_fitted_to, read_settings
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

OPTIONS = {"model": "seasonal_naive", "executor": "inline"}


def a_store(folder, *, key="market", region="501", seed=0):
    counts = [np.random.default_rng(seed).poisson(5, 800) for _ in range(3)]
    names = [f"{region}{letter}" for letter in "abc"]
    block = block_from_arrays(
        pa.table({key: names, "unique_id": names}), ["UTC"] * 3, [0] * 3, counts
    )
    return SeriesStore.create(folder, key=[key]).replace_regions([(region, block)])


@pytest.fixture
def run(tmp_path):
    a_store(tmp_path / "store")
    daypart.fit(tmp_path / "store", run=tmp_path / "run", **OPTIONS)
    return tmp_path / "run"


def fitted_to(run, store):
    folder = RunFolder.open(run)
    check_fitted_to(folder, read_settings(folder), store)


@pytest.mark.parametrize("other", [{"key": "shop"}, {"region": "602"}])
def test_a_forecast_beside_another_store_is_refused(other, run, tmp_path):
    shutil.rmtree(tmp_path / "store")
    a_store(tmp_path / "store", **other)
    with pytest.raises(DaypartError, match="run: was not fitted to .*store; give the run of"):
        daypart.predict(run, weeks=1, out=tmp_path / "f.parquet")
    assert not (tmp_path / "f.parquet").exists()


def test_a_report_of_a_store_with_the_run_of_another_is_refused(run, tmp_path):
    a_store(tmp_path / "other", seed=1)
    with pytest.raises(DaypartError, match="run: was not fitted to .*other"):
        daypart.report(tmp_path / "r.html", store=tmp_path / "other", run=run)
    assert not (tmp_path / "r.html").exists()


def test_a_copy_of_the_store_and_one_that_has_grown_are_its_own(run, tmp_path):
    fitted_to(run, SeriesStore.open(shutil.copytree(tmp_path / "store", tmp_path / "copy")))
    grown = a_store(tmp_path / "new", seed=2).read_region("501")
    fitted_to(run, SeriesStore.open(tmp_path / "store").replace_regions([("501", grown)]))


def test_a_store_that_is_replaced_under_a_running_fit_is_named(tmp_path, monkeypatch):
    store, real = a_store(tmp_path / "store"), fit_work.fit_block

    def replaced_meanwhile(*arguments, **options):
        shutil.rmtree(store.folder)
        a_store(store.folder, seed=3)
        return real(*arguments, **options)

    monkeypatch.setattr(fit_work, "fit_block", replaced_meanwhile)
    with pytest.raises(DaypartError, match="changed since the run was planned; run the same"):
        daypart.fit(store.folder, run=tmp_path / "run", **OPTIONS)
    monkeypatch.undo()
    rows = []
    for name in ("run", "afresh"):
        daypart.fit(store.folder, run=tmp_path / name, **OPTIONS)
        rows.append(read_results(tmp_path / name).drop_columns(["seconds", "attempt"]))
    assert rows[0].equals(rows[1])
