"""Pins and the offer: spots that history allows, and spots spread over the weeks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planning_stores import panel_of, problem_of

from daypart.errors import DaypartError
from daypart.planning.problem.pins import PlacedPin, shorten_offer
from daypart.planning.solve.integer import spread_over_weeks


def test_odd_spots_go_to_the_week_with_the_least_money_so_far():
    problem = problem_of([9.0, 4.0, 3.0], [5, 5, 5], 1e6, weeks=3)
    dealt = spread_over_weeks(problem, np.array([1, 1, 1]))
    assert dealt.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    dealt = spread_over_weeks(problem, np.array([4, 4, 4]))
    assert (problem.cost @ dealt).tolist() == [16 + 9.0, 16 + 4.0, 16 + 3.0]


def test_pinned_weeks_keep_their_spots_and_the_others_share_the_remainder():
    problem = problem_of([2.0], [5], 1e6, weeks=3)
    problem = replace(problem, pinned=np.array([[0, 2, 0]]))
    problem = replace(problem, most_per_week=np.array([[5, 2, 5]]))
    assert spread_over_weeks(problem, np.array([9])).tolist() == [[4, 2, 3]]


def short_panel(history):
    """Return a panel of one cell with a given history, as calibration leaves it."""
    panel = panel_of([[5.0], [2.0]], 100)
    return replace(panel, history=np.array([history]))


@pytest.mark.parametrize(
    ("history", "offered", "pinned", "left"),
    [
        (7.9, [7, 7], 0, [3, 3]),  # 7 whole minutes, shared by two weeks
        (8.0, [4, 4], 0, [4, 4]),
        (8.0, [4, 5], 0, [4, 4]),
        (8.0, [1, 9], 0, [1, 4]),
        (8.9, [5, 5], 3, [2, 2]),
        (3.5, [5, 5], 3, [0, 0]),
    ],
)
def test_no_more_spots_are_on_offer_than_minutes_of_history(history, offered, pinned, left):
    available = np.array([offered])
    pins = [PlacedPin("limits.pins[1]", 0, 0, pinned)] if pinned else []
    shorten_offer(available, pins, short_panel(history), None)
    assert available.tolist() == [left]


def test_a_pin_of_no_spots_takes_its_week_off_the_offer():
    available = np.array([[4, 4]])
    shorten_offer(available, [PlacedPin("limits.pins[1]", 0, 1, 0)], short_panel(100.0), None)
    assert available.tolist() == [[4, 0]]


@pytest.mark.parametrize("kind", ["pins", "given"])
def test_as_many_spots_as_minutes_of_history_can_be_counted_and_no_more(kind):
    def shorten(spots):
        pins = [PlacedPin("limits.pins[1]", 0, 0, spots)] if kind == "pins" else []
        given = np.array([[spots, 0]]) if kind == "given" else None
        shorten_offer(np.array([[0, 0]]), pins, short_panel(8.0), given)

    shorten(8)
    with pytest.raises(DaypartError, match=r"9 spots in 0, N0, All day, but only 8 minutes"):
        shorten(9)
