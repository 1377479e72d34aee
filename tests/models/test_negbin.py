"""The Bayesian model: exact gradient, right posteriors, calibrated forecasts, finite at edges."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from daypart.models.negbin.block.fit_block import structure_of
from daypart.models.negbin.configuration import CROSSED, DAY_TYPES
from daypart.models.negbin.field.structure import FIXED, HISTOGRAM, Series, make_scratch
from daypart.models.negbin.theta.marginal import log_posterior
from daypart.models.protocol import Window
from daypart.models.registry import get_model
from daypart.series.block import SeriesBlock, block_from_arrays
from daypart.series.local_time import datetime_to_hour

MONDAY = datetime_to_hour(datetime(2024, 1, 1, tzinfo=UTC))


def table_of(counts: np.ndarray, exposure: np.ndarray | None = None) -> Series:
    seen = counts.ravel().astype(int)
    large = seen[seen > HISTOGRAM].astype(float)
    return Series(
        weeks=len(counts),
        effects=1,
        events=2,
        counts=counts.astype(float),
        exposure=np.ones(counts.shape) if exposure is None else exposure,
        event=np.array([[0, 1], [30, 40], [0, 0]]),
        scales=np.array([FIXED]),
        over=np.array([(seen > i).sum() for i in range(HISTOGRAM)], dtype=float),
        large=np.append(large, 0.0),
        large_total=len(large),
    )


def block_of(series: list[np.ndarray], timezone: str = "UTC", first: int = MONDAY) -> SeriesBlock:
    names = [str(i) for i in range(len(series))]
    counts = [np.asarray(values, dtype=np.int32) for values in series]
    return block_from_arrays(
        pa.table({"unique_id": names}), [timezone] * len(names), [first] * len(names), counts
    )


def state_of(block: SeriesBlock, fitted: pa.Table) -> pa.Table:
    columns = {
        "timezone": pa.array(list(block.timezones)),
        "first_hour": pa.array(block.first_hours * 3_600_000_000).cast(pa.timestamp("us", "UTC")),
        "hours": pa.array(np.diff(block.offsets)),
        "exposure": pa.array([1.0] * len(block)),
    }
    state = block.keys
    for name, values in {**columns, **{n: fitted[n] for n in fitted.column_names}}.items():
        state = state.append_column(name, values)
    return state


@pytest.mark.parametrize("configuration", [CROSSED, DAY_TYPES])
@pytest.mark.parametrize("mean", [0.05, 2.0, 400.0])
def test_the_slope_of_the_log_marginal_is_that_of_its_differences(configuration, mean):
    rng = np.random.default_rng(int(mean * 10))
    counts = rng.negative_binomial(2, 2 / (2 + mean), (5, 168))
    exposure = rng.uniform(0.5, 2.0, counts.shape)
    exposure[2, :50] = 0.0
    counts[2, :50] = 0
    structure, table = structure_of(configuration), table_of(counts, exposure)
    scratch = make_scratch(structure, 5, 1, 2000)
    theta = np.cbrt(configuration.start)
    slope, steps = np.zeros(len(theta)), np.zeros(2, np.int64)

    def value_at(point: np.ndarray, into: np.ndarray) -> float:
        log_posterior(structure, table, scratch, point, into, steps)
        return log_posterior(structure, table, scratch, point, into, steps)  # from the mode on

    # Starting anew each time, as the mode is found to a tolerance.
    start(structure, table, scratch)
    value_at(theta, slope)
    for i in range(len(theta)):
        ahead, behind, spare = theta.copy(), theta.copy(), np.zeros(len(theta))
        ahead[i] += 2e-3
        behind[i] -= 2e-3
        start(structure, table, scratch)
        above = value_at(ahead, spare)
        start(structure, table, scratch)
        below = value_at(behind, spare)
        assert (above - below) / 4e-3 == pytest.approx(slope[i], rel=2e-3, abs=0.02)


def start(structure, table, scratch) -> None:
    """Put the field at the series' level (the kernel has no door to Python)."""
    total, exposure = table.counts.sum() + 0.5, table.exposure.sum()
    point = scratch.newton.point
    point.tree[:] = 0.0
    point.dense[:] = 0.0
    point.tree[structure.width * len(structure.parents)] = np.log(total / exposure)
    point.path[:] = np.log(total / exposure)


