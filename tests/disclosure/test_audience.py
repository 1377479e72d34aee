"""No reach, plan or delivery gives a household away, nor two of them together."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from small_market import NETWORKS, at, make_run

from daypart import insights, measure, plan, predict, reach, releases
from daypart.cli.main import main
from daypart.disclosure.audience import Audience, Row
from daypart.disclosure.rules import DisclosureRules
from daypart.errors import DaypartError
from daypart.planning.panel.reader import read_panel
from daypart.planning.reach.exposure import exposure_chances
from daypart.series.store import SeriesStore

LATE = 23 * 60
NICHE = [(f"H{n}", "NICHE", day, LATE + n % 7, LATE + 40) for n in (7, 9) for day in (2, 5, 9)]
CULT = [(f"H{n}", "CULT", day, LATE + 2, LATE + 30) for n in range(12) for day in (2, 5, 9)]
ELSEWHERE = [("504", "CULT", day, LATE + 3, LATE + 33) for day in (2, 5, 9)]
SEGMENTS = """
[segments.vip]
vip = "v"
[segments.others]
vip = "n"
"""


def vip_or_not(number):
    return {"vip": "v" if number == 7 else "n"}


@pytest.fixture
def store(tmp_path_factory):
    """A new one for each test: what leaves in one must not bind the others."""
    root = tmp_path_factory.mktemp("audience")
    extra = [*NICHE, *CULT, *ELSEWHERE]
    make_run(root, vip_or_not, extra=extra, segments=SEGMENTS, small_markets=("504", "505"))
    return root / "store"


def spots(network, market="501", number=2, daypart="Late Fringe"):
    return {"market": market, "network": network, "daypart": daypart, "spots": number}


EVERYWHERE = [spots(n, daypart=d, number=3) for n in NETWORKS for d in ("Daytime", "Prime")]


def test_the_reach_of_a_schedule_that_few_watched_is_refused(store):
    with pytest.raises(DaypartError, match="fewer than 10 households"):
        reach(store, schedule=[spots("NICHE")])
    assert releases(store) == []


def test_a_segment_of_one_household_is_refused(store):
    with pytest.raises(DaypartError, match="1 households are too few"):
        reach(store, schedule=EVERYWHERE, segment="vip", markets=["501"])


def test_two_sets_of_markets_do_not_give_the_market_between_them(store):
    both = [spots("CULT"), spots("CULT", "504")]
    assert reach(store, schedule=both[:1], markets=["501"]).impressions["mean"] > 0
    with pytest.raises(DaypartError, match="difference to what left on 20"):
        reach(store, schedule=both, markets=["501", "504"])


def test_two_segments_do_not_give_the_household_between_them(store):
    assert reach(store, schedule=EVERYWHERE, markets=["501"]).impressions["mean"] > 0
    with pytest.raises(DaypartError, match="difference to what left on 20"):
        reach(store, schedule=EVERYWHERE, markets=["501"], segment="others")


def test_two_schedules_do_not_give_the_few_whom_one_of_them_adds(store):
    assert reach(store, schedule=EVERYWHERE).impressions["mean"] > 0
    with pytest.raises(DaypartError, match="difference to what left on 20"):
        reach(store, schedule=[*EVERYWHERE, spots("NICHE")])


def test_the_same_question_has_the_same_answer_and_is_one_release(store):
    first, second = (reach(store, schedule=EVERYWHERE) for _ in range(2))
    assert first == second
    assert [entry.output for entry in releases(store)] == ["reach"]


def test_another_schedule_that_many_watch_leaves_too(store):
    reach(store, schedule=EVERYWHERE)
    reach(store, schedule=EVERYWHERE[:-1])
    assert len(releases(store)) == 2


def test_a_network_that_few_watch_is_suppressed_with_another_beside_the_total(store):
    found = reach(store, schedule=[*EVERYWHERE, spots("NICHE")])
    shown = {row["name"]: row for row in found.by_network}
    hidden = [name for name, row in shown.items() if row["reach_percent"] == "suppressed"]
    assert "NICHE" in hidden
    assert len(hidden) > 1
    assert all(shown[name]["impressions"] == "suppressed" for name in hidden)
    assert {row["added_percent"] for row in found.by_network} == {"suppressed"}
    pairs = [row["percent"] for row in found.duplication if "NICHE" in row.values()]
    assert set(pairs) == {"suppressed"}


def test_markets_of_one_household_are_suppressed_with_another_beside_the_total(store):
    both = [*EVERYWHERE, spots("CULT", "504", number=4)]
    found = reach(store, schedule=both, markets=["501", "504", "505"])
    assert {row["reach_percent"] for row in found.by_market if row["spots"]} == {"suppressed"}


def test_no_two_of_many_schedules_differ_by_a_few_households(store):
    """An attacker who asks for random schedules, and compares all answers."""
    rng = np.random.default_rng(5)
    panel = read_panel(store, ("501",))
    left = []
    for _ in range(60):
        chosen = [
            spots(network, number=int(rng.integers(1, 400)), daypart=daypart)
            for network, daypart in itertools.product(
                (*NETWORKS, "NICHE", "CULT"), ("Daytime", "Prime", "Late Fringe")
            )
            if rng.random() < 0.4
        ]
        try:
            reach(store, schedule=chosen, markets=["501"])
        except DaypartError:
            continue
        numbers = panel.numbers()
        by_cell = np.zeros(panel.shape, np.int64)
        for row in chosen:
            place = numbers["network"][row["network"]], numbers["daypart"][row["daypart"]]
            by_cell[(0, *place)] = row["spots"]
        left.append(1 - exposure_chances(panel, by_cell.ravel())[:, 0])
    assert len(left) > 3
    for one, other in itertools.combinations(left, 2):
        apart = np.count_nonzero(np.abs(one - other) > 1e-9)
        assert apart == 0 or apart >= 10


@pytest.fixture
def planned(store, tmp_path):
    names = ["market,network,daypart,cpm,first_day,last_day"]
    names += [f"501,{n},{d},10,2025-01-01,2025-12-31" for n in (*NETWORKS, "CULT", "NICHE") for d in
              ("Early Morning", "Daytime", "Early Fringe", "Prime", "Late Fringe")]  # fmt: skip
    (tmp_path / "card.csv").write_text("\n".join(names) + "\n")
    (tmp_path / "brief.toml").write_text(
        '[campaign]\nname = "x"\nmarkets = ["501"]\nfirst_day = 2025-03-03\n'
        'last_day = 2025-03-16\nbudget = 1000000\nrate_card = "card.csv"\n'
        "[limits]\nmax_spots_per_week = 3\n"
    )
    return plan(store, brief=tmp_path / "brief.toml", out=tmp_path / "plan")


def test_no_cell_of_a_plan_that_few_watch_follows_from_its_sums(store, planned):
    lines = {}
    for line in planned.lines:
        lines.setdefault((line.network, line.daypart), []).append(line)
    cells = list(lines)
    hidden = [c for c in cells if lines[c][0].impressions == "suppressed"]
    assert ("NICHE", "Late Fringe") in hidden
    total = np.array([sum(line.spots for line in lines[c]) for c in cells], float)
    sums = [total]
    for axis, rows in enumerate((planned.by_network, planned.by_daypart)):
        names = [row["name"] for row in rows if row["impressions"] != "suppressed"]
        sums += [total * [cell[axis] == name for cell in cells] for name in names]
    weeks = [row["name"] for row in planned.by_week if row["impressions"] != "suppressed"]
    sums += [
        np.array([sum(x.spots for x in lines[cell] if x.week == week) for cell in cells], float)
        for week in weeks
    ]
    sums += list(np.eye(len(cells))[[cells.index(cell) for cell in cells if cell not in hidden]])
    known = np.array(sums)
    for cell in hidden:
        if cell[0] == "NICHE":
            wanted = np.array([c == cell for c in cells], float)
            found = np.linalg.lstsq(known.T, wanted, rcond=None)[0]
            assert np.abs(known.T @ found - wanted).max() > 1e-6


def test_an_even_split_that_is_suppressed_reads_so(planned):
    hidden = replace(planned, even_split=planned.even_split | {"reach_percent": "suppressed"})
    assert any("spread evenly reaches suppressed" in line for line in hidden.sentences())


def airing(network, day, minute):
    return {"market": "501", "network": network, "instant": at(day, minute), "length": 30,
            "cost": 100}  # fmt: skip


def test_one_more_airing_is_no_oracle_for_the_minutes_of_a_household(store, planned, tmp_path):
    many = [airing(n, day, minute) for n in NETWORKS for day in range(14)
            for minute in range(400, 1300, 15)]  # fmt: skip
    folder = tmp_path / "plan"
    measure(store, plan=folder, asrun=many)
    for minute in (LATE + 10, LATE + 20):
        with pytest.raises(DaypartError, match="difference to what left on 20"):
            measure(store, plan=folder, asrun=[*many, airing("NICHE", 2, minute)])


def test_every_release_is_listed_and_keeps_its_place(store, planned, capsys):
    insights(store.parent / "run", out=store.parent / "insights")
    predict(store.parent / "run", weeks=1)
    predict(store.parent / "run", weeks=1, out=store.parent / "forecast.csv")
    with pytest.raises(SystemExit) as done:
        main(["releases", str(store), "--json"])
    assert done.value.code == 0
    listed = json.loads(capsys.readouterr().out)["releases"]
    assert [row["output"] for row in listed] == ["plan", "insights", "predict", "predict"]
    assert listed[0]["rules"] == {"households": 50, "contributors": 10, "dominance_percent": 15.0}
    assert listed[0]["figures"] > 10


def test_a_damaged_ledger_stops_every_release(store):
    reach(store, schedule=EVERYWHERE)
    (file,) = (store / "releases").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DaypartError, match=file.name):
        reach(store, schedule=EVERYWHERE[:-1])


def test_hidden_rows_are_two_or_more_of_enough_households(tmp_path):
    SeriesStore.create(tmp_path, key=["market"]).replace_regions([])
    household = np.arange(400)
    audience = Audience(tmp_path, DisclosureRules(), household, np.ones(400))
    watched = np.zeros((4, 400))
    watched[0, :200], watched[1, 200:320], watched[2, 320:324], watched[3, 330:400] = 1, 1, 1, 1
    rows = [Row(w, w, used=bool(w.any())) for w in watched]
    assert audience.rows_shown(rows).tolist() == [True, True, False, False]
