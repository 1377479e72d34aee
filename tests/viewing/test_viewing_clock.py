"""The broadcast clock and the daypart table."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypart.errors import DaypartError
from daypart.viewing.clock import (
    LocalDays,
    day_number,
    day_of_number,
    first_hour_of_day,
    local_day_of_hour,
    market_hours,
)
from daypart.viewing.dayparts import STANDARD_DAYPARTS, Daypart, DaypartTable, daypart_table

days = st.dates(dt.date(1999, 1, 1), dt.date(2052, 12, 31))
zones = st.sampled_from(["America/New_York", "America/Los_Angeles", "Asia/Kolkata", "UTC"])


@given(days, zones)
def test_local_days_follow_each_other_without_gap(day, zone):
    number = day_number(day)
    first, after = first_hour_of_day(number, zone), first_hour_of_day(number + 1, zone)
    assert day_of_number(number) == day
    assert after - first in (23, 24, 25)
    assert local_day_of_hour(first, zone) == local_day_of_hour(after - 1, zone) == number
    assert local_day_of_hour(first - 1, zone) == number - 1


def test_broadcast_weeks_begin_at_six_and_earlier_hours_count_with_the_first_week():
    monday = day_number(dt.date(2025, 6, 2))
    hours = market_hours(LocalDays(monday, monday + 13), "America/New_York", 6)
    weeks, counts = np.unique(hours.week, return_counts=True)
    assert [day_of_number(week).isoformat() for week in weeks] == ["2025-06-02", "2025-06-09"]
    assert counts.tolist() == [7 * 24 + 6, 7 * 24 - 6]


def test_the_standard_dayparts_cover_each_hour_of_the_week_once():
    index = STANDARD_DAYPARTS.hour_of_week_dayparts()
    assert index.shape == (168,)
    assert set(index.tolist()) == set(range(len(STANDARD_DAYPARTS.names)))
    covered = sorted(hour for row in STANDARD_DAYPARTS.rows for hour in row.hours_of_week())
    assert covered == list(range(168))


@pytest.mark.parametrize(
    ("hour_of_week", "daypart"),
    [
        (6, "Early Morning"),
        (19, "Prime Access"),
        (20, "Prime"),
        (23, "Late Fringe"),
        (25, "Late Fringe"),
        (26, "Overnight"),
        (5 * 24 + 19, "Weekend Day"),
        (6 * 24 + 19, "Prime"),
        (0, "Late Fringe"),
    ],
)
def test_hours_of_the_week_are_in_their_dayparts(hour_of_week, daypart):
    index = STANDARD_DAYPARTS.hour_of_week_dayparts()
    assert STANDARD_DAYPARTS.names[index[hour_of_week]] == daypart


EVERY_DAY = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([Daypart("day", EVERY_DAY, 6, 18)], "no daypart covers Mo 00:00"),
        (
            [Daypart("day", EVERY_DAY, 6, 19), Daypart("night", EVERY_DAY, 18, 6)],
            "'day' and 'night' both cover",
        ),
        ([Daypart("day", ("Mon",), 0, 24)], "did you mean Mo"),
        ([Daypart("day", EVERY_DAY, 0, 25)], "from 0 to 25"),
    ],
)
def test_a_table_with_a_gap_an_overlap_or_an_unknown_day_is_refused(rows, problem):
    with pytest.raises(DaypartError, match=problem):
        DaypartTable("mine", 1, tuple(rows))


def test_a_daypart_table_is_read_from_its_json_and_from_plain_days_and_hours():
    assert daypart_table(STANDARD_DAYPARTS.as_json()) == STANDARD_DAYPARTS
    rows = [{"name": "all day", "days": list(EVERY_DAY), "start": 0, "end": 24}]
    assert daypart_table({"name": "one", "version": 2, "rows": rows}).names == ("all day",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"name": "x", "version": 1}, "no 'rows'"),
        (
            {
                "name": "x",
                "version": 1,
                "rows": [{"name": "a", "days": [0], "start": "06:30", "end": 9}],
            },
            "not a whole hour",
        ),
    ],
)
def test_a_daypart_table_of_another_form_is_refused(content, problem):
    with pytest.raises(DaypartError, match=problem):
        daypart_table(content)
