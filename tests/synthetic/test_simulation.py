"""The simulated market: its files, its dirt, and that one cannot take it for a real one."""

from __future__ import annotations

import csv
import time
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daypart.errors import DaypartError
from daypart.storage.files import file_digest, read_json, read_toml, write_json
from daypart.synthetic.dirt import DIRT
from daypart.synthetic.reference import read_markets, read_networks
from daypart.synthetic.simulation import simulate

SMALL = {"markets": 2, "networks": 8, "households": 120, "weeks": 2}
PLAIN = ["household_id", "device_id", "market", "network", "start", "end"]


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("market"), **SMALL, dirty_share=0.03)


@pytest.fixture(scope="module")
def clean_market(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("clean"), **SMALL, dirty_share=0.0)


def events_of(simulation, code="501"):
    return pq.read_table(simulation.events / f"{code}.parquet")


def late_rows_of(simulation, code="501"):
    with (simulation.events / f"{code}-late.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_files_hold_the_columns_that_the_architecture_promises(market):
    stamp = pa.timestamp("us", tz="UTC")
    events = events_of(market).schema
    assert dict(zip(events.names, events.types, strict=True)) == {
        **dict.fromkeys(PLAIN[:4], pa.string()),
        "start": stamp,
        "end": stamp,
    }
    columns = {
        market.households: "household_id market weight size sex age_group income tv_sets",
        market.markets: "market name timezone tv_homes",
        market.networks: "network genre",
        market.rate_card: "market network daypart cpm first_day last_day",
        market.truth: "market network segment hour expected_households",
    }
    for path, names in columns.items():
        assert pq.read_schema(path).names == names.split(), path


def test_every_file_says_that_it_is_simulated(market):
    for path in market.folder.rglob("*.parquet"):
        assert pq.read_schema(path).metadata[b"daypart.simulated"] == b"true", path
    assert read_json(market.description)["daypart.simulated"] is True
    assert "simulated" in market.segments.read_text()


def test_the_description_accounts_for_every_row(market):
    description = read_json(market.description)
    assert description["complete"] is True
    for code, counts in description["markets"].items():
        late = late_rows_of(market, code)
        assert counts["parquet_rows"] == events_of(market, code).num_rows
        assert counts["late_rows"] == len(late)
        assert counts["rows"] == counts["sessions"] + sum(counts["dirty"].values())
        assert counts["rows"] == counts["parquet_rows"] + counts["late_rows"]
    assert market.rows == sum(counts["rows"] for counts in description["markets"].values())
    assert sum(market.dirty.values()) == pytest.approx(0.03 * market.rows, rel=0.02)
    assert len(set(market.dirty.values())) == 1
    assert set(market.dirty) == set(DIRT)


def test_each_kind_of_dirt_is_found_as_often_as_described(market):
    described = read_json(market.description)["markets"]["501"]["dirty"]
    rows = events_of(market).to_pylist()
    known = set(pq.read_table(market.households).column("household_id").to_pylist())
    networks = set(pq.read_table(market.networks).column("network").to_pylist())
    late = late_rows_of(market)
    found = {
        "end_before_start": sum(row["end"] < row["start"] for row in rows),
        "unknown_household": sum(row["household_id"] not in known for row in rows),
        "unknown_network": sum(row["network"] not in networks for row in rows),
        "duplicate": len(rows) - len({tuple(row.values()) for row in rows}),
        "no_zone": sum(not row["start"].endswith("Z") for row in late),
        "overlapping": overlaps(rows, known, networks),
    }
    assert found == described
    assert sum(row["start"].endswith("Z") for row in late) == found["no_zone"]
    assert all(row["start"].endswith("Z") == row["end"].endswith("Z") for row in late)


def overlaps(rows, known, networks):
    """Count good rows that begin before an earlier one of the same device ends."""
    good = {
        tuple(row.values())
        for row in rows
        if row["end"] > row["start"] and row["household_id"] in known and row["network"] in networks
    }
    count, last = 0, {}
    for _, device, _, _, start, end in sorted(good, key=lambda row: row[4]):
        count += device in last and start < last[device]
        last[device] = max(end, last.get(device, end))
    return count


def test_no_device_of_a_clean_market_overlaps_itself(clean_market):
    rows = events_of(clean_market).to_pylist()
    assert (
        overlaps(rows, {row["household_id"] for row in rows}, {row["network"] for row in rows}) == 0
    )
    assert all(row["end"] > row["start"] for row in rows)
    assert not list(clean_market.events.glob("*.csv"))
    assert set(clean_market.dirty.values()) == {0}


def test_dirty_rows_leave_the_truth_as_it_was(market, clean_market):
    assert file_digest(market.truth) == file_digest(clean_market.truth)
    assert market.sessions == clean_market.sessions


def test_the_same_arguments_make_the_same_bytes_and_another_seed_does_not(market, tmp_path):
    again = simulate(tmp_path / "again", **SMALL, dirty_share=0.03)
    other = simulate(tmp_path / "other", **SMALL, dirty_share=0.03, seed=8)
    for path in sorted(market.folder.rglob("*.*")):
        name = path.relative_to(market.folder)
        assert file_digest(path) == file_digest(again.folder / name), name
    assert file_digest(market.truth) != file_digest(other.truth)


def test_a_market_does_not_depend_on_which_others_are_simulated(tmp_path):
    alone = simulate(tmp_path / "alone", markets=1, networks=3, households=50, weeks=1)
    together = simulate(tmp_path / "together", markets=3, networks=3, households=150, weeks=1)
    for name in ("501.parquet", "501-late.csv"):
        assert file_digest(alone.events / name) == file_digest(together.events / name)


def test_weights_of_a_market_sum_to_its_tv_homes(market):
    households = pq.read_table(market.households)
    for row in pq.read_table(market.markets).to_pylist():
        mine = households.filter(pa.compute.equal(households["market"], row["market"]))
        assert sum(mine["weight"].to_pylist()) == pytest.approx(row["tv_homes"])
        assert len(set(mine["weight"].to_pylist())) > 1


def test_the_rate_card_prices_every_daypart_of_networks_that_sell_spots(market):
    from daypart.viewing.dayparts import STANDARD_DAYPARTS

    rows = pq.read_table(market.rate_card).to_pylist()
    selling = {network.name for network in read_networks()[:8] if network.sells_spots}
    assert 0 < len(selling) < 8
    assert {(row["network"], row["daypart"]) for row in rows} == {
        (network, daypart) for network in selling for daypart in STANDARD_DAYPARTS.names
    }
    assert len(rows) == 2 * len(selling) * len(STANDARD_DAYPARTS.names)
    assert all(1 < row["cpm"] < 200 for row in rows)
    assert {row["first_day"] for row in rows} == {date(2025, 1, 13)}
    assert {row["last_day"] for row in rows} == {date(2025, 7, 27)}  # 2 weeks and 26 more


def test_segments_are_predicates_that_select_the_households_of_the_truth(market):
    segments = read_toml(market.segments)["segments"]
    households = pq.read_table(market.households).to_pylist()
    truth = pq.read_table(market.truth)
    assert next(iter(segments)) == "all"
    assert set(truth["segment"].to_pylist()) == set(segments)
    assert segments["all"] == {}
    assert segments["large_households"] == {"size": {"min": 4}}
    for predicate in segments.values():
        members = [
            household
            for household in households
            if all(
                household[column] >= value["min"]
                if isinstance(value, dict)
                else household[column] == value
                for column, value in predicate.items()
            )
        ]
        assert members


def test_the_smallest_market_is_two_households_and_one_network(tmp_path):
    made = simulate(tmp_path, markets=1, networks=1, households=2, weeks=1, segments=1)
    assert made.households_made == 2
    assert pq.read_table(made.truth).num_rows == 168


def test_every_market_has_a_real_code_name_and_zone():
    markets = read_markets()
    assert len({market.code for market in markets}) == 210
    assert sum(market.tv_homes for market in markets) == 114_173_690
    assert len({ZoneInfo(market.timezone) for market in markets}) >= 10
    zones = {market.name: market.timezone for market in markets}
    assert zones["Phoenix (Prescott)"] == "America/Phoenix"
    assert zones["Evansville"] == zones["Panama City"] == "America/Chicago"
    assert zones["El Paso (Las Cruces)"] == zones["Rapid City"] == "America/Denver"
    assert zones["Honolulu"] == "Pacific/Honolulu"


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("markets", 0),
        ("markets", 211),
        ("networks", 0),
        ("networks", 166),
        ("households", 3),
        ("weeks", 0),
        ("weeks", 105),
        ("seed", -1),
        ("segments", 7),
        ("dirty_share", 0.21),
        ("dirty_share", -0.1),
        ("dirty_share", float("nan")),
        ("start", "yesterday"),
    ],
)
def test_an_argument_out_of_range_is_named_and_nothing_is_written(argument, value, tmp_path):
    with pytest.raises(DaypartError, match=f"^{argument} is"):
        simulate(tmp_path / "out", **{**SMALL, argument: value})
    assert not (tmp_path / "out").exists()


