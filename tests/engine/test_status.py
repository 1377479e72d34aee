"""status tells where a run stands from its files alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise

import pytest
from counted_stores import POISSON, fit_in_parts, make_store

from daypart.cli.commands.runs import _status_lines
from daypart.engine.cancel import cancel
from daypart.engine.executors.array.records import Records
from daypart.engine.executors.array.submission import Submission
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.history import recorded
from daypart.engine.results.parts import list_parts
from daypart.engine.status import status
from daypart.engine.tasks.events import TaskStarted
from daypart.errors import DaypartError
from daypart.runs.fit import fit

REAL_TIME = time.time


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


@pytest.fixture
def half_done(tmp_path):
    """A run of 128 partitions of which three parts of 32 are there."""
    store = make_store(tmp_path / "store", {"501": 64, "803": 64}).folder
    *_, last = fit_in_parts(store, tmp_path / "run")
    last.unlink()
    return RunFolder.at(tmp_path / "run")


@contextmanager
def driver_at_work(folder):
    """Hold a run as a driver that began when its first part was written."""
    with folder.lock(), recorded(folder, "local", 2) as history:
        history(TaskStarted(0, "local-0"))
        for part in folder.parts.iterdir():
            os.utime(part)
        yield


def later(monkeypatch, seconds):
    now = REAL_TIME() + seconds
    monkeypatch.setattr("daypart.engine.status.time.time", lambda: now)


def test_the_rate_of_a_run_at_work_falls_while_nothing_ends(half_done, monkeypatch):
    with driver_at_work(half_done):
        later(monkeypatch, 40)
        assert status(half_done.path).seconds_left == pytest.approx(40, abs=2)
        later(monkeypatch, 400)
        found = status(half_done.path)
    assert found.rate == pytest.approx(96 / 400, rel=0.02)
    assert found.seconds_left == pytest.approx(400, rel=0.02)


def test_what_was_fitted_before_a_pause_is_not_in_the_rate(half_done, monkeypatch):
    for part in half_done.parts.iterdir():
        os.utime(part, (time.time() - 3600, time.time() - 3600))
    with half_done.lock(), recorded(half_done, "local", 2) as history:
        history(TaskStarted(0, "local-0"))
        later(monkeypatch, 30)
        assert status(half_done.path).rate is None


def test_arrays_of_a_dead_driver_are_not_called_at_rest(half_done):
    (task, *_) = sorted({task for task, _, _ in list_parts(half_done)})
    records = Records(half_done.path)
    record = records.intend(Submission("daypart-0-abc", "long", (task,), 1000))
    found = status(half_done.path)
    assert (found.running, found.arrays) == (False, 1)
    assert "1 array may run without a driver" in _status_lines(found)[0]
    records.note(record, ended=True)
    assert "not running" in _status_lines(status(half_done.path))[0]


def test_failed_partitions_are_named_with_their_reasons(store, tmp_path):
    fit(store, run=tmp_path / "run", model="misbehaving_model:Raising", executor="inline")
    found = status(tmp_path / "run")
    assert found.failed == 70
    assert found.failed_partitions[0] == ("501/n0000", found.failed_partitions[0][1])
    assert "ValueError: never" in found.failed_partitions[0][1]
    lines = _status_lines(found)
    assert sum(line.startswith("failed: 501/") for line in lines) == 5
    assert "failed: 65 more; --json names 20" in lines


PLANS_FOR_A_MINUTE = """
import pathlib, sys, time
import daypart.runs.fitting.run_plan as run_plan
from daypart.errors import DaypartError
from daypart.runs.fit import fit

REAL_TIME = time.time
def hold(folder, store, settings, progress):
    with progress.step("fitting parents", total=20, unit="regions"):
        pathlib.Path(sys.argv[4]).touch()
        time.sleep(60)
run_plan.prepare_parents = hold
try:
    fit(sys.argv[1], run=sys.argv[2], model=sys.argv[3], executor="inline")
except DaypartError as error:
    sys.exit(error.exit_code)
"""


def test_a_driver_that_plans_shows_what_it_does_and_can_be_cancelled(store, tmp_path):
    run, there = tmp_path / "run", tmp_path / "there"
    words = [sys.executable, "-c", PLANS_FOR_A_MINUTE, str(store), str(run), POISSON, str(there)]
    path = os.pathsep.join(each for each in sys.path if each)
    driver = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path})
    while not there.exists():
        assert driver.poll() is None
        time.sleep(0.01)
    found = status(run)
    assert (found.running, found.partitions) == (True, 0)
    assert found.planning == "fitting parents: 0 of 20 regions"
    assert _status_lines(found) == [f"{run}: planning (fitting parents: 0 of 20 regions)"]
    assert cancel(run).driver == f"process {driver.pid} on {socket.gethostname()}"
    assert driver.wait(timeout=30) == 75
    assert fit(store, run=run, model=POISSON, executor="inline").ok == 70
    assert not (run / "planning.json").exists()


@pytest.mark.parametrize(
    "wrong",
    [{"model": "no_such_module:Model"}, {"take_over": "nowhere"}, {"timeout": -1.0}],
)
def test_a_fault_of_a_call_leaves_no_folder(store, tmp_path, wrong):
    with pytest.raises(DaypartError):
        fit(store, run=tmp_path / "run", **{"model": POISSON, "executor": "inline"} | wrong)
    assert not (tmp_path / "run").exists()


def test_a_fault_that_planning_meets_leaves_no_folder(store, tmp_path, monkeypatch):
    def raise_fault(*_):
        raise DaypartError("a fault")

    monkeypatch.setattr("daypart.runs.fitting.run_plan.prepare_parents", raise_fault)
    with pytest.raises(DaypartError, match="a fault"):
        fit(store, run=tmp_path / "run", model=POISSON, executor="inline")
    assert not (tmp_path / "run").exists()
