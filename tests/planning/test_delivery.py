"""Delivery: what aired, held against the viewing that happened, to the household."""

from __future__ import annotations

import csv
import datetime as dt
import json

import pytest
from planning_stores import EVERYTHING

from daypart.errors import DaypartError
from daypart.planning.delivery.measure import measure, write_asrun
from daypart.viewing.ingest import ingest

WEIGHT = {"a": 10, "b": 20, "c": 30, "d": 40}
EVENTS = [
    # Household a retunes from N1 to N2 at 20:30, so that its first session ends there.
    ("a", "501", "N1", "2025-03-04T20:00:00-05:00", "2025-03-04T21:00:00-05:00"),
    ("a", "501", "N2", "2025-03-04T20:30:00-05:00", "2025-03-04T21:00:00-05:00"),
    ("b", "501", "N1", "2025-03-04T20:10:00-05:00", "2025-03-04T20:50:00-05:00"),
    # Too short to be credited.
    ("c", "501", "N1", "2025-03-04T20:15:00-05:00", "2025-03-04T20:15:20-05:00"),
    # The store's viewing goes from the flight's first day to beyond its last.
    ("c", "501", "N2", "2025-03-03T04:00:00-05:00", "2025-03-03T04:10:00-05:00"),
    ("d", "803", "N2", "2025-03-20T04:00:00-07:00", "2025-03-20T04:10:00-07:00"),
    ("d", "803", "N1", "2025-03-11T20:00:00-07:00", "2025-03-11T22:00:00-07:00"),
]
LOG = [
    ("501", "N1", "2025-03-04T20:15:10-05:00", 30, 100),  # a and b
    ("New York", "N1", "2025-03-04T20:45:00-05:00", 30, 100),  # b: a has retuned
    ("501", "N2", "2025-03-05T01:45:00+00:00", 30, 50),  # a
    ("803", "N1", "2025-03-11T21:00:00-07:00", 30, 200),  # d, in the second week
    ("501", "N2", "2025-03-06T03:00:00-05:00", 30, 50),  # nobody
]
BAD = [
    (("501", "N1", "2025-03-04T20:15:10-05:00", 30, 100), "duplicate"),
    (("999", "N1", "2025-03-04T20:15:00-05:00", 30, 100), "unknown_market"),
    (("501", "N9", "2025-03-04T20:15:00-05:00", 30, 100), "unknown_network"),
    (("501", "N1", "tomorrow", 30, 100), "bad_instant"),
    (("501", "N1", "2025-03-04T20:15:00", 30, 100), "instant_without_zone"),
    (("501", "N1", "2025-03-04T20:16:00-05:00", 0, 100), "bad_length"),
    (("501", "N1", "2025-03-04T20:17:00-05:00", 30, -1), "bad_cost"),
    (("501", "N1", "2025-03-17T20:15:00-04:00", 30, 100), "outside_flight"),
    (("501", "N1", "2026-03-17T20:15:00-04:00", 30, 100), "no_viewing_then"),
    (("501", "N1", "", 30, 100), "missing_value"),
]


