"""The certificate of a plan: the tolerances of its limits, and its gap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daypart.planning.brief.brief import read_brief
from daypart.planning.plan import plan

SCHEDULE = [
    {"market": "501", "network": "TBS", "daypart": "Prime", "week": "2024-03-04", "spots": 3},
    {"market": "602", "network": "ESPN", "daypart": "Daytime", "week": "2024-03-11", "spots": 4},
]


@pytest.fixture
def evaluate(store, write_brief, tmp_path):
    """Evaluate the schedule against the usual brief with some fields replaced."""
    brief = read_brief(write_brief(("CNN = {min_percent = 5}", "")))
    brief = replace(brief, limits=replace(brief.limits, shares=()))

    def judge(schedule=SCHEDULE, limits=None, **fields):
        given = replace(brief, limits=replace(brief.limits, **(limits or {})), **fields)
        return plan(store, brief=given, out=tmp_path / "out", evaluate=schedule)

    return judge


def test_a_reach_goal_is_kept_up_to_a_millionth_of_it(evaluate):
    reached = evaluate().reach["1+"]["percent"]
    cheapest = {"objective": "minimum_cost", "budget": float("inf")}
    for share, broken in ((1.0, False), (1 + 5e-7, False), (1 + 2e-6, True)):
        goal = reached * share
        names = evaluate(reach_goal_percent=goal, **cheapest).broken
        assert names == ([f"campaign.reach_goal_percent = {goal:g}"] if broken else []), share


def test_average_frequency_is_kept_up_to_a_millionth_of_it(evaluate):
    often = [
        {"market": market, "network": network, "daypart": "Prime", "week": week, "spots": 6}
        for market in ("501", "602", "803")
        for network in ("TBS", "ESPN", "HGTV")
        for week in ("2024-03-04", "2024-03-11")
    ]
    frequency = evaluate(often).average_frequency
    for share, broken in ((1.0, False), (1 - 5e-7, False), (1 - 2e-6, True)):
        most = frequency * share
        names = evaluate(often, limits={"max_average_frequency": most}).broken
        assert (f"limits.max_average_frequency = {most:g}" in names) == broken, share


def test_an_evaluated_schedule_that_breaks_limits_has_no_gap(evaluate):
    kept, broken = evaluate(), evaluate(budget=1000)
    assert (kept.status, broken.status) == ("evaluated", "evaluated")
    assert kept.gap > 0
    assert broken.broken == ["campaign.budget"]
    assert broken.gap is None