def test_a_new_simulation_replaces_the_old_one_in_its_folder(tmp_path):
    simulate(tmp_path, **SMALL)
    made = simulate(tmp_path, markets=1, networks=2, households=20, weeks=1, dirty_share=0)
    assert [path.name for path in made.events.iterdir()] == ["501.parquet"]


def test_a_simulation_that_was_cut_short_can_be_made_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("daypart.synthetic.market_simulation.in_segments", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            simulate(tmp_path, **SMALL)
    assert read_json(tmp_path / "simulation.json")["complete"] is False
    assert simulate(tmp_path, **SMALL).sessions > 0


def test_files_of_others_are_never_removed(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "mine.parquet").write_text("precious")
    with pytest.raises(DaypartError, match=r"mine.parquet: does not belong to a simulation"):
        simulate(tmp_path, **SMALL)
    assert (tmp_path / "events" / "mine.parquet").read_text() == "precious"


def test_a_description_that_was_tampered_with_removes_nothing_outside(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    made = simulate(tmp_path / "out", **SMALL)
    description = read_json(made.description)
    write_json(made.description, {**description, "files": ["../precious.txt", str(precious)]})
    with pytest.raises(DaypartError, match="does not belong to a simulation"):
        simulate(tmp_path / "out", **SMALL)
    assert precious.read_text() == "mine"


def test_a_place_that_cannot_be_a_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DaypartError, match="file"):
        simulate(tmp_path / "file", **SMALL)


def test_two_hundred_thousand_events_a_second_are_made_on_one_core(tmp_path):
    arguments = {"markets": 1, "networks": 24, "weeks": 4}
    simulate(tmp_path / "warm", **arguments, households=20)
    begin = time.process_time()
    made = simulate(tmp_path / "timed", **arguments, households=1500)
    assert made.rows / (time.process_time() - begin) > 200_000


def test_households_watch_as_households_do(clean_market):
    events = events_of(clean_market)
    households = pq.read_table(clean_market.households)
    mine = sum(code == "501" for code in households["market"].to_pylist())
    seconds = (
        events["end"].cast("int64").to_numpy() - events["start"].cast("int64").to_numpy()
    ) / 1e6
    days = mine * 14
    assert 3.5 < seconds.sum() / 3600 / days < 6
    assert 5 < len(seconds) / days < 11
    assert 0.15 < np.mean(seconds < 60) < 0.35
    assert seconds.max() <= 12 * 3600
