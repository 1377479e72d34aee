"""Outages, openings, closures and lasting steps neither explode a forecast nor go unnoticed."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from daypart.models.protocol import Window
from daypart.models.registry import get_model
from daypart.series.block import block_from_arrays

MONDAY = 96
WEEK = 168


def busy(weeks: int = 26, mean: float = 300.0, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    profile = mean * np.exp(0.5 * np.sin(np.arange(WEEK) * 2 * np.pi / 24))
    return rng.poisson(np.tile(profile, weeks)).astype(np.int32)


def state_of(*series: np.ndarray, **parameters: object) -> pa.Table:
    names = [str(number) for number in range(len(series))]
    block = block_from_arrays(
        pa.table({"unique_id": names}), ["UTC"] * len(names), [MONDAY] * len(names), list(series)
    )
    model = get_model("negbin", holidays=False, **parameters)
    state = model.fit(block)
    hours = pa.array([len(each) for each in series], pa.int64())
    begin = pa.array([datetime(1970, 1, 5)] * len(series), pa.timestamp("s", "UTC"))
    for name, column in {
        "unique_id": pa.array(names),
        "timezone": pa.array(["UTC"] * len(names)),
        "first_hour": begin,
        "hours": hours,
        "exposure": pa.array([1.0] * len(names)),
    }.items():
        state = state.append_column(name, column)
    return state


def forecast_means(state: pa.Table, hours: int, weeks: int = 4) -> np.ndarray:
    model = get_model("negbin", holidays=False)
    found = model.forecast(state, Window(MONDAY + hours, weeks * WEEK), [0.025, 0.5, 0.975])
    assert (found.mean <= found.quantiles[:, :, 2]).all()
    return found.mean.reshape(len(found.mean), weeks, WEEK).mean(axis=2)


def changes_of(state: pa.Table, row: int = 0) -> list[dict[str, object]]:
    return state.column("change")[row].as_py()


def test_a_dead_week_and_an_opening_leave_the_means_where_the_series_are():
    series = [busy(seed=seed) for seed in range(6)]
    series[1][10 * WEEK : 11 * WEEK] = 0
    series[2][: 20 * WEEK] = 0
    state = state_of(*series)
    means = forecast_means(state, 26 * WEEK)
    usual = 300.0 * np.exp(0.5 * np.sin(np.arange(WEEK) * 2 * np.pi / 24)).mean()
    np.testing.assert_allclose(means, usual, rtol=0.1)
    assert "outage" in state.column("flags")[1].as_py()
    assert "changed" in state.column("flags")[2].as_py()
    begin = datetime(1970, 1, 5)
    (dead,) = changes_of(state, 1)
    assert dead["kind"] == "outage"
    assert dead["from"] == begin + timedelta(weeks=10)
    assert dead["to"] == begin + timedelta(weeks=11)
    (opening,) = changes_of(state, 2)
    assert (opening["kind"], opening["to"]) == ("opening", begin + timedelta(weeks=20))
    assert [changes_of(state, row) for row in (0, 3, 4, 5)] == [[]] * 4


def test_the_search_can_be_switched_off():
    series = busy(weeks=8)
    series[3 * WEEK : 4 * WEEK] = 0
    state = state_of(series, changes=False)
    assert changes_of(state) == []
    assert state.column("observed_hours")[0].as_py() == 8 * WEEK
    assert state_of(series).column("observed_hours")[0].as_py() == 7 * WEEK


@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_forecasts_start_from_the_level_after_a_step(factor):
    series = busy(weeks=13, mean=100.0)
    after = busy(weeks=13, mean=100.0 * factor, seed=2)
    series[6 * WEEK :] = after[6 * WEEK :]
    state = state_of(series)
    (step,) = changes_of(state)
    assert step["kind"] == "step"
    assert step["from"] == datetime(1970, 1, 5) + timedelta(weeks=6)
    assert step["to"] is None
    assert step["size"] == pytest.approx(np.log(factor), abs=0.02)
    means = forecast_means(state, 13 * WEEK)
    np.testing.assert_allclose(means[0], after[6 * WEEK :].mean(), rtol=0.06)
    weeks = np.array(state.column("week_mean")[0].as_py())
    assert np.diff(weeks)[5] == pytest.approx(np.log(factor), abs=0.05)


def test_a_closed_series_is_forecast_at_nothing():
    series = busy(weeks=13, mean=50.0)
    series[8 * WEEK + 30 :] = 0
    state = state_of(series)
    (closure,) = changes_of(state)
    assert closure["kind"] == "closure"
    assert closure["from"] == datetime(1970, 1, 5) + timedelta(weeks=8, hours=30)
    assert closure["size"] < -5
    assert (forecast_means(state, 13 * WEEK) < 0.1).all()


def test_what_a_series_does_by_habit_is_no_change():
    nights = busy(weeks=13)
    off = (np.arange(len(nights)) // 24) % 7 >= 5
    nights[off] = 0  # shut every week-end
    alternate = busy(weeks=26)
    alternate[((np.arange(len(alternate)) // 24) % 14 >= 12)] = 0  # and every second one
    rare = np.random.default_rng(4).poisson(0.02, 13 * WEEK).astype(np.int32)
    for series in (nights, alternate, rare):
        assert changes_of(state_of(series)) == []


def test_a_slow_rise_is_no_step():
    weeks = 26
    rise = np.repeat(np.exp(np.linspace(0.0, 1.5, weeks)), WEEK)
    series = np.random.default_rng(5).poisson(100.0 * rise).astype(np.int32)
    assert changes_of(state_of(series)) == []


def test_random_walks_are_hardly_ever_taken_for_steps():
    rng = np.random.default_rng(6)
    level = np.cumsum(0.1 * rng.normal(size=(40, 13)), axis=1) + 0.1 * rng.normal(size=(40, 13))
    series = [rng.poisson(np.repeat(5.0 * np.exp(row), WEEK)).astype(np.int32) for row in level]
    state = state_of(*series)
    assert sum(len(changes_of(state, row)) for row in range(40)) == 0


def test_a_feast_and_a_storm_do_not_move_the_weeks_around_them():
    series = busy(weeks=26)
    series[10 * WEEK : 10 * WEEK + 24] //= 5
    series[20 * WEEK + 48 : 20 * WEEK + 72] *= 4
    state = state_of(series, busy(weeks=26, seed=2))
    assert state.column("unusual_days").to_pylist() == [2, 0]
    scales = state.column("week_scale_mean").to_pylist()
    assert scales[0] == pytest.approx(scales[1], abs=0.01)
    assert state.column("observed_hours").to_pylist() == [26 * WEEK - 48, 26 * WEEK]


def test_a_profile_that_has_changed_is_learnt_from_the_weeks_since():
    hour = np.arange(WEEK) * 2 * np.pi / 24
    before, after = 50 * np.exp(np.sin(hour)), 50 * np.exp(np.sin(hour + 1.0))
    rng = np.random.default_rng(8)
    series = rng.poisson(np.concatenate([np.tile(before, 16), np.tile(after, 10)]))
    state = state_of(series.astype(np.int32), busy(weeks=26))
    assert state.column("history_weeks").to_pylist() == [8, 26]
    model = get_model("negbin", holidays=False)
    found = model.forecast(state, Window(MONDAY + 26 * WEEK, WEEK), [0.025, 0.975])
    np.testing.assert_allclose(found.mean[0], after, rtol=0.12)
    kept = state_of(series.astype(np.int32), changes=False)
    assert kept.column("history_weeks").to_pylist() == [26]


@pytest.mark.parametrize("weeks", [1, 2, 3, 12, 13, 14, 60])
def test_any_number_of_weeks_is_searched(weeks):
    state = state_of(busy(weeks=max(weeks, 2))[: weeks * WEEK + 5])
    if weeks >= 2:
        assert changes_of(state) == []
        assert state.column("unusual_days")[0].as_py() == 0
