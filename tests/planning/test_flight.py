"""Broadcast weeks and the minutes of dayparts."""

from __future__ import annotations

import datetime as dt

from planning_stores import DAYPARTS

from daypart.planning.brief.flight import DaypartClock, broadcast_weeks
from daypart.viewing.dayparts import daypart_table

CLOCK = DaypartClock.of(daypart_table({"name": "test", "version": 1, "rows": DAYPARTS}))


def test_the_dayparts_cover_the_week_once():
    assert CLOCK.minutes_per_week().sum() == 7 * 1440
    assert dict(zip(CLOCK.names, CLOCK.minutes_per_week(), strict=True))["Prime"] == 7 * 180


def test_minutes_after_midnight_belong_to_the_day_that_they_began_on():
    sunday = dt.date(2024, 3, 10)
    minutes = dict(zip(CLOCK.names, CLOCK.minutes_on([sunday]), strict=True))
    assert minutes["Overnight"] == 7 * 60


def test_the_flights_days_hold_as_many_minutes_as_they_have():
    weeks = broadcast_weeks(dt.date(2024, 3, 6), dt.date(2024, 3, 19))
    assert [len(week.days) for week in weeks] == [5, 7, 2]
    assert sum(int(CLOCK.minutes_on(week.days).sum()) for week in weeks) == 14 * 1440


def test_a_day_of_23_hours_shortens_its_daypart():
    first = int(dt.datetime(2024, 3, 10, 5, tzinfo=dt.UTC).timestamp()) // 3600
    minutes = CLOCK.minutes_between(first, 23, "America/New_York")
    assert minutes.sum() == 23 * 60
    assert dict(zip(CLOCK.names, minutes, strict=True))["Overnight"] == 6 * 60
