"""Reach of schedules that somebody wrote down, and what is wrong with some."""

from __future__ import annotations

import pytest

from daypart.errors import DaypartError
from daypart.planning import reach, read_schedule

ROW = {"market": "501", "network": "CNN", "daypart": "Prime", "week": "2024-03-06", "spots": 3}


def test_reach_of_a_schedule_is_told_by_week_network_and_daypart(store):
    rows = [ROW, ROW | {"network": "TBS"}, ROW | {"network": "TBS", "week": "2024-03-13"}]
    counted = reach(store, schedule=rows)
    assert counted.spots == 9
    assert counted.markets == ("501",)
    assert [row["name"] for row in counted.by_week] == ["2024-03-04", "2024-03-11"]
    one = counted.reach["1+"]["percent"]
    assert counted.by_week[-1]["cumulative_reach_percent"] == pytest.approx(one)
    cnn, tbs = counted.by_network
    both = counted.duplication[0]["percent"]
    assert one == pytest.approx(cnn["reach_percent"] + tbs["reach_percent"] - both)
    assert cnn["incremental_percent"] == pytest.approx(cnn["reach_percent"] - both)
    assert counted.grp == pytest.approx(one * counted.average_frequency)
    levels = [counted.reach[f"{k}+"]["percent"] for k in range(1, 11)]
    assert levels == sorted(levels, reverse=True)


def test_reach_in_more_markets_than_the_schedule_has_a_larger_base(store):
    narrow, wide = reach(store, schedule=[ROW]), reach(store, schedule=[ROW], markets=["all"])
    assert wide.universe_estimate > narrow.universe_estimate
    assert wide.reach["1+"]["households"] == pytest.approx(narrow.reach["1+"]["households"])
    assert wide.reach["1+"]["percent"] < narrow.reach["1+"]["percent"]


def test_the_surrogate_serves_where_history_is_too_short(store):
    rows = [ROW | {"spots": 20_000}]
    with pytest.raises(DaypartError, match=r'take method="surrogate"'):
        reach(store, schedule=rows)
    assert reach(store, schedule=rows, method="surrogate").reach["1+"]["percent"] > 50


def test_few_panel_households_are_suppressed(store):
    counted = reach(store, schedule=[ROW], min_households=500)
    assert counted.reach["1+"]["percent"] == "suppressed"
    assert counted.grp == "suppressed"
    assert counted.by_network == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"market": "999"}, "unknown market '999'"),
        (ROW | {"network": "CNM"}, "did you mean CNN"),
        (ROW | {"daypart": "Primo"}, "row 1: unknown daypart 'Primo'; did you mean Prime"),
        (ROW | {"spots": -1}, "row 1: spots is -1"),
        (ROW | {"spots": 1.5}, r"row 1: spots is 1\.5"),
        (ROW | {"spots": None}, "row 1: spots is None"),
        (ROW | {"week": "spring"}, "row 1: week is 'spring', not a day"),
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
