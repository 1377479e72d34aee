"""`inspect` shows what a store contains, and nothing of fewer households than may be published."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

import daypart
from daypart.cli.main import main

LARGE, SMALL, DAYS = 60, 20, 10
"""Households of the markets 501 and 803; the least to publish is 50."""
SILENT = 4
"""The day without events."""


def tunes(market: str, households: range, days: list[int], network: str = "CNN"):
    for day in days:
        start = datetime(2025, 3, 3, 20, tzinfo=UTC) + timedelta(days=day)
        for number in households:
            yield (f"secret-{market}-{number}", market, network, start, start + timedelta(hours=2))


def ingested(folder, rows, small=SMALL):
    names = ("household_id", "market", "network", "start", "end")
    events = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    homes = [("501", i) for i in range(LARGE)] + [("803", i) for i in range(small)]
    households = pa.table(
        {
            "household_id": [f"secret-{market}-{number}" for market, number in homes],
            "market": [market for market, _ in homes],
            "weight": [100.0] * len(homes),
        }
    )
    daypart.ingest(events, households=households, into=folder / "store", timezone="UTC",
                   key=b"a household key for tests")  # fmt: skip
    return folder / "store"


@pytest.fixture
def store(tmp_path):
    days = [day for day in range(DAYS) if day != SILENT]
    rows = [
        *tunes("501", range(40), days),
        *tunes("501", range(40), days[:3], "ESPN"),
        *tunes("501", range(3), [SILENT]),
        *tunes("803", range(SMALL), days),
        (
            "stranger",
            "501",
            "CNN",
            datetime(2025, 3, 3, tzinfo=UTC),
            datetime(2025, 3, 4, tzinfo=UTC),
        ),
    ]
    return ingested(tmp_path, rows)


def test_a_day_on_which_too_few_viewed_has_no_data(store):
    (coverage,) = daypart.inspect(store).coverage
    assert coverage.region == "501"
    assert coverage.hours == tuple(2 * (day != SILENT) for day in range(DAYS))
    assert coverage.empty_days == ("2025-03-07",)


def test_a_market_of_too_few_households_is_withheld(store):
    found = daypart.inspect(store)
    assert [each.region for each in found.coverage] == ["501"]
    assert found.regions_withheld == 1
    assert all("803" not in each.unique_id for each in found.odd_series)


def test_reasons_and_households_without_events_are_counted(store):
    found = daypart.inspect(store)
    rows = 40 * 9 + 40 * 3 + 3 + SMALL * 9 + 1
    assert found.rows == rows
    assert found.set_aside == {"unknown_household": pytest.approx(100 / rows)}
    assert (found.households, found.households_without_events) == (80, 20)


def test_a_small_number_of_households_without_events_is_withheld(tmp_path):
    rows = [*tunes("501", range(LARGE - 3), [0]), *tunes("803", range(SMALL), [0])]
    assert daypart.inspect(ingested(tmp_path, rows)).households_without_events is None


def test_a_series_that_stopped_is_odd_where_it_may_be_named(store, tmp_path):
    assert daypart.inspect(store).odd_series == ()
    rows = [*tunes("501", range(40), list(range(9))), *tunes("501", range(40), [0, 1, 2], "ESPN")]
    (odd,) = daypart.inspect(ingested(tmp_path / "alone", rows, small=0)).odd_series
    assert (odd.unique_id, odd.reason) == (
        "501/ESPN/all",
        "under 10 households in every hour on the last 6 days, from 2025-03-06",
    )


def test_the_verb_prints_a_chart_a_page_and_json_without_ids(store, tmp_path, capsys):
    page = tmp_path / "coverage.html"
    for more in (["--html", str(page)], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            main(["inspect", str(store), *more])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert "secret" not in text
        if more[0] == "--html":
            assert "501 ░░░░·░░░░░" in text
            assert "1 day with under 10 households in every hour: 2025-03-07 (all regions)" in text
    assert json.loads(text)["coverage"][0]["hours"][SILENT] == 0
    html = page.read_text()
    assert "secret" not in html
    assert '"region":"501"' in html
    assert '"803"' not in html
    assert "https://" not in html.split("<style>")[0]


def test_ingest_and_import_print_the_profile(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(
        "unique_id,ds,y\n"
        + "".join(f"a,2025-03-0{day}T{hour:02}:00Z,1\n" for day in (1, 3) for hour in range(24))
    )
    with pytest.raises(SystemExit):
        main(["import", str(tmp_path / "a.csv"), "--into", str(tmp_path / "s"), "--json"])
    profile = json.loads(capsys.readouterr().out)["profile"]
    assert profile["coverage"][0]["hours"] == [24, 0, 24]
    assert profile["households"] is None


def test_an_import_shows_the_series_that_ended(tmp_path):
    hours = [datetime(2025, 3, 3, tzinfo=UTC) + timedelta(hours=i) for i in range(24 * 21)]
    table = pa.table(
        {
            "unique_id": ["on"] * len(hours) + ["off"] * len(hours),
            "ds": hours * 2,
            "y": [5] * len(hours) + [5] * (24 * 12) + [0] * (24 * 9),
        }
    )
    daypart.import_series(table, into=tmp_path / "store")
    (odd,) = daypart.inspect(tmp_path / "store").odd_series
    assert (odd.unique_id, odd.reason) == ("off", "no count on the last 9 days, from 2025-03-15")
