"""Insights of a simulated market: the figures add up, carry intervals and keep privacy."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pytest

from daypart import fit, import_series, ingest, insights, simulate
from daypart.errors import DaypartError
from daypart.storage import read_table


@dataclass(frozen=True)
class Made:
    store: Path
    run: Path
    folder: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    root = tmp_path_factory.mktemp("insights")
    market = simulate(
        root / "market",
        markets=3,
        networks=5,
        households=700,
        weeks=3,
        segments=3,
        seed=5,
        dirty_share=0,
    )
    ingest(
        market.events,
        households=market.households,
        into=root / "store",
        markets=market.markets,
        networks=market.networks,
        segments=market.segments,
        key=b"a key for tests of insights",
    )
    fit(root / "store", run=root / "run", executor="inline")
    insights(root / "run", out=root / "out")
    return Made(root / "store", root / "run", root / "out")


@pytest.fixture(scope="module")
def ratings(made):
    return read_table(made.folder / "ratings.parquet")


def figures(ratings, name):
    return ratings.column(name).to_numpy(zero_copy_only=False)


def test_there_is_a_row_for_every_market_network_daypart_and_segment(ratings):
    assert len(ratings) == (3 + 1) * 5 * (8 + 1) * 3
    assert len(set(zip(*[ratings.column(i).to_pylist() for i in (0, 2, 3, 4)], strict=True))) == (
        len(ratings)
    )


def test_suppressed_cells_have_no_figure_and_read_suppressed(made, ratings):
    hidden = figures(ratings, "suppressed")
    assert hidden.any()
    assert not hidden.all()
    assert np.isnan(figures(ratings, "rating")[hidden]).all()
    with (made.folder / "ratings.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["suppressed"] == "true":
            assert row["rating"] == row["in_tab_households"] == "suppressed"
        else:
            assert int(row["in_tab_households"]) >= 50


def test_ratings_are_counted_from_the_credited_events(made, ratings):
    """A second way to the same figure: minutes of the credited events, by DuckDB."""
    window = json.loads((made.store / "store.json").read_text())["viewing"]["markets"]["501"]
    last = f"make_timestamptz({(window['first_hour'] + window['hours']) * 3_600_000_000})"
    minutes = duckdb.sql(
        f"""
        SELECT sum(weight * epoch("end" - start)) / 60
        FROM (
            SELECT household, least(max("end"), {last}) AS "end", min(start) AS start FROM (
                SELECT *, sum(new) OVER (PARTITION BY household ORDER BY start, "end") AS island
                FROM (
                    SELECT *, coalesce(start > max("end") OVER (
                        PARTITION BY household ORDER BY start, "end"
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true)::INT AS new
                    FROM '{made.store}/events/501-1.parquet'
                    WHERE network = 'ABC' AND epoch("end" - start) >= 60
                )
            ) GROUP BY household, island
        ) JOIN '{made.store}/households-1.parquet' USING (household)
        """
    ).fetchall()[0][0]
    row = next(
        row
        for row in ratings.to_pylist()
        if (row["market"], row["network"], row["daypart"], row["segment"])
        == ("501", "ABC", "All week", "all")
    )
    assert row["viewing_minutes"] == pytest.approx(minutes, rel=1e-6)
    assert row["rating"] == pytest.approx(
        100 * row["viewing_minutes"] / (3 * 168 * 60) / row["universe_estimate"]
    )


def test_shares_and_hut_agree_with_ratings(ratings):
    shown = ~figures(ratings, "suppressed")
    rating, hut, share = (figures(ratings, name)[shown] for name in ("rating", "hut", "share"))
    np.testing.assert_allclose(share * hut / 100, rating, rtol=1e-9)
    assert (rating <= hut * (1 + 1e-9)).all()
    of_all = shown & (np.array(ratings.column("segment").to_pylist()) == "all")
    np.testing.assert_allclose(figures(ratings, "index")[of_all], 100)


def test_the_total_over_markets_is_weighted_by_households_not_added(ratings):
    rows = [
        row
        for row in ratings.to_pylist()
        if (row["network"], row["daypart"], row["segment"]) == ("ABC", "Prime", "all")
    ]
    *markets, total = rows
    assert total["market"] == "all"
    assert total["average_audience"] == pytest.approx(
        sum(row["average_audience"] for row in markets)
    )
    assert (
        min(row["rating"] for row in markets)
        < total["rating"]
        < max(row["rating"] for row in markets)
    )


def test_every_published_rating_lies_in_its_interval(ratings):
    shown = ~figures(ratings, "suppressed")
    rating, low, high = (
        figures(ratings, name)[shown] for name in ("rating", "rating_lo_80", "rating_hi_80")
    )
    assert (low <= rating).all()
    assert (rating <= high).all()
    assert (high > low).mean() > 0.95
    week_low, week, week_high = (
        figures(ratings, f"coming_week_{name}")[shown] for name in ("lo_80", "rating", "hi_80")
    )
    assert (week_low <= week_high).all()
    assert ((week_low <= week) & (week <= week_high)).mean() > 0.9


def test_every_row_says_its_unit_window_and_crediting_rule(ratings):
    for name, value in {
        "unit": "households",
        "window": "live",
        "crediting": "minimum tune 60 s, multi-set once",
    }.items():
        assert set(ratings.column(name).to_pylist()) == {value}


def test_top_networks_are_ranked_within_each_segment(made):
    with (made.folder / "top_networks.csv").open() as file:
        rows = list(csv.DictReader(file))
    of_all = [row for row in rows if row["segment"] == "all"]
    assert [int(row["rank"]) for row in of_all] == [1, 2, 3, 4, 5]
    assert [float(row["rating"]) for row in of_all] == sorted(
        (float(row["rating"]) for row in of_all), reverse=True
    )


def test_the_heat_map_has_168_hours_for_every_network_and_any(made):
    with (made.folder / "heat_map.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * (5 + 1) * 168
    of_any = [float(r["rating"]) for r in rows if (r["network"], r["segment"]) == ("any", "all")]
    assert 17 <= int(np.argmax(of_any)) % 24 <= 22
    assert max(of_any) <= 100


def test_the_same_run_gives_the_same_files(made, tmp_path):
    insights(made.run, out=tmp_path)
    for file in made.folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_headlines_say_what_stands_out(made):
    content = json.loads((made.folder / "insights.json").read_text())
    assert content["simulated"] is True
    assert any("leads among all households" in line for line in content["headlines"])
    assert any("peaks on" in line for line in content["headlines"])


def test_a_store_of_other_series_is_refused(tmp_path):
    table = tmp_path / "sales.csv"
    rows = "".join(f"a,2025-01-{6 + h // 24:02d}T{h % 24:02d}:00:00Z,1\n" for h in range(400))
    table.write_text("unique_id,ds,y\n" + rows)
    import_series(table, into=tmp_path / "store")
    fit(tmp_path / "store", run=tmp_path / "run", model="seasonal_naive", executor="inline")
    with pytest.raises(DaypartError, match="holds no viewing"):
        insights(tmp_path / "run", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_negative_threshold_is_refused(made, tmp_path):
    with pytest.raises(DaypartError, match="min_households is -1"):
        insights(made.run, out=tmp_path / "out", min_households=-1)
