"""Series of any length, start, gaps, exposure and clock give the posterior that their data do."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from daypart.models.protocol import Window
from daypart.models.registry import get_model
from daypart.models.scores.coverage import share_covered, uncut_quantiles
from daypart.models.spread_counts import quantiles_of_draws
from daypart.series.block import SeriesBlock, block_from_arrays
from daypart.series.local_time import datetime_to_hour, local_hours

MONDAY = datetime_to_hour(datetime(2024, 1, 1, tzinfo=UTC))
PROFILE = 20.0 * np.exp(0.8 * np.sin(2 * np.pi * np.arange(168) / 24.0))


def block_of(
    counts: np.ndarray,
    first_hour: int = MONDAY,
    timezone: str = "UTC",
    exposure: np.ndarray | None = None,
) -> SeriesBlock:
    return block_from_arrays(
        pa.table({"unique_id": ["a"]}),
        [timezone],
        [first_hour],
        [np.asarray(counts, np.int32)],
        None if exposure is None else [np.asarray(exposure, np.float32)],
    )


def counts_on(first_hour: int, hours: int, timezone: str, seed: int = 0) -> np.ndarray:
    """Poisson counts around the profile of the local week."""
    hour = local_hours(first_hour, hours, timezone).hour_of_week
    return np.random.default_rng(seed).poisson(PROFILE[hour])


def assert_profile(row: dict, within: float) -> None:
    """The posterior of the hours holds the profile."""
    mean, sd = np.array(row["hour_of_week_mean"]), np.array(row["hour_of_week_sd"])
    away = (mean - np.log(PROFILE)) / sd
    assert np.sqrt((away**2).mean()) < within


@pytest.mark.parametrize("name", ["negbin", "crossed"])
@pytest.mark.parametrize("weeks", [2, 3, 26, 104])
def test_any_length_from_two_weeks_to_two_years(name, weeks):
    model = get_model(name)
    block = block_of(counts_on(MONDAY, weeks * 168, "UTC"))
    row = model.fit(block).to_pylist()[0]
    assert row["status"] == "ok"
    assert len(row["week_mean"]) == weeks
    assert_profile(row, within=1.6)


def test_an_hour_short_of_two_weeks_is_skipped_with_the_reason():
    row = get_model("negbin").fit(block_of(counts_on(MONDAY, 335, "UTC"))).to_pylist()[0]
    assert (row["status"], row["reason"]) == ("skipped", "335 hours, under 2 weeks, and no parent")


def test_a_series_may_start_and_end_within_a_week_and_have_gaps_of_weeks():
    first = MONDAY + 3 * 24 + 7
    counts = counts_on(first, 9 * 168 + 50, "UTC")
    counts[400:1000] = -1
    counts[::17] = -1
    row = get_model("negbin").fit(block_of(counts, first)).to_pylist()[0]
    assert row["observed_hours"] == (counts >= 0).sum()
    assert len(row["week_mean"]) == 10
    assert_profile(row, within=1.6)


def test_exposure_that_changes_every_day_is_no_change_of_behaviour():
    exposure = np.random.default_rng(5).uniform(0.2, 5.0, 6 * 7).astype(np.float32)
    mean = np.repeat(exposure, 24) * np.tile(PROFILE, 6)
    counts = np.random.default_rng(6).poisson(mean)
    row = get_model("negbin").fit(block_of(counts, exposure=exposure)).to_pylist()[0]
    assert_profile(row, within=1.6)
    assert row["inv_phi_mean"] < 0.02


@pytest.mark.parametrize("day", ["2024-03-10", "2024-11-03"])
def test_days_of_23_and_25_hours_leave_the_local_week_where_it_is(day):
    changed = datetime_to_hour(datetime.fromisoformat(f"{day}T05:00:00+00:00"))
    first = changed - 4 * 168
    counts = counts_on(first, 9 * 168, "America/New_York")
    model = get_model("negbin", holidays=False)
    block = block_of(counts, first, "America/New_York")
    row = model.fit(block).to_pylist()[0]
    assert_profile(row, within=1.6)
    span = next(iter(model.posterior(block)))
    hour = local_hours(first, len(counts), "America/New_York").hour_of_week
    assert len(span.log_mu_mean) == len(counts)  # one for each hour, also for those shown twice
    away = (span.log_mu_mean - np.log(PROFILE[hour])) / span.log_mu_sd
    assert np.abs(away).max() < 5.0


def test_several_events_at_once_are_each_learnt():
    effects = {"match": 0.9, "storm": 0.5, "strike": -0.6}
    spans = {"match": (30, 33), "storm": (24, 60), "strike": (50, 80)}
    hours = 8 * 168
    log_mean = np.log(np.tile(PROFILE, 8))
    rows = []
    for name, (begin, end) in spans.items():
        for week in (1, 3, 4, 6):
            place = slice(168 * week + begin, 168 * week + end)
            log_mean[place] += effects[name]
            stamps = [MONDAY + edge for edge in (place.start, place.stop)]
            texts = [datetime.fromtimestamp(3600 * s, UTC).isoformat() for s in stamps]
            rows.append({"name": name, "from": texts[0], "to": texts[1]})
    counts = np.random.default_rng(2).poisson(np.exp(log_mean))
    assert len(counts) == hours
    row = get_model("negbin", holidays=False, calendar=rows).fit(block_of(counts)).to_pylist()[0]
    found = dict(zip(row["event"], row["event_mean"], strict=True))
    assert found == pytest.approx(effects, abs=0.15)


def test_a_right_forecast_of_small_counts_covers_what_it_says():
    """The plain share of counts inside is far above: an interval holds whole counts."""
    random = np.random.default_rng(1)
    levels = (0.002, 0.01, 0.025, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.975)
    for mean in (0.05, 0.4, 1.3, 7.0):
        quantiles = quantiles_of_draws(random.poisson(mean, 200_000)[:, None], levels)[0]
        uncut = uncut_quantiles(quantiles, levels)
        counts = random.poisson(mean, 20_000)
        covered = share_covered(counts, uncut[3], uncut[8])
        assert covered.mean() == pytest.approx(0.8, abs=0.015)
        inside = (quantiles[3] <= counts) & (counts <= quantiles[8])
        assert inside.mean() > 0.8


def test_forecasts_reach_over_a_change_of_the_clocks():
    first = datetime_to_hour(datetime(2024, 9, 2, 4, tzinfo=UTC))
    zone = "America/New_York"
    block = block_of(counts_on(first, 8 * 168, zone), first, zone)
    model = get_model("negbin", holidays=False)
    state = model.fit(block)
    stamp = pa.array([first * 3_600_000_000]).cast(pa.timestamp("us", "UTC"))
    for name, values in {
        "unique_id": pa.array(["a"]),
        "timezone": pa.array([zone]),
        "first_hour": stamp,
        "hours": pa.array([8 * 168]),
        "exposure": pa.array([1.0]),
    }.items():
        state = state.append_column(name, values)
    window = Window(first + 8 * 168, 2 * 168)
    mean = model.forecast(state, window, []).mean[0]
    hour = local_hours(window.first_hour, window.hours, zone).hour_of_week
    np.testing.assert_allclose(mean, PROFILE[hour], rtol=0.3)


def test_counts_near_the_largest_of_a_store_are_drawn_as_they_are():
    mean = 1.5e9
    counts = np.random.default_rng(1).poisson(mean, 4 * 168)
    model = get_model("negbin", holidays=False)
    state = model.fit(block_of(counts))
    for name, value in {
        "unique_id": "a",
        "timezone": "UTC",
        "first_hour": datetime(2024, 1, 1, tzinfo=UTC),
        "hours": 4 * 168,
        "exposure": 1.0,
    }.items():
        state = state.append_column(name, pa.array([value]))
    window = Window(MONDAY + 4 * 168, 168)
    paths = model.sample_paths(state, window, 200, 0)
    assert paths.mean() == pytest.approx(mean, rel=0.01)
    assert model.forecast(state, window, [0.5]).mean.mean() == pytest.approx(mean, rel=0.01)
