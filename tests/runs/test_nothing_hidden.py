"""What was not forecast, what stood in and what ended is named, on screen and in JSON."""

from __future__ import annotations

import datetime as dt
import json

import pytest

import daypart
from daypart.cli.main import main
from daypart.errors import DaypartError

MONDAY = dt.datetime(2025, 1, 6, tzinfo=dt.UTC)


def store_of(folder, **weeks):
    """Import series of some weeks each, all from one Monday on."""
    rows = ["unique_id,ds,y\n"]
    for name, count in weeks.items():
        for hour in range(int(count * 168)):
            at = MONDAY + dt.timedelta(hours=hour)
            rows.append(f"{name},{at.isoformat()},{3 + (hour * 7) % 11}\n")
    (folder / "counts.csv").write_text("".join(rows))
    daypart.import_series(folder / "counts.csv", into=folder / "store")
    return folder / "store"


def printed(capsys, *arguments, code=0):
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert ended.value.code == code
    return capsys.readouterr().out


def test_a_run_in_which_nothing_was_fitted_has_no_forecast(tmp_path):
    store = store_of(tmp_path, a=1.3, b=1.3)
    assert daypart.fit(store, run=tmp_path / "run").skipped == 2
    with pytest.raises(DaypartError, match=r"no partition was fitted.* \(2 of 2 partitions\)"):
        daypart.predict(tmp_path / "run", weeks=1)


def test_partitions_without_a_forecast_are_named_and_the_exit_code_is_3(tmp_path, capsys):
    store = store_of(tmp_path, long=4, short=1.3)
    daypart.fit(store, run=tmp_path / "run")
    for more in ((), ("--by", "series")):
        out = tmp_path / f"{len(more)}.csv"
        text = printed(capsys, "predict", tmp_path / "run", "--out", out, *more, code=3)
        assert "1 partition without a forecast: short" in text


def test_a_level_below_1_suggests_the_percent(tmp_path):
    daypart.fit(store_of(tmp_path, a=4), run=tmp_path / "run", model="seasonal_naive")
    with pytest.raises(DaypartError, match=r"level is 0\.8; .* did you mean 80"):
        daypart.predict(tmp_path / "run", levels=[0.8])


def test_a_series_that_ended_weeks_ago_is_named_in_totals(tmp_path, capsys):
    store = store_of(tmp_path, whole=8, ended=5)
    daypart.fit(store, run=tmp_path / "run", model="seasonal_naive")
    text = printed(capsys, "predict", tmp_path / "run", "--by", "", "--out", tmp_path / "f.csv")
    assert "1 partition in the totals ended over a week before" in text
    assert "such as ended on 2025-02-10" in text


def test_a_backtest_prints_its_scores_as_json(tmp_path, capsys):
    store = store_of(tmp_path, a=6)
    arguments = ("backtest", store, "--out", tmp_path / "b", "--model", "seasonal_naive", "--json")
    found = json.loads(printed(capsys, *arguments, "--weeks", "1"))
    assert found["models"] == ["seasonal_naive"]
    assert {row["level"] for row in found["levels"]} >= {"partition", "total"}
