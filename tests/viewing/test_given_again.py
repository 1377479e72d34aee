"""Files given again: for more days, with corrected rows, or for nothing new."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from viewing_events import (
    Tune,
    assert_same_cells,
    at,
    ingest_arguments,
    stored_cells,
    stored_hut,
    write_events,
)

from daypart.series.store import SeriesStore
from daypart.viewing.ingest import ingest

DAYS = [dt.date(2025, 3, day) for day in range(3, 13)]
HEADER = "household_id,market,network,start,end"


@pytest.fixture
def arguments(tmp_path):
    given = ingest_arguments(tmp_path / "beside")
    return lambda name: {**given, "into": tmp_path / name}


@pytest.fixture
def file(tmp_path):
    """A tune of every household on every day; some last over midnight."""
    tunes = []
    for place, (day, household) in enumerate(itertools.product(DAYS, ("H1", "H2", "H3", "H4"))):
        start = at(f"{day}T23:30:00-05:00") - place % 3 * 7_200_000
        tunes.append(Tune(household, ("CNN", "ESPN")[place % 2], start, start + 3_000_000))
    return write_events(tmp_path / "e.parquet", tunes)


def assert_same_stores(one, other) -> None:
    assert_same_cells(stored_cells(one), stored_cells(other))
    assert_same_cells(stored_hut(one), stored_hut(other))


@pytest.mark.parametrize(
    "spans",
    [
        [(None, DAYS[4]), (None, DAYS[8])],
        [(None, DAYS[4]), (None, None)],
        [(DAYS[5], None), (None, None)],
        [(DAYS[0], DAYS[2]), (DAYS[6], DAYS[7]), (DAYS[0], DAYS[7])],
    ],
)
def test_a_file_given_again_with_more_days_gives_the_store_of_all_days(file, arguments, spans):
    for first, last in spans:
        report = ingest(file, **arguments("again"), first_day=first, last_day=last)
        assert report.files_skipped == ()
        assert report.rows.adds_up()
        assert report.rows_in_store.adds_up()
    first, last = spans[-1]
    ingest(file, **arguments("once"), first_day=first, last_day=last)
    assert_same_stores(arguments("again")["into"], arguments("once")["into"])


@pytest.mark.parametrize("span", [(None, DAYS[8]), (None, DAYS[4]), (DAYS[1], DAYS[8])])
def test_a_file_given_again_without_more_days_is_skipped(file, arguments, span):
    ingest(file, **arguments("store"), last_day=DAYS[8])
    before = SeriesStore.open(arguments("store")["into"]).generation
    report = ingest(file, **arguments("store"), first_day=span[0], last_day=span[1])
    assert report.files_skipped == (str(file),)
    assert SeriesStore.open(arguments("store")["into"]).generation == before


def test_rows_set_aside_can_be_given_again_corrected(tmp_path, arguments):
    good = [f"H1,501,CNN,2025-03-0{day}T20:00:00Z,2025-03-0{day}T21:00:00Z" for day in range(3, 8)]
    bad = [
        good[0].replace("CNN", "CMM"),
        good[1].replace("2025-03-04T20", "2025-3-four T20"),
        good[2].replace("H1", "H9"),
        good[3].replace("501", "999"),
    ]
    networks = ["CNN", "ESPN"]
    for name, rows in {"first": [*bad, good[4]], "corrected": good[:4], "all": good}.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    assert ingest(
        tmp_path / "first.csv", **arguments("again"), networks=networks
    ).rows.all_set_aside == len(bad)
    report = ingest(tmp_path / "corrected.csv", **arguments("again"), networks=networks)
    assert (report.rows.credited, report.rows.all_set_aside) == (4, 0)
    ingest(tmp_path / "all.csv", **arguments("once"), networks=networks)
    assert_same_stores(arguments("again")["into"], arguments("once")["into"])


def test_a_whole_corrected_file_credits_no_row_twice(tmp_path, arguments):
    good = [f"H1,501,CNN,2025-03-0{day}T20:00:00Z,2025-03-0{day}T21:00:00Z" for day in range(3, 6)]
    (tmp_path / "first.csv").write_text("\n".join([HEADER, *good[:2], "H1,501,CNN,?,?"]) + "\n")
    (tmp_path / "whole.csv").write_text("\n".join([HEADER, *good]) + "\n")
    ingest(tmp_path / "first.csv", **arguments("again"))
    report = ingest(tmp_path / "whole.csv", **arguments("again"))
    assert (report.rows.credited, dict(report.rows.set_aside)) == (1, {"duplicate": 2})
    ingest(tmp_path / "whole.csv", **arguments("once"))
    assert_same_stores(arguments("again")["into"], arguments("once")["into"])
