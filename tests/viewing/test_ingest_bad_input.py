"""Input that can't be used is refused in one line with a remedy, and nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from viewing_events import Tune, at, ingest_arguments, write_events

from daypart.errors import DaypartError
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore
from daypart.viewing.ingest import ingest

HEADER = "household_id,market,network,start,end\n"
ROW = "H1,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z\n"


@pytest.fixture
def arguments(tmp_path):
    return {**ingest_arguments(tmp_path / "beside"), "into": tmp_path / "store"}


@pytest.fixture
def good_file(tmp_path):
    start = at("2025-03-03T20:00:00+00:00")
    return write_events(tmp_path / "good.parquet", [Tune("H1", "CNN", start, start + 10**6)])


def refused(events, arguments: dict, problem: str) -> None:
    """Ingest must refuse in one line, and leave no trace of a store."""
    with pytest.raises(DaypartError, match=problem) as caught:
        ingest(events, **arguments)
    assert "\n" not in str(caught.value)
    assert not Path(arguments["into"]).exists()


def test_paths_without_a_file_are_refused(tmp_path, arguments):
    refused(tmp_path / "none.parquet", arguments, r"none\.parquet: no such file")
    refused(f"{tmp_path}/*.csv.gz", arguments, "no such file")
    refused([], arguments, "no table is given")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", arguments, "no table in this folder")
    (tmp_path / "notes.txt").write_text("x")
    refused(tmp_path / "notes.txt", arguments, "no column 'household_id'")


def test_an_empty_file_and_one_without_rows_are_refused(tmp_path, arguments):
    for name in ("empty.parquet", "empty.csv"):
        (tmp_path / name).touch()
        refused(tmp_path / name, arguments, f"{name}: is empty")
    (tmp_path / "header.csv").write_text(HEADER)
    refused(tmp_path / "header.csv", arguments, r"header\.csv: holds no rows")


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, arguments):
    start = at("2025-03-03T20:00:00+00:00")
    tunes = [Tune("H1", "CNN", start + n * 10**6, start + n * 10**6 + 70_000) for n in range(5000)]
    whole = write_events(tmp_path / "whole.parquet", tunes).read_bytes()
    for share in (0.1, 0.5, 0.99):
        cut = tmp_path / "cut.parquet"
        cut.write_bytes(whole[: int(len(whole) * share)])
        refused(cut, arguments, r"cut\.parquet: not a readable Parquet file")
    damaged = bytearray(whole)
    damaged[100:2000] = bytes(1900)
    cut.write_bytes(bytes(damaged))
    refused(cut, arguments, r"cut\.parquet: not a readable Parquet file")


def test_a_broken_gzip_file_is_refused(tmp_path, arguments):
    (tmp_path / "events.csv.gz").write_bytes(b"this is no gzip file")
    refused(tmp_path / "events.csv.gz", arguments, "not a readable gzip file")


def test_a_csv_row_with_too_many_fields_is_refused_with_its_line(tmp_path, arguments):
    rows = ROW * 30 + ROW.strip() + ",more,and more\n" + ROW
    (tmp_path / "events.csv").write_text(HEADER + rows)
    refused(
        tmp_path / "events.csv",
        arguments,
        r"events\.csv: line 3[12]: has more values than the 5 columns",
    )


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("household_id,market,network,strat,end", "no column 'start'; did you mean strat"),
        ("household,market,network,start,end", "no column 'household_id'; did you mean household"),
        ("household_id,market,network,start,until", "no column 'end'.*or give duration_s"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest_one(tmp_path, arguments, header, problem):
    (tmp_path / "events.csv").write_text(header + "\n" + ROW)
    refused(tmp_path / "events.csv", arguments, problem)


def test_a_missing_mapped_column_is_refused(tmp_path, arguments, good_file):
    refused(good_file, {**arguments, "mapping": "start=begin"}, "no column 'begin'")
    refused(good_file, {**arguments, "mapping": "device_id=box"}, "no column 'box'")
    refused(good_file, {**arguments, "mapping": "segment=network"}, "from-events")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("H1,501,CNN,2025-03-03 20:00,2025-03-03 21:00\n", "stamp_without_zone in 2 of 2.*UTC"),
        ("H1,501,CNN,03/03/25,2025-03-03T21:00:00Z\n", "unparsable_stamp in 2 of 2"),
        ("H8,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z\n", "unknown_household in 2 of 2"),
        ("H1,501,CNN,2025-03-03T20:00:00Z,2025-03-03T19:00:00Z\n", "end_before_start in 2 of 2"),
    ],
)
def test_events_without_a_valid_row_are_refused_with_the_first_row(
    tmp_path, arguments, row, problem
):
    (tmp_path / "events.csv").write_text(HEADER + row + row)
    refused(tmp_path / "events.csv", arguments, rf"events\.csv: no row can be credited: {problem}")


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, arguments, good_file):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DaypartError, match=r"file.*(not a folder|can't be written to)"):
        ingest(good_file, **{**arguments, "into": tmp_path / "file" / "store"})
    with pytest.raises(DaypartError, match="can't be written to"):
        ingest(good_file, **{**arguments, "into": "/proc/daypart-store"})


def test_stores_of_a_newer_version_or_another_kind_are_refused(tmp_path, arguments, good_file):
    store = tmp_path / "store"
    store.mkdir()
    newer = json.dumps({"kind": "daypart-store", "schema_version": 99, "key": ["a"], "regions": {}})
    (store / "store.json").write_text(newer)
    with pytest.raises(DaypartError, match="schema version 99"):
        ingest(good_file, **arguments)
    assert (store / "store.json").read_text() == newer
    other = SeriesStore.create(tmp_path / "other", key=["shop"])
    nothing: list[tuple[str, SeriesBlock]] = []
    other.replace_regions(nothing)
    with pytest.raises(DaypartError, match="a store of shop, not of viewing"):
        ingest(good_file, **{**arguments, "into": tmp_path / "other"})


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"household_id": ["H1"]}, "no column 'market'"),
        ({"household_id": ["H1", "H1"], "market": ["501", "501"]}, "given twice.*in row 2"),
        (
            {"household_id": ["H1", None], "market": [None, "501"]},
            "none of 2 households can be used: household_without_id 1 .the first is row 2.",
        ),
        (
            {"household_id": ["H1"], "market": ["501"], "weight": [-1.0]},
            "none of 1 household can be used: household_weight 1",
        ),
        (
            {"household_id": ["H1"], "market": ["501"], "weight": [float("nan")]},
            "household_weight 1",
        ),
        ({"household_id": ["H1"], "market": ["999"]}, "market '999' has no time zone"),
        ({"household_id": ["H1"], "market": ["501"]}, "uses the column 'size'"),
        ({"household_id": ["H1"], "market": ["501"], "size": [1]}, "no household is in segment"),
    ],
)
def test_households_that_cannot_be_used_are_refused(
    tmp_path, arguments, good_file, columns, problem
):
    pq.write_table(pa.table(columns), tmp_path / "hh.parquet")
    segments = arguments["segments"] if "segment" in problem or "size" in problem else None
    change = {"households": tmp_path / "hh.parquet", "segments": segments}
    refused(good_file, {**arguments, **change}, problem)


def test_a_value_that_no_household_has_is_refused_with_the_nearest(tmp_path, arguments, good_file):
    table = pa.table({"household_id": ["H1"], "market": ["501"], "sex": ["female"]})
    pq.write_table(table, tmp_path / "hh.parquet")
    change = {"households": tmp_path / "hh.parquet", "segments": {"women": {"sex": "femal"}}}
    refused(good_file, {**arguments, **change}, "did you mean female")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("market,zone\n501,UTC\n", "no column 'timezone'"),
        ("market,timezone\n501,America/Newyork\n", "row 1: 'America/Newyork' is not a time zone"),
        ("market,timezone\n501,UTC\n501,UTC\n", "names market '501' again"),
        (
            "market,timezone,tv_homes\n501,UTC,many\n",
            "column tv_homes: row 1 is 'many'",
        ),
    ],
)
def test_markets_that_cannot_be_used_are_refused(tmp_path, arguments, good_file, text, problem):
    (tmp_path / "markets.csv").write_text(text)
    refused(good_file, {**arguments, "markets": tmp_path / "markets.csv"}, problem)


def test_settings_that_cannot_be_used_are_refused(arguments, good_file):
    refused(good_file, {**arguments, "markets": None}, "time zones of the markets are not known")
    refused(good_file, {**arguments, "memory": "plenty"}, "'plenty' is not a size")
    refused(good_file, {**arguments, "threads": 0}, "threads is 0")
    refused(good_file, {**arguments, "key": b"short"}, "a key of 5 bytes")
    refused(good_file, {**arguments, "households": "from-events"}, "segments need a table")


def test_a_stamp_decades_away_from_the_others_is_refused(tmp_path, arguments):
    stray = "H1,501,CNN,1999-03-03T20:00:00Z,1999-03-03T21:00:00Z\n"
    (tmp_path / "events.csv").write_text(HEADER + ROW + stray)
    refused(tmp_path / "events.csv", arguments, "1999-03-03 to 2025-03-03, the earliest in row 2")


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Australia/Adelaide", "Asia/Kathmandu"])
def test_a_market_whose_clocks_are_not_whole_hours_from_utc_is_refused(tmp_path, zone):
    (tmp_path / "events.csv").write_text(HEADER + ROW)
    arguments = {"households": "from-events", "timezone": zone, "into": tmp_path / "store"}
    refused(tmp_path / "events.csv", arguments, f"time zone {zone}: its clocks are")
