"""Each kind of field is read by a stated rule, or named with its row and what to do."""

from __future__ import annotations

import datetime as dt
import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_tables import CARD, LOG, SPOTS
from table_forms import FORMS

from daypart.errors import DaypartError
from daypart.planning.brief.rate_card import RATE_CARD
from daypart.planning.delivery.asrun import AS_RUN
from daypart.planning.reach.schedule import SCHEDULE
from daypart.tables.options import read_options
from daypart.tables.read import read_rows


def faulty(rows, column, value):
    return [rows[0], rows[1] | {column: value}]


@pytest.mark.parametrize(
    ("schema", "rows", "column", "value", "message"),
    [
        (RATE_CARD, CARD, "cpm", "12,50", "row 2 is '12,50', not a number; .*decimal=comma"),
        (RATE_CARD, CARD, "cpm", "$12.50", "not a number"),
        (RATE_CARD, CARD, "cpm", "1_000", "not a number"),
        (RATE_CARD, CARD, "cpm", "0x1F", "not a number"),
        (RATE_CARD, CARD, "cpm", "true", "not a number"),
        (RATE_CARD, CARD, "cpm", "infinity", "row 2 is 'infinity', NaN or infinite"),
        (RATE_CARD, CARD, "cpm", "NaN", "row 2 is 'NaN', NaN or infinite; leave"),
        (RATE_CARD, CARD, "cpm", "", "row 2 is empty; give every row its cpm"),
        (RATE_CARD, CARD, "cpm", "0", "outside its range; cpm must be above 0"),
        (RATE_CARD, CARD, "first_day", "01/02/2024", "row 2 is '01/02/2024', not a day"),
        (RATE_CARD, CARD, "first_day", "2024-02-30", "not a day"),
        (RATE_CARD, CARD, "first_day", "2024-02-01 10:00:00", "not a day"),
        (RATE_CARD, CARD, "first_day", "9999-12-31", "not in the years 1990 to 2099"),
        (SCHEDULE, SPOTS, "spots", "1.5", "a whole number from 0"),
        (AS_RUN, LOG, "instant", "2025-03-04 08:15:10 PM", "not a stamp"),
        (AS_RUN, LOG, "instant", "2025-03-04 20:15:10 PST", "not a stamp"),
        (AS_RUN, LOG, "instant", "2025-03-04 20:15:10", "a stamp without a zone"),
        (AS_RUN, LOG, "instant", "1971-01-01T00:00:00Z", "not in the years"),
    ],
)
def test_a_wrong_field_is_refused_with_its_row_and_what_to_do(
    tmp_path, schema, rows, column, value, message
):
    for form in ("csv", "parquet", "json lines", "workbook"):
        source, _ = FORMS[form](tmp_path, faulty(rows, column, value))
        with pytest.raises(DaypartError, match=message) as refused:
            read_rows(source, schema).refuse_problems()
        assert str(source) in refused.value.message
        assert column in refused.value.message


@pytest.mark.parametrize(
    ("text", "options", "number"),
    [
        ("12,50", "decimal=comma", 12.5),
        ("1.234.567,8", "decimal=comma,thousands=point", 1234567.8),
        ("1,234", "thousands=comma", 1234.0),
        ("1 234", "thousands=space", 1234.0),
        ("1'234.5", "thousands=apostrophe", 1234.5),
        ("+.5", None, 0.5),
        ("1.5E3", None, 1500.0),
    ],
)
def test_a_number_is_read_by_its_declared_marks(text, options, number):
    rows = read_rows(faulty(CARD, "cpm", text), RATE_CARD, read_options(options))
    assert rows.values("cpm")[1] == number


@pytest.mark.parametrize(
    ("text", "options"), [("12.50", "decimal=comma"), ("1,23", "thousands=comma")]
)
def test_a_number_against_its_declared_marks_is_refused(text, options):
    rows = read_rows(faulty(CARD, "cpm", text), RATE_CARD, read_options(options))
    assert rows.problems("cpm")[1] == "not_a_number"


