"""Tables that are not hourly, and zones of half an hour, are refused with the remedy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from daypart.errors import DaypartError
from daypart.series.local_time import refuse_part_hours
from daypart.series.long_table import ImportReport, import_series

MONDAY = datetime(2025, 3, 3)


def imported(folder: Path, rows: list[tuple[str, datetime, int | None]], **options) -> ImportReport:
    names, stamps, numbers = zip(*rows, strict=True)
    table = pa.table({"unique_id": names, "ds": [str(each) for each in stamps], "y": numbers})
    return import_series(table, into=folder / "store", **options)


def series(name: str, step: timedelta, number: int, first: datetime = MONDAY):
    return [(name, first + i * step, i) for i in range(number)]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize(("days", "grain"), [(1, "day"), (7, "week")])
@pytest.mark.parametrize("hour", [0, 9])
def test_a_daily_or_weekly_table_is_refused_with_its_grain(tmp_path, zone, days, grain, hour):
    rows = series("a", timedelta(days=days), 20, MONDAY + timedelta(hours=hour))
    with pytest.raises(DaypartError, match=f"column ds: 1 series with one row per {grain}"):
        imported(tmp_path, rows, timezone=zone)
    assert not (tmp_path / "store").exists()


def test_two_days_are_not_25_hours(tmp_path):
    with pytest.raises(DaypartError, match="23 of 25 hours have no row; most rows are 24 hours"):
        imported(tmp_path, series("a", timedelta(days=1), 2))


def test_one_daily_series_among_hourly_ones_is_named(tmp_path):
    hourly = series("hourly", timedelta(hours=1), 24 * 14)
    with pytest.raises(DaypartError, match="1 series with one row per day, such as 'daily'"):
        imported(tmp_path, hourly + series("daily", timedelta(days=1), 7))


def test_a_table_without_zeros_is_refused_with_the_remedy(tmp_path):
    rows = [row for row in series("a", timedelta(hours=1), 24 * 7) if row[1].hour in (8, 9, 20)]
    with pytest.raises(DaypartError, match="hours have no row.*with 0 where nothing was counted"):
        imported(tmp_path, rows)


def test_rows_with_an_empty_number_make_a_table_hourly(tmp_path):
    rows = [(n, at, y if y == 0 else None) for n, at, y in series("a", timedelta(hours=1), 240)]
    assert imported(tmp_path, rows).missing_hours == 239


def test_a_table_of_quarter_hours_is_added_up_to_hours(tmp_path):
    assert imported(tmp_path, series("a", timedelta(minutes=15), 96)).hours == 24


def test_an_hourly_table_with_an_outage_is_imported(tmp_path):
    rows = series("a", timedelta(hours=1), 24 * 28)
    assert imported(tmp_path, rows[:300] + rows[500:]).missing_hours == 200


@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        ("Asia/Kolkata", "5:30"),
        ("Australia/Adelaide", "10:30"),
        ("Asia/Kathmandu", "5:45"),
        ("Asia/Tehran", "3:30"),
        ("America/St_Johns", "3:30"),
    ],
)
def test_a_zone_of_part_hours_is_refused(tmp_path, zone, offset):
    with pytest.raises(DaypartError, match=f"{zone}: its clocks are {offset} h from UTC"):
        imported(tmp_path, series("a", timedelta(hours=1), 48), timezone=zone)
    assert not (tmp_path / "store").exists()


def test_a_zone_is_refused_only_for_years_with_part_hours():
    def hours(year: int) -> tuple[int, int]:
        first = datetime(year, 1, 10, tzinfo=ZoneInfo("America/Caracas"))
        hour = int(first.astimezone(UTC).timestamp() // 3600)
        return hour, hour + 100

    refuse_part_hours("America/Caracas", *hours(2025))
    with pytest.raises(DaypartError, match="4:30"):
        refuse_part_hours("America/Caracas", *hours(2012))
