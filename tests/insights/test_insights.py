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
from daypart.storage.tables import read_table
from daypart.viewing.crediting import CreditingRules


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
def without_rules(made, tmp_path_factory) -> Made:
    """The same market in a store whose rules suppress nothing."""
    root, market = tmp_path_factory.mktemp("rules"), made.store.parent / "market"
    ingest(
        market / "events",
        households=market / "households.parquet",
        into=root / "store",
        markets=market / "markets.parquet",
        networks=market / "networks.parquet",
        segments=market / "segments.toml",
        crediting=CreditingRules(
            minimum_cell_households=0, minimum_contributing_households=0, dominance_percent=0
        ),
        key=b"a key for tests of insights",
    )
    fit(root / "store", run=root / "run", executor="inline")
    insights(root / "run", out=root / "out")
    return Made(root / "store", root / "run", root / "out")


@pytest.fixture(scope="module")
def ratings(made):
    return read_table(made.folder / "ratings.parquet")


@pytest.fixture(scope="module")
def every_rating(without_rules):
    return read_table(without_rules.folder / "ratings.parquet")


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
    assert np.isfinite(week_low).all()
    assert (week_low <= week_high).all()
    assert ((week_low <= week) & (week <= week_high)).mean() > 0.9


def test_every_row_says_its_unit_window_and_crediting_rule(ratings):
    for name, value in {
        "unit": "households",
        "window": "live",
        "crediting": "minimum tune 60 s, multi-set once",
    }.items():
        assert set(ratings.column(name).to_pylist()) == {value}


def test_the_interval_of_an_index_holds_it_and_all_households_stand_at_100(every_rating):
    of_all = np.array(every_rating.column("segment").to_pylist()) == "all"
    index, low, high = (
        figures(every_rating, name) for name in ("index", "index_lo_80", "index_hi_80")
    )
    for edge in (low, high):
        np.testing.assert_allclose(edge[of_all], 100)
    known = ~of_all & np.isfinite(low)
    assert known.sum() > 0.9 * (~of_all).sum()
    assert (low[known] <= index[known]).all()
    assert (index[known] <= high[known]).all()


def test_errors_of_ratings_and_indexes_are_those_of_drawing_other_households(made, every_rating):
    """A second way: draw the market's households again and again, with replacement."""
    row = next(
        row
        for row in every_rating.to_pylist()
        if (row["market"], row["network"], row["daypart"]) == ("501", "ABC", "All week")
        and row["segment"] != "all"
    )
    seen = duckdb.sql(
        f"""
        SELECT weight, list_contains(segments, '{row["segment"]}') AS inside,
               coalesce(sum(minutes) FILTER (network = 'ABC'), 0) AS minutes
        FROM '{made.store}/households-1.parquet'
             LEFT JOIN '{made.store}/panel/501-1.parquet' USING (household)
        WHERE market = '501' GROUP BY household, weight, segments ORDER BY household
        """
    ).fetchnumpy()
    weight, inside, minutes = seen["weight"], seen["inside"].astype(bool), seen["minutes"]
    rng = np.random.default_rng(3)
    drawn, indexes = [], []
    for _ in range(2000):
        who = rng.integers(0, len(weight), len(weight))
        w, x, s = weight[who], weight[who] * minutes[who], inside[who]
        drawn.append(100 * x[s].sum() / w[s].sum() / (3 * 168 * 60))
        indexes.append(drawn[-1] / (x.sum() / w.sum() / (3 * 168 * 60)))
    width = row["rating_hi_80"] - row["rating_lo_80"]
    assert width == pytest.approx(np.subtract(*np.quantile(drawn, [0.9, 0.1])), rel=0.15)
    width = np.log(row["index_hi_80"] / row["index_lo_80"])
    logs = np.log(indexes)
    assert width == pytest.approx(np.subtract(*np.quantile(logs, [0.9, 0.1])), rel=0.15)


def test_top_networks_are_ranked_by_rating_and_by_index_within_each_segment(made):
    with (made.folder / "top_networks.csv").open() as file:
        rows = list(csv.DictReader(file))
    for segment in {row["segment"] for row in rows}:
        shown = [r for r in rows if r["segment"] == segment and r["suppressed"] == "false"]
        for rank, figure in (("rank", "rating"), ("rank_by_index", "index")):
            ordered = [float(r[figure]) for r in sorted(shown, key=lambda r: int(r[rank]))]
            assert ordered == sorted(ordered, reverse=True)
            assert sorted(int(r[rank]) for r in shown) == list(range(1, len(shown) + 1))


