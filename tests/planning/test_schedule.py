"""Reach of schedules that somebody wrote down, and what is wrong with some."""

from __future__ import annotations

import pytest

from daypart.errors import DaypartError
from daypart.planning.reach.reach import reach
from daypart.planning.reach.schedule import read_schedule

ROW = {"market": "501", "network": "CNN", "daypart": "Prime", "week": "2024-03-06", "spots": 3}


def test_reach_of_a_schedule_is_told_by_week_network_and_daypart(store):
    rows = [ROW, ROW | {"network": "TBS"}, ROW | {"network": "TBS", "week": "2024-03-13"}]
    counted = reach(store, schedule=rows)
    assert counted.spots == 9
    assert counted.markets == ("501",)
    assert [row["name"] for row in counted.by_week] == ["2024-03-04", "2024-03-11"]
    one = counted.reach["1+"]["percent"]
    assert counted.by_week[-1]["cumulative_reach_percent"] == pytest.approx(one)
    by_name = {row["name"]: row for row in counted.by_network}
    cnn, tbs = by_name["CNN"], by_name["TBS"]
    both = counted.duplication[0]["percent"]
    assert one == pytest.approx(cnn["reach_percent"] + tbs["reach_percent"] - both)
    assert cnn["incremental_percent"] == pytest.approx(cnn["reach_percent"] - both)
    assert counted.grp["mean"] == pytest.approx(one * counted.average_frequency)
    levels = [counted.reach[f"{k}+"]["percent"] for k in range(1, 11)]
    shown = [level for level in levels if level != "suppressed"]
    assert shown == sorted(shown, reverse=True)


def test_reach_in_more_markets_than_the_schedule_has_a_larger_base(store):
    narrow, wide = reach(store, schedule=[ROW]), reach(store, schedule=[ROW], markets=["all"])
    assert wide.universe_estimate > narrow.universe_estimate
    assert wide.reach["1+"]["households"] == pytest.approx(narrow.reach["1+"]["households"])
    assert wide.reach["1+"]["percent"] < narrow.reach["1+"]["percent"]


def test_what_each_network_adds_sums_to_the_reach_of_all(store):
    rows = [
        ROW | {"network": name, "market": market}
        for name in ("CNN", "TBS", "HGTV")
        for market in ("501", "Chicago")
    ]
    for method in ("unbiased", "surrogate"):
        counted = reach(store, schedule=rows, method=method)
        one = counted.reach["1+"]["percent"]
        for parts in (counted.by_network, counted.by_daypart):
            assert sum(row["added_percent"] for row in parts) == pytest.approx(one)
            assert sum(row["impressions"] for row in parts) == pytest.approx(
                counted.impressions["mean"]
            )
            for row in parts:
                assert 0 <= row["incremental_percent"] <= row["added_percent"] + 1e-9
                assert row["added_percent"] <= row["reach_percent"] + 1e-9
                assert row["lo_80"] < row["reach_percent"] < row["hi_80"]
        assert len(counted.duplication) == 3
        by_market = {row["code"]: row for row in counted.by_market}
        assert by_market["501"]["spots"] == 9
        reached = sum(
            row["reach_percent"] * reach(store, schedule=rows, markets=[code]).universe_estimate
            for code, row in by_market.items()
        )
        assert reached == pytest.approx(one * counted.universe_estimate)


def test_spots_in_other_markets_than_those_asked_for_are_told_and_not_counted(store):
    both = [ROW, ROW | {"market": "Chicago"}]
    counted = reach(store, schedule=both, markets=["New York"])
    assert (counted.spots, counted.spots_elsewhere) == (3, 3)
    assert counted.reach["1+"] == reach(store, schedule=[ROW]).reach["1+"]
    assert "3 spots in other markets are not counted" in counted.lines()[-1]


def test_every_figure_says_what_it_counts(store):
    counted = reach(store, schedule=[ROW])
    assert (counted.unit, counted.window) == ("households", "live")
    assert counted.panel_households == 160
    assert counted.weeks_of_history == 8
    assert counted.calibration == {"run": None}


def test_the_surrogate_serves_where_history_is_too_short(store):
    rows = [ROW | {"spots": 20_000}]
    with pytest.raises(DaypartError, match=r'take method="surrogate"'):
        reach(store, schedule=rows)
    assert reach(store, schedule=rows, method="surrogate").reach["1+"]["percent"] > 50


def test_few_panel_households_are_refused(store):
    with pytest.raises(DaypartError, match="too few for figures on them: the store's rule is 500"):
        reach(store, schedule=[ROW], min_households=500)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"market": "999"}, "unknown market '999'"),
        (ROW | {"network": "CNM"}, "did you mean CNN"),
        (ROW | {"daypart": "Primo"}, "row 1: unknown daypart 'Primo'; did you mean Prime"),
        (ROW | {"spots": -1}, "column spots: row 1 is '-1', outside its range"),
        (
            ROW | {"spots": 1.5},
            r"row 1 is '1\.5', outside its range; spots must be a whole number from 0",
        ),
        (ROW | {"spots": None}, "column spots: row 1 is empty"),
        (ROW | {"week": "spring"}, "column week: row 1 is 'spring', not a day"),
        ({"market": "501"}, "no column 'network'"),
    ],
)
def test_a_fault_in_a_schedule_is_named(store, row, message):
    with pytest.raises(DaypartError, match=message):
        reach(store, schedule=[row])


def test_schedules_are_read_from_csv_parquet_and_a_missing_file_is_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "s.csv").write_text(
        "market,network,daypart,week,spots\n501,CNN,Prime,2024-03-06,3\n"
    )
    pq.write_table(pa.table({key: [value] for key, value in ROW.items()}), tmp_path / "s.parquet")
    from_csv, from_parquet = (
        read_schedule(tmp_path / "s.csv"),
        read_schedule(tmp_path / "s.parquet"),
    )
    assert from_csv.rows == from_parquet.rows == read_schedule([ROW]).rows
    with pytest.raises(DaypartError, match=r"none\.csv: no such file"):
        read_schedule(tmp_path / "none.csv")


def test_an_unknown_method_is_refused(store):
    with pytest.raises(DaypartError, match="did you mean surrogate"):
        reach(store, schedule=[ROW], method="surogate")
