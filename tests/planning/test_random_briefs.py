"""Plans of random briefs keep every limit, by arithmetic of the test's own on the plan's lines."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning_stores import DAYPARTS, MARKETS, NETWORKS

from daypart.errors import DaypartError
from daypart.planning.brief.brief import Brief
from daypart.planning.brief.limits import BriefLimits, CellRule, Limit, Pin
from daypart.planning.plan import plan

MONDAYS = [dt.date(2024, 3, 4) + dt.timedelta(7 * week) for week in range(3)]
NAMES = {
    "network": NETWORKS,
    "daypart": [row["name"] for row in DAYPARTS],
    "market": list(MARKETS),
    "week": [str(monday) for monday in MONDAYS],
}
CENT = 0.02

BOUNDS = st.one_of(
    st.fixed_dictionaries({"max_percent": st.integers(15, 80)}),
    st.fixed_dictionaries({"min_percent": st.integers(1, 30)}),
    st.fixed_dictionaries({"max_spend": st.integers(5_000, 60_000)}),
    st.fixed_dictionaries({"min_spend": st.integers(100, 9_000)}),
    st.fixed_dictionaries({"min_grp": st.integers(1, 8)}),
)
LIMIT = st.sampled_from([(dimension, name) for dimension in NAMES for name in NAMES[dimension]])
CELL = st.tuples(*(st.sampled_from(NAMES[key]) for key in ("market", "network", "daypart")))
PINS = st.lists(
    st.tuples(CELL, st.sampled_from(MONDAYS), st.integers(0, 4)),
    max_size=2,
    unique_by=lambda pin: pin[:2],
)
RULES = st.lists(st.tuples(st.sampled_from(NETWORKS), st.integers(0, 3)), max_size=1)
BRIEFS = st.fixed_dictionaries(
    {
        "objective": st.sampled_from(["reach", "effective_reach", "frequency_cap", "impressions"]),
        "budget": st.integers(20_000, 150_000),
        "segment": st.sampled_from(["all", "young"]),
        "first": st.integers(0, 3),
        "last": st.integers(15, 20),
        "limits": st.dictionaries(LIMIT, BOUNDS, max_size=3),
        "most": st.integers(1, 7),
        "frequency": st.sampled_from([math.inf, math.inf, 2.5]),
        "pins": PINS,
        "rules": RULES,
        "excluded": st.sampled_from([(), ("HGTV",)]),
    }
)


def brief_from(asked, rate_card) -> Brief:
    return Brief(
        name="random",
        first_day=MONDAYS[0] + dt.timedelta(asked["first"]),
        last_day=MONDAYS[0] + dt.timedelta(asked["last"]),
        budget=asked["budget"],
        segment=asked["segment"],
        objective=asked["objective"],
        rate_card=rate_card,
        limits=BriefLimits(
            max_spots_per_week=asked["most"],
            max_average_frequency=asked["frequency"],
            exclude_networks=asked["excluded"],
            shares=tuple(Limit(*key, **bounds) for key, bounds in asked["limits"].items()),
            pins=tuple(Pin(*cell, week, spots) for cell, week, spots in asked["pins"]),
            cells=tuple(CellRule(most, network=network) for network, most in asked["rules"]),
        ),
    )


def days_of(brief: Brief, monday: str) -> int:
    days = (dt.date.fromisoformat(monday) + dt.timedelta(n) for n in range(7))
    return sum(brief.first_day <= day <= brief.last_day for day in days)


def faults(made, brief: Brief, asked) -> list[str]:
    """Name what the lines of a plan do not keep."""
    found = []
    if made.spent > brief.budget + CENT:
        found.append("budget")
    base = {line.market: 100 * line.impressions / line.grp for line in made.lines if line.grp > 0}
    for limit in brief.limits.shares:
        inside = [x for x in made.lines if getattr(x, limit.dimension) == limit.name]
        money = sum(line.cost for line in inside)
        seen = sum(line.impressions for line in inside)
        of = base.get(limit.name, 1.0) if limit.dimension == "market" else made.universe_estimate
        kept = (
            limit.min_percent * made.spent / 100 - CENT <= money,
            money <= limit.max_percent * made.spent / 100 + CENT,
            limit.min_spend - CENT <= money <= limit.max_spend + CENT,
            limit.min_grp * (1 - 1e-6) <= 100 * seen / of,
        )
        found += [limit.setting] * (not all(kept))
    pins = {(*cell, str(week)): spots for cell, week, spots in asked["pins"]}
    bought = {(x.market, x.network, x.daypart, x.week): x.spots for x in made.lines}
    found += [f"pin {place}" for place, spots in pins.items() if bought.get(place, 0) != spots]
    rules = dict(asked["rules"])
    for place, spots in bought.items():
        most = rules.get(place[1], brief.limits.max_spots_per_week)
        offered = math.ceil(most * days_of(brief, place[3]) / 7)
        if place not in pins and (spots > offered or place[1] in brief.limits.exclude_networks):
            found.append(f"on offer {place}")
    if made.average_frequency > brief.limits.max_average_frequency * (1 + 1e-6):
        found.append("frequency")
    return found


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("random")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(BRIEFS)
def test_a_plan_keeps_every_limit_or_the_limits_that_clash_are_named(store, rate_card, out, asked):
    brief = brief_from(asked, rate_card)
    try:
        made = plan(store, brief=brief, out=out)
    except DaypartError as refused:
        named = str(refused)
        assert "limits." in named
        assert any(
            words in named
            for words in ("no plan keeps all of", "no whole spots", "barred by", "on offer in that")
        )
        return
    assert faults(made, brief, asked) == []
    assert made.status in ("optimal", "feasible")
    assert made.objective <= made.bound * (1 + 1e-9)
    assert made.gap == pytest.approx(made.bound / made.objective - 1, abs=1e-9)
    assert (made.asked, made.broken) == (asked["budget"], [])
    assert made.spent == pytest.approx(sum(line.cost for line in made.lines), abs=CENT)
    assert made.limited_by
    for rows in (made.by_market, made.by_network, made.by_daypart, made.by_week):
        assert sum(row["spend"] for row in rows) == pytest.approx(made.spent, abs=CENT)
        assert sum(row["impressions"] for row in rows) == pytest.approx(made.impressions["mean"])
        assert sum(row["share_percent"] for row in rows) == pytest.approx(100)
    weekly = [row["cumulative_reach_percent"] for row in made.by_week]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(weekly))
    assert weekly[-1] == pytest.approx(made.reach["1+"]["percent"])
    shutil.rmtree(out, ignore_errors=True)