def simulate_crossed(rng: np.random.Generator, weeks: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Draw parameters from the reference configuration's prior (level apart) and counts."""
    hour_scale, week_scale, tau = np.abs(rng.normal(size=3)) * [1.0, 0.5, 1.0]
    level = rng.normal(0.5, 1.0)
    hours, drift = hour_scale * rng.normal(size=168), week_scale * rng.normal(size=weeks)
    mu = np.exp(level + hours[None, :] + drift[:, None])
    size = max(tau, 1e-3) ** -2.0
    counts = rng.poisson(mu * rng.gamma(size, 1.0 / size, mu.shape))
    return counts, np.array([hour_scale, week_scale, tau**2]), float(level)


def test_posteriors_of_the_scales_cover_what_the_prior_drew():
    rng = np.random.default_rng(5)
    draws = [simulate_crossed(rng, 8) for _ in range(150)]
    fitted = get_model("crossed").fit(block_of([counts.ravel() for counts, _, _ in draws]))
    assert fitted["status"].to_pylist() == ["ok"] * 150
    for i, name in enumerate(("sh", "sw", "inv_phi")):
        mean = np.array(fitted[f"{name}_mean"].to_pylist())
        spread = np.array(fitted[f"{name}_sd"].to_pylist())
        truth = np.array([values[i] for _, values, _ in draws])
        z = (truth - mean) / spread
        assert abs(z.mean()) < 3.5 / np.sqrt(150)
        assert 0.8 < z.std() < 1.25


def simulate_audience(rng: np.random.Generator, level: float, weeks: int) -> np.ndarray:
    hour = np.sin((np.arange(24) - 9) / 24 * 2 * np.pi)
    weekend = 0.4 * np.cos((np.arange(24) - 3) / 24 * 2 * np.pi)
    profile = np.concatenate([hour + (weekend if day >= 5 else 0) for day in range(7)])
    profile = profile + 0.15 * rng.normal(size=168)
    drift = np.cumsum(0.06 * rng.normal(size=weeks))
    mu = np.exp(level + profile[None, :] + drift[:, None])
    return rng.poisson(mu * rng.gamma(6.0, 1.0 / 6.0, mu.shape)).ravel()


def test_forecasts_of_simulated_audiences_cover_what_comes_and_beat_the_naive_one():
    from daypart.models.scores.proper import crps_from_quantiles

    rng = np.random.default_rng(11)
    fitted_hours, ahead = 10 * 168, 2 * 168
    series = [simulate_audience(rng, np.log(level), 12) for level in [0.3, 3.0, 60.0] * 10]
    block = block_of([values[:fitted_hours] for values in series])
    observed = np.array([values[fitted_hours:] for values in series], dtype=float)
    levels = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]
    window, crps = Window(MONDAY + fitted_hours, ahead), {}
    for name in ("negbin", "seasonal_naive"):
        model = get_model(name)
        forecast = model.forecast(state_of(block, model.fit(block)), window, levels)
        crps[name] = crps_from_quantiles(observed, forecast.quantiles, levels).mean()
        if name == "negbin":
            large = np.arange(2, 30, 3)
            for low, high, nominal in ((0, 6, 0.95), (1, 5, 0.8), (2, 4, 0.5)):
                ends = forecast.quantiles[large][..., [low, high]]
                inside = (ends[..., 0] <= observed[large]) & (observed[large] <= ends[..., 1])
                assert inside.mean() == pytest.approx(nominal, abs=0.05)
    assert crps["negbin"] < 0.85 * crps["seasonal_naive"]


def test_sample_paths_have_the_forecasts_mean_and_spread_and_share_a_level():
    rng = np.random.default_rng(2)
    block = block_of([simulate_audience(rng, np.log(40.0), 6)])
    model = get_model("negbin")
    state = state_of(block, model.fit(block))
    window = Window(MONDAY + 6 * 168, 168)
    forecast = model.forecast(state, window, [0.1, 0.9])
    paths = model.sample_paths(state, window, 3000, seed=1)[0]
    np.testing.assert_allclose(paths.mean(axis=0), forecast.mean[0], rtol=0.08)
    np.testing.assert_allclose(paths.std(axis=0), forecast.sd[0], rtol=0.15)
    inside = (paths >= forecast.quantiles[0, :, 0]) & (paths <= forecast.quantiles[0, :, 1])
    assert inside.mean() == pytest.approx(0.8, abs=0.03)
    independent = np.sqrt((paths.std(axis=0) ** 2).sum())
    assert paths.sum(axis=1).std() > 1.2 * independent


def test_forecasts_widen_with_the_horizon():
    rng = np.random.default_rng(4)
    block = block_of([simulate_audience(rng, np.log(40.0), 13)])
    model = get_model("negbin")
    state = state_of(block, model.fit(block))
    near, far = (model.forecast(state, Window(MONDAY + weeks * 168, 168), []) for weeks in (13, 38))
    assert (far.sd > near.sd).all()


