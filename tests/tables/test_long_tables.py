"""`import` reads a long table exactly, whatever form it comes in, or refuses it in one line."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from table_forms import FORMS, text_file

from daypart import import_series
from daypart.errors import DaypartError
from daypart.series.store import SeriesStore

FIRST = dt.datetime(2025, 1, 6, tzinfo=dt.UTC)
ROWS = [
    {"shop": "007", "ds": "2025-01-06T00:00:00Z", "y": "3"},
    {"shop": "007", "ds": "2025-01-06T02:00:00Z", "y": "5"},
    {"shop": "Café; Nord", "ds": "2025-01-06 01:00:00+00:00", "y": ""},
    {"shop": "Café; Nord", "ds": "2025-01-06T03:30:00+01:00", "y": "2147483647"},
]
IS = {"007": (0, [3, -1, 5]), "Café; Nord": (1, [-1, 2147483647])}


def series_of(folder):
    """Return each series' first hour, from the first one's, and its counts."""
    store = SeriesStore.open(folder)
    found = {}
    for region in store.regions:
        block = store.read_region(region)
        for i, name in enumerate(block.unique_ids):
            first = int(block.first_hours[i]) - int(FIRST.timestamp()) // 3600
            found[name] = (first, block.counts_of(i).tolist())
    return found


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"other names", "rows"}))
def test_a_long_table_in_any_form_has_the_same_series(tmp_path, form):
    source, options = FORMS[form](tmp_path, ROWS)
    report = import_series(source, into=tmp_path / "s", key=["shop"], mapping=options)
    assert report.rows == len(ROWS)
    assert series_of(tmp_path / "s") == IS


def test_files_of_different_forms_make_one_table(tmp_path):
    names = {"csv": ROWS[:1], "parquet": ROWS[1:3], "json lines": ROWS[3:]}
    for form, rows in names.items():
        FORMS[form](tmp_path, rows)
    import_series(tmp_path, into=tmp_path.parent / "s", key=["shop"])
    assert series_of(tmp_path.parent / "s") == IS
    import_series(tmp_path / "table.*", into=tmp_path.parent / "t", key=["shop"])
    assert series_of(tmp_path.parent / "t") == IS


def test_a_folder_gives_a_column_that_the_file_lacks(tmp_path):
    for shop in ("007", "A%26E"):
        text_file(f"shop={shop}/table.csv")(tmp_path / "in", [{"ds": ROWS[0]["ds"], "y": "3"}])
    import_series(tmp_path / "in", into=tmp_path / "s", key=["shop"])
    assert series_of(tmp_path / "s") == {"007": (0, [3]), "A&E": (0, [3])}


def test_standard_input_is_a_table(tmp_path):
    text = "unique_id,ds,y\na,2025-01-06T00:00:00Z,3\n"
    command = [sys.executable, "-m", "daypart", "import", "-", "--into", str(tmp_path / "s")]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert series_of(tmp_path / "s") == {"a": (0, [3])}


def test_a_pandas_frame_with_stamps_of_its_default_unit_is_read(tmp_path):
    stamps = pd.date_range("2025-01-06", periods=3, freq="h", tz="UTC")
    frame = pd.DataFrame({"unique_id": "a", "ds": stamps, "y": range(3)})
    frame.to_parquet(tmp_path / "counts.parquet")
    for number, source in enumerate((frame, tmp_path / "counts.parquet")):
        import_series(source, into=tmp_path / f"{number}")
        assert series_of(tmp_path / f"{number}") == {"a": (0, [0, 1, 2])}


LATE = 26_000


def hours(changed, count=LATE + 500):
    rows = []
    for i in range(count):
        stamp = (FIRST - dt.timedelta(hours=count - i)).isoformat()
        rows.append({"unique_id": "501", "ds": stamp, "y": str(i % 9)} | changed(i))
    return rows


@pytest.mark.parametrize("row", [5, LATE])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": "many"}, "column y: 1 row with text that is not a number"),
        ({"y": "inf"}, "column y: 1 row with a NaN or infinite value"),
        ({"y": "true"}, "text that is not a number"),
        ({"ds": "n/a"}, "column ds: 1 row with an unreadable time"),
        ({"ds": "01/02/2025 10:00:00 AM"}, "column ds: 1 row with an unreadable time"),
        ({"ds": "01-02-2025"}, "column ds: 1 row with an unreadable time"),
        ({"ds": "2025-01-02 10:00:00 PM"}, "column ds: 1 row with an unreadable time"),
        ({"ds": "infinity"}, "column ds: 1 row with an unreadable time"),
        ({"ds": "9999-12-31T00:00:00Z"}, "column ds: 1 row with a time outside the years 1990"),
        ({"ds": "1971-01-01T00:00:00Z"}, "column ds: 1 row with a time outside the years 1990"),
        ({"unique_id": " "}, "column unique_id: 1 row with no key"),
    ],
)
def test_a_bad_value_is_named_with_its_row_early_and_late_in_the_file(
    tmp_path, row, change, message
):
    path, _ = text_file("counts.csv")(tmp_path, hours(lambda i: change if i == row else {}))
    with pytest.raises(DaypartError, match=f"{message}.* the first is row {row + 1:,}"):
        import_series(path, into=tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("row", [5, LATE])
def test_a_key_that_is_text_and_a_missing_number_are_read_early_and_late_alike(tmp_path, row):
    changed = {5: {"y": "NA"}, row: {"y": "NA"}}
    path, _ = text_file("counts.csv")(tmp_path, hours(lambda i: changed.get(i, {})))
    report = import_series(path, into=tmp_path / "s")
    assert report.missing_hours == len(changed)
    path, _ = text_file("keys.csv")(
        tmp_path, hours(lambda i: {"unique_id": "N-1"} if i == row else {})
    )
    assert set(series_of_names(path, tmp_path / "t")) == {"501", "N-1"}


def series_of_names(path, folder):
    import_series(path, into=folder)
    return series_of(folder)


def test_days_of_another_order_are_read_by_their_declared_format(tmp_path):
    stamps = [FIRST + dt.timedelta(hours=i) for i in range(288)]
    for number, form in enumerate(("%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%d-%m-%y %H")):
        rows = [{"unique_id": "a", "ds": s.strftime(form), "y": "1"} for s in stamps]
        path, _ = text_file(f"{number}.csv")(tmp_path, rows)
        report = import_series(path, into=tmp_path / f"s{number}", stamp_format=form)
        assert (report.rows, report.hours, report.missing_hours) == (288, 288, 0)
        with pytest.raises(DaypartError, match="unreadable time"):
            import_series(path, into=tmp_path / "none")


def test_a_column_of_days_and_one_of_hours_form_the_time(tmp_path):
    rows = [{"unique_id": "a", "day": "2025-01-06", "hour": str(h), "y": str(h)} for h in range(24)]
    path, _ = text_file("counts.csv")(tmp_path, rows)
    import_series(path, into=tmp_path / "s", mapping="ds=day+hour")
    assert series_of(tmp_path / "s") == {"a": (0, list(range(24)))}


def test_the_sum_of_an_hour_is_refused_where_it_is_more_than_a_store_holds(tmp_path):
    rows = [
        {"unique_id": "a", "ds": f"2025-01-06T00:{m}:00Z", "y": "1000000000"}
        for m in ("00", "15", "30", "45")
    ]
    path, _ = text_file("counts.csv")(tmp_path, rows)
    with pytest.raises(DaypartError, match="'a' add up to 4,000,000,000, over 2,147,483,647"):
        import_series(path, into=tmp_path / "s")


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero"])
def test_a_device_is_refused(tmp_path, name):
    with pytest.raises(DaypartError, match=f"{name}: is a device"):
        import_series(name, into=tmp_path / "s")


def test_two_columns_that_differ_in_case_only_are_both_named(tmp_path):
    rows = [{"unique_id": "a", "ds": ROWS[0]["ds"], "y": "1", "Y": "2"}]
    for form in ("csv", "parquet", "json lines", "workbook"):
        source, _ = FORMS[form](tmp_path, rows)
        with pytest.raises(DaypartError, match="the columns 'y' and 'Y' differ only in case"):
            import_series(source, into=tmp_path / "s")


def test_a_text_in_another_encoding_is_refused_with_what_to_do(tmp_path):
    path, _ = text_file("table.csv", "latin-1")(tmp_path, ROWS)
    with pytest.raises(DaypartError, match="is not UTF-8 .*encoding=windows-1252"):
        import_series(path, into=tmp_path / "s", key=["shop"])


def test_a_count_of_any_numeric_type_is_read(tmp_path):
    for number, kind in enumerate(("int8", "uint16", "int64", "uint64", "float32", "float64")):
        frame = pd.DataFrame({"unique_id": ["a"], "ds": [FIRST], "y": np.array([7], kind)})
        import_series(frame, into=tmp_path / f"{number}")
        assert series_of(tmp_path / f"{number}") == {"a": (0, [7])}
