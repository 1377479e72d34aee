"""A partition with a good row of the same data and model in an earlier run is not fitted again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from counted_stores import POISSON, ZONES, make_block, make_store

from daypart.engine.plan import take_over
from daypart.engine.results.parts import read_results
from daypart.engine.status import status
from daypart.errors import DaypartError
from daypart.runs.fit import fit


def comparable(run):
    return read_results(run).drop_columns(["seconds", "attempt", "log"])


def with_changed(store, region, rows):
    """Replace a region so that a few of its partitions have other counts."""
    block = store.read_region(region)
    counts = block.counts.copy()
    for row in rows:
        counts[block.offsets[row]] += 1
    return store.replace_regions([(region, replace(block, counts=counts))])


def test_a_second_run_over_unchanged_data_fits_nothing(store, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    fit(store, run=first, model=POISSON, executor="inline")
    report = fit(store, run=second, model=POISSON, executor="inline", take_over=first)
    assert (report.fitted, report.taken_over, report.already_done, report.ok) == (0, 70, 0, 70)
    assert comparable(second).equals(comparable(first))
    again = fit(store, run=second, model=POISSON, executor="inline", take_over=first)
    assert (again.fitted, again.taken_over, again.already_done) == (0, 0, 70)


@pytest.mark.parametrize("in_a_new_run", [False, True])
def test_new_data_for_one_in_a_hundred_partitions_fits_one_in_a_hundred(tmp_path, in_a_new_run):
    store = make_store(tmp_path / "store", {"501": 150, "803": 50}, hours=168)
    first = tmp_path / "first"
    fit(store.folder, run=first, model=POISSON, executor="inline")
    changed = with_changed(store, "501", [7, 100])
    run = tmp_path / "second" if in_a_new_run else first
    earlier = first if in_a_new_run else None
    report = fit(changed.folder, run=run, model=POISSON, executor="inline", take_over=earlier)
    assert (report.fitted, report.taken_over) == (2, 198 if in_a_new_run else 0)
    fit(changed.folder, run=tmp_path / "afresh", model=POISSON, executor="inline")
    assert comparable(run).equals(comparable(tmp_path / "afresh"))


def test_failures_and_other_parameters_are_not_taken_over(store, tmp_path):
    failing = {"raise_on": "n0003"}
    first, second = tmp_path / "first", tmp_path / "second"
    fit(store, run=first, model=POISSON, executor="inline", parameters=failing)
    report = fit(
        store,
        run=second,
        model=POISSON,
        executor="inline",
        parameters=failing,
        take_over=first,
    )
    assert (report.taken_over, report.fitted, report.failed) == (68, 2, 2)
    other = fit(
        store,
        run=tmp_path / "third",
        model=POISSON,
        executor="inline",
        parameters={"prior_shape": 0.7},
        take_over=first,
    )
    assert (other.taken_over, other.fitted) == (0, 70)


def test_partitions_that_the_model_skipped_are_taken_over_too(tmp_path):
    store = make_store(tmp_path / "store", {"501": 5}, hours=168).folder
    first, second = tmp_path / "first", tmp_path / "second"
    assert fit(store, run=first, model="four_week_mean", executor="inline").skipped == 5
    report = fit(store, run=second, model="four_week_mean", executor="inline", take_over=first)
    assert (report.taken_over, report.fitted, report.skipped) == (5, 0, 5)


def test_an_earlier_run_that_is_not_there_is_named(store, tmp_path):
    with pytest.raises(DaypartError, match="none: no run here"):
        fit(store, run=tmp_path / "run", model=POISSON, take_over=tmp_path / "none")


def test_a_crash_in_the_midst_loses_nothing(tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", {"501": 10, "803": 10}).folder
    first, second = tmp_path / "first", tmp_path / "second"
    fit(store, run=first, model=POISSON, executor="inline")
    write, written = take_over.write_rows_of, []

    def write_one(*arguments):
        if written:
            raise KeyboardInterrupt
        written.append(write(*arguments))
        return written[0]

    with monkeypatch.context() as patch:
        patch.setattr(take_over, "write_rows_of", write_one)
        with pytest.raises(KeyboardInterrupt):
            fit(store, run=second, model=POISSON, executor="inline", take_over=first)
    assert status(second).ok == 10
    report = fit(store, run=second, model=POISSON, executor="inline", take_over=first)
    assert (report.fitted, report.taken_over, report.ok) == (0, 10, 20)
    assert comparable(second).equals(comparable(first))


def test_a_partition_that_only_one_store_has_is_fitted(tmp_path):
    store = make_store(tmp_path / "store", {"501": 10})
    fit(store.folder, run=tmp_path / "first", model=POISSON, executor="inline")
    names = [f"n{i:04d}" for i in range(12)]
    store.replace_regions([("501", make_block("501", names, timezone=ZONES[0]))])
    report = fit(
        store.folder,
        run=tmp_path / "second",
        model=POISSON,
        executor="inline",
        take_over=tmp_path / "first",
    )
    assert (report.fitted, report.taken_over) == (2, 10)
    assert np.all(np.array(read_results(tmp_path / "second")["status"].to_pylist()) == "ok")
