"""A model that hangs, eats memory or returns NaN fails its partition; a fallback stands in."""

from __future__ import annotations

import time

import numpy as np
import pytest
from counted_stores import make_store

import daypart
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.limits import ResourceLimits, TookTooLongError, within
from daypart.errors import DaypartError
from daypart.runs.forecasts.fitted_run import FittedRun

MISBEHAVING = "misbehaving_model:Misbehaving"


@pytest.fixture
def few(tmp_path):
    return make_store(tmp_path / "store", {"501": 6}).folder


def fit(store, tmp_path, **settings):
    daypart.fit(store, run=tmp_path / "run", model=MISBEHAVING, workers=1, **settings)
    return {row["unique_id"][4:]: row for row in read_results(tmp_path / "run").to_pylist()}


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_a_model_that_hangs_fails_its_partition_when_its_time_is_over(few, tmp_path, executor):
    begun = time.monotonic()
    rows = fit(few, tmp_path, parameters={"sleep_on": "n0002"}, timeout=2, executor=executor)
    assert rows["n0002"]["reason"] == "took longer than 2 s"
    assert [row["status"] for row in rows.values()].count("ok") == 5
    assert time.monotonic() - begun < 60


@pytest.mark.slow
def test_a_model_that_hangs_in_compiled_code_is_ended_with_its_worker(few, tmp_path):
    rows = fit(few, tmp_path, parameters={"stuck_on": "n0002"}, timeout=2)
    assert "took longer than the timeout, in code that" in rows["n0002"]["reason"]
    assert [row["status"] for row in rows.values()].count("ok") == 5


def test_a_model_that_catches_every_exception_is_broken_off_all_the_same():
    def stubborn():
        while True:
            try:
                time.sleep(5)
            except Exception:
                continue

    with pytest.raises(TookTooLongError), within(ResourceLimits(timeout=0.1)):
        stubborn()


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_a_model_that_eats_memory_fails_its_partition(few, tmp_path, executor):
    parameters = {"eat_on": "n0003"}
    rows = fit(few, tmp_path, parameters=parameters, memory="300MB", executor=executor)
    assert "MemoryError" in rows["n0003"]["reason"]
    assert [row["status"] for row in rows.values()].count("ok") == 5
    assert len(np.ones(60_000_000)) > 0  # the limit is lifted again


def test_a_model_that_returns_nan_fails_its_partition(few, tmp_path):
    rows = fit(few, tmp_path, parameters={"nan_on": "n0004"})
    assert rows["n0004"]["reason"] == "NaN in column profile"
    assert rows["n0004"]["profile"] is None
    assert [row["status"] for row in rows.values()].count("ok") == 5


def test_a_fallback_fits_what_the_model_fails_on_and_forecasts_it(few, tmp_path):
    parameters = {"nan_on": "n0004", "raise_on": "n0001", "sleep_on": "n0002"}
    rows = fit(few, tmp_path, parameters=parameters, timeout=2, fallback="seasonal_naive")
    assert [row["status"] for row in rows.values()] == ["ok"] * 6
    stood_in = [name for name, row in rows.items() if row["model"] == "seasonal_naive"]
    assert stood_in == ["n0001", "n0002", "n0004"]
    assert daypart.status(tmp_path / "run").fallbacks == 3
    assert rows["n0001"]["reason"].startswith("ValueError: not this one")
    run = FittedRun.open(tmp_path / "run")
    assert run.ok().tolist() == list(range(6))
    table = daypart.predict(tmp_path / "run", weeks=1)
    mean = table["mean"].to_numpy().reshape(6, 168)
    assert mean[[0, 3, 5]].max() == 1.0  # what the model itself says
    assert (mean[[1, 2, 4]].max(axis=1) > 1.0).all()


def test_a_fallback_that_fails_too_leaves_the_partition_failed_with_both_reasons(few, tmp_path):
    name = "misbehaving_model:Raising"
    rows = fit(few, tmp_path, parameters={"raise_on": "n0001"}, fallback=name)
    assert rows["n0001"]["status"] == "failed"
    assert "not this one" in rows["n0001"]["reason"]
    assert "never" in rows["n0001"]["reason"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"timeout": 0}, "timeout is 0"),
        ({"memory": "much"}, "'much' is not a size"),
        ({"memory": -5}, "memory is -5"),
        ({"fallback": "seasonal_naïve"}, "did you mean seasonal_naive"),
    ],
)
def test_a_limit_that_nothing_can_keep_is_refused(few, tmp_path, settings, message):
    with pytest.raises(DaypartError, match=message):
        daypart.fit(few, run=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_failed_partition_may_be_tried_again_with_more_time(few, tmp_path):
    parameters = {"sleep_on": "n0002", "seconds": 4.0}
    assert fit(few, tmp_path, parameters=parameters, timeout=2)["n0002"]["status"] == "failed"
    again = fit(few, tmp_path, parameters=parameters, timeout=30, retry_failed=True)
    assert (again["n0002"]["status"], again["n0002"]["attempt"]) == ("ok", 2)