INSTANT = dt.datetime(2025, 3, 4, 20, 15, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("2025-03-04T20:15Z", None),
        ("2025-03-04 20:15:00.000 UTC", None),
        ("2025-03-04T20:15:00,0+00:00", None),
        ("2025-03-04T21:15:00+01", None),
        ("2025-03-04T15:15:00-0500", None),
        ("2025-03-04 15:15:00 America/New_York", None),
        ("20250304T201500Z", None),
        ("20250304T2115+0100", None),
        ("2025-03-04 15:15", "stamps_are=America/New_York"),
        ("20250304T1515", "stamps_are=America/New_York"),
        ("04/03/2025 08:15 PM", "stamps_are=UTC,stamp_format=%d/%m/%Y %I:%M %p"),
        ("04.03.2025 21:15 +0100", "stamp_format=%d.%m.%Y %H:%M %z"),
        ("1741119300", "stamps_are=epoch_s"),
        ("1741119300000", "stamps_are=epoch_ms"),
    ],
)
def test_a_stamp_is_read_in_its_common_and_its_declared_forms(text, options):
    rows = read_rows(faulty(LOG, "instant", text), AS_RUN, read_options(options))
    assert rows.values("instant")[1] == INSTANT.timestamp() * 1000
    assert rows.problems("instant")[1] is None


@pytest.mark.parametrize(
    ("text", "zone", "problem"),
    [
        ("2025-03-09 02:30", "America/New_York", "stamp_skipped_by_clock"),
        ("2025-11-02 01:30", "America/New_York", "stamp_repeated_by_clock"),
        ("2025-04-06 01:45", "Australia/Lord_Howe", "stamp_repeated_by_clock"),
        ("2025-03-09 03:00", "America/New_York", None),
        ("2025-11-02 02:00", "America/New_York", None),
        ("2025-11-02 01:30:00-05:00", "America/New_York", None),
        ("2025-03-09 02:30", "UTC", None),
    ],
)
def test_a_local_time_that_the_clocks_skip_or_repeat_has_a_reason_of_its_own(text, zone, problem):
    rows = read_rows(faulty(LOG, "instant", text), AS_RUN, read_options({"stamps_are": zone}))
    assert rows.problems("instant")[1] == problem


@pytest.mark.parametrize("hour", ["7", "07", "07:00", "7:00:00"])
def test_a_day_and_an_hour_form_one_stamp(hour):
    rows = [{"date": "2025-03-04", "clock": hour} | dict(LOG[0])]
    options = read_options("instant=date+clock,stamps_are=UTC")
    read = read_rows(rows, AS_RUN, options)
    assert read.values("instant") == [dt.datetime(2025, 3, 4, 7, tzinfo=dt.UTC).timestamp() * 1000]


KINDS = {
    "seconds": pa.timestamp("s", "UTC"),
    "milliseconds": pa.timestamp("ms", "America/New_York"),
    "microseconds": pa.timestamp("us", "UTC"),
    "nanoseconds": pa.timestamp("ns", "UTC"),
    "without a zone": pa.timestamp("ns"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_typed_stamp_is_read_in_any_unit(tmp_path, kind):
    table = pa.Table.from_pylist([dict(LOG[0]) | {"instant": INSTANT}]).set_column(
        2, "instant", pa.array([INSTANT]).cast(KINDS[kind])
    )
    pq.write_table(table, tmp_path / "log.parquet")
    options = read_options("stamps_are=UTC" if kind == "without a zone" else None)
    for source in (tmp_path / "log.parquet", table):
        read = read_rows(source, AS_RUN, options).refuse_problems()
        assert read.values("instant") == [INSTANT.timestamp() * 1000]


@pytest.mark.parametrize(
    "prices",
    [
        pa.array([decimal.Decimal("12.50")], pa.decimal128(10, 2)),
        pa.array([12.5], pa.float32()),
        pa.array(["12.5"]),
    ],
)
def test_a_price_is_read_from_any_numeric_type(prices):
    table = pa.Table.from_pylist([dict(CARD[0])]).set_column(3, "cpm", prices)
    assert read_rows(table, RATE_CARD).refuse_problems().values("cpm") == [12.5]


def test_a_truth_value_is_not_a_number():
    table = pa.Table.from_pylist([dict(CARD[0])]).set_column(3, "cpm", pa.array([True]))
    assert read_rows(table, RATE_CARD).problems("cpm") == ["not_a_number"]
