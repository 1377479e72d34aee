"""Forecasts: by partition from the model, totals from paths added up draw by draw."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from counted_stores import FIRST_HOUR, POISSON, make_block, make_store
from poisson_model import HourOfWeekPoisson, Window

from daypart.engine.results.parts import read_results
from daypart.errors import DaypartError
from daypart.models.spread_counts import quantiles_of_draws, whole_counts
from daypart.runs.fit import fit
from daypart.runs.predict import PredictReport, predict
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

END = FIRST_HOUR + 504
END_INSTANT = datetime(2025, 3, 17, tzinfo=UTC)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Seven partitions in two time zones, one of which fails."""
    folder = tmp_path_factory.mktemp("predict")
    store = make_store(folder / "store", {"501": 4, "803": 3}).folder
    fit(
        store,
        run=folder / "run",
        model=POISSON,
        executor="inline",
        parameters={"raise_on": "803/n0002"},
    )
    return folder / "run"


@pytest.fixture(scope="module")
def paths(run):
    """All fitted partitions' paths of one week, as brute force has them."""
    state = read_results(run).filter([s == "ok" for s in read_results(run)["status"].to_pylist()])
    drawn = HourOfWeekPoisson().sample_paths(state, Window(END, 168), 400, 0)
    return dict(zip(state["unique_id"].to_pylist(), drawn.astype(np.int64), strict=True))


def test_a_forecast_starts_in_the_hour_after_the_data_and_has_every_hour(run):
    table = predict(run, weeks=2, levels=[80])
    assert table.column_names == ["unique_id", "ds", "mean", "median", "lo-80", "hi-80"]
    assert len(table) == 7 * 336
    stamps = table["ds"].to_pylist()[:336]
    assert stamps[0] == END_INSTANT
    assert {b - a for a, b in itertools.pairwise(stamps)} == {timedelta(hours=1)}
    assert table["unique_id"].to_pylist()[::336] == sorted(set(table["unique_id"].to_pylist()))


def test_by_partition_it_is_the_models_own_forecast(run):
    table = predict(run, weeks=1, levels=[50, 97.5])
    state = read_results(run).slice(2, 1)
    direct = HourOfWeekPoisson().forecast(state, Window(END, 168), [0.25, 0.75, 0.0125, 0.9875])
    rows = table.slice(2 * 168, 168)
    assert rows["mean"].to_numpy() == pytest.approx(direct.mean[0])
    for place, name in enumerate(["lo-50", "hi-50", "lo-97.5", "hi-97.5"]):
        assert rows[name].to_numpy() == pytest.approx(whole_counts(direct.quantiles[0, :, place]))


@pytest.mark.parametrize("by", [None, ["market"]])
def test_quantiles_are_whole_counts_around_the_median(run, by):
    table = predict(run, weeks=1, levels=[80], by=by)
    table = table.filter(pc.is_valid(table["mean"]))
    low, middle, high = (table[name].to_numpy() for name in ("lo-80", "median", "hi-80"))
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert all((each == np.round(each)).all() for each in (low, middle, high))


def test_a_partition_that_was_not_fitted_has_rows_without_a_forecast(run):
    table = predict(run, weeks=1, levels=[80])
    lost = table.filter([name == "803/n0002" for name in table["unique_id"].to_pylist()])
    assert len(lost) == 168
    for name in ("mean", "median", "lo-80", "hi-80"):
        assert lost[name].null_count == 168
    assert table["mean"].null_count == 168


def test_the_interval_of_a_total_is_that_of_paths_added_up(run, paths):
    table = predict(run, weeks=1, levels=[80], by=["market"])
    assert table.column_names == [
        *("market", "ds", "mean", "median", "lo-80", "hi-80"),
        *("partitions", "without_forecast"),
    ]
    total = sum(path for name, path in paths.items() if name.startswith("501/"))
    low, high = whole_counts(quantiles_of_draws(total, [0.1, 0.9])).T
    rows = table.slice(0, 168)
    assert set(rows["market"].to_pylist()) == {"501"}
    assert rows["lo-80"].to_numpy() == pytest.approx(low)
    assert rows["hi-80"].to_numpy() == pytest.approx(high)
    own = predict(run, weeks=1, levels=[80]).slice(0, 4 * 168)
    assert rows["mean"].to_numpy() == pytest.approx(own["mean"].to_numpy().reshape(4, 168).sum(0))
    summed = own["hi-80"].to_numpy().reshape(4, 168).sum(0) - own["lo-80"].to_numpy().reshape(
        4, 168
    ).sum(0)
    assert ((high - low) <= summed).mean() > 0.9
    assert (high - low).sum() < summed.sum()


def test_totals_say_how_many_partitions_are_in_them(run):
    table = predict(run, weeks=1, levels=[80], by=["market"], per="total")
    assert table["partitions"].to_pylist() == [4, 2]
    assert table["without_forecast"].to_pylist() == [0, 1]
    assert table["mean"].null_count == 0


