"""Ingest: its inputs, the store that it writes, and a second ingest into a store."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from viewing_events import (
    KEY,
    Tune,
    at,
    ingest_arguments,
    stored_cells,
    stored_hut,
    write_events,
)

from daypart.errors import DaypartError
from daypart.series.store import SeriesStore
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.ingest import ingest

MONDAY = "2025-03-03T20:00:00-05:00"
HEADER = "household_id,market,network,start,end"


def minutes_after(start: str, first: float, last: float, **kinds) -> Tune:
    begin = at(start)
    return Tune(
        kinds.get("household", "H1"),
        kinds.get("network", "CNN"),
        begin + round(first * 60_000),
        begin + round(last * 60_000),
        kinds.get("device"),
    )


def viewing_of(store: Path) -> dict:
    return SeriesStore.open(store).extra["viewing"]


def quarantine_of(store: Path) -> list[dict]:
    names = viewing_of(store)["files"]["quarantine"]
    return [row for name in names for row in pq.read_table(store / name).to_pylist()]


@pytest.fixture
def arguments(tmp_path):
    return {**ingest_arguments(tmp_path / "beside"), "into": tmp_path / "store"}


def test_the_store_has_a_daypart_for_each_hour_of_the_week(arguments, tmp_path):
    tune = Tune("H1", "CNN", at("2025-03-04T01:00:00+00:00"), at("2025-03-04T02:30:00+00:00"))
    write_events(tmp_path / "events.parquet", [tune])
    ingest(tmp_path / "events.parquet", **arguments)
    names = SeriesStore.open(arguments["into"]).hour_groups["daypart"]
    assert len(names) == 168
    assert (names[6 * 24 + 19], names[0], names[12]) == ("Prime", "Late Fringe", "Daytime")


def test_the_same_rows_give_the_same_store_from_parquet_csv_gzip_globs_and_folders(tmp_path):
    rows = [
        "H1,501,CNN,2025-03-03T20:00:00-05:00,2025-03-03T21:30:00-05:00",
        "H3,803,ESPN,2025-03-04T04:00:00Z,2025-03-04T04:45:30Z",
    ]
    events = tmp_path / "events"
    tunes = [
        Tune("H1", "CNN", at("2025-03-04T01:00:00+00:00"), at("2025-03-04T02:30:00+00:00")),
        Tune("H3", "ESPN", at("2025-03-04T04:00:00+00:00"), at("2025-03-04T04:45:30+00:00")),
    ]
    write_events(events / "p" / "events.parquet", tunes)
    for name in ("c", "g"):
        (events / name).mkdir()
    (events / "c" / "events.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    with gzip.open(events / "g" / "events.csv.gz", "wt") as file:
        file.write("\n".join([HEADER, *rows]) + "\n")
    hashes = []
    for number, source in enumerate([events / "p", f"{events}/c/*.csv", [events / "g"]]):
        store = tmp_path / f"store-{number}"
        ingest(source, into=store, **ingest_arguments(tmp_path / "beside"))
        regions = SeriesStore.open(store).regions
        hashes.append([region["content_hash"] for region in regions.values()])
    assert hashes[0] == hashes[1] == hashes[2]


def test_every_market_x_network_x_segment_has_a_row_over_whole_local_days(tmp_path, arguments):
    tunes = [
        minutes_after("2025-03-09T01:30:00-05:00", 0, 90),
        minutes_after("2025-03-10T20:00:00-04:00", 0, 30, household="H3", network="ESPN"),
    ]
    report = ingest(write_events(tmp_path / "e.parquet", tunes), **arguments)
    store = SeriesStore.open(arguments["into"])
    assert report.partitions == store.partitions == 2 * 2 * 3
    for region, first_hour in (("501", "2025-03-09T05"), ("803", "2025-03-09T08")):
        block = store.read_region(region)
        assert block.unique_ids == sorted(block.unique_ids)
        assert {block.hours_of(row) for row in range(len(block))} == {47}
        first = dt.datetime.fromisoformat(first_hour + ":00:00+00:00").timestamp() // 3600
        assert set(block.first_hours.tolist()) == {int(first)}
        assert block.counts.min() == 0
        assert len(block.exposures_of(0)) == 2


def test_exposure_and_universe_are_the_households_of_the_table(tmp_path, arguments):
    ingest(write_events(tmp_path / "e.parquet", [minutes_after(MONDAY, 0, 5)]), **arguments)
    store = SeriesStore.open(arguments["into"])
    block = store.read_region("501")
    exposure = dict(zip(block.unique_ids, block.exposures.tolist(), strict=True))
    assert exposure == {"501/CNN/all": 2, "501/CNN/big": 1, "501/CNN/pair": 1}
    rows = pq.read_table(store.folder / viewing_of(store.folder)["files"]["universe"]).to_pylist()
    universe = {(r["market"], r["segment"]): r for r in rows}
    assert universe["501", "all"]["in_tab_households"] == 2
    assert universe["501", "all"]["universe_estimate"] == 3500.5
    assert universe["803", "pair"]["universe_estimate"] == 701.25


def test_a_set_that_retunes_ends_its_earlier_session(tmp_path, arguments):
    tunes = [
        minutes_after(MONDAY, 0, 60, device="a"),
        minutes_after(MONDAY, 20, 40, network="ESPN", device="a"),
    ]
    ingest(write_events(tmp_path / "e.parquet", tunes), **arguments)
    minutes = {key[1]: value for key, (_, value) in stored_cells(arguments["into"]).items()}
    assert minutes == {"CNN": 20_000, "ESPN": 20_000}


def test_two_sets_on_one_network_count_once_a_minute_or_split_it(tmp_path, arguments):
    tunes = [minutes_after(MONDAY, 0, 30, device="a"), minutes_after(MONDAY, 10, 40, device="b")]
    tunes.append(minutes_after(MONDAY, 10, 40, network="ESPN", device="c"))
    file = write_events(tmp_path / "e.parquet", tunes)
    ingest(file, **arguments)
    once = {key[1]: value for key, (_, value) in stored_cells(arguments["into"]).items()}
    assert once == {"CNN": 40_000, "ESPN": 30_000}
    assert [m for _, m in stored_hut(arguments["into"]).values()] == [40_000]
    split = {**arguments, "into": tmp_path / "split"}
    ingest(file, **split, crediting=CreditingRules(multi_set="split"))
    shared = {key[1]: value for key, (_, value) in stored_cells(split["into"]).items()}
    assert shared["CNN"] == pytest.approx(1000 * (10 + 20 * 2 / 3 + 10 / 2), abs=0.1)
    assert shared["ESPN"] == pytest.approx(1000 * (20 / 3 + 10 / 2), abs=0.1)


def test_the_quarter_hour_rule_credits_whole_quarters_with_five_minutes(tmp_path, arguments):
    tunes = [minutes_after(MONDAY, 10.5, 16), minutes_after(MONDAY, 29, 34)]
    rules = CreditingRules(quarter_hour="quarter_hour")
    ingest(write_events(tmp_path / "e.parquet", tunes), **arguments, crediting=rules)
    assert stored_cells(arguments["into"]) == {}
    tunes = [minutes_after(MONDAY, 10, 16), minutes_after(MONDAY, 29, 35)]
    arguments["into"] = tmp_path / "credited"
    ingest(write_events(tmp_path / "f.parquet", tunes), **arguments, crediting=rules)
    assert [m for _, m in stored_cells(arguments["into"]).values()] == [30_000]


def test_a_set_left_on_is_capped_and_counted(tmp_path, arguments):
    file = write_events(tmp_path / "e.parquet", [minutes_after(MONDAY, 0, 60 * 24 * 9)])
    after = write_events(tmp_path / "f.parquet", [minutes_after(MONDAY, 60 * 48, 60 * 49)])
    report = ingest([file, after], **arguments, crediting=CreditingRules(idle_cap_minutes=90))
    assert (report.rows.credited, report.rows.capped) == (2, 1)
    hours = stored_cells(arguments["into"])
    assert sum(minutes for _, minutes in hours.values()) == (90 + 60) * 1000


def test_silent_households_leave_the_tab_and_return(tmp_path, arguments):
    days = [0, 1, 5, 9]
    tunes = [minutes_after(MONDAY, 1440 * day, 1440 * day + 10) for day in days]
    rules = CreditingRules(out_of_tab_silent_days=2)
    ingest(write_events(tmp_path / "e.parquet", tunes), **arguments, crediting=rules)
    block = SeriesStore.open(arguments["into"]).read_region("501")
    of_all = block.exposures_of(block.unique_ids.index("501/CNN/all")).tolist()
    # H2 is silent: in tab for two days. H1 is in tab on its days and two days after each.
    assert of_all == [2, 2, 1, 1, 0, 1, 1, 1, 0, 1]


def test_each_row_that_is_not_credited_is_in_quarantine_with_one_reason(tmp_path, arguments):
    good = "H1,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z"
    rows = {
        "missing_value": ",501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z",
        "unknown_market": "H1,999,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z",
        "stamp_without_zone": "H1,501,CNN,2025-03-03T20:00:00,2025-03-03T21:00:00Z",
        "unparsable_stamp": "H1,501,CNN,2025-03-03T20:00:00Z,2025-13-03T21:00:00Z",
        "end_before_start": "H1,501,CNN,2025-03-03T21:00:00Z,2025-03-03T20:59:59Z",
        "unknown_household": "H9,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z",
        "market_mismatch": "H3,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z",
        "unknown_network": "H1,501,CMM,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z",
        "outside_days": "H1,501,CNN,2025-03-09T20:00:00Z,2025-03-09T21:00:00Z",
        "duplicate": good,
    }
    file = tmp_path / "events.csv"
    file.write_text("\n".join([HEADER, good, *rows.values()]) + "\n")
    report = ingest(file, **arguments, networks=["CNN", "ESPN"], last_day=dt.date(2025, 3, 8))
    assert report.rows.credited == 1
    assert dict(report.rows.set_aside) == dict.fromkeys(rows, 1)
    assert report.rows.adds_up()
    assert report.networks == 2
    held = {row["reason"]: row for row in quarantine_of(arguments["into"])}
    assert list(rows) == sorted(held, key=lambda reason: held[reason]["source_row"])
    assert [held[reason]["source_row"] for reason in rows] == list(range(2, 12))
    assert held["stamp_without_zone"]["start"] == "2025-03-03T20:00:00"
    assert {row["source_file"] for row in held.values()} == {str(file)}
    assert viewing_of(arguments["into"])["rows"]["set_aside"] == dict.fromkeys(rows, 1)


def test_no_household_or_device_id_is_written_anywhere_in_the_store(tmp_path, arguments):
    rows = [
        "H1,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z,box-of-H1",
        "stranger-4711,501,CNN,2025-03-03T20:00:00Z,2025-03-03T21:00:00Z,box-of-stranger",
    ]
    file = tmp_path / "events.csv"
    file.write_text("\n".join([HEADER + ",device_id", *rows]) + "\n")
    ingest(file, **arguments)
    store = arguments["into"]
    for path in store.rglob("*.parquet"):
        for column in pq.read_table(path).itercolumns():
            text = json.dumps(column.to_pylist(), default=str)
            assert '"H1"' not in text
            assert "box-of" not in text
            assert "stranger" not in text
    assert KEY.decode() not in (store / "store.json").read_text()
    assert not (store / ".ingest").exists()


def test_stamps_without_a_zone_are_read_in_the_zone_of_the_mapping(tmp_path, arguments):
    file = tmp_path / "events.csv"
    lines = [HEADER, "H1,501,CNN,2025-03-03 20:00:00,2025-03-03 20:30:00"]
    file.write_text("\n".join([*lines, "H3,803,CNN,2025-03-03 20:00:00,2025-03-03 20:30:00"]))
    hours = {}
    for zone in ("UTC", "America/Chicago", "market"):
        arguments["into"] = tmp_path / f"store-{zone.split('/')[0]}"
        ingest(file, **arguments, mapping={"stamps_are": zone})
        cells = stored_cells(arguments["into"])
        base = at("2025-03-03T20:00:00+00:00") // 3_600_000
        hours[zone] = {key[0]: key[3] - base for key in cells if key[2] == "all"}
    assert hours["UTC"] == {"501": 0, "803": 0}
    assert hours["America/Chicago"] == {"501": 6, "803": 6}
    assert hours["market"] == {"501": 5, "803": 8}


def test_naive_parquet_stamps_need_a_zone_and_numbers_count_from_1970(tmp_path, arguments):
    seconds = at(MONDAY) // 1000
    columns = {"household_id": ["H1"], "market": ["501"], "network": ["CNN"]}
    naive = pa.array([seconds * 10**6], pa.timestamp("us"))
    pq.write_table(
        pa.table({**columns, "start": naive, "duration_s": [90.5]}), tmp_path / "n.parquet"
    )
    whole = pa.table({**columns, "start": [seconds], "end": [seconds + 1800]})
    pq.write_table(whole, tmp_path / "s.parquet")
    with pytest.raises(DaypartError, match="stamp_without_zone in 1 of 1 rows"):
        ingest(tmp_path / "n.parquet", **arguments)
    with pytest.raises(DaypartError, match="epoch_s"):
        ingest(tmp_path / "s.parquet", **arguments)
    ingest(tmp_path / "n.parquet", **arguments, mapping="stamps_are=UTC")
    [(_, minutes)] = stored_cells(arguments["into"]).values()
    assert minutes == pytest.approx(1000 * 90.5 / 60)
    arguments["into"] = tmp_path / "seconds"
    ingest(tmp_path / "s.parquet", **arguments, mapping="stamps_are=epoch_s")
    assert [m for _, m in stored_cells(arguments["into"]).values()] == [30_000]


def test_the_same_file_twice_changes_nothing(tmp_path, arguments):
    file = write_events(tmp_path / "e.parquet", [minutes_after(MONDAY, 0, 30)])
    ingest(file, **arguments)
    store = arguments["into"]
    before = {p: p.read_bytes() for p in sorted(store.rglob("*")) if p.is_file()}
    copy = tmp_path / "renamed.parquet"
    copy.write_bytes(file.read_bytes())
    report = ingest([file, copy], **arguments)
    assert report.files_skipped == (str(file), str(copy))
    assert report.rows.read == 0
    assert report.rows_in_store.read == 1
    assert {p: p.read_bytes() for p in sorted(store.rglob("*")) if p.is_file()} == before


def test_new_days_networks_and_markets_extend_a_store_and_keep_its_data(tmp_path, arguments):
    first = write_events(tmp_path / "e.parquet", [minutes_after(MONDAY, 0, 30)])
    ingest(first, **arguments)
    held = stored_cells(arguments["into"])
    later = [
        minutes_after(MONDAY, 60 * 24 * 10, 60 * 24 * 10 + 30, household="H3", network="A&E"),
        minutes_after(MONDAY, -60 * 24 * 3, -60 * 24 * 3 + 30, household="H2", network="CNN"),
    ]
    report = ingest(write_events(tmp_path / "f.parquet", later), **arguments)
    cells = stored_cells(arguments["into"])
    assert {key: cells[key] for key in held} == held
    assert len(cells) > len(held)
    assert (report.first_day, report.last_day) == ("2025-02-28", "2025-03-13")
    assert report.partitions == 2 * 2 * 3
    assert report.rows_in_store.read == 3


def test_minutes_after_the_last_day_are_added_by_the_next_ingest(tmp_path, arguments):
    late = "2025-03-03T23:30:00-05:00"
    first = write_events(tmp_path / "e.parquet", [minutes_after(late, 0, 60)])
    report = ingest(first, **arguments)
    assert report.minutes_after_last_day == 30
    assert sum(m for _, m in stored_cells(arguments["into"]).values()) == 30_000
    second = write_events(tmp_path / "f.parquet", [minutes_after(late, 600, 630)])
    report = ingest(second, **arguments)
    assert report.minutes_after_last_day == 0
    assert sum(m for _, m in stored_cells(arguments["into"]).values()) == 90_000


def test_the_panel_has_the_smallest_hashes_of_each_market(tmp_path, arguments):
    tunes = [minutes_after(MONDAY, 0, 90, household=h) for h in ("H1", "H2", "H3", "H4")]
    file = write_events(tmp_path / "e.parquet", tunes)
    ingest(file, **arguments, panel_households=1)
    files = viewing_of(arguments["into"])["files"]
    rows = pq.read_table(arguments["into"] / files["households"]).to_pylist()
    for market in ("501", "803"):
        there = [row for row in rows if row["market"] == market]
        assert [row["in_panel"] for row in sorted(there, key=lambda r: r["household"])] == [1, 0]
        [chosen] = [row["household"] for row in there if row["in_panel"]]
        panel = pq.read_table(arguments["into"] / files["panel"][market]).to_pylist()
        assert {row["household"] for row in panel} == {chosen}
        assert sum(row["minutes"] for row in panel) == 90
        assert {row["week"] for row in panel} == {dt.date(2025, 3, 3)}
    eastern = pq.read_table(arguments["into"] / files["panel"]["501"])
    assert eastern["daypart"].to_pylist() == ["Prime"]


def test_new_weights_and_households_are_used_from_the_next_ingest(tmp_path, arguments):
    first = write_events(tmp_path / "e.parquet", [minutes_after(MONDAY, 0, 30)])
    second = write_events(tmp_path / "f.parquet", [minutes_after(MONDAY, 0, 30, household="H2")])
    ingest(first, **arguments)
    table = pq.read_table(arguments["households"])
    weights = pa.array([2000.0, 1.0, 1.0, 1.0])
    pq.write_table(table.set_column(2, "weight", weights), arguments["households"])
    ingest(second, **arguments)
    [minutes] = [m for key, (_, m) in stored_cells(arguments["into"]).items() if key[2] == "all"]
    assert minutes == 30 * 2000 + 30 * 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"key": b"another household key"}, "household key differs from the store's"),
        ({"crediting": CreditingRules(minimum_tune_seconds=5)}, "crediting differs from"),
        ({"segments": {}}, "segments differs from"),
        ({"panel_households": 7}, "panel_households differs from"),
        ({"markets": None, "timezone": "UTC", "first_day": None}, None),
    ],
)
def test_a_second_ingest_with_other_settings_is_refused(tmp_path, arguments, change, problem):
    ingest(write_events(tmp_path / "e.parquet", [minutes_after(MONDAY, 0, 30)]), **arguments)
    second = write_events(tmp_path / "f.parquet", [minutes_after(MONDAY, 60, 90)])
    before = (arguments["into"] / "store.json").read_bytes()
    if problem is None:  # the store knows its markets' zones
        assert ingest(second, **{**arguments, **change}).rows.credited == 1
        return
    with pytest.raises(DaypartError, match=problem):
        ingest(second, **{**arguments, **change})
    assert (arguments["into"] / "store.json").read_bytes() == before


def test_households_and_segments_can_come_from_the_events(tmp_path):
    file = tmp_path / "trips.csv"
    file.write_text(
        "bike,station,kind,from,seconds\n"
        "1,North,member,2025-06-02T15:10:00Z,1200\n"
        "1,South,guest,2025-06-02T16:10:00Z,600\n"
        "2,North,guest,2025-06-02T15:40:00Z,600\n"
    )
    report = ingest(
        file,
        households="from-events",
        into=tmp_path / "store",
        timezone="America/Los_Angeles",
        networks={"North": "Town", "South": "Harbour"},
        mapping="household_id=bike,network=station,segment=kind,start=from,duration_s=seconds",
        key=KEY,
    )
    assert report.partitions == 2 * 3
    assert report.notes == ("every id in the events is a household of weight 1",)
    cells = {key[:3]: value for key, value in stored_cells(tmp_path / "store").items()}
    assert cells == {
        ("Town", "North", "all"): (2, 30.0),
        ("Town", "North", "member"): (1, 20.0),
        ("Town", "North", "guest"): (1, 10.0),
        ("Harbour", "South", "all"): (1, 10.0),
        ("Harbour", "South", "guest"): (1, 10.0),
    }
    block = SeriesStore.open(tmp_path / "store").read_region("Town")
    np.testing.assert_array_equal(block.exposures, 2)


def test_the_simulators_mark_is_kept(tmp_path, arguments):
    file = write_events(tmp_path / "e.parquet", [minutes_after(MONDAY, 0, 30)])
    ingest(file, **arguments)
    assert viewing_of(arguments["into"])["simulated"] is False
    table = pq.read_table(file).replace_schema_metadata({"daypart.simulated": "true"})
    pq.write_table(table, file)
    arguments["into"] = tmp_path / "simulated"
    ingest(file, **arguments)
    assert viewing_of(arguments["into"])["simulated"] is True


def test_the_store_is_the_same_to_the_bit_for_any_number_of_threads(tmp_path, arguments):
    rng = np.random.default_rng(7)
    starts, lengths = rng.integers(0, 30_000, 20_000), rng.exponential(30, 20_000)
    names = rng.choice(["CNN", "ESPN", "FOOD"], 20_000)
    owners = rng.choice(["H1", "H2", "H3", "H4"], 20_000)
    tunes = [
        minutes_after(MONDAY, start, start + length, household=owner, network=name, device="a")
        for start, length, name, owner in zip(starts, lengths, names, owners, strict=True)
    ]
    file = write_events(tmp_path / "e.parquet", tunes)
    contents = []
    for threads in (1, 2, 4):
        chosen = {**arguments, "threads": threads, "into": tmp_path / f"store-{threads}"}
        ingest(file, **chosen)
        files = sorted(p for p in chosen["into"].rglob("*.parquet"))
        contents.append({p.relative_to(chosen["into"]): p.read_bytes() for p in files})
    assert contents[0] == contents[1] == contents[2]
