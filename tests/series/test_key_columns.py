"""A key column may have any name and any values: none is taken for a column of daypart's own."""

from __future__ import annotations

import itertools
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import daypart
from daypart.engine.results.parts import read_results
from daypart.errors import DaypartError
from daypart.models.registry import get_model
from daypart.runs.backtest import backtest
from daypart.runs.predict import predict
from daypart.series.block import block_from_arrays
from daypart.series.key_columns import find_key_column, is_reserved, key_column
from daypart.series.store import SeriesStore

WEEKS = 4
OWN_NAMES = (
    *("region", "status", "hours", "counts", "timezone", "reason", "task", "row", "unique_id"),
    *("ds", "mean", "median", "first_hour", "exposure", "model", "name", "event", "flags", "y"),
    *("week_mean", "partitions", "origin", "daypart", "Status", "key.status", "hi-80", "log"),
)


def table_of(columns: dict[str, list[str]]) -> pa.Table:
    """Return four weeks of hourly counts of every combination of values of some columns."""
    combinations = list(itertools.product(*columns.values()))
    hours = [datetime(2025, 1, 6) + timedelta(hours=i) for i in range(168 * WEEKS)]
    rows = [(values, hour, i % 24) for values in combinations for i, hour in enumerate(hours)]
    table = {name: [row[0][place] for row in rows] for place, name in enumerate(columns)}
    return pa.table(table | {"t 0": [row[1] for row in rows], "n 0": [row[2] for row in rows]})


def try_whole_way(columns: dict[str, list[str]], folder: Path) -> None:
    """Import, fit, forecast and score; every value of every column comes back."""
    names = list(columns)
    daypart.import_series(
        table_of(columns), into=folder / "store", key=names, time="t 0", value="n 0"
    )
    daypart.fit(folder / "store", run=folder / "run", model="seasonal_naive", executor="inline")
    rows = read_results(folder / "run")
    assert rows["status"].to_pylist() == ["ok"] * len(rows)
    for name, values in columns.items():
        assert set(rows[key_column(name)].to_pylist()) == set(values)
        total = predict(folder / "run", weeks=1, by=[name], per="total", levels=[80])
        assert sorted(total[key_column(name)].to_pylist()) == sorted(set(values))
        assert total.column_names.count("mean") == 1
    predict(folder / "run", weeks=1, levels=[80], out=folder / "forecast.parquet")
    own = pq.read_table(folder / "forecast.parquet")
    assert len(set(own["unique_id"].to_pylist())) == len(rows)
    found = backtest(
        folder / "store", weeks=1, model="seasonal_naive", against=[], executor="inline"
    )
    assert found.summary["not_scored"] == 0
    assert {row["level"] for row in found.summary["levels"]} >= {"partition", "total"}


@pytest.mark.parametrize("name", OWN_NAMES)
def test_a_key_column_may_have_the_name_of_one_of_dayparts_own(name, tmp_path):
    try_whole_way({name: ["a", "b"], "product": ["x", "y"]}, tmp_path)


def test_two_columns_of_such_names_stand_side_by_side(tmp_path):
    try_whole_way({"status": ["ok", "failed"], "region": ["1", "2"]}, tmp_path)


NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40
).filter(lambda name: name.strip() and name not in ("t 0", "n 0"))
VALUES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300
).filter(lambda value: value.strip() == value)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(NAMES, min_size=1, max_size=2, unique_by=str.casefold),
    st.lists(VALUES, min_size=2, max_size=3, unique=True),
)
def test_any_text_is_a_name_and_a_value_of_a_key_column(names, values):
    with tempfile.TemporaryDirectory() as folder:
        try_whole_way(dict.fromkeys(names, values), Path(folder))


@pytest.mark.parametrize("values", [["a/b", "a"], ["%2F", "/"], ["..", "."], ["x" * 300, "x"]])
def test_values_that_would_run_into_each_other_stay_apart(values, tmp_path):
    try_whole_way({"one": values, "two": ["b", "b/b", "c"]}, tmp_path)


def test_a_column_is_found_by_its_own_name_and_by_that_in_files():
    key = [key_column(name) for name in ("status", "shop")]
    assert key == ["key.status", "shop"]
    assert find_key_column("status", key) == find_key_column("key.status", key) == "key.status"
    assert find_key_column("shop", key) == "shop"
    assert find_key_column("region", key) is None


def test_parameters_and_calendars_take_the_name_of_the_table(tmp_path):
    table = table_of({"region": ["north", "south"], "name": ["a", "b"]})
    daypart.import_series(
        table, into=tmp_path / "store", key=["region", "name"], time="t 0", value="n 0"
    )
    (tmp_path / "own.toml").write_text("[region.north]\nkhat = false\n")
    event = {"name": "sale", "key.name": "a", "from": "2025-01-08", "to": "2025-01-09"}
    daypart.fit(
        tmp_path / "store",
        run=tmp_path / "run",
        parameters=tmp_path / "own.toml",
        calendar=[event],
        executor="inline",
    )
    rows = read_results(tmp_path / "run").to_pylist()
    assert [row["khat"] is None or row["khat"] == 0 for row in rows] == [True, True, False, False]
    assert [row["key.name"] for row in rows] == ["a", "b", "a", "b"]


def test_names_that_differ_in_case_alone_are_refused(tmp_path):
    table = table_of({"Shop": ["a"], "b": ["c"]})
    with pytest.raises(DaypartError, match="'Shop' and 'shop' are one name"):
        daypart.import_series(
            table, into=tmp_path / "s", key=["Shop", "shop"], time="t 0", value="n 0"
        )


def test_every_column_of_daypart_is_reserved(tmp_path):
    block = block_from_arrays(
        pa.table({"shop": ["a"], "unique_id": ["a"]}), ["UTC"], [0], [[i % 24 for i in range(672)]]
    )
    store = SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", block)])
    own = set(pq.read_schema(next((tmp_path / "store").rglob("*.parquet"))).names)
    for name in ("negbin", "crossed", "seasonal_naive", "four_week_mean"):
        own |= set(get_model(name).fit(block).column_names)
    daypart.fit(store.folder, run=tmp_path / "run", model="seasonal_naive", executor="inline")
    for file in (tmp_path / "run").rglob("*.parquet"):
        own |= set(pq.read_schema(file).names)
    own |= set(predict(tmp_path / "run", weeks=1, by=["shop"]).column_names)
    scores = backtest(store.folder, weeks=1, model="seasonal_naive", against=[])
    own |= set(scores.partitions.column_names)
    assert {name for name in own - {"shop"} if not is_reserved(name)} == set()
