"""A calendar file gives a run its events, and stays in it; one at fault fits nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counted_stores import FIRST_HOUR, make_block

import daypart
from daypart.engine.results.parts import read_results
from daypart.engine.tasks.task import run_task
from daypart.errors import DaypartError
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

REFERENCE = Path(__file__).parents[1] / "data" / "nuts_reference.npz"
GAME = "name,markets,networks,from,to\ngame,501,n0000;n0001,2025-03-02T19:00,2025-03-02T22:00\n"


@pytest.fixture
def small(tmp_path):
    """Two markets in UTC with three networks each, four weeks from Monday 2025-02-24."""
    store = SeriesStore.create(tmp_path / "store", key=["market", "network"])
    names = ["n0000", "n0001", "n0002"]
    blocks = [(region, make_block(region, names, hours=672, mean=40)) for region in ("501", "803")]
    return store.replace_regions(blocks)


def write(tmp_path, text: str, name: str = "calendar.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_a_calendar_acts_on_the_markets_and_networks_that_it_names(small, tmp_path):
    daypart.fit(small.folder, run=tmp_path / "run", model="crossed", calendar=write(tmp_path, GAME))
    events = read_results(tmp_path / "run")
    found = dict(zip(events["unique_id"].to_pylist(), events["event"].to_pylist(), strict=True))
    assert [name for name, there in found.items() if there == ["game"]] == [
        "501/n0000",
        "501/n0001",
    ]
    assert sorted(map(len, found.values())) == [0, 0, 0, 0, 1, 1]


def test_the_same_calendar_as_csv_parquet_toml_and_rows_is_the_same_run(small, tmp_path):
    rows = [
        {"name": "game", "market": "501", "from": "2025-03-02T19:00", "to": "2025-03-02T22:00"},
        {"name": "strike", "market": None, "from": "2025-03-05", "to": "2025-03-06"},
    ]
    text = "name,markets,from,to\n" + "".join(
        f"{r['name']},{r['market'] or ''},{r['from']},{r['to']}\n" for r in rows
    )
    stamps = [
        pa.array(np.array([r[end] for r in rows], "datetime64[us]")) for end in ("from", "to")
    ]
    columns = {
        "name": ["game", "strike"],
        "market": [["501"], None],
        "from": stamps[0],
        "to": stamps[1],
    }
    pq.write_table(pa.table(columns), tmp_path / "calendar.parquet")
    toml = (
        '[[event]]\nname = "game"\nmarkets = ["501"]\nfrom = 2025-03-02T19:00:00\n'
        'to = 2025-03-02T22:00:00\n[[event]]\nname = "strike"\nfrom = 2025-03-05\nto = 2025-03-06\n'
    )
    given = {
        "csv": write(tmp_path, text),
        "parquet": tmp_path / "calendar.parquet",
        "toml": write(tmp_path, toml, "calendar.toml"),
        "rows": rows,
    }
    tables = []
    for name, calendar in given.items():
        daypart.fit(small.folder, run=tmp_path / name, model="crossed", calendar=calendar)
        rows_of = read_results(tmp_path / name)
        tables.append(rows_of.drop_columns(["seconds", "content_hash"]))
    assert all(table == tables[0] for table in tables)
    assert tables[0]["event"].to_pylist()[0] == ["game", "strike"]


def test_forecasts_know_the_events_of_the_weeks_ahead_without_the_file(small, tmp_path):
    # the end of the data is Monday 2025-03-24
    calendar = write(tmp_path, GAME + "final,501,n0000,2025-03-25T19:00,2025-03-25T22:00\n")
    daypart.fit(small.folder, run=tmp_path / "with", model="crossed", calendar=calendar)
    daypart.fit(small.folder, run=tmp_path / "without", model="crossed")
    calendar.unlink()
    wide = {}
    for run in ("with", "without"):
        table = daypart.predict(tmp_path / run, weeks=1, levels=[95])
        width = table["hi-95"].to_numpy() - table["lo-95"].to_numpy()
        wide[run] = width.reshape(6, 168)
    wider = wide["with"] / wide["without"] > 1.1
    assert np.argwhere(wider[0]).ravel().tolist() == [24 + 19, 24 + 20, 24 + 21]
    assert not wider[1:].any()


def test_a_run_is_resumed_and_its_tasks_fitted_without_the_file_of_its_calendar(small, tmp_path):
    calendar = write(tmp_path, GAME)
    daypart.fit(small.folder, run=tmp_path / "run", model="crossed", calendar=calendar)
    whole = read_results(tmp_path / "run").drop_columns("seconds")
    for part in (tmp_path / "run" / "parts").iterdir():
        part.unlink()
    for index in (0, 1):
        run_task(tmp_path / "run", index)
    assert read_results(tmp_path / "run").drop_columns("seconds") == whole
    stored = json.loads((tmp_path / "run" / "run.json").read_text())["parameters"]["calendar"]
    assert stored[0]["network"] == ["n0000", "n0001"]
    other = write(tmp_path, GAME.replace("22:00", "23:00"))
    with pytest.raises(DaypartError, match="holds a run with another calendar"):
        daypart.fit(small.folder, run=tmp_path / "run", model="crossed", calendar=other)


def test_a_calendar_is_part_of_the_content_hash(small, tmp_path):
    daypart.fit(small.folder, run=tmp_path / "a", model="crossed", calendar=write(tmp_path, GAME))
    daypart.fit(small.folder, run=tmp_path / "b", model="crossed")
    a, b = (read_results(tmp_path / run)["content_hash"].to_pylist() for run in "ab")
    assert a[0] != b[0]


def test_a_backtest_gives_the_calendar_to_the_models_that_know_events(small, tmp_path):
    calendar = write(tmp_path, GAME)
    out = tmp_path / "backtest"
    daypart.backtest(
        small.folder,
        weeks=1,
        model="crossed",
        against=["seasonal_naive", "negbin"],
        calendar=calendar,
        out=out,
        draws=100,
    )
    kept = {
        name: "calendar" in json.loads((out / name / "run.json").read_text())["parameters"]
        for name in ("crossed", "negbin", "seasonal_naive")
    }
    assert kept == {"crossed": True, "negbin": True, "seasonal_naive": False}
    with pytest.raises(
        DaypartError, match="seasonal_naive does not use events, so it takes no calendar"
    ):
        daypart.fit(small.folder, run=tmp_path / "x", model="seasonal_naive", calendar=calendar)


BAD = {
    "name,markets,from,to\n": "holds no events",
    "": "is empty",
    "name,market,start,to\na,501,2025-03-01,2025-03-02\n": "column 'start' is not known",
    "name,from\na,2025-03-01\n": "no column 'to'; it has: name, from",
    "name,networks,from,to\na,,2025-03-01,2025-03-02\nb,n000,2025-03-01,2025-03-02\n": (
        "row 2, column networks: no partition has 'n000'; did you mean n000"
    ),
    "name,markets,from,to\na,510,2025-03-01,2025-03-02\n": (
        "row 1, column markets: no partition has '510'; did you mean 501"
    ),
    "name,from,to\na,2025-03-03,2025-03-01\n": "row 1, column to: 2025-03-01 is not after from",
    "name,from,to\na,2025-03-01,2025-03-03\na,2025-03-02,2025-03-04\n": (
        "row 2, column from: 'a' overlaps row 1"
    ),
    "name,from,to\na,2025-03-01,2025-03-03,x\n": "line 2: has more values than the 3 columns",
    "name,market,markets,from,to\na,501,501,2025-03-01,2025-03-03\n": ("two columns mean 'market'"),
}


@pytest.mark.parametrize("text", BAD)
def test_a_calendar_at_fault_is_refused_before_anything_is_written(small, tmp_path, text):
    calendar = write(tmp_path, text)
    with pytest.raises(DaypartError) as refused:
        daypart.fit(small.folder, run=tmp_path / "run", model="crossed", calendar=calendar)
    assert str(refused.value).startswith(str(calendar))
    assert BAD[text] in str(refused.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "none.toml", "calendar.xlsx"])
def test_a_calendar_that_is_not_there_or_of_another_kind_is_named(small, tmp_path, name):
    with pytest.raises(DaypartError, match=name):
        daypart.fit(small.folder, run=tmp_path / "run", model="crossed", calendar=tmp_path / name)


def test_columns_are_named_as_the_key_of_any_store(tmp_path):
    keys = pa.table({"sensor": ["a, b", "c"], "unique_id": ["a, b", "c"]})
    counts = [np.random.default_rng(0).poisson(20, 400)] * 2
    block = block_from_arrays(keys, ["UTC"] * 2, [FIRST_HOUR] * 2, counts)
    store = SeriesStore.create(tmp_path / "store", key=["sensor"]).replace_regions([("all", block)])
    calendar = write(tmp_path, 'name,sensor,from,to\nfair,"a, b",2025-03-01,2025-03-02\n')
    daypart.fit(store.folder, run=tmp_path / "run", model="negbin", calendar=calendar)
    assert read_results(tmp_path / "run")["event"].to_pylist() == [["fair"], []]


def test_one_named_event_gives_the_reference_models_holiday_effect(tmp_path):
    with np.load(REFERENCE) as file:
        counts, holiday = file["y"], file["holiday"].ravel()
        effect = file["b"]
    hours = np.datetime64("2024-01-01T00", "h") + np.arange(holiday.size)
    table = pa.table(
        {
            "unique_id": np.repeat([f"p{i}" for i in range(10)], holiday.size),
            "ds": np.tile(hours.astype("datetime64[us]"), 10),
            "y": counts.reshape(-1).astype(np.int64),
        }
    )
    pq.write_table(table, tmp_path / "long.parquet")
    edges = np.flatnonzero(np.diff(np.concatenate([[0], holiday > 0, [0]])))
    lines = [f"holiday,{hours[a]},{hours[0] + b}" for a, b in edges.reshape(-1, 2)]
    calendar = write(tmp_path, "\n".join(["name,from,to", *lines]))
    daypart.import_series(tmp_path / "long.parquet", into=tmp_path / "store", timezone="UTC")
    daypart.fit(tmp_path / "store", run=tmp_path / "run", model="crossed", calendar=calendar)
    results = read_results(tmp_path / "run")
    assert results["event"].to_pylist() == [["holiday"]] * 10
    mean, sd = (np.array(results[f"event_{name}"].to_pylist())[:, 0] for name in ("mean", "sd"))
    assert np.abs((mean - effect[:, 0]) / effect[:, 1]).max() < 0.1
    np.testing.assert_allclose(sd / effect[:, 1], 1.0, atol=0.06)
