"""Calibration: the forecast sets how much is watched, the panel who watches it together."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest
from planning_stores import FIRST_MONDAY, MARKETS, MINUTES, NETWORKS, make_rate_card, make_store

from daypart.errors import DaypartError
from daypart.planning.brief.flight import broadcast_weeks
from daypart.planning.panel.calibration import DRAWS, Calibration, calibrate
from daypart.planning.panel.reader import read_panel
from daypart.planning.plan import plan
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.reach.reach import reach
from daypart.planning.solve.surrogate_fit import fit_surrogate
from daypart.runs.fit import fit
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.tables import write_table
from daypart.viewing.dayparts import daypart_table

WEEKS = 4
FLIGHT = broadcast_weeks(dt.date(2024, 1, 29), dt.date(2024, 2, 11))
UTC_MARKETS = {code: (name, "UTC", homes) for code, (name, _, homes) in MARKETS.items()}
PROJECTION = 1000.0


def hours_of_dayparts(document):
    return daypart_table(json.loads(document)["viewing"]["dayparts"]).hour_of_week_names()


def with_series(folder, *, times, exposure=200.0):
    """Add the hourly series that the panel's viewing implies, `times` as much of it."""
    viewing = (folder / "store.json").read_text()
    panel = read_panel(folder)
    (folder / "store.json").unlink()
    series = SeriesStore.create(
        folder,
        key=["market", "network", "segment"],
        overlapping={"segment": "all"},
        measures=["minutes"],
        hour_groups={"daypart": hours_of_dayparts(viewing)},
    )
    first = (FIRST_MONDAY - dt.date(1970, 1, 1)).days * 24
    daypart = panel.clock.dayparts_between(first, WEEKS * 168, "UTC")
    regions = []
    for m, market in enumerate(panel.markets):
        per_spot = panel.impressions_per_spot().reshape(panel.shape)[m]
        names = [(n, s) for n in range(len(NETWORKS)) for s in ("all", "young")]
        keys = {
            "market": [market.code] * len(names),
            "network": [NETWORKS[n] for n, _ in names],
            "segment": [s for _, s in names],
        }
        keys["unique_id"] = ["/".join(key) for key in zip(*keys.values(), strict=True)]
        counts = [np.rint(times * per_spot[n, daypart] / PROJECTION).astype(int) for n, _ in names]
        regions.append(
            (
                market.code,
                block_from_arrays(
                    pa.table(keys),
                    ["UTC"] * len(names),
                    [first] * len(names),
                    counts,
                    exposures=[np.full(WEEKS * 7, exposure) for _ in names],
                    measures={"minutes": [c * 60.0 * PROJECTION for c in counts]},
                ),
            )
        )
    series.replace_regions(regions)
    content = json.loads((folder / "store.json").read_text())
    content["viewing"] = json.loads(viewing)["viewing"]
    (folder / "store.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    make_store(folder / "store", markets=UTC_MARKETS, weeks=WEEKS)
    with_series(folder / "store", times=2)
    fit(folder / "store", run=folder / "run", model="seasonal_naive", workers=1)
    make_rate_card(folder / "card.parquet")
    (folder / "brief.toml").write_text(
        '[campaign]\nname = "x"\nfirst_day = 2024-01-29\nlast_day = 2024-02-11\n'
        'budget = 300000\nrate_card = "card.parquet"\n'
    )
    return folder


def test_a_forecast_of_twice_the_viewing_doubles_the_impressions(made):
    panel = read_panel(made / "store")
    found = calibrate(made / "run", made / "store", panel, FLIGHT)
    large = panel.impressions_per_spot() > 50 * PROJECTION
    assert large.any()
    assert found.factor[large] == pytest.approx(2.0, rel=0.02)
    assert found.without_forecast == 0
    assert found.spread.mean(axis=1) == pytest.approx(1.0)


def test_a_calibrated_plan_pays_for_and_counts_the_forecast(made, tmp_path):
    before = plan(made / "store", brief=made / "brief.toml", out=tmp_path / "a")
    after = plan(made / "store", brief=made / "brief.toml", out=tmp_path / "b", run=made / "run")
    assert after.calibration["model"] == "seasonal_naive"
    assert after.calibration["median_factor"] == pytest.approx(2.0, rel=0.05)
    total = {"before": 0.0, "after": 0.0}
    for name, made_plan in (("before", before), ("after", after)):
        total[name] = sum(line.impressions for line in made_plan.lines) / made_plan.spent
    assert total["after"] == pytest.approx(total["before"], rel=0.2)
    assert any("seasonal_naive forecast" in note for note in after.notes)


def test_the_forecasts_uncertainty_widens_the_intervals(made):
    panel = read_panel(made / "store")
    spots = np.ones(panel.cells, dtype=np.int64)
    draws = np.random.default_rng(1).lognormal(0, 0.2, DRAWS)
    spread = np.tile(draws / draws.mean(), (panel.cells, 1))
    known = Calibration("run", "model", np.ones(panel.cells), spread, 0)
    per_spot = panel.impressions_per_spot()
    alone, wide = (
        AudienceCounter(panel, per_spot, fit_surrogate(panel), calibration, 0)
        for calibration in (None, known)
    )
    for k in (1, 3):
        narrow = alone.count(spots, every_level=True).error_percent(k)
        assert wide.count(spots, every_level=True).error_percent(k) > 1.2 * narrow
    assert wide.count(spots).error_percent() == pytest.approx(
        wide.count(spots, every_level=True).error_percent()
    )
    mean, error = wide.count_impressions(spots)
    expected = np.hypot(alone.count_impressions(spots)[1], mean * spread[0].std())
    assert error == pytest.approx(expected)


def test_cells_without_a_forecast_keep_their_history(made, tmp_path):
    store = SeriesStore.open(made / "store")
    panel = read_panel(made / "store")
    fit(made / "store", run=tmp_path / "run", model="seasonal_naive", workers=1)
    for part in (tmp_path / "run" / "results").glob("*.parquet"):
        table = pa.parquet.read_table(part)
        part.unlink()
        kept = table.filter(pa.compute.not_equal(table["network"], "CNN"))
        write_table(part, kept)
    found = calibrate(tmp_path / "run", made / "store", panel, FLIGHT)
    cnn = found.factor.reshape(panel.shape)[:, NETWORKS.index("CNN")]
    assert (cnn == 1.0).all()
    assert found.without_forecast == len(store.regions) * len(MINUTES)


def test_a_run_of_another_kind_of_store_is_refused(made, tmp_path):
    keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", block)])
    fit(tmp_path / "store", run=tmp_path / "run", model="seasonal_naive", workers=1)
    with pytest.raises(DaypartError, match="fitted to shop, not to audiences"):
        calibrate(tmp_path / "run", made / "store", read_panel(made / "store"), FLIGHT)


def test_a_missing_run_is_named(made, tmp_path):
    with pytest.raises(DaypartError, match="none"):
        plan(made / "store", brief=made / "brief.toml", out=tmp_path / "o", run=tmp_path / "none")


def test_reach_counts_the_forecast_and_carries_its_uncertainty(made):
    rows = [
        {"market": code, "network": n, "daypart": "Prime", "week": week, "spots": 2}
        for code in MARKETS
        for n in NETWORKS[:3]
        for week in ("2024-01-29", "2024-02-05")
    ]
    past = reach(made / "store", schedule=rows)
    ahead = reach(made / "store", schedule=rows, run=made / "run")
    assert ahead.calibration["model"] == "seasonal_naive"
    assert ahead.impressions["mean"] == pytest.approx(2 * past.impressions["mean"], rel=0.05)
    one, before = ahead.reach["1+"], past.reach["1+"]
    assert before["percent"] < one["percent"] < 2 * before["percent"]
    assert one["se"] > 0
    assert ahead.by_week[-1]["cumulative_reach_percent"] == pytest.approx(one["percent"])
    weekless = [{name: row[name] for name in row if name != "week"} for row in rows]
    with pytest.raises(DaypartError, match="no column 'week'.*leave out --run"):
        reach(made / "store", schedule=weekless, run=made / "run")