def write_rows(path, names, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return path


def log_rows(rows):
    return [
        dict(zip(("market", "network", "instant", "length", "cost"), r, strict=True)) for r in rows
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("delivery")
    names = ("household_id", "market", "network", "start", "end", "device_id")
    events = write_rows(folder / "events.csv", names, [(*row, row[0]) for row in EVENTS])
    homes = [(h, "803" if h == "d" else "501", w, "young" if h in "ad" else "old")
             for h, w in WEIGHT.items()]  # fmt: skip
    households = write_rows(
        folder / "households.csv", ("household_id", "market", "weight", "age"), homes
    )
    markets = write_rows(
        folder / "markets.csv",
        ("market", "name", "timezone", "tv_homes"),
        [
            ("501", "New York", "America/New_York", 60),
            ("803", "Los Angeles", "America/Los_Angeles", 40),
        ],
    )
    (folder / "segments.toml").write_text('[segments.young]\nage = "young"\n')
    key = b"a key for a test, and for nothing else at all"
    ingest(
        events, crediting=EVERYTHING, households=households, into=folder / "store", markets=markets,
        segments=folder / "segments.toml", key=key,
        networks=write_rows(folder / "networks.csv", ("network",), [("N1",), ("N2",)]),
        first_day=dt.date(2025, 3, 3), last_day=dt.date(2025, 3, 30),
    )  # fmt: skip
    return folder / "store"


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    line = {"spots": 2, "cost": 200.0, "grp": 1.0, "impressions": 50.0, "daypart": "Prime"}
    new_york = {"market": "501", "market_name": "New York"}
    lines = [
        line | new_york | {"network": "N1", "week": "2025-03-03"},
        line | new_york | {"network": "N2", "week": "2025-03-03", "impressions": 10.0},
        line
        | {"market": "803", "market_name": "Los Angeles", "network": "N1", "week": "2025-03-10"},
    ]
    level = {"percent": 60.0, "households": 60.0, "se": 5.0, "lo_80": 50.0, "hi_80": 75.0}
    content = {
        "campaign": "Spring", "simulated": False, "segment": "all", "currency": "USD",
        "spent": 600.0, "lines": lines, "reach": {"1+": level, "3+": level | {"percent": 1.0}},
        "impressions": {"mean": 110.0, "lo_80": 90.0, "hi_80": 130.0},
        "grp": {"mean": 110.0, "lo_80": 90.0, "hi_80": 130.0}, "average_frequency": 1.8,
        "brief": {"first_day": "2025-03-03", "last_day": "2025-03-16", "spot_length": 30},
        "by_week": [{"name": "2025-03-03", "cumulative_reach_percent": 40.0, "lo_80": 30.0,
                     "hi_80": 50.0, "impressions_lo_80": 50.0, "impressions_hi_80": 70.0}],
        "by_market": [
            {"code": "501", "name": "New York"},
            {"code": "803", "name": "Los Angeles", "impressions_lo_80": 30.0,
             "impressions_hi_80": 45.0, "reach_percent": 90.0},
        ],
        "by_network": [{"name": "N1", "impressions_lo_80": 95.0, "impressions_hi_80": 105.0,
                        "reach_percent": 55.0}],
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(content))
    return folder


def test_delivered_impressions_and_reach_are_those_who_watched(store, plan, tmp_path):
    found = measure(store, plan=plan, asrun=log_rows(LOG), out=tmp_path / "out")
    assert found.impressions["delivered"] == pytest.approx(10 + 20 + 20 + 10 + 40)
    assert found.impressions["index"] == pytest.approx(100 * 100 / 110)
    assert found.grp["delivered"] == pytest.approx(100.0)
    assert found.reach["1+"]["delivered"] == pytest.approx(70.0)
    assert found.reach["1+"]["inside"] is True
    assert found.average_frequency["delivered"] == pytest.approx(100 / 70)
    assert found.cost == {"planned": 600.0, "delivered": 500.0}
    by_network = {row["name"]: row for row in found.by_network}
    assert by_network["N2"]["delivered"] == pytest.approx(10)
    assert by_network["N2"]["delivery_index"] == pytest.approx(100)
    by_market = {row["name"]: row for row in found.by_market}
    assert by_market["Los Angeles"]["delivery_index"] == pytest.approx(80)
    assert found.under_delivered == ["Los Angeles"]
    first, second = found.by_week
    assert (first["name"], second["name"]) == ("2025-03-03", "2025-03-10")
    assert first["cumulative_reach"] == pytest.approx(30.0)
    assert (first["cumulative_reach_lo_80"], first["cumulative_reach_hi_80"]) == (30.0, 50.0)
    assert second["cumulative_reach"] == pytest.approx(found.reach["1+"]["delivered"])
    assert {row["name"] for row in found.by_daypart} == {"Prime", "Overnight"}
    written = json.loads((tmp_path / "out" / "delivery.json").read_text())
    assert written == json.loads(json.dumps(found.to_dict()))


def test_each_network_market_and_week_shows_the_plans_interval_beside_the_outcome(store, plan):
    found = measure(store, plan=plan, asrun=log_rows(LOG))
    rows = {(by, row["name"]): row for by in ("network", "market", "week")
            for row in getattr(found, f"by_{by}")}  # fmt: skip
    network, market = rows["network", "N1"], rows["market", "Los Angeles"]
    week = rows["week", "2025-03-03"]
    assert (network["lo_80"], network["delivered"], network["hi_80"]) == (95.0, 90.0, 105.0)
    assert (market["lo_80"], market["delivered"], market["hi_80"]) == (30.0, 40.0, 45.0)
    assert (week["lo_80"], week["delivered"], week["hi_80"]) == (50.0, 60.0, 70.0)
    assert (network["inside"], market["inside"], week["inside"]) == (False, True, True)
    assert rows["network", "N2"]["inside"] is None
    assert (market["reach_planned"], market["reach"], market["grp"]) == (90.0, 100.0, 100.0)
    assert (network["reach"], network["average_frequency"]) == (70.0, pytest.approx(90 / 70))


def test_a_segment_counts_its_own_households(store, plan, tmp_path):
    content = json.loads((plan / "plan.json").read_text()) | {"segment": "young"}
    (tmp_path / "plan.json").write_text(json.dumps(content))
    found = measure(store, plan=tmp_path, asrun=log_rows(LOG))
    assert found.households == 2
    assert found.reach["1+"]["delivered"] == pytest.approx(100.0)


def test_rows_in_are_rows_used_plus_rows_set_aside_with_a_reason(store, plan, tmp_path):
    rows = [*LOG, *(row for row, _ in BAD)]
    path = write_rows(tmp_path / "a.csv", ("market", "network", "instant", "length", "cost"), rows)
    found = measure(store, plan=plan, asrun=path, out=tmp_path / "out")
    assert found.rows == len(rows) == found.used + sum(found.set_aside.values())
    assert found.set_aside == dict.fromkeys(sorted(reason for _, reason in BAD), 1)
    told = list(csv.DictReader((tmp_path / "out" / "asrun_set_aside.csv").open()))
    assert [(int(row["row"]), row["reason"]) for row in told] == [
        (len(LOG) + n, reason) for n, (_, reason) in enumerate(BAD, start=1)
    ]
    clean = measure(store, plan=plan, asrun=log_rows(LOG))
    assert found.impressions == clean.impressions


def test_few_households_are_refused_with_the_rule(store, plan):
    with pytest.raises(DaypartError, match="4 households are too few for figures on them"):
        measure(store, plan=plan, asrun=log_rows(LOG), min_households=50)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the as-run log is empty"),
        ([{"market": "501", "network": "N1"}], "no column 'instant'"),
        (log_rows([BAD[-2][0]]), r"no row can be measured: no_viewing_then \(1\); ingest the ev"),
    ],
)
def test_a_log_that_cannot_be_measured_is_refused(store, plan, rows, message, tmp_path):
    with pytest.raises(DaypartError, match=message):
        measure(store, plan=plan, asrun=rows, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_plan_of_another_store_is_refused(store, plan, tmp_path):
    content = json.loads((plan / "plan.json").read_text())
    content |= {"by_market": [{"code": "602", "name": "Chicago"}]}
    (tmp_path / "plan.json").write_text(json.dumps(content))
    with pytest.raises(DaypartError, match="the plan's market 602 is not in"):
        measure(store, plan=tmp_path, asrun=log_rows(LOG))
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(DaypartError, match="lines is missing; give the folder that `plan` wrote"):
        measure(store, plan=tmp_path, asrun=log_rows(LOG))


def test_a_simulated_log_airs_the_plans_spots_in_their_cells(store, plan, tmp_path):
    for name in ("a.csv", "b.csv"):
        write_asrun(store, plan=plan, out=tmp_path / name, delivered=1.0, seed=3)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    found = measure(store, plan=plan, asrun=tmp_path / "a.csv")
    assert found.set_aside == {}
    assert found.spots == {"planned": 6, "delivered": 6}
    assert found.cost["delivered"] == pytest.approx(600.0)
    assert [row["name"] for row in found.by_daypart] == ["Prime"]
    for row in (*found.by_week, *found.by_network):
        assert row["spots_aired"] == row["spots_planned"]
