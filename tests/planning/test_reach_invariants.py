"""What every report of reach must keep, over random schedules, through the public door."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planning_stores import MARKETS, MINUTES, NETWORKS

from daypart.errors import DaypartError
from daypart.planning.reach.reach import reach

LINES = st.fixed_dictionaries(
    {
        "market": st.sampled_from(list(MARKETS)),
        "network": st.sampled_from(NETWORKS),
        "daypart": st.sampled_from(list(MINUTES)),
        "week": st.sampled_from(["2024-03-04", "2024-03-11", "2024-03-18"]),
        "spots": st.integers(1, 12),
    }
)
SCHEDULES = st.lists(LINES, min_size=1, max_size=8)
OFTEN = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ALL = {"markets": ["all"]}


@OFTEN
@given(SCHEDULES, st.sampled_from(["all", "young"]), st.sampled_from(["unbiased", "surrogate"]))
def test_a_reports_figures_agree_with_each_other(store, rows, segment, method):
    told = reach(store, schedule=rows, segment=segment, method=method, **ALL)
    one, seen = told.reach["1+"]["percent"], told.impressions["mean"]
    bins = told.frequency_distribution
    assert sum(row["percent"] for row in bins) == pytest.approx(one)
    exposures = sum(
        int(row["exposures"].split("-")[0].rstrip("+")) * row["households"] for row in bins
    )
    assert exposures <= seen * (1 + 1e-9) or method == "surrogate"
    levels = [level["percent"] for level in told.reach.values() if level["percent"] != "suppressed"]
    assert levels == sorted(levels, reverse=True)
    assert told.grp["mean"] == pytest.approx(one * told.average_frequency)
    assert told.grp["mean"] == pytest.approx(100 * seen / told.universe_estimate)
    weekly = [row["cumulative_reach_percent"] for row in told.by_week]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(weekly))
    assert weekly[-1] == pytest.approx(one)
    if method == "unbiased":
        assert told.reach["1+"]["households"] <= min(told.universe_estimate, seen) + 1e-6
    for parts in (told.by_network, told.by_daypart, told.by_market, told.by_week):
        assert sum(row["impressions"] for row in parts) == pytest.approx(seen)
        assert sum(row["spots"] for row in parts) == told.spots
    for row in (*told.by_network, *told.by_daypart):
        assert row["incremental_percent"] <= row["reach_percent"] + 1e-9 <= one + 2e-9
    alone = {row["name"]: row["reach_percent"] for row in told.by_network}
    for pair in told.duplication:
        least = min(alone[pair["first"]], alone[pair["second"]])
        assert 0 <= pair["percent"] <= least + 1e-9


@OFTEN
@given(SCHEDULES, SCHEDULES)
def test_reach_of_two_schedules_lies_between_the_larger_and_the_sum(store, first, second):
    a, b, both = (
        reach(store, schedule=rows, **ALL).reach["1+"]["percent"]
        for rows in (first, second, first + second)
    )
    assert max(a, b) - 1e-9 <= both <= a + b + 1e-9


@OFTEN
@given(SCHEDULES, st.integers(2, 600))
def test_what_is_suppressed_reads_so_and_is_never_zero(store, rows, least):
    if least > 480:
        with pytest.raises(DaypartError, match="too few"):
            reach(store, schedule=rows, markets=["all"], min_households=least)
        return
    told = reach(store, schedule=rows, markets=["all"], min_households=least)
    for row in told.by_market:
        hidden = row["reach_percent"] == "suppressed"
        assert hidden or row["spots"] == 0 or row["panel_households"] >= least
    shown = [level["percent"] for level in told.reach.values()]
    assert all(value == "suppressed" or value > 0 for value in shown[1:])
    raw = told.panel_households / told.universe_estimate
    if len(told.frequency_distribution) > 1:
        smallest = min(row["households"] for row in told.frequency_distribution)
        assert smallest * raw > 0.3 * least, "weights are within a factor of two of each other"
