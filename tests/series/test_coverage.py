"""Days without data, partial days and unlikely silences of a store's series are found."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from daypart.series.coverage import coverage_of, find_silent_run
from daypart.series.local_time import datetime_to_hour

DAYS = [date(2025, 3, 1) + timedelta(days=i) for i in range(28)]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_hours_are_counted_by_local_day_over_clock_changes(zone):
    first = datetime_to_hour(datetime(2025, 3, 1, 15, tzinfo=UTC))
    has_data = np.random.default_rng(1).random(24 * 60) < 0.6
    expected: dict[str, int] = {}
    for i, known in enumerate(has_data):
        local = datetime.fromtimestamp((first + i) * 3600, ZoneInfo(zone)).date().isoformat()
        expected[local] = expected.get(local, 0) + int(known)
    found = coverage_of("a", zone, first, has_data)
    assert (found.first_day, found.last_day) == (min(expected), max(expected))
    assert found.hours == tuple(expected.values())


def test_only_the_ends_of_a_store_are_partial_days():
    has_data = np.ones(24 * 10, bool)
    has_data[:9] = has_data[100:115] = has_data[-9:] = False
    found = coverage_of("a", "UTC", 24 * 20_000, has_data)
    assert found.partial_days == (found.first_day, found.last_day)
    assert found.empty_days == ()


def test_days_with_fewer_hours_than_24_are_whole_where_they_are_usual():
    has_data = np.tile(np.arange(24) >= 10, 10)
    assert coverage_of("a", "UTC", 24 * 20_000, has_data).partial_days == ()


@pytest.mark.parametrize(
    ("silent", "reason"),
    [
        (slice(20, 28), "no count on the last 8 days, from 2025-03-21"),
        (slice(0, 5), "no count on the first 5 days, to 2025-03-05"),
        (slice(9, 12), "no count on 3 days, 2025-03-10 to 2025-03-12"),
        (slice(9, 10), "no count on 1 day, 2025-03-10 to 2025-03-10"),
    ],
)
def test_a_silence_is_named_with_its_days(silent, reason):
    active = np.ones(28, bool)
    active[silent] = False
    odd = find_silent_run("a", DAYS, active)
    assert odd is not None
    assert odd.reason == reason


def test_the_same_silence_is_odder_in_a_busy_series_than_in_a_rare_one():
    busy, rare = np.ones(28, bool), np.arange(28) % 4 == 0
    busy[5:8] = False
    odd, usual = (find_silent_run("a", DAYS, each) for each in (busy, rare))
    assert odd is not None
    assert usual is not None
    assert odd.surprise > 5 * usual.surprise


def test_a_series_that_never_or_always_counts_has_no_odd_silence():
    assert find_silent_run("a", DAYS, np.zeros(28, bool)) is None
    assert find_silent_run("a", DAYS, np.ones(28, bool)) is None
