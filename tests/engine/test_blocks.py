"""A lost worker costs some seconds of work or one fit, and a stop waits for one fit alone."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest
from counted_stores import POISSON, make_store, planned

from daypart.engine.executors.registry import get_executor
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.events import BlockFinished
from daypart.engine.tasks.stopping import Stop
from daypart.errors import Interrupted

FUNCTION = "misbehaving_model:take_time"
NOISE = 0.7
"""Seconds that a busy machine may add to a block."""


@pytest.fixture
def short_blocks(monkeypatch):
    """Blocks of half a second."""
    monkeypatch.setattr("daypart.engine.tasks.task.SECONDS_PER_BLOCK", 0.5)


def small_store(tmp_path, partitions):
    return make_store(tmp_path / "store", {"501": partitions}, hours=504).folder


def longest_without_a_flush(tasks):
    """Run tasks in this process; return the most seconds between two flushes of rows."""
    at = [time.monotonic()]

    def note(event):
        if isinstance(event, BlockFinished):
            at.append(time.monotonic())

    get_executor("inline").execute(tasks, note)
    return max(after - before for before, after in pairwise(at))


@pytest.mark.parametrize(("seconds", "partitions"), [(0.005, 200), (0.1, 40), (0.7, 4)])
@pytest.mark.parametrize("model", [FUNCTION, POISSON])
def test_rows_are_flushed_after_some_seconds_or_one_fit_whatever_a_fit_takes(
    tmp_path, short_blocks, model, seconds, partitions
):
    store = small_store(tmp_path, partitions)
    tasks = planned(store, tmp_path / "run", model, {"seconds": seconds})
    assert longest_without_a_flush(tasks) <= 0.5 + seconds + NOISE
    assert read_results(tmp_path / "run")["status"].to_pylist() == ["ok"] * partitions


def test_a_fallback_that_takes_its_time_is_flushed_as_often(tmp_path, short_blocks):
    slow = "misbehaving_model:take_a_moment"
    store, run = small_store(tmp_path, 40), tmp_path / "run"
    tasks = planned(store, run, "misbehaving_model:Raising", fallback=slow)
    assert longest_without_a_flush(tasks) <= 0.5 + 0.1 + NOISE
    rows = read_results(run)
    assert rows["status"].to_pylist() == ["ok"] * 40
    assert set(rows["model"].to_pylist()) == {slow}


@pytest.mark.parametrize("model", [FUNCTION, POISSON])
def test_a_stop_waits_for_the_fit_in_hand_and_keeps_those_before(tmp_path, model):
    store, run, stop = small_store(tmp_path, 32), tmp_path / "run", Stop()
    tasks = planned(store, run, model, {"seconds": 0.3})
    threading.Timer(1.1, stop.request, ("a test",)).start()
    started = time.monotonic()
    with pytest.raises(Interrupted):
        get_executor("inline").execute(tasks, lambda event: None, stop)
    spent = time.monotonic() - started
    assert len(read_results(run)) >= 1
    if model == FUNCTION:
        assert spent <= 1.1 + 0.3 + NOISE
        assert len(read_results(run)) >= 2


def test_fits_stopped_between_two_and_resumed_are_those_of_one_undisturbed_run(tmp_path):
    store = small_store(tmp_path, 32)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    get_executor("inline").execute(
        planned(store, whole, FUNCTION, {"seconds": 0.0}), lambda event: None
    )
    tasks, stop = planned(store, stopped, FUNCTION, {"seconds": 0.0}), Stop()
    with pytest.raises(Interrupted):
        get_executor("inline").execute(tasks, lambda event: stop.request("a test"), stop)
    get_executor("inline").execute(tasks, lambda event: None)
    own = ["seconds", "attempt", "log"]
    assert read_results(whole).drop_columns(own).equals(read_results(stopped).drop_columns(own))
