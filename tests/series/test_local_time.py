"""Local wall clock: hours of the week, days of 23 and 25 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daypart.errors import DaypartError
from daypart.series.local_time import datetime_to_hour, hour_to_datetime, local_hours

ZONES = ["UTC", "America/New_York", "America/Phoenix", "Pacific/Auckland", "Asia/Kolkata"]


@given(
    first_hour=st.integers(400_000, 520_000),
    hours=st.integers(1, 400),
    timezone=st.sampled_from(ZONES),
)
@settings(max_examples=60, deadline=None)
def test_every_hour_has_the_wall_clock_of_the_zone(first_hour, hours, timezone):
    clock = local_hours(first_hour, hours, timezone)
    walls = [hour_to_datetime(first_hour + i).astimezone(ZoneInfo(timezone)) for i in range(hours)]
    assert clock.hour_of_week.tolist() == [wall.weekday() * 24 + wall.hour for wall in walls]
    monday = walls[0].date() - timedelta(days=walls[0].weekday())
    assert clock.week.tolist() == [(wall.date() - monday).days // 7 for wall in walls]


def test_an_hour_repeats_when_the_clocks_go_back():
    midnight = datetime_to_hour(datetime(2025, 11, 2, 4, tzinfo=UTC))
    hour_of_day = local_hours(midnight, 25, "America/New_York").hour_of_week % 24
    assert hour_of_day.tolist() == [0, 1, 1, *range(2, 24)]


def test_a_range_of_no_hours_is_empty():
    assert len(local_hours(482_000, 0, "UTC").week) == 0


def test_weeks_start_on_the_local_monday():
    monday = datetime_to_hour(datetime(2025, 1, 6, 5, tzinfo=UTC))
    clock = local_hours(monday, 336, "America/New_York")
    assert np.array_equal(clock.week, np.repeat([0, 1], 168))
    assert np.array_equal(clock.hour_of_week, np.tile(np.arange(168), 2))


@pytest.mark.parametrize("name", ["America/Gotham", "", "../etc/passwd", "America"])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(DaypartError, match="not a time zone"):
        local_hours(0, 1, name)
