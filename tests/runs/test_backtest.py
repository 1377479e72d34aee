"""backtest scores hours that the models never saw, and says what each level is worth."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counted_stores import FIRST_HOUR, POISSON, make_block, make_store

from daypart.engine.results.parts import read_results
from daypart.errors import DaypartError
from daypart.runs.backtest import backtest
from daypart.runs.predict import predict
from daypart.series.block import MISSING, block_from_arrays
from daypart.series.local_time import hour_to_datetime
from daypart.series.store import SeriesStore

WEEKS_OF_HOURS = 168 * 8
NAIVE = "seasonal_naive"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("backtest")


@pytest.fixture(scope="module")
def store(folder):
    """Twelve Poisson partitions in two time zones, eight weeks."""
    return make_store(folder / "store", {"501": 7, "803": 5}, hours=WEEKS_OF_HOURS).folder


@pytest.fixture(scope="module")
def scored(store, folder):
    return backtest(store, model=POISSON, against=[NAIVE], out=folder / "out", executor="inline")


def test_the_true_model_beats_the_naive_one_and_covers_what_it_says(scored):
    own, naive = scored.of("partition", POISSON), scored.of("partition", NAIVE)
    assert own["hours"] == naive["hours"] == 12 * 336
    assert own["crps"] < naive["crps"]
    assert own["wape"] < naive["wape"]
    assert 0.75 < own["coverage_80"] < 0.92
    assert own["coverage_50"] < own["coverage_80"] < own["coverage_95"]


def test_levels_are_the_partitions_each_key_column_and_the_total(scored):
    levels = [(row["level"], row["series"]) for row in scored.summary["levels"]]
    assert levels[::2] == [("partition", 12), ("market", 2), ("network", 7), ("total", 1)]
    assert levels[::2] == levels[1::2]


def test_the_held_back_hours_are_not_shown_to_the_models(scored, folder):
    results = read_results(folder / "out" / NAIVE)
    assert set(results["hours"].to_pylist()) == {WEEKS_OF_HOURS - 336}


def test_scores_follow_from_the_forecast_and_the_counts(scored, store, folder):
    run = next(path.parent for path in (folder / "out").glob("*/run.json") if "naive" in str(path))
    forecast = predict(run, weeks=2, levels=[50, 80, 95])
    block = SeriesStore.open(store).read_region("501")
    row = scored.partitions.filter(
        [
            (name, model) == ("501/n0003", NAIVE)
            for name, model in zip(
                scored.partitions["unique_id"].to_pylist(),
                scored.partitions["model"].to_pylist(),
                strict=True,
            )
        ]
    ).to_pylist()[0]
    observed = block.counts_of(3)[-336:]
    own = forecast.slice(3 * 336, 336)
    error = np.abs(own["mean"].to_numpy() - observed)
    assert row["wape"] == pytest.approx(error.sum() / observed.sum())
    low, high = own["lo-80"].to_numpy(), own["hi-80"].to_numpy()
    assert row["inside_80"] == pytest.approx(((low <= observed) & (observed <= high)).mean())
    assert row["mean_per_hour"] == pytest.approx(observed.mean())
    assert row["mean_before"] == pytest.approx(block.counts_of(3)[:-336].mean())
    assert row["hours"] == 336


def test_the_score_of_a_total_is_that_of_paths_added_up(scored, folder, store):
    """The total's interval in predict and its coverage in the backtest are the same interval."""
    run = next(path.parent for path in (folder / "out").glob("*/run.json") if "naive" in str(path))
    total = predict(run, weeks=2, levels=[80], by=(), draws=200)
    opened = SeriesStore.open(store)
    observed = sum(
        opened.read_region(region).counts.reshape(-1, WEEKS_OF_HOURS)[:, -336:].sum(axis=0)
        for region in opened.regions
    )
    low, high = total["lo-80"].to_numpy(), total["hi-80"].to_numpy()
    inside = ((low <= observed) & (observed <= high)).mean()
    assert scored.of("total", NAIVE)["inside_80"] == pytest.approx(inside)
    error = np.abs(total["mean"].to_numpy() - observed).sum()
    assert scored.of("total", NAIVE)["wape"] == pytest.approx(error / observed.sum())


def test_a_row_for_every_model_and_partition_is_written(scored, folder):
    table = pq.read_table(folder / "out" / "backtest.parquet")
    assert len(table) == 24
    assert table.equals(scored.partitions)
    summary = json.loads((folder / "out" / "backtest.json").read_text())
    assert summary == scored.summary
    assert summary["models"] == [POISSON, NAIVE]
    assert summary["first_hour"] == hour_to_datetime(FIRST_HOUR + WEEKS_OF_HOURS - 336).isoformat()
    assert len(scored.lines()) == 1 + 8 + 2 + 2


