"""What `insights` publishes of a store gives nobody's viewing away."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from small_market import KEY, NETWORKS, NIGHTS, at, make_run, young_or_old

from daypart import fit, ingest, insights
from daypart.disclosure.nesting import nest
from daypart.storage.tables import read_table
from daypart.viewing.crediting import CreditingRules


def publish(root, attributes, **options):
    """Publish the insights of such a market."""
    make_run(root, attributes, **options)
    insights(root / "run", out=root / "out")
    return read_table(root / "out" / "ratings.parquet").to_pylist()


def test_the_only_viewer_of_a_niche_network_is_in_no_figure(tmp_path):
    viewing = [("H7", "NICHE", night, 23 * 60 + 3, 23 * 60 + 40) for night in NIGHTS]
    rows = publish(tmp_path, young_or_old, extra=viewing, segments='[segments.young]\nage="young"')
    of_niche = [row for row in rows if row["network"] == "NICHE"]
    assert of_niche
    assert all(row["suppressed"] and row["viewing_minutes"] is None for row in of_niche)
    assert not all(row["suppressed"] for row in rows if row["network"] == "ESPN")
    with (tmp_path / "out" / "heat_map.csv").open() as file:
        hours = [row["rating"] for row in csv.DictReader(file) if row["network"] == "NICHE"]
    assert set(hours) == {"suppressed"}


def test_the_viewing_of_any_network_less_that_of_each_is_not_the_niche_network(tmp_path):
    viewing = [("H7", "NICHE", night, 2 * 60, 2 * 60 + 40) for night in NIGHTS]
    rows = publish(tmp_path, young_or_old, extra=viewing)
    week = [r for r in rows if r["market"] == "501" and r["daypart"] == "All week"]
    hidden = [r["network"] for r in week if r["suppressed"]]
    assert "NICHE" in hidden
    assert len(hidden) > 1 or all(r["hut"] is None for r in week)


def test_the_week_less_the_other_dayparts_is_not_a_suppressed_one(tmp_path):
    rows = publish(tmp_path, young_or_old)
    for network in NETWORKS:
        own = [r for r in rows if (r["market"], r["network"]) == ("501", network)]
        week = next(r for r in own if r["daypart"] == "All week")
        hidden = [r for r in own if r["daypart"] != "All week" and r["suppressed"]]
        assert week["suppressed"] or len(hidden) != 1


def test_one_household_shared_by_two_segments_that_cover_all_is_not_their_sum_less_all(tmp_path):
    rows = publish(
        tmp_path,
        lambda number: {"kids": int(number <= 60), "age": 30 if number >= 60 else 60},
        segments="[segments.families]\nkids={min=1}\n[segments.under_55]\nage={max=54}\n",
    )
    cells = {(r["segment"]) for r in rows if r["network"] == "ESPN" and not r["suppressed"]}
    assert "all" in cells
    assert not {"families", "under_55"} <= cells


def test_the_rule_of_the_store_is_the_rule_of_its_insights(tmp_path):
    rules = CreditingRules(minimum_cell_households=200)
    assert all(row["suppressed"] for row in publish(tmp_path, young_or_old, crediting=rules))


def test_a_household_of_an_enormous_weight_dominates_no_published_figure(tmp_path):
    rows = publish(tmp_path, young_or_old, weights={5: 1_000_000})
    assert all(row["suppressed"] for row in rows)


def test_a_household_that_joins_between_two_releases_is_not_their_difference(tmp_path):
    def shown_after(*events):
        file = tmp_path / f"more{len(events)}.csv"
        file.write_text("\n".join(["household_id,market,network,start,end", *events]) + "\n")
        zone, homes = "America/New_York", tmp_path / "homes.csv"
        ingest(file, into=tmp_path / "store", households=homes, timezone=zone, key=KEY)
        run = tmp_path / f"run{len(events)}"
        fit(tmp_path / "store", run=run, executor="inline", model="seasonal_naive")
        insights(run, out=tmp_path / "out")
        rows = read_table(tmp_path / "out" / "ratings.parquet").to_pylist()
        return {row["network"] for row in rows if not row["suppressed"]}

    before = publish(tmp_path, young_or_old)
    assert "ESPN" in {row["network"] for row in before if not row["suppressed"]}
    assert "ESPN" not in shown_after(f"H7,501,ESPN,{at(3, 60)},{at(3, 100)}")
    many = [f"H{n},501,{x},{at(4, 60)},{at(4, 100)}" for n in range(80) for x in NETWORKS]
    assert "ESPN" in shown_after(*many)


@pytest.mark.parametrize("seed", range(20))
def test_no_part_follows_from_a_whole_and_the_other_parts(seed):
    """An attacker who adds and subtracts the published figures of dayparts and networks."""
    rng = np.random.default_rng(seed)
    networks, dayparts = 4, 3
    own = rng.random((networks + 1, dayparts + 1)) < 0.7
    rows = {}
    for n in range(networks + 1):
        for d in range(dayparts + 1):
            row = np.zeros((networks, dayparts))
            row[slice(None) if n == networks else n, slice(None) if d == dayparts else d] = 1
            rows[n, d] = row.ravel()

    def by_daypart(table):
        parts = [nest(row[:-1, None], row[-1:]) for row in table]
        return np.array([[*inside[:, 0], *whole] for inside, whole in parts])

    parts, whole = nest(by_daypart(own)[:-1], by_daypart(own)[-1])
    allowed = by_daypart(np.concatenate([parts, whole[None]]))
    assert not (allowed & ~own).any()
    published = [rows[place] for place in rows if allowed[place]]
    for place in np.argwhere(~own):
        secret = rows[tuple(place)]
        if published:
            found = np.linalg.lstsq(np.array(published).T, secret, rcond=None)[0]
            assert np.abs(np.array(published).T @ found - secret).max() > 1e-6
