"""Events, households, markets and networks mean the same in every form, or are named."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from table_forms import FORMS, text_file

from daypart import ingest, mapped_table
from daypart.errors import DaypartError
from daypart.storage.files import read_json

KEY = b"a household key for tests"
TUNES = [
    {"household_id": "007", "market": "05", "network": "Télé", "start": "2025-03-03T20:00:00-05:00",
     "end": "2025-03-03T21:00:00-05:00"},
    {"household_id": "8", "market": "05", "network": "N,1", "start": "2025-03-04 01:00:00Z",
     "end": "2025-03-04 02:00:00Z"},
]  # fmt: skip
HOMES = [
    {"household_id": "007", "market": "05", "weight": "1200.5", "zip": "02134"},
    {"household_id": "8", "market": "05", "weight": "800", "zip": "10001"},
]
MARKETS = [{"market": "05", "timezone": "America/New_York", "name": "Montréal", "tv_homes": "1e6"}]
NETWORKS = [{"network": "Télé", "market": ""}, {"network": "N,1", "market": ""}]


def ingested(folder, name="store", *, events=TUNES, homes=HOMES, **options):
    """Ingest rows, each table as CSV unless given; return the report and what is in the store."""
    tables = {"markets": MARKETS} if "timezone" not in options else {}
    for table, rows in ({"events": events, "households": homes} | tables).items():
        if isinstance(rows, list):
            rows, _ = text_file(f"{name}-{table}.csv")(folder, rows)
        options.setdefault(table, rows)
    report = ingest(options.pop("events"), into=folder / name, key=KEY, **options)
    return report, content(folder / name)


def content(store):
    """Return the counts and exposures of a store by partition, and its households."""
    series = duckdb.sql(
        "SELECT unique_id, first_hour, counts, exposure FROM "
        f"read_parquet('{store}/series/*.parquet', hive_partitioning = false) ORDER BY ALL"
    ).fetchall()
    homes = duckdb.sql(f"FROM read_parquet('{store}/households-*.parquet') ORDER BY ALL").fetchall()
    return series, homes, read_json(store / "store.json")["viewing"]["markets"]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    report, store = ingested(tmp_path_factory.mktemp("expected"))
    assert report.rows.credited == 2
    evening = [0] * 20 + [1] + [0] * 3  # both watch from 20:00 to 21:00, New York time
    assert [(name, counts) for name, _, counts, _ in store[0]] == [
        ("05/N,1/all", evening),
        ("05/Télé/all", evening),
    ]
    return store


MAPPED = {"other names"}


@pytest.mark.parametrize("form", FORMS)
def test_events_in_any_form_give_the_same_store(tmp_path, expected, form):
    source, options = FORMS[form](tmp_path, TUNES)
    _, store = ingested(tmp_path, events=source, mapping=options)
    assert store == expected


@pytest.mark.parametrize("form", FORMS)
def test_households_in_any_form_give_the_same_store(tmp_path, expected, form):
    source, options = FORMS[form](tmp_path, HOMES)
    if form == "other names":
        options = "household_id=their household_id,market=their market,weight=their weight"
    _, store = ingested(tmp_path, homes=mapped_table(source, options))
    assert store == expected


@pytest.mark.parametrize("form", FORMS)
def test_markets_and_networks_in_any_form_give_the_same_store(tmp_path, expected, form):
    tables = {}
    for name, rows in {"markets": MARKETS, "networks": NETWORKS}.items():
        folder = tmp_path / name
        folder.mkdir()
        source, options = FORMS[form](folder, rows)
        tables[name] = mapped_table(source, options)
    if form == "rows":
        tables["networks"] = ["Télé", "N,1"]
    _, store = ingested(tmp_path, **tables)
    assert store == expected


def tune(**change):
    return [dict(TUNES[0]) | change]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start": "2025-03-03 08:30:00 PM"}, "unparsable_stamp"),
        ({"start": "2025-03-03 20:30:00 PST"}, "unparsable_stamp"),
        ({"start": "03/03/2025 20:30"}, "unparsable_stamp"),
        ({"start": "infinity"}, "unparsable_stamp"),
        ({"start": "2025-03-03 20:30:00"}, "stamp_without_zone"),
        ({"start": "1971-01-01T00:00:00Z"}, "stamp_out_of_range"),
        ({"end": "9999-12-31T00:00:00Z"}, "stamp_out_of_range"),
        ({"start": " "}, "missing_value"),
        ({"network": ""}, "missing_value"),
        ({"household_id": "\u00a0"}, "missing_value"),
        ({"household_id": "7"}, "unknown_household"),
    ],
)
def test_a_row_that_cannot_be_used_is_set_aside_with_its_reason(tmp_path, change, reason):
    for form in ("csv", "parquet", "json lines", "workbook"):
        folder = tmp_path / form
        folder.mkdir()
        source, _ = FORMS[form](folder, TUNES + tune(**change))
        report, _ = ingested(folder, events=source)
        assert report.rows.set_aside == {reason: 1}
        assert report.rows.adds_up()
        aside = pq.read_table(folder / "store" / "quarantine" / "1.parquet").to_pylist()
        assert [(row["source_row"], row["reason"]) for row in aside] == [(3, reason)]


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("2025-03-09 02:30", "stamp_skipped_by_clock"),
        ("2025-11-02 01:30", "stamp_repeated_by_clock"),
    ],
)
@pytest.mark.parametrize("zone", ["market", "America/New_York"])
def test_local_times_that_clocks_skip_or_repeat_have_reasons_of_their_own(
    tmp_path, start, reason, zone
):
    rows = [dict(TUNES[0]) | {"start": start, "end": f"{start[:10]} 12:00"}]
    good = dict(TUNES[0]) | {"start": f"{start[:10]} 10:00", "end": f"{start[:10]} 12:00"}
    report, _ = ingested(tmp_path, events=[*rows, good], mapping={"stamps_are": zone})
    assert report.rows.set_aside == {reason: 1}


@pytest.mark.parametrize(
    "length", ["3600", "3600.0", "1:00:00", "01:00:00.0", "PT1H", "PT3600S", "PT0H60M"]
)
def test_the_length_of_a_tune_is_seconds_a_clock_or_iso_8601(tmp_path, expected, length):
    rows = [
        {name: value for name, value in row.items() if name != "end"} | {"duration_s": seconds}
        for row, seconds in zip(TUNES, (length, "3600"), strict=True)
    ]
    _, store = ingested(tmp_path, events=rows)
    assert store == expected


@pytest.mark.parametrize("length", ["45:00", "PT", "P", "45 min", "1:75:00"])
def test_a_length_of_another_form_is_set_aside(tmp_path, length):
    rows = [dict(row) | {"duration_s": "3600", "end": ""} for row in TUNES]
    rows.append(dict(TUNES[0]) | {"duration_s": length, "end": ""})
    report, _ = ingested(tmp_path, events=rows)
    assert report.rows.set_aside == {"not_a_duration": 1}


def test_stamps_of_a_declared_format_and_of_a_day_and_an_hour_are_read(tmp_path, expected):
    rows = []
    for row in TUNES:
        start, end = (dt.datetime.fromisoformat(row[name]) for name in ("start", "end"))
        written = {name: at.astimezone(dt.UTC).strftime("%d.%m.%Y %I:%M %p")
                   for name, at in (("start", start), ("end", end))}  # fmt: skip
        rows.append(dict(row) | written)
    _, store = ingested(
        tmp_path, events=rows, mapping="stamps_are=UTC", stamp_format="%d.%m.%Y %I:%M %p"
    )
    assert store == expected
    rows = []
    for row in TUNES:
        start = dt.datetime.fromisoformat(row["start"]).astimezone(dt.UTC)
        rows.append(
            {name: row[name] for name in ("household_id", "market", "network", "end")}
            | {"day": str(start.date()), "clock": start.strftime("%H:%M")}
        )
    _, store = ingested(tmp_path, "joined", events=rows, mapping="start=day+clock,stamps_are=UTC")
    assert store == expected


def test_pandas_own_stamps_are_read_from_the_frame_and_its_file(tmp_path, expected):
    frame = pd.DataFrame(TUNES)
    for name in ("start", "end"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").astype(
            "datetime64[ns, UTC]"
        )
    frame.to_parquet(tmp_path / "tunes.parquet")
    for name, source in (("frame", frame), ("file", tmp_path / "tunes.parquet")):
        _, store = ingested(tmp_path, name, events=source)
        assert store == expected


def test_ids_that_pandas_made_floating_point_are_the_same_ids(tmp_path):
    homes = pd.DataFrame({"household_id": [8.0, 9.0], "market": [5, 5]})
    tunes = [dict(TUNES[1]) | {"market": "5"}]
    report, _ = ingested(
        tmp_path, events=tunes, homes=homes, markets=[dict(MARKETS[0], market="5")]
    )
    assert report.rows.credited == 1


def test_a_segment_compares_texts_with_their_leading_zeros_and_numbers_as_numbers(tmp_path):
    segments = {"boston": {"zip": "02134"}, "heavy": {"weight": {"min": 1000}}}
    report, (_, homes, _) = ingested(tmp_path, segments=segments)
    assert report.segments == 3
    held = [row[-1] for row in homes]
    assert sorted(sorted(names) for names in held) == [["all"], ["all", "boston", "heavy"]]
    with pytest.raises(DaypartError, match="compares network, a column of texts, with 3"):
        ingested(tmp_path, "other", homes=[dict(home, network="x") for home in HOMES],
                 segments={"a": {"network": 3}})  # fmt: skip


def test_households_that_cannot_be_used_are_set_aside_and_reported(tmp_path):
    bad = [
        {"household_id": "a", "market": "", "weight": "1", "zip": ""},
        {"household_id": "", "market": "05", "weight": "1", "zip": ""},
        {"household_id": "b", "market": "05", "weight": "many", "zip": ""},
        {"household_id": "c", "market": "05", "weight": "-1", "zip": ""},
    ]
    report, (_, homes, _) = ingested(tmp_path, homes=[*HOMES, *bad])
    assert len(homes) == 2
    assert "4 of 6 households set aside: household_weight 2 (the first is row 5)" in report.notes[0]
    aside = pq.read_table(tmp_path / "store" / "quarantine" / "1.parquet").to_pylist()
    assert [(row["source_row"], row["reason"]) for row in aside] == [
        (3, "household_without_market"),
        (4, "household_without_id"),
        (5, "household_weight"),
        (6, "household_weight"),
    ]
    assert all(row["source_file"].endswith("store-households.csv") for row in aside)


def test_a_network_is_matched_but_for_case_and_an_unknown_one_is_named_with_the_nearest(tmp_path):
    rows = [dict(TUNES[0]) | {"network": name} for name in ("ESPN", " espn ", "Esnp", "CBS")]
    rows[1] |= {"start": "2025-03-04T20:00:00-05:00", "end": "2025-03-04T21:00:00-05:00"}
    report, (series, *_) = ingested(tmp_path, events=rows, networks=["ESPN", "FOX"])
    assert report.rows.set_aside == {"unknown_network": 2}
    assert [row[0] for row in series] == ["05/ESPN/all", "05/FOX/all"]
    assert sum({row[0]: row[2] for row in series}["05/ESPN/all"]) == 2
    assert "network 'espn' read as 'ESPN' in 1 row" in report.notes
    assert any("unknown network 'Esnp' in 1 row: did you mean ESPN" in n for n in report.notes)


def test_networks_that_differ_only_in_case_are_matched_exactly(tmp_path):
    rows = [dict(TUNES[0]) | {"network": "one"}, dict(TUNES[1]) | {"network": "ONE"}]
    report, (series, *_) = ingested(tmp_path, events=rows, networks=["one", "One"])
    assert report.rows.set_aside == {"unknown_network": 1}
    assert [row[0] for row in series] == ["05/One/all", "05/one/all"]


def test_an_unknown_market_is_named_with_the_nearest(tmp_path):
    report, _ = ingested(tmp_path, events=[*TUNES, dict(TUNES[0]) | {"market": "O5"}])
    assert report.rows.set_aside == {"unknown_market": 1}
    assert any("unknown market 'O5' in 1 row: did you mean 05" in note for note in report.notes)