def test_days_can_be_held_out_from_a_day_and_at_several_origins(store, tmp_path):
    end = FIRST_HOUR + WEEKS_OF_HOURS
    found = backtest(
        store,
        test_days=4,
        start=hour_to_datetime(end - 96 - 48).isoformat(),
        origins=3,
        step_days=7,
        model=NAIVE,
        against=[],
        out=tmp_path,
        executor="inline",
    )
    begins = [hour_to_datetime(end - 144 - 168 * back).isoformat() for back in (2, 1, 0)]
    assert found.summary["origins"] == begins
    assert found.of("partition", NAIVE)["hours"] == 3 * 12 * 96
    assert found.of("total", NAIVE)["series"] == 3
    parts = [row for row in found.summary["horizons"] if row["level"] == "partition"]
    assert [row["horizon"] for row in parts] == ["day 1", "day 2", "day 3", "day 4"]
    assert [row["hours"] for row in parts] == [3 * 12 * 24] * 4
    own = found.of("partition", NAIVE)
    assert np.mean([row["crps"] for row in parts]) == pytest.approx(own["crps"])
    alone = backtest(
        store, test_days=4, start=begins[0], model=NAIVE, against=[], executor="inline"
    )
    rows = found.partitions.to_pylist()
    first = [row for row in rows if row["origin"].isoformat() == begins[0]]
    assert [row["crps"] for row in first] == alone.partitions["crps"].to_pylist()
    assert len(list(tmp_path.glob("origins/*/*/run.json"))) == 2


def test_scores_by_week_ahead_add_up_to_those_of_the_window(scored):
    for model in (POISSON, NAIVE):
        for level in ("partition", "market", "total"):
            parts = [
                row
                for row in scored.summary["horizons"]
                if (row["level"], row["model"]) == (level, model)
            ]
            assert [row["horizon"] for row in parts] == ["week 1", "week 2"]
            own = scored.of(level, model)
            assert sum(row["hours"] for row in parts) == own["hours"]
            assert np.mean([row["crps"] for row in parts]) == pytest.approx(own["crps"])


def test_why_partitions_were_not_scored_is_told(tmp_path):
    rng = np.random.default_rng(1)
    series = [rng.poisson(5.0, WEEKS_OF_HOURS) for _ in range(3)]
    series[0][-336:] = MISSING
    series[1] = series[1][:-1200]
    store = ragged_store(tmp_path / "store", series)
    found = backtest(store, model=NAIVE, against=[], executor="inline")
    reasons = {row["reason"]: row["partitions"] for row in found.summary["unscored"]}
    assert sum(reasons.values()) == found.summary["not_scored"] == 2
    assert "no held-out hour was counted" in reasons
    assert any("not scored: " in line for line in found.lines())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_days": 0}, "test_days is 0"),
        ({"origins": 0}, "origins is 0"),
        ({"step_days": -7}, "step_days is -7"),
        ({"start": "9 March"}, "start is '9 March'"),
        ({"start": "2040-01-01"}, "has no data from 2040-01-01"),
        ({"origins": 9}, "at the first origin"),
    ],
)
def test_impossible_origins_are_refused(store, options, message):
    with pytest.raises(DaypartError, match=message):
        backtest(store, model=NAIVE, against=[], executor="inline", **options)


def test_the_same_call_again_fits_nothing_and_finds_the_same(scored, store, folder):
    parts = sorted((folder / "out").glob("*/parts/*"))
    before = [path.stat().st_mtime_ns for path in parts]
    again = backtest(store, model=POISSON, against=[NAIVE], out=folder / "out", executor="inline")
    assert [path.stat().st_mtime_ns for path in parts] == before
    assert again.summary == scored.summary


def test_workers_do_not_change_the_scores(scored, store):
    other = backtest(store, model=POISSON, against=[NAIVE], workers=1, executor="inline")
    assert other.out is None
    assert other.summary["levels"] == scored.summary["levels"]
    assert other.partitions.equals(scored.partitions)


def ragged_store(folder, series):
    """Write a store of given counts, all starting at one hour."""
    names = [f"n{i}" for i in range(len(series))]
    block = make_block("501", names, hours=1)
    block = block_from_arrays(block.keys, block.timezones, block.first_hours, series)
    store = SeriesStore.create(folder, key=["market", "network"])
    return store.replace_regions([("501", block)]).folder


def test_missing_hours_are_not_scored_in_any_level(tmp_path):
    rng = np.random.default_rng(1)
    gap, whole = rng.poisson(5, WEEKS_OF_HOURS), rng.poisson(5, WEEKS_OF_HOURS)
    gap[-100:] = MISSING
    store = ragged_store(tmp_path / "s", [gap, whole])
    found = backtest(store, model=NAIVE, against=[], executor="inline")
    assert found.of("partition", NAIVE)["hours"] == 236 + 336
    assert found.of("market", NAIVE)["hours"] == 336
    alone = backtest(ragged_store(tmp_path / "t", [whole]), model=NAIVE, against=[])
    assert found.partitions["wape"][1] == alone.partitions["wape"][0]
    assert found.of("total", NAIVE)["mean_per_hour"] < 5 * 2


