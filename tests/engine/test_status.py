"""status tells where a run stands from its files alone."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from counted_stores import POISSON, fit_in_parts, make_store

from daypart.engine.results.folder import RunFolder
from daypart.engine.status import status
from daypart.runs.fit import fit


def test_a_finished_run_is_counted_by_status_and_region(store, tmp_path):
    run = tmp_path / "run"
    fit(store, run=run, model=POISSON, executor="inline", parameters={"raise_on": "501/n0004"})
    found = status(run)
    assert (found.partitions, found.ok, found.failed, found.missing) == (70, 69, 1, 0)
    assert found.by_region == {"501": {"failed": 1, "ok": 44}, "803": {"ok": 25}}
    assert found.failures == {"ValueError": 1}
    assert found.model == POISSON
    assert found.seconds_left == 0.0
    assert not found.running


def test_the_slowest_partitions_come_first_and_seconds_add_up(store, tmp_path):
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    found = status(tmp_path / "run")
    assert len(found.slowest) == 5
    assert all(first >= second for (_, first), (_, second) in pairwise(found.slowest))
    assert found.fit_seconds > sum(seconds for _, seconds in found.slowest)


def test_rate_and_time_left_follow_from_when_the_parts_were_written(tmp_path):
    store = make_store(tmp_path / "store", {"501": 64, "803": 64}).folder
    run = tmp_path / "run"
    *parts, last = fit_in_parts(store, run)
    assert len(parts) == 3
    last.unlink()
    for second, part in enumerate(parts):
        os.utime(part, (1000 + 10 * second, 1000 + 10 * second))
    found = status(run)
    assert found.missing == 32
    assert found.rate == pytest.approx(64 / 20)
    assert found.seconds_left == pytest.approx(32 / (64 / 20))


def test_before_the_first_part_the_rate_is_not_known(tmp_path):
    store = make_store(tmp_path / "store", {"501": 10}).folder
    for part in fit_in_parts(store, tmp_path / "run"):
        part.unlink()
    found = status(tmp_path / "run")
    assert (found.missing, found.rate, found.seconds_left) == (10, None, None)


def test_a_run_that_a_driver_holds_is_running(store, tmp_path):
    fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    with RunFolder.at(tmp_path / "run").lock():
        assert status(tmp_path / "run").running
    assert not status(tmp_path / "run").running