HOURS = 6 * 168
DEGENERATE = {
    "all zero": np.zeros(HOURS),
    "constant": np.full(HOURS, 7),
    "one spike": np.where(np.arange(HOURS) == 500, 100_000, 0),
    "alternating": np.tile([0, 100_000], HOURS // 2),
    "weeks on and off": np.repeat(np.arange(6) % 2 * 100_000, 168),
    "one observed week": np.where(np.arange(HOURS) < HOURS - 168, -1, 3),
    "one observed hour": np.where(np.arange(HOURS) == 100, 5, -1),
    "two weeks": np.tile([1, 2], 168),
    "as large as an int32 holds": np.full(HOURS, 2_000_000_000),
}


@pytest.mark.parametrize("model", ["negbin", "crossed"])
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_series_end_with_a_finite_answer(case, model):
    block = block_of([DEGENERATE[case]])
    engine = get_model(model)
    fitted = engine.fit(block)
    assert fitted["status"].to_pylist() == ["ok"]
    state = state_of(block, fitted)
    window = Window(MONDAY + HOURS, 200)
    forecast = engine.forecast(state, window, [0.05, 0.95])
    assert np.isfinite(forecast.mean).all()
    assert np.isfinite(forecast.quantiles).all()
    assert (engine.sample_paths(state, window, 5, seed=0) >= 0).all()


def test_degenerate_series_are_flagged():
    names = ("all zero", "one spike", "one observed week")
    fitted = get_model("negbin").fit(block_of([DEGENERATE[name] for name in names]))
    flags = fitted["flags"].to_pylist()
    assert "all_zero" in flags[0]
    assert "spike" in flags[1]
    assert "short" in flags[2]


def test_counts_without_exposure_fail_with_the_number_of_hours():
    block = block_from_arrays(
        pa.table({"unique_id": ["a"]}),
        ["UTC"],
        [MONDAY],
        [np.full(HOURS, 3, np.int32)],
        [np.where(np.arange(HOURS // 24) == 2, 0.0, 5.0).astype(np.float32)],
    )
    fitted = get_model("negbin").fit(block)
    assert fitted["status"].to_pylist() == ["failed"]
    assert fitted["reason"].to_pylist() == ["24 hours have counts but no exposure"]


def test_a_change_of_exposure_is_no_change_of_behaviour():
    rng = np.random.default_rng(8)
    exposure = np.repeat([100.0, 300.0], 3 * 7).astype(np.float32)
    counts = rng.poisson(0.1 * np.repeat(exposure, 24)).astype(np.int32)
    block = block_from_arrays(
        pa.table({"unique_id": ["a"]}), ["UTC"], [MONDAY], [counts], [exposure]
    )
    row = get_model("negbin").fit(block).to_pylist()[0]
    assert np.exp(row["hour_of_week_mean"]).mean() == pytest.approx(0.1, rel=0.05)
    assert row["week_scale_mean"] < 0.1


def test_a_holiday_is_learnt_and_forecast_where_it_is_kept_and_nowhere_else():
    rng = np.random.default_rng(9)
    first = datetime_to_hour(datetime(2024, 5, 6, 4, tzinfo=UTC))  # Monday 00:00 in New York
    series = rng.poisson(50, 10 * 168)
    fourth = datetime_to_hour(datetime(2024, 7, 4, 4, tzinfo=UTC)) - first
    series[fourth : fourth + 24] *= 4
    fitted = {
        zone: get_model("negbin").fit(block_of([series], zone, first)).to_pylist()[0]
        for zone in ("America/New_York", "Europe/Paris")
    }
    there = fitted["America/New_York"]
    assert there["event"] == ["family_day", "family_evening", "public_day", "public_evening"]
    assert there["event_mean"][0] == pytest.approx(np.log(4.0), abs=0.4)
    assert fitted["Europe/Paris"]["event"] == []
    without = get_model("negbin", holidays=False)
    assert without.fit(block_of([series], "America/New_York", first))["event_mean"].to_pylist() == [
        []
    ]


def test_clock_changes_leave_an_empty_and_a_double_cell():
    first = datetime_to_hour(datetime(2024, 2, 26, 5, tzinfo=UTC))  # Monday 00:00 in New York
    rng = np.random.default_rng(1)
    for weeks, start_hour in ((4, first), (5, first + 35 * 7 * 24)):
        series = rng.poisson(20, weeks * 168)
        fitted = get_model("negbin").fit(block_of([series], "America/New_York", start_hour))
        assert fitted["status"].to_pylist() == ["ok"]
        level = np.exp(np.array(fitted["hour_of_week_mean"].to_pylist()[0]))
        np.testing.assert_allclose(level, 20, rtol=0.25)


def test_two_years_fit_as_thirteen_weeks_do():
    rng = np.random.default_rng(6)
    fitted = get_model("negbin").fit(block_of([simulate_audience(rng, 1.0, 104)])).to_pylist()[0]
    assert fitted["status"] == "ok"
    assert fitted["walk_scale_mean"] == pytest.approx(0.06, abs=0.03)
    assert fitted["week_scale_mean"] < 0.03
    assert 1 / fitted["inv_phi_mean"] == pytest.approx(6.0, rel=0.15)