def test_partitions_that_one_model_did_not_fit_are_counted_and_scored_for_none(tmp_path):
    rng = np.random.default_rng(1)
    counts = [rng.poisson(5, WEEKS_OF_HOURS) for _ in range(3)]
    counts[1][-336:] = MISSING  # fitted, but with nothing to compare with
    store = ragged_store(tmp_path / "s", counts)
    found = backtest(
        store,
        model=POISSON,
        parameters={"raise_on": "n2"},
        against=[NAIVE],
        executor="inline",
    )
    assert (found.summary["partitions"], found.summary["not_scored"]) == (3, 2)
    for model in (POISSON, NAIVE):
        assert found.of("partition", model)["series"] == 1
        rows = found.partitions.filter(
            [name == model for name in found.partitions["model"].to_pylist()]
        )
        assert rows["crps"].is_valid().to_pylist() == [True, False, False]
    assert found.partitions["status"].to_pylist() == ["ok", "ok", "failed", "ok", "ok", "ok"]


def test_scores_are_told_by_the_size_of_a_partition(tmp_path):
    rng = np.random.default_rng(1)
    means = [0.05, 0.5, 5, 50, 60]
    store = ragged_store(tmp_path / "s", [rng.poisson(mean, WEEKS_OF_HOURS) for mean in means])
    found = backtest(store, model=NAIVE, against=[], executor="inline")
    sizes = [(row["size"], row["series"]) for row in found.summary["sizes"]]
    assert sizes == [("below 0.1", 1), ("0.1 to 1", 1), ("1 to 10", 1), ("10 and more", 2)]


def test_overlapping_columns_are_scored_at_the_value_for_all(tmp_path):
    keys = {"market": ["501"] * 4, "network": ["a", "a", "b", "b"], "segment": ["all", "men"] * 2}
    table = pa.table(keys)
    ids = ["/".join(row.values()) for row in table.to_pylist()]
    rng = np.random.default_rng(1)
    block = block_from_arrays(
        table.append_column("unique_id", pa.array(ids)),
        ["UTC"] * 4,
        [FIRST_HOUR] * 4,
        [rng.poisson(5, WEEKS_OF_HOURS) for _ in range(4)],
    )
    store = SeriesStore.create(
        tmp_path / "s", key=["market", "network", "segment"], overlapping={"segment": "all"}
    )
    store.replace_regions([("501", block)])
    found = backtest(store.folder, model=NAIVE, against=[], executor="inline")
    assert [row["level"] for row in found.summary["levels"]] == [
        *("partition", "market", "network", "total")
    ]
    total = sum(block.counts_of(i)[-336:].sum() for i in (0, 2))
    assert found.of("total", NAIVE)["mean_per_hour"] == pytest.approx(total / 336)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weeks": 0}, "weeks is 0"),
        ({"model": "seasonal_naiv"}, "did you mean seasonal_naive"),
        ({"against": ["no_such"]}, "no_such"),
        ({"draws": 1}, "draws is 1"),
    ],
)
def test_what_makes_no_sense_is_named(store, tmp_path, arguments, message):
    with pytest.raises(DaypartError, match=message):
        backtest(store, out=tmp_path / "out", **{"model": NAIVE, "against": [], **arguments})


def test_a_store_without_hours_or_without_earlier_ones_is_named(store, tmp_path):
    empty = SeriesStore.create(tmp_path / "s", key=["market", "network"]).replace_regions([])
    with pytest.raises(DaypartError, match="holds no hours"):
        backtest(empty.folder, model=NAIVE)
    with pytest.raises(DaypartError, match="no data before the 8 weeks held out"):
        backtest(store, model=NAIVE, weeks=8)


def test_a_sample_is_scored_alike_for_all_and_fitted_alone_by_models_of_others(store, tmp_path):
    call = {"model": NAIVE, "against": ["four_week_mean", POISSON], "sample": 5}
    scores = backtest(store, **call, out=tmp_path / "out", executor="inline")
    assert [scores.of("partition", name)["series"] for name in scores.summary["models"]] == [5] * 3
    assert scores.summary["not_scored"] == 7
    assert len(scores.partitions) == 36
    rows = {len(read_results(path.parent)) for path in (tmp_path / "out").glob("*/run.json")}
    assert rows == {5, 12}
    again = backtest(store, **call, out=tmp_path / "out", executor="inline")
    assert again.summary == scores.summary
    with pytest.raises(DaypartError, match="sample is 0; give 1 or more"):
        backtest(store, sample=0)


@pytest.mark.slow
def test_exponential_smoothing_and_decomposition_are_peers_by_name(store, tmp_path):
    pytest.importorskip("statsforecast")
    peers = ["auto_ets", "mstl"]
    scores = backtest(store, weeks=1, model=NAIVE, against=peers, sample=2)
    for name in peers:
        own = scores.of("partition", name)
        assert own["series"] == 2
        assert 0 < own["crps"] < 5.0 * scores.of("partition", NAIVE)["crps"]


def test_a_name_that_no_model_has_is_answered_with_the_nearest_peer(store):
    with pytest.raises(DaypartError, match=r"no model 'auto_et'; did you mean auto_ets"):
        backtest(store, against=["auto_et"])
