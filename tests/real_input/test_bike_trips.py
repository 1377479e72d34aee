"""Real events: bikes are devices, stations networks, cities markets, kinds of user segments."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from daypart import backtest, fit, ingest
from daypart.engine.results.parts import read_results
from daypart.series.local_time import local_hours
from daypart.series.store import SeriesStore
from replay import replay

DATA = Path(__file__).parents[1] / "data"
TRIPS = DATA / "bikeshare_trips_2014.parquet"
STATIONS = DATA / "bikeshare_stations.csv"
RENAMED = {  # stations that the trips call by an earlier name
    "Washington at Kearny": "San Francisco",
    "Post at Kearny": "San Francisco",
    "Santa Clara County Civic Center": "San Jose",
}
PACIFIC = "America/Los_Angeles"
ROWS = 326_339


def ingest_trips(store, **days):
    with STATIONS.open() as file:
        cities = {row["name"]: row["landmark"] for row in csv.DictReader(file)}
    return ingest(
        TRIPS,
        households="from-events",
        into=store,
        timezone=PACIFIC,
        networks={**cities, **RENAMED},
        mapping="household_id=bike_id,network=start_station,start=start_date,end=end_date,"
        "segment=subscription_type",
        key=b"a key for bikes of 2014",
        memory="500MB",
        **days,
    )


@pytest.fixture(scope="module")
def bikes(tmp_path_factory):
    store = tmp_path_factory.mktemp("bikes") / "store"
    return ingest_trips(store), store


def test_every_trip_is_accounted_for(bikes):
    report, store = bikes
    assert report.rows.read == ROWS
    assert report.rows.adds_up()
    assert set(report.rows.set_aside) == {"unknown_network"}
    assert report.rows.set_aside["unknown_network"] == 50  # a station that the list lacks
    files = SeriesStore.open(store).extra["viewing"]["files"]["quarantine"]
    assert sum(pq.read_metadata(store / name).num_rows for name in files) == 50


def test_trips_of_days_are_capped_by_rule(bikes):
    report, store = bikes
    longer = pq.read_table(TRIPS, columns=["duration"]).column("duration").to_numpy() > 12 * 3600
    assert 0.95 * longer.sum() <= report.rows.capped <= longer.sum() + 5
    files = SeriesStore.open(store).extra["viewing"]["files"]["events"]
    assert len(files) == 5


def test_local_days_peak_at_8_and_17_hours(bikes):
    _, store = bikes
    opened = SeriesStore.open(store)
    by_hour = np.zeros(24)
    for region in opened.regions:
        block = opened.read_region(region)
        for row in np.flatnonzero(np.array(block.keys["segment"].to_pylist()) == "Subscriber"):
            clock = local_hours(int(block.first_hours[row]), block.hours_of(row), PACIFIC)
            np.add.at(by_hour, clock.hour_of_week % 24, block.counts_of(row))
    assert by_hour[:12].argmax() == 8
    assert 12 + by_hour[12:].argmax() == 17


def test_every_station_x_kind_of_user_has_a_row_for_all_of_2014_in_its_city(bikes):
    report, store = bikes
    opened = SeriesStore.open(store)
    assert sorted(opened.regions) == [
        "Mountain View",
        "Palo Alto",
        "Redwood City",
        "San Francisco",
        "San Jose",
    ]
    assert report.partitions == report.networks * 3 == 73 * 3
    assert (report.first_day, report.last_day, report.hours) == ("2014-01-01", "2014-12-31", 8760)
    block = opened.read_region("Palo Alto")
    assert len(block) == 5 * 3
    assert {"all", "Customer", "Subscriber"} == set(block.keys["segment"].to_pylist())


@pytest.mark.slow
def test_every_partition_has_a_row_with_a_posterior(bikes, tmp_path):
    report, store = bikes
    done = fit(store, run=tmp_path / "run")
    assert (done.partitions, done.ok) == (report.partitions, report.partitions)
    rows = read_results(tmp_path / "run")
    assert len(rows) == report.partitions
    assert set(rows.column("status").to_pylist()) == {"ok"}
    assert np.isfinite(rows.column("level_sd").to_numpy()).all()


@pytest.mark.slow
def test_four_held_out_weeks_are_forecast_better_than_by_seasonal_naive(bikes):
    _, store = bikes
    scores = backtest(store, weeks=4)
    own, naive = scores.of("partition", "negbin"), scores.of("partition", "seasonal_naive")
    assert own["crps"] <= 0.85 * naive["crps"]
    assert own["hours_over_one"] > 2_000
    # Coverage is 73 % in four weeks of one December, 80 % in the half year of docs/benchmarks.md.
    assert 0.68 <= own["coverage_80_over_one"] <= 0.85


def test_reach_of_later_airings_is_predicted_from_all_earlier_weeks(bikes, tmp_path):
    # docs/benchmarks.md explains the remaining error: ridership grew, and bikes change stations.
    until = dt.date(2014, 9, 28)
    ingest_trips(tmp_path / "before", last_day=until)
    flight = {"first_day": until + dt.timedelta(1), "last_day": until + dt.timedelta(28)}
    found = replay(tmp_path / "before", bikes[1], **flight, sizes=(1000, 4000))
    assert found.median_error < 0.1
    assert abs(found.relative_errors.mean()) < 0.05