def test_one_total_of_all(run, paths):
    table = predict(run, weeks=1, levels=[50], by=())
    assert table.column_names[0] == "ds"
    assert len(table) == 168
    low = whole_counts(quantiles_of_draws(sum(paths.values()), [0.25]))[:, 0]
    assert table["lo-50"].to_numpy() == pytest.approx(low)


def test_the_division_of_the_work_does_not_change_a_total(run, monkeypatch):
    table = predict(run, weeks=1, by=["network"])
    monkeypatch.setattr("daypart.runs.forecasts.totals._PARTITIONS_AT_ONCE", 1)
    monkeypatch.setattr("daypart.runs.forecasts.totals._BYTES_OF_TOTALS", 1)
    other = predict(run, weeks=1, by=["network"])
    assert table.drop_columns("mean").equals(other.drop_columns("mean"))
    assert table["mean"].to_numpy() == pytest.approx(other["mean"].to_numpy(), rel=1e-12)


def test_another_seed_gives_other_draws_and_the_same_mean(run):
    first, second = (predict(run, weeks=1, by=(), seed=seed) for seed in (1, 2))
    assert first["mean"].equals(second["mean"])
    assert not first["lo-95"].equals(second["lo-95"])
    assert first.equals(predict(run, weeks=1, by=(), seed=1))


def test_days_are_whole_local_days_the_same_in_every_zone(run, paths):
    days = predict(run, weeks=1, levels=[80], by=["market"], per="day")
    assert days["ds"].to_pylist()[:7] == [date(2025, 3, 17 + i) for i in range(7)]
    assert days["ds"].to_pylist()[7:] == days["ds"].to_pylist()[:7]
    from_midnight = predict(run, weeks=1, levels=[80], start=END + 4)  # 00:00 in New York
    hourly = from_midnight.slice(0, 4 * 168)["mean"].to_numpy().reshape(4, 7, 24)
    assert days["mean"].to_numpy()[:7] == pytest.approx(hourly.sum(axis=(0, 2)))


def test_weeks_and_totals_are_the_sums_of_their_days(run):
    days, weeks, total = (
        predict(run, weeks=3, levels=[80], per=per) for per in ("day", "week", "total")
    )
    assert (len(days), len(weeks), len(total)) == (7 * 21, 7 * 3, 7)
    by_day = days["mean"].to_numpy().reshape(7, 3, 7)
    assert weeks["mean"].to_numpy().reshape(7, 3) == pytest.approx(by_day.sum(2), nan_ok=True)
    assert total["mean"].to_numpy() == pytest.approx(by_day.sum((1, 2)), nan_ok=True)
    assert weeks["ds"].to_pylist()[:3] == [date(2025, 3, 17), date(2025, 3, 24), date(2025, 3, 31)]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2025, 3, 9), 23), (date(2025, 3, 10), 24), (date(2025, 11, 2), 25)]
)
def test_a_day_of_23_or_25_hours_has_the_hours_it_has(tmp_path, day, hours):
    """With a constant rate the mean of a day counts its hours."""
    winter = FIRST_HOUR - 4 * 168
    block = make_block("501", ["a"], hours=336, timezone="America/New_York", first=winter)
    constant = block_from_arrays(
        block.keys, block.timezones, block.first_hours, [np.full(336, 10, np.int32)]
    )
    store = SeriesStore.create(tmp_path / "s", key=["market", "network"])
    store.replace_regions([("501", constant)])
    fit(tmp_path / "s", run=tmp_path / "run", model=POISSON, executor="inline")
    start = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)
    start = start.replace(hour=5) if day < date(2025, 3, 10) else start
    table = predict(tmp_path / "run", weeks=1, per="day", start=start)
    assert table["ds"].to_pylist()[0] == day
    assert table["mean"].to_pylist()[0] == pytest.approx((20 + 0.5) / 2.5 * hours)


