"""Others' models run as ours: regressors, statsforecast models, plain functions."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from counted_stores import FIRST_HOUR, make_block, make_store

import daypart
from daypart.engine.results.parts import read_results
from daypart.errors import DaypartError
from daypart.models.adapters.ahead import held_out_hours
from daypart.models.adapters.history import Partition
from daypart.models.events.events import EventCalendar
from daypart.models.protocol import Window
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

BOOSTING = "sklearn.ensemble:HistGradientBoostingRegressor"
RIDGE = "sklearn.linear_model:Ridge"
FUNCTION = "adapted_models:fit"


@pytest.fixture
def few(tmp_path):
    """Four partitions of six weeks, twenty an hour."""
    return make_store(tmp_path / "store", {"501": 4}, hours=1008, mean=20.0).folder


def fit(store, tmp_path, model, name="run", **settings):
    report = daypart.fit(store, run=tmp_path / name, model=model, executor="inline", **settings)
    return report, read_results(tmp_path / name)


def test_gradient_boosting_forecasts_each_partition_with_intervals_that_hold(few, tmp_path):
    parameters = {"max_iter": 30, "weeks_ahead": 3}
    report, rows = fit(few, tmp_path, BOOSTING, parameters=parameters)
    assert report.ok == 4
    assert rows["model"].to_pylist() == [BOOSTING] * 4
    scores = daypart.backtest(
        few, weeks=1, model=BOOSTING, parameters=parameters, against=["four_week_mean"], draws=100
    )
    own, mean = (scores.of("partition", name) for name in (BOOSTING, "four_week_mean"))
    assert own["crps"] < 1.2 * mean["crps"]
    assert 0.7 < own["coverage_80"] < 0.92
    assert scores.of("total", BOOSTING)["hours"] == 168


def test_a_linear_model_takes_indicators_lags_and_named_events(few, tmp_path):
    store = SeriesStore.open(few)
    block = store.read_region("501")
    counts = [block.counts_of(i).copy() for i in range(4)]
    for series in counts:
        series[24 * 20 + 5 : 24 * 20 + 29] += 400  # 2025-03-16, local
    keys = block.keys
    lifted = block_from_arrays(keys, block.timezones, block.first_hours, counts)
    store = SeriesStore.create(tmp_path / "lifted", key=["market", "network"])
    store.replace_regions([("501", lifted)])
    calendar = [
        {"name": "gala", "from": day, "to": next_day}
        for day, next_day in (("2025-03-16", "2025-03-17"), ("2025-04-12", "2025-04-13"))
    ]
    parameters = {"hour_of_week": "indicators", "lags": [1, 2], "alpha": 0.1, "weeks_ahead": 2}
    fit(tmp_path / "lifted", tmp_path, RIDGE, parameters=parameters, calendar=calendar)
    table = daypart.predict(tmp_path / "run", weeks=2)
    mean = table["mean"].to_numpy().reshape(4, -1)[0]
    stamps = table["ds"].to_pylist()[: len(mean)]
    day = [str(stamp.astimezone(ZoneInfo("America/New_York")).date()) for stamp in stamps]
    gala = np.array([each == "2025-04-12" for each in day])
    assert gala.sum() == 24
    assert mean[gala].mean() > 10 * np.median(mean[~gala])


def test_the_same_regressor_gives_the_same_rows_however_often(few, tmp_path):
    name = "adapted_models:forest"
    tables = [fit(few, tmp_path, name, run, parameters={"trees": 3})[1] for run in "ab"]
    assert tables[0].drop_columns("seconds") == tables[1].drop_columns("seconds")


@pytest.mark.parametrize("season", [{}, {"season_length": 168}])
def test_a_statsforecast_model_forecasts(few, tmp_path, season):
    name = "statsforecast.models:SeasonalNaive"
    report, rows = fit(few, tmp_path, name, parameters={"weeks_ahead": 2, **season})
    assert report.ok == 4
    ahead = np.array(rows["ahead_rate"].to_pylist()[0])
    counts = SeriesStore.open(few).read_region("501").counts_of(0)
    length = season.get("season_length", 24)
    np.testing.assert_array_equal(ahead, np.resize(counts[-length:], 336))


@pytest.mark.slow
def test_exponential_smoothing_and_decomposition_of_statsforecast_forecast(few, tmp_path):
    for place, (name, season) in enumerate({"AutoETS": 24, "MSTL": [24, 168]}.items()):
        parameters = {"season_length": season, "weeks_ahead": 2}
        model = f"statsforecast.models:{name}"
        report, _ = fit(few, tmp_path, model, f"run{place}", parameters=parameters)
        assert report.ok == 4
        table = daypart.predict(tmp_path / f"run{place}", weeks=2)
        assert 15 < table["mean"].to_numpy().mean() < 25


def test_a_function_fits_and_its_draws_are_the_forecast(few, tmp_path):
    parameters = {"factor": 2, "weeks_ahead": 2, "network": {"n0001": {"factor": 5}}}
    report, rows = fit(few, tmp_path, FUNCTION, parameters=parameters)
    assert report.ok == 4
    assert all(level in (19.0, 20.0) for level in rows["level"].to_pylist())
    assert len(rows["profile"].to_pylist()[0]) == 168
    table = daypart.predict(tmp_path / "run", weeks=2)
    mean = table["mean"].to_numpy().reshape(4, -1).mean(axis=1)
    assert mean[0] == pytest.approx(40, rel=0.05)
    assert mean[1] == pytest.approx(100, rel=0.05)
    run = FittedRun.open(tmp_path / "run")
    window = Window(FIRST_HOUR + 1008, 48)
    paths = run.model.sample_paths(run.states([0]), window, 300, 4)
    assert paths.shape == (1, 300, 48)
    assert paths.mean() == pytest.approx(40, rel=0.1)


def test_a_function_may_return_moments_or_nothing_to_forecast_from(few, tmp_path):
    parameters = {"weeks_ahead": 1}
    fit(few, tmp_path, "adapted_models:moments", parameters=parameters)
    table = daypart.predict(tmp_path / "run", weeks=1, levels=[80])
    width = table["hi-80"].to_numpy() - table["lo-80"].to_numpy()
    assert width.mean() == pytest.approx(2 * 1.2816 * 2.0, abs=0.5)  # between whole counts
    total = daypart.predict(tmp_path / "run", weeks=1, levels=[80], by=[])
    assert total.num_rows == 168
    _, rows = fit(few, tmp_path, "adapted_models:summary", "other", parameters=parameters)
    assert min(rows["largest"].to_pylist()) > 30
    with pytest.raises(DaypartError, match="returned no forecasts of 501/n0000; let its function"):
        daypart.predict(tmp_path / "other", weeks=1)


def test_a_function_that_answers_wrongly_fails_its_partition_with_the_reason(tmp_path):
    store = make_store(tmp_path / "store", {"501": 8}).folder
    report, rows = fit(store, tmp_path, "adapted_models:broken", parameters={"weeks_ahead": 1})
    assert (report.ok, report.failed) == (1, 7)
    reasons = rows["reason"].to_pylist()
    for reason, part in zip(
        reasons,
        (
            "TypeError: fit returned a int, not a mapping",
            "mean holds NaN, infinity",
            "mean has the shape (5,), not (168,)",
            "draws has the shape (168,), not (draws, 168)",
            "fit returned mean without sd",
            "'dispersion', which is a column of the adapter",
            "NaN in column slope",
        ),
        strict=False,
    ):
        assert part in reason


def test_a_function_knows_the_calendar(few, tmp_path):
    calendar = [{"name": "gala", "network": "n0002", "from": "2025-03-16", "to": "2025-03-17"}]
    _, rows = fit(few, tmp_path, FUNCTION, calendar=calendar, parameters={"holidays": False})
    assert rows["events"].to_pylist() == ["", "", "gala", ""]


def test_forecasts_beyond_what_was_kept_are_refused(few, tmp_path):
    fit(few, tmp_path, FUNCTION, parameters={"weeks_ahead": 2})
    with pytest.raises(DaypartError, match="has forecasts of the 2 weeks after the data"):
        daypart.predict(tmp_path / "run", weeks=3)
    with pytest.raises(DaypartError, match="has forecasts of the 2 weeks after the data"):
        daypart.predict(tmp_path / "run", weeks=1, start=FIRST_HOUR)


BAD = [
    (BOOSTING, {"max_itre": 3}, "has no parameter 'max_itre'; did you mean max_iter"),
    (BOOSTING, {"weeks_ahead": 0}, "weeks_ahead=0; give 1 to 104"),
    (RIDGE, {"lags": [0]}, r"lags=\[0\]; give whole weeks above 0"),
    (RIDGE, {"hour_of_week": "indicator"}, "did you mean indicators"),
    (FUNCTION, {"weeks_ahead": "many"}, "weeks_ahead='many'"),
    (FUNCTION, {"factor": 1, "network": {"n0001": {"facter": 2}}}, "did you mean factor"),
    ("sklearn.linear_model:Rigde", {}, "has no 'Rigde'.; did you mean Ridge"),
    ("sklearn.linear_models:Ridge", {}, "can't be imported"),
    ("adapted_models:np", {}, "is a module; name a class"),
    ("numpy:ndarray", {}, "is not a model, a regressor or a function of partition and params"),
    ("poisson_model:HourOfWeekPoisson", {"prior_hour": 3}, "did you mean prior_hours"),
]


@pytest.mark.parametrize(("model", "parameters", "message"), BAD)
def test_a_wrong_name_or_value_is_told_before_the_run(few, tmp_path, model, parameters, message):
    with pytest.raises(DaypartError, match=message):
        fit(few, tmp_path, model, parameters=parameters)
    assert not (tmp_path / "run").exists()


def test_a_library_that_is_not_there_is_named_with_its_extra(few, tmp_path, monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(DaypartError, match=r"pip install 'daypart\[forecasters\]'"):
        fit(few, tmp_path, RIDGE)


def test_missing_hours_short_series_and_counts_without_exposure_have_an_answer(tmp_path):
    block = make_block("501", ["a", "b", "c", "d"], hours=672, mean=9.0)
    counts = [block.counts_of(i).copy() for i in range(4)]
    counts[0][::3] = -1
    counts[1][:] = -1
    exposures = [np.ones(28, np.float32) for _ in range(4)]
    exposures[3][3] = 0.0
    counts[3][:] = 4
    counts[2] = counts[2][:300]
    exposures[2] = exposures[2][:13]
    broken = block_from_arrays(block.keys, block.timezones, block.first_hours, counts, exposures)
    store = SeriesStore.create(tmp_path / "store", key=["market", "network"])
    store.replace_regions([("501", broken)])
    for place, model in enumerate((RIDGE, FUNCTION, "statsforecast.models:SeasonalNaive")):
        _, rows = fit(tmp_path / "store", tmp_path, model, f"run{place}")
        assert rows["status"].to_pylist() == ["ok", "skipped", "skipped", "failed"]
        assert rows["reason"].to_pylist()[1:] == [
            "all hours are missing or without exposure",
            "300 hours, under 2 weeks",
            "24 hours have counts but no exposure",
        ]


def test_rates_follow_the_exposure():
    """The same audience behind twice the households is the same rate."""
    random = np.random.default_rng(2)
    exposure = np.repeat([100.0, 200.0], 14).astype(np.float32)
    counts = random.poisson(0.2 * np.repeat(exposure, 24)).astype(np.int32)
    keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    block = block_from_arrays(keys, ["UTC"], [FIRST_HOUR], [counts], [exposure])
    partition = Partition.of(block, 0, 168, EventCalendar(False))
    assert partition.rate.mean() == pytest.approx(0.2, rel=0.02)
    assert partition.exposure_ahead == 200.0
    assert held_out_hours(partition.hours, 2) == 168


def test_totals_add_whole_days_of_errors(few, tmp_path):
    """A model whose errors last all day has wider daily totals than independent hours would."""
    fit(few, tmp_path, RIDGE, parameters={"hour_of_week": "indicators", "weeks_ahead": 1})
    run = FittedRun.open(tmp_path / "run")
    paths = run.model.sample_paths(run.states([0]), Window(FIRST_HOUR + 1008, 168), 400, 1)[0]
    again = run.model.sample_paths(run.states([0, 1]), Window(FIRST_HOUR + 1008, 168), 400, 1)[0]
    np.testing.assert_array_equal(paths, again)
    forecast = run.model.forecast(run.states([0]), Window(FIRST_HOUR + 1008, 168), [0.5])
    assert paths.mean() == pytest.approx(forecast.mean.mean(), rel=0.05)