def test_the_heat_map_has_168_hours_for_every_network_and_any(made):
    with (made.folder / "heat_map.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * (5 + 1) * 168
    of_any = [float(r["rating"]) for r in rows if (r["network"], r["segment"]) == ("any", "all")]
    assert 17 <= int(np.argmax(of_any)) % 24 <= 22
    assert max(of_any) <= 100


def test_what_is_suppressed_reads_so_in_every_csv(made, tmp_path):
    found = insights(made.run, out=tmp_path, min_households=600)
    assert 0 < found.suppressed_cells < found.cells
    for name, figure in {
        "ratings.csv": "share",
        "top_networks.csv": "rating",
        "heat_map.csv": "rating",
    }.items():
        with (tmp_path / name).open() as file:
            rows = list(csv.DictReader(file))
        hidden = [row for row in rows if row["suppressed"] == "true"]
        assert hidden
        assert len(hidden) < len(rows)
        assert {row[figure] for row in hidden} == {"suppressed"}
        assert "suppressed" not in {r[figure] for r in rows if r["suppressed"] == "false"}


def test_a_local_network_has_rows_in_its_own_market_and_in_the_total(tmp_path):
    market = simulate(
        tmp_path / "market", markets=2, networks=3, households=300, weeks=3, segments=1, seed=2
    )
    networks = tmp_path / "networks.csv"
    networks.write_text("network,market\nABC,501\nNBC,\nCBS,\n")
    ingest(
        market.events,
        households=market.households,
        into=tmp_path / "store",
        markets=market.markets,
        networks=networks,
        key=b"a key for tests of insights",
    )
    fit(tmp_path / "store", run=tmp_path / "run", model="seasonal_naive", executor="inline")
    insights(tmp_path / "run", out=tmp_path / "out")
    rows = read_table(tmp_path / "out" / "ratings.parquet").to_pylist()
    local = [row for row in rows if (row["network"], row["daypart"]) == ("ABC", "All week")]
    assert [row["market"] for row in local] == ["501", "all"]
    own, total = local
    assert total["average_audience"] == pytest.approx(own["average_audience"])
    assert total["rating"] < own["rating"]
    assert total["coming_week_rating"] == pytest.approx(
        own["coming_week_rating"] * own["universe_estimate"] / total["universe_estimate"]
    )


def test_households_in_tab_stand_for_those_that_fell_silent(tmp_path):
    market = simulate(
        tmp_path / "market",
        markets=1,
        networks=3,
        households=300,
        weeks=3,
        segments=1,
        seed=2,
        dirty_share=0,
    )
    rating = {}
    for days in (None, 1):
        store, run, out = (tmp_path / f"{name}{days}" for name in ("store", "run", "out"))
        ingest(
            market.events,
            households=market.households,
            into=store,
            markets=market.markets,
            networks=market.networks,
            key=b"a key for tests of insights",
            crediting=CreditingRules(out_of_tab_silent_days=days),
        )
        fit(store, run=run, model="seasonal_naive", executor="inline")
        insights(run, out=out)
        rows = read_table(out / "ratings.parquet").to_pylist()
        rating[days] = next(r for r in rows if r["daypart"] == "All week")["rating"]
    assert rating[None] < rating[1] < 2 * rating[None]


def test_segments_of_events_have_ratings_but_no_interval_that_the_panel_can_not_know(tmp_path):
    rng = np.random.default_rng(4)
    lines = ["household_id,market,network,start,end,kind"]
    for _ in range(6000):
        begin = np.datetime64("2025-01-13T08:00") + np.timedelta64(
            int(rng.integers(21 * 1440)), "m"
        )
        end = begin + np.timedelta64(int(rng.integers(5, 90)), "m")
        who, kind = int(rng.integers(80)), rng.choice(["member", "guest"])
        lines.append(f"H{who},501,{rng.choice(['A', 'B'])},{begin}:00Z,{end}:00Z,{kind}")
    (tmp_path / "events.csv").write_text("\n".join(lines) + "\n")
    ingest(
        tmp_path / "events.csv",
        households="from-events",
        into=tmp_path / "store",
        timezone="America/New_York",
        mapping="segment=kind",
        key=b"a key for tests of insights",
    )
    fit(tmp_path / "store", run=tmp_path / "run", model="seasonal_naive", executor="inline")
    insights(tmp_path / "run", out=tmp_path / "out")
    rows = read_table(tmp_path / "out" / "ratings.parquet").to_pylist()
    of = {(r["market"], r["network"], r["daypart"], r["segment"]): r for r in rows}
    every, guest, member = (of["501", "A", "All week", s] for s in ("all", "guest", "member"))
    parts = guest["viewing_minutes"] + member["viewing_minutes"]
    assert every["viewing_minutes"] == pytest.approx(parts, rel=0.1)
    assert every["rating_lo_80"] < every["rating"] < every["rating_hi_80"]
    assert guest["rating_lo_80"] is guest["index_hi_80"] is None
    assert guest["index"] + member["index"] == pytest.approx(100 * parts / every["viewing_minutes"])


def test_the_same_run_gives_the_same_files(made, tmp_path):
    insights(made.run, out=tmp_path)
    for file in made.folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_headlines_say_what_stands_out(made):
    content = json.loads((made.folder / "insights.json").read_text())
    assert content["simulated"] is True
    assert any("leads among all households" in line for line in content["headlines"])
    assert any("peaks on" in line for line in content["headlines"])


def test_the_headline_on_a_segment_names_the_index_that_is_surest_above_par(without_rules):
    folder = without_rules.folder
    headlines = json.loads((folder / "insights.json").read_text())["headlines"]
    said = next(line for line in headlines if "stands out most among" in line)
    with (folder / "top_networks.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["segment"] != "all"]
    surest = max(rows, key=lambda row: float(row["index_lo_80"]))
    assert said.startswith(f"{surest['network']} stands out most among {surest['segment']}")


def test_a_store_of_other_series_is_refused(tmp_path):
    table = tmp_path / "sales.csv"
    rows = "".join(f"a,2025-01-{6 + h // 24:02d}T{h % 24:02d}:00:00Z,1\n" for h in range(400))
    table.write_text("unique_id,ds,y\n" + rows)
    import_series(table, into=tmp_path / "store")
    fit(tmp_path / "store", run=tmp_path / "run", model="seasonal_naive", executor="inline")
    with pytest.raises(DaypartError, match="holds no viewing"):
        insights(tmp_path / "run", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_threshold_below_the_rule_of_the_store_is_refused(made, tmp_path):
    with pytest.raises(DaypartError, match="min_households is 49, the store's rule is 50"):
        insights(made.run, out=tmp_path / "out", min_households=49)
