"""Named events act in their hours and places; overlapping ones add up; bad rows are named."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypart.errors import DaypartError
from daypart.models.events.events import EventCalendar, parse_events
from daypart.models.protocol import Window
from daypart.models.registry import get_model
from daypart.series.block import SeriesBlock, block_from_arrays
from daypart.series.local_time import datetime_to_hour

MONDAY = datetime_to_hour(datetime(2024, 1, 1, tzinfo=UTC))


def event(name: str, start: str, end: str, **where) -> dict:
    return {"name": name, "from": start, "to": end, **where}


def block_of(series, zone: str = "UTC", first: int = MONDAY) -> SeriesBlock:
    keys = pa.table({"unique_id": [f"p{i}" for i in range(len(series))]})
    counts = [np.asarray(values, np.int32) for values in series]
    return block_from_arrays(keys, [zone] * len(series), [first] * len(series), counts)


def state_of(block: SeriesBlock, fitted: pa.Table) -> pa.Table:
    state = block.keys
    columns = {
        "timezone": pa.array(list(block.timezones)),
        "first_hour": pa.array(block.first_hours * 3_600_000_000).cast(pa.timestamp("us", "UTC")),
        "hours": pa.array(np.diff(block.offsets)),
        "exposure": pa.array([1.0] * len(block)),
    }
    for name, values in {**columns, **{n: fitted[n] for n in fitted.column_names}}.items():
        state = state.append_column(name, values)
    return state


def test_an_event_covers_local_hours_from_its_start_until_before_its_end():
    calendar = EventCalendar(
        False, parse_events([event("final", "2024-01-03 20:00", "2024-01-04")])
    )
    first = MONDAY + 48
    assert calendar.hours_of({}, first, 24, "UTC").hour.tolist() == [20, 21, 22, 23]
    # 20:00 in New York is 01:00 UTC of the next day
    assert calendar.hours_of({}, first + 24, 24, "America/New_York").hour.tolist() == [1, 2, 3, 4]


def test_a_stamp_with_an_offset_is_one_instant_everywhere():
    rows = [event("kick-off", "2024-01-03T20:00Z", "2024-01-03T23:00+01:00")]
    calendar = EventCalendar(False, parse_events(rows))
    for zone in ("UTC", "Asia/Tokyo", "America/Chicago"):
        assert calendar.hours_of({}, MONDAY + 48, 48, zone).hour.tolist() == [20, 21]


def test_clock_changes_skip_or_repeat_a_covered_hour():
    rows = [
        event("night", "2024-03-10", "2024-03-10T04:00"),
        event("night", "2024-11-03", "2024-11-03T02:00"),
    ]
    calendar = EventCalendar(False, parse_events(rows))
    zone = "America/New_York"
    spring = datetime_to_hour(datetime(2024, 3, 10, 5, tzinfo=UTC))
    autumn = datetime_to_hour(datetime(2024, 11, 3, 4, tzinfo=UTC))
    assert len(calendar.hours_of({}, spring, 24, zone)) == 3  # 02:00 is not on the clock
    assert len(calendar.hours_of({}, autumn, 24, zone)) == 3  # 01:00 is twice
    series = np.random.default_rng(0).poisson(9, 4 * 168)
    for start in (spring - 14 * 24, autumn - 14 * 24):
        model = get_model("crossed", calendar=rows)
        assert model.fit(block_of([series], zone, start))["status"].to_pylist() == ["ok"]


def test_an_event_acts_where_its_row_says_and_in_all_columns_that_it_leaves_out():
    rows = [event("storm", "2024-01-02", "2024-01-03", market=["501", "803"], network="WX")]
    calendar = EventCalendar(False, parse_events(rows))
    hours = {
        key: len(
            calendar.hours_of(
                dict(zip(("market", "network"), key, strict=True)), MONDAY, 168, "UTC"
            )
        )
        for key in (("501", "WX"), ("803", "WX"), ("501", "CNN"), ("602", "WX"), ("501", None))
    }
    assert [key for key, number in hours.items() if number == 24] == [("501", "WX"), ("803", "WX")]
    assert sum(hours.values()) == 48
    assert len(calendar.hours_of({}, MONDAY, 168, "UTC")) == 0


def test_effects_of_events_in_one_hour_add_up_in_fit_and_forecast():
    rng = np.random.default_rng(4)
    weeks = 8
    level = np.full(weeks * 168, 400.0)
    # two events a week in different hours, and once together
    a, b = 24 + np.arange(6), 72 + np.arange(6)
    both = 120 + np.arange(6)
    rows = []
    for week in range(weeks):
        for name, hours, factor in (
            ("a", a, 2.0),
            ("b", b, 1.5),
            ("a", both, 2.0),
            ("b", both, 1.5),
        ):
            if week % 2:
                continue
            level[week * 168 + hours] *= factor
            start = np.datetime64("2024-01-01") + np.timedelta64(int(week * 168 + hours[0]), "h")
            rows.append(event(name, str(start), str(start + np.timedelta64(6, "h"))))
    future = np.datetime64("2024-01-01") + np.timedelta64(weeks * 168, "h")
    for name, hours in (("a", a), ("b", both), ("a", both)):
        start = future + np.timedelta64(int(hours[0]), "h")
        rows.append(event(name, str(start), str(start + np.timedelta64(6, "h"))))
    model = get_model("crossed", calendar=rows)
    block = block_of([rng.poisson(level)])
    fitted = model.fit(block)
    row = fitted.to_pylist()[0]
    assert row["event"] == ["a", "b"]
    assert row["event_mean"] == pytest.approx([np.log(2.0), np.log(1.5)], abs=0.03)
    assert max(row["event_sd"]) < 0.05
    window = Window(MONDAY + weeks * 168, 168)
    forecast = model.forecast(state_of(block, fitted), window, [0.1, 0.9]).mean[0]
    assert forecast[a].mean() == pytest.approx(800, rel=0.05)
    assert forecast[b].mean() == pytest.approx(400, rel=0.05)
    assert forecast[both].mean() == pytest.approx(1200, rel=0.06)
    paths = model.sample_paths(state_of(block, fitted), window, 400, 1)[0]
    assert paths[:, both].mean() == pytest.approx(1200, rel=0.06)


def test_an_event_that_was_never_seen_widens_its_forecast_and_does_not_move_it():
    block = block_of([np.random.default_rng(3).poisson(200, 6 * 168)])
    rows = [event("premiere", "2024-02-12T20:00", "2024-02-12T22:00")]
    window = Window(MONDAY + 6 * 168, 168)
    plain, told = (
        model.forecast(state_of(block, model.fit(block)), window, [0.05, 0.5, 0.95])
        for model in (get_model("crossed"), get_model("crossed", calendar=rows))
    )
    there = [20, 21]
    assert told.quantiles[0, there, 1] == pytest.approx(plain.quantiles[0, there, 1], rel=0.05)
    assert (told.sd[0, there] > 2 * plain.sd[0, there]).all()
    elsewhere = np.setdiff1d(np.arange(168), there)
    np.testing.assert_array_equal(told.mean[0, elsewhere], plain.mean[0, elsewhere])


def test_named_events_stand_beside_the_holidays_of_the_default_model():
    first = datetime_to_hour(datetime(2024, 6, 3, 4, tzinfo=UTC))
    series = np.random.default_rng(3).poisson(30, 6 * 168)
    rows = [event("fireworks", "2024-07-04T20:00", "2024-07-04T23:00")]
    model = get_model("negbin", calendar=rows)
    row = model.fit(block_of([series], "America/New_York", first)).to_pylist()[0]
    assert row["event"] == [
        *("family_day", "family_evening", "public_day", "public_evening"),
        "fireworks",
    ]
    with pytest.raises(
        DaypartError, match=r"row 1, column name: 'family_day' is a built-in effect"
    ):
        get_model("negbin", calendar=[event("family_day", "2024-01-01", "2024-01-02")])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([event("a", "2024-01-02", "2024-01-01")], r"row 1, column to: 2024-01-01 is not after"),
        ([event("a", "2024-01-02", "2024-01-02")], r"column to: .* give the next day"),
        ([event("a", "Tuesday", "2024-01-02")], r"row 1, column from: 'Tuesday' is neither"),
        ([event("a", "2024-01-01T20:30", "2024-01-02")], r"column from: .* not a whole hour"),
        ([event("a", "2024-01-01T20:00Z", "2024-01-02")], r"column to: only one of from and to"),
        ([event("", "2024-01-01", "2024-01-02")], r"row 1, column name: nothing there"),
        ([event("a", None, "2024-01-02")], r"row 1, column from: nothing there"),
        (
            [event("a", "2024-01-01", "2024-01-03"), event("a", "2024-01-02", "2024-01-04")],
            r"row 2, column from: 'a' overlaps row 1 of the same name",
        ),
        (
            [
                event("a", "2024-01-01", "2024-01-09", market=["501"]),
                event("a", "2024-01-05", "2024-01-06", network=["CNN"]),
            ],
            r"row 2, column from: 'a' overlaps row 1",
        ),
        (
            [
                event("a", "2024-01-01", "2024-01-02"),
                event("a", "2024-02-01T00:00Z", "2024-02-02T00:00Z"),
            ],
            r"row 2, column from: 'a' is in local time in one row",
        ),
    ],
)
def test_a_row_at_fault_is_named_with_its_column(rows, message):
    with pytest.raises(DaypartError, match=message):
        parse_events(rows)


def test_one_name_may_return_and_be_on_in_two_places_at_once():
    rows = [
        event("a", "2024-01-01", "2024-01-03", market=["501"]),
        event("a", "2024-01-02", "2024-01-04", market=["803"]),
        event("a", "2024-01-03", "2024-01-05", market=["501"]),
        event("b", "2024-01-01", "2024-01-05"),
    ]
    assert len(parse_events(rows)) == 4


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), min_size=1, max_size=8))
def test_hours_covered_are_those_of_each_row_by_itself(spans):
    rows = [
        event(
            f"e{i}",
            str(np.datetime64("2024-01-01T00") + start),
            str(np.datetime64("2024-01-01T00") + start + length),
        )
        for i, (start, length) in enumerate(spans)
    ]
    found = EventCalendar(False, parse_events(rows)).hours_of({}, MONDAY, 336, "UTC")
    pairs = list(zip(found.hour.tolist(), found.effect.tolist(), strict=True))
    wanted = {
        (hour, i)
        for i, (start, length) in enumerate(spans)
        for hour in range(start, min(start + length, 336))
    }
    assert pairs == sorted(wanted)
