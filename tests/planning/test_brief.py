"""Briefs: what is read, and that every fault is named with its file and setting."""

from __future__ import annotations

import datetime as dt
import shutil

import pytest
from planning_stores import NETWORKS

from daypart.errors import DaypartError
from daypart.planning.brief.brief import read_brief
from daypart.planning.brief.example import write_example_brief
from daypart.planning.brief.limits import Limit
from daypart.planning.plan import plan


def test_a_brief_is_read_with_its_limits(write_brief):
    brief = read_brief(write_brief(more='[limits.market]\n"501" = {max_spend = 90000}\n'))
    assert brief.first_day == dt.date(2024, 3, 4)
    assert brief.limits.exclude_dayparts == ("Overnight",)
    assert Limit("market", "501", max_spend=90000) in brief.limits.shares


def test_a_relative_rate_card_lies_beside_the_brief(write_brief, rate_card, tmp_path):
    brief = read_brief(write_brief((str(rate_card), "card.parquet")))
    assert brief.rate_card_path == tmp_path / "card.parquet"


PIN = """[[limits.pins]]
market = "501"
network = "TBS"
daypart = "{daypart}"
week = 2024-03-04
spots = 2
"""
WRONG = {
    "negative budget": (("budget = 400000", "budget = -5"), r"campaign\.budget is -5"),
    "no budget": (("budget = 400000", ""), r"campaign\.budget is missing"),
    "infinite budget": (("budget = 400000", "budget = inf"), r"campaign\.budget is inf"),
    "budget as text": (("budget = 400000", 'budget = "much"'), r"campaign\.budget is 'much'"),
    "flight backwards": (("last_day = 2024-03-31", "last_day = 2024-03-01"), "is after last_day"),
    "no day": (("first_day = 2024-03-04", 'first_day = "soon"'), "first_day is 'soon'"),
    "unknown setting": (("budget =", "budgte = 5\nbudget ="), "did you mean budget"),
    "unknown bound": (("max_percent = 40", "max_share = 40"), "unknown setting .*max_share"),
    "min above max": (("min_percent = 5", "min_percent = 50, max_percent = 20"), "is above"),
    "over 100": (("max_percent = 40", "max_percent = 140"), "over 100 %"),
    "negative share": (("min_percent = 5", "min_percent = -5"), "min_percent is -5"),
    "no spots": (("max_spots_per_week = 7", "max_spots_per_week = 0"), "max_spots_per_week is 0"),
    "unknown objective": (("budget =", 'objective = "fame"\nbudget ='), "objective is 'fame'"),
    "goal without cost": (("budget =", "reach_goal_percent = 50\nbudget ="), "goal goes with"),
    "unknown segment": (('segment = "young"', 'segment = "yuong"'), "did you mean young"),
    "unknown network": (("CNN = ", "CNNN = "), r"limits\.network\.CNNN: unknown.*did you mean CNN"),
    "unknown daypart": (('["Overnight"]', '["Overnite"]'), "did you mean Overnight"),
    "unknown market": (('segment = "young"', 'markets = ["Chicagoo"]'), "did you mean Chicago"),
    "flight before the card": (("first_day = 2024-03-04", "first_day = 2023-12-20"), "not cover"),
    "frequency below 1": (("exclude", "max_average_frequency = 0.5\nexclude"), "is 0.5"),
    "unknown cell": (
        (
            "[limits.network]",
            '[[limits.cells]]\nnetwork = "TBSS"\nmax_spots_per_week = 0\n[limits.network]',
        ),
        r"limits\.cells\[1\]: unknown network 'TBSS'; did you mean TBS",
    ),
    "cells without spots": (
        ("[limits.network]", '[[limits.cells]]\nnetwork = "TBS"\n[limits.network]'),
        r"limits\.cells\[1\]\.max_spots_per_week is missing",
    ),
    "flight after the card": (("last_day = 2024-03-31", "last_day = 2025-03-31"), "does not cover"),
    "budget below a spot": (("budget = 400000", "budget = 0.01"), "below the cheapest spot"),
    "no TOML": (("[campaign]", "[campaign"), "not readable as TOML.*numbers without commas"),
    "budget with commas": (("400000", "400,000"), "not readable as TOML.*numbers without commas"),
    "budget in quotes": (("400000", '"400,000"'), "without quotes, commas or signs of currency"),
    "a name without quotes": (('segment = "young"', "segment = 5"), "write it in quotes"),
    "a name of nothing": (("Spring launch", " "), r"campaign\.name is empty"),
    "market as a number": (('segment = "young"', "markets = [501]"), "give names in quotes"),
    "rate card as a number": (("rate_card = ", "rate_card = 5 # "), r"campaign\.rate_card is 5"),
    "a day as in the US": (
        ("first_day = 2024-03-04", 'first_day = "03/04/2024"'),
        r"campaign\.first_day is '03/04/2024', not a day; write it as 2024-04-01",
    ),
    "a day with a time": (
        ("first_day = 2024-03-04", "first_day = 2024-03-04T00:00:00"),
        r"campaign\.first_day is '2024-03-04 00:00:00', not a day",
    ),
    "a limit in the campaign": (
        ("[limits]", "max_spots_per_week = 5\n[limits]"),
        r"unknown setting campaign\.max_spots_per_week; it belongs under \[limits\]",
    ),
    "a bound without its kind": (
        ("CNN = {min_percent = 5}", "CNN = 5"),
        r"name its bounds, such as CNN = \{max_percent = 20\}",
    ),
    "a name in small letters": (("CNN = ", "cnn = "), "unknown network 'cnn'; did you mean CNN"),
    "minimum cost without a goal": (
        ("budget =", 'objective = "minimum_cost"\nbudget ='),
        r"campaign\.reach_goal_percent is missing.*add it",
    ),
    "a week by its Tuesday": (
        ("[limits.network]", '[limits.week]\n"2024-03-05" = {max_percent = 9}\n[limits.network]'),
        r"limits\.week\.2024-03-05: 2024-03-05 is a Tuesday.*write 2024-03-04",
    ),
    "a week out of the flight": (
        ("[limits.network]", '[limits.week]\n"2024-04-08" = {max_percent = 9}\n[limits.network]'),
        "the week of 2024-04-08 is not in the flight; the flight's weeks are 2024-03-04, ",
    ),
    "a week that is no day": (
        ("[limits.network]", "[limits.week]\nfirst = {max_percent = 9}\n[limits.network]"),
        "week 'first' is not a day; the flight's weeks are",
    ),
    "pin on an excluded daypart": (
        ("[limits.network]", PIN.format(daypart="Overnight") + "[limits.network]"),
        r"pins\[1\]: 501, TBS, Overnight is barred by limits\.exclude_dayparts; take it out",
    ),
    "pin on an excluded network": (
        (
            "[limits.network]",
            'exclude_networks = ["TBS"]\n' + PIN.format(daypart="Prime") + "[limits.network]",
        ),
        r"pins\[1\]: 501, TBS, Prime is barred by limits\.exclude_networks; take it out",
    ),
    "pin on a barred cell": (
        (
            "[limits.network]",
            PIN.format(daypart="Prime")
            + "[[limits.cells]]\nmax_spots_per_week = 0\nmarket = '501'\n[limits.network]",
        ),
        r"pins\[1\]: 501, TBS, Prime has no spots on offer.*limits\.cells",
    ),
    "two pins on a cell": (
        ("[limits.network]", 2 * PIN.format(daypart="Prime") + "[limits.network]"),
        r"limits\.pins\[2\] is of the same cell and week as limits\.pins\[1\]",
    ),
    "pin in a market that is not planned": (
        (
            'segment = "young"\n',
            'markets = ["Chicago"]\n',
        ),
        ("[limits.network]", PIN.format(daypart="Prime") + "[limits.network]"),
        r"limits\.pins\[1\]: unknown market '501'",
    ),
    "more pinned spots than minutes of history": (
        (
            "[limits.network]",
            PIN.format(daypart="Prime").replace("spots = 2", "spots = 20000") + "[limits.network]",
        ),
        "20000 spots in 501, TBS, Prime, but only 10080 minutes of history.*--method surrogate",
    ),
    "no rate card": (("rate_card.parquet", "nothing.parquet"), "nothing.parquet: no such file"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_fault_in_the_brief_is_named_with_its_file(fault, store, write_brief, tmp_path):
    *replacements, message = WRONG[fault]
    with pytest.raises(DaypartError, match=message) as caught:
        plan(store, brief=write_brief(*replacements), out=tmp_path / "out")
    files = {
        "flight before the card": "rate_card.parquet",
        "flight after the card": "rate_card.parquet",
        "no rate card": "nothing.parquet",
    }
    assert files.get(fault, str(tmp_path / "brief.toml")) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out/*"))


def test_an_empty_brief_says_which_table_is_missing(tmp_path):
    (tmp_path / "brief.toml").write_text("")
    with pytest.raises(DaypartError, match=r"brief.toml: \[campaign\] is missing; add that table"):
        read_brief(tmp_path / "brief.toml")


def test_limits_that_clash_are_named_in_the_words_of_the_brief(store, write_brief, tmp_path):
    path = write_brief(
        (
            "CNN = {min_percent = 5}",
            "CNN = {min_percent = 60, max_percent = 90}\n"
            "ESPN = {min_percent = 60, max_percent = 80}",
        )
    )
    with pytest.raises(DaypartError) as caught:
        plan(store, brief=path, out=tmp_path / "out")
    assert "limits.network.CNN min_percent = 60" in str(caught.value)
    assert "limits.network.ESPN min_percent = 60" in str(caught.value)
    assert "max_percent" not in str(caught.value)


@pytest.mark.parametrize(
    "bounds", ["min_spend = {0}, max_spend = {0}", "min_percent = 20, max_percent = 20"]
)
def test_equal_bounds_mean_within_one_spot(bounds, store, write_brief, tmp_path):
    """No whole number of spots costs a given sum to the cent."""
    path = write_brief(("CNN = {min_percent = 5}", f"CNN = {{{bounds.format(20_000.01)}}}"))
    found = plan(store, brief=path, out=tmp_path / "out")
    own = [line for line in found.lines if line.network == "CNN"]
    every = sum(line.cost for line in found.lines)
    spent = sum(line.cost for line in own)
    wanted = 20_000.01 if "spend" in bounds else 0.2 * every
    unit = max(line.cost / line.spots for line in own)
    assert wanted - unit <= spent <= wanted * (1 + 1e-9)


def test_limits_that_only_fractions_of_spots_can_keep_are_named(store, write_brief, tmp_path):
    path = write_brief(("CNN = {min_percent = 5}", "CNN = {min_spend = 0.5, max_spend = 1}"))
    with pytest.raises(DaypartError) as caught:
        plan(store, brief=path, out=tmp_path / "out")
    named = str(caught.value)
    assert "no whole spots keep all of: limits.network.CNN max_spend = 1; limits." in named
    assert "limits.network.CNN min_spend = 0.5 (fractions of spots would)" in named
    assert "every" not in named


def test_where_the_proof_runs_out_what_the_nearest_whole_spots_break_is_named(
    store, write_brief, tmp_path, monkeypatch
):
    monkeypatch.setattr("daypart.planning.problem.problem._LARGE", 10)
    path = write_brief(("CNN = {min_percent = 5}", "CNN = {min_spend = 0.5, max_spend = 1}"))
    with pytest.raises(DaypartError) as caught:
        plan(store, brief=path, out=tmp_path / "out")
    named = str(caught.value)
    assert "no whole spots were found that keep all limits" in named
    assert "the nearest break limits.network.CNN min_spend = 0.5; loosen" in named


def test_a_target_that_watches_nothing_on_offer_is_told(store, write_brief, tmp_path):
    import pyarrow.parquet as pq

    folder = shutil.copytree(store, tmp_path / "store")
    homes = pq.read_table(folder / "households-1.parquet").to_pylist()
    young = {home["household"] for home in homes if "young" in home["segments"]}
    for file in (folder / "panel").iterdir():
        table = pq.read_table(file)
        pairs = zip(table["household"].to_pylist(), table["network"].to_pylist(), strict=True)
        pq.write_table(
            table.filter([home not in young or net != "ESPN" for home, net in pairs]), file
        )
    others = [name for name in NETWORKS if name != "ESPN"]
    path = write_brief(
        ("exclude_dayparts", f"exclude_networks = {others}\nexclude_dayparts"),
        ("every = {max_percent = 40}\nCNN = {min_percent = 5}", ""),
    )
    with pytest.raises(DaypartError, match="no spot on offer reaches anybody of young.*widen"):
        plan(folder, brief=path, out=tmp_path / "out")


def test_minimum_shares_that_add_up_to_more_than_all_are_named(store, write_brief, tmp_path):
    floors = "CNN = {min_percent = 40}\nTBS = {min_percent = 35}\nESPN = {min_percent = 30}"
    path = write_brief(("CNN = {min_percent = 5}", floors))
    with pytest.raises(DaypartError) as caught:
        plan(store, brief=path, out=tmp_path / "out")
    named = str(caught.value)
    assert all(f"limits.network.{name} min_percent" in named for name in ("CNN", "TBS", "ESPN"))
    assert named.count(";") == 3  # three names, two between them and one before the hint


def test_a_frequency_that_the_floors_do_not_allow_is_named_with_them(store, write_brief, tmp_path):
    path = write_brief(
        ("exclude_dayparts", "max_average_frequency = 1.05\nexclude_dayparts"),
        more="[limits.daypart]\nPrime = {min_grp = 40}\n",
    )
    with pytest.raises(DaypartError) as caught:
        plan(store, brief=path, out=tmp_path / "out")
    assert "limits.max_average_frequency = 1.05" in str(caught.value)
    assert "limits.daypart.Prime min_grp = 40" in str(caught.value)
    assert "network" not in str(caught.value)


def test_a_limit_given_by_name_and_by_code_is_refused(store, write_brief, tmp_path):
    more = '[limits.market]\n"501" = {max_percent = 50}\n"New York" = {max_percent = 60}\n'
    with pytest.raises(DaypartError, match="given twice"):
        plan(store, brief=write_brief(more=more), out=tmp_path / "out")


def test_the_example_brief_serves_the_weeks_after_the_history(store, rate_card, tmp_path):
    brief = write_example_brief(tmp_path / "b.toml", store, rate_card=rate_card, segment="young")
    assert brief.first_day == dt.date(2024, 2, 26)
    assert (brief.last_day - brief.first_day).days == 27
    result = plan(store, brief=tmp_path / "b.toml", out=tmp_path / "out")
    assert result.status == "optimal"