def test_overlapping_columns_are_never_added_over(tmp_path):
    keys = pa.table(
        {
            "market": ["501"] * 4,
            "segment": ["all", "women", "all", "women"],
            "network": ["a", "a", "b", "b"],
        }
    )
    names = ["/".join(row.values()) for row in keys.to_pylist()]
    keys = keys.append_column("unique_id", pa.array(names))
    counts = [np.full(336, level, np.int32) for level in (10, 4, 20, 6)]
    block = block_from_arrays(keys, ["UTC"] * 4, [FIRST_HOUR] * 4, counts)
    store = SeriesStore.create(
        tmp_path / "s", key=["market", "segment", "network"], overlapping={"segment": "all"}
    )
    store.replace_regions([("501", block)])
    fit(tmp_path / "s", run=tmp_path / "run", model=POISSON, executor="inline")
    total = predict(tmp_path / "run", weeks=1, by=["market"], per="total")
    women = predict(tmp_path / "run", weeks=1, by=["segment"], per="total")
    assert total["partitions"].to_pylist() == [2]
    assert women["segment"].to_pylist() == ["all", "women"]
    assert women["mean"].to_pylist()[0] == pytest.approx(total["mean"].to_pylist()[0])
    assert women["mean"].to_pylist()[1] < total["mean"].to_pylist()[0] / 2


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_what_is_written_is_what_is_returned(run, tmp_path, suffix):
    out = tmp_path / "new" / f"forecast{suffix}"
    report = predict(run, weeks=1, levels=[80], out=out)
    assert isinstance(report, PredictReport)
    assert (report.rows, report.series, report.partitions) == (7 * 168, 7, 6)
    assert report.without_forecast == 1
    written = pq.read_table(out) if suffix == ".parquet" else pyarrow.csv.read_csv(out)
    table = predict(run, weeks=1, levels=[80])
    assert written.column_names == table.column_names
    assert written["unique_id"].to_pylist() == table["unique_id"].to_pylist()
    assert written["mean"].to_numpy() == pytest.approx(table["mean"].to_numpy(), nan_ok=True)
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_an_empty_run_has_an_empty_forecast(tmp_path):
    SeriesStore.create(tmp_path / "s", key=["market", "network"]).replace_regions([])
    fit(tmp_path / "s", run=tmp_path / "run", model=POISSON, executor="inline")
    assert len(predict(tmp_path / "run")) == 0
    assert len(predict(tmp_path / "run", by=["market"], per="day")) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weeks": 0}, "weeks is 0"),
        ({"levels": [0]}, "level is 0"),
        ({"levels": [100]}, "level is 100"),
        ({"levels": [80, 80]}, "given twice"),
        ({"by": ["networks"]}, "did you mean network"),
        ({"per": "month"}, "no period 'month'"),
        ({"draws": 3}, "draws is 3"),
        ({"out": "forecast.xlsx"}, "end it in .parquet or .csv"),
        ({"start": datetime(2025, 3, 9)}, "has no time zone"),
    ],
)
def test_what_makes_no_sense_is_named(run, arguments, message):
    with pytest.raises(DaypartError, match=message):
        predict(run, **arguments)


def test_a_run_of_another_version_of_its_model_is_refused(run, monkeypatch):
    monkeypatch.setattr(HourOfWeekPoisson, "version", "2")
    with pytest.raises(DaypartError, match="fitted with version 1"):
        predict(run)


@pytest.fixture(scope="module")
def run_with_hour_groups(tmp_path_factory):
    """Partitions in two time zones, of a store that divides the week in two."""
    folder = tmp_path_factory.mktemp("hours")
    names = (["night"] * 6 + ["day"] * 18) * 7
    store = SeriesStore.create(
        folder / "s", key=["market", "network"], hour_groups={"daypart": names}
    )
    zones = {"501": "America/New_York", "803": "America/Los_Angeles"}
    store.replace_regions(
        (market, make_block(market, ["a", "b"], timezone=zone)) for market, zone in zones.items()
    )
    fit(folder / "s", run=folder / "run", model=POISSON, executor="inline")
    return folder / "run"


@pytest.mark.parametrize("per", ["day", "week", "total"])
def test_totals_by_hour_group_add_up_to_the_undivided_ones(run_with_hour_groups, per):
    divided = predict(run_with_hour_groups, weeks=2, by=["daypart", "network"], per=per)
    whole = predict(run_with_hour_groups, weeks=2, by=["network"], per=per)
    assert divided.column_names[:3] == ["daypart", "network", "ds"]
    summed = divided.group_by(["network", "ds"]).aggregate([("mean", "sum")])
    assert summed.num_rows == len(whole)
    assert summed.sort_by([("network", "ascending"), ("ds", "ascending")])[
        "mean_sum"
    ].to_pylist() == pytest.approx(whole["mean"].to_pylist())


def test_hours_by_hour_group_are_those_of_each_partitions_local_clock(run_with_hour_groups):
    table = predict(run_with_hour_groups, weeks=1, by=["market", "daypart"])
    night = table.filter([row == "night" for row in table["daypart"].to_pylist()])
    for market, utc_offset in (("501", 4), ("803", 7)):
        own = night.filter([row == market for row in night["market"].to_pylist()])
        assert {stamp.hour for stamp in own["ds"].to_pylist()} == {utc_offset + h for h in range(6)}
        assert len(own) == 7 * 6


def test_an_unknown_group_of_hours_is_named(run_with_hour_groups):
    with pytest.raises(DaypartError, match="dayprat") as caught:
        predict(run_with_hour_groups, by=["dayprat"])
    assert "did you mean daypart" in str(caught.value.hint)


def test_a_group_of_hours_needs_168_hours_and_a_name_of_its_own(tmp_path):
    for groups in ({"daypart": ["day"] * 24}, {"market": ["day"] * 168}):
        with pytest.raises(DaypartError, match="hour group"):
            SeriesStore.create(tmp_path / "s", key=["market"], hour_groups=groups)
