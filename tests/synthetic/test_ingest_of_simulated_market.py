"""Ingest accounts for every row of a simulated market and comes to its truth."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from daypart.series.store import SeriesStore
from daypart.storage.files import read_json
from daypart.synthetic.simulation import simulate
from daypart.viewing.ingest import ingest


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    return simulate(folder, markets=2, networks=5, households=300, weeks=2, dirty_share=0.02)


@pytest.fixture(scope="module")
def store(market, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ingested") / "store"
    ingest(
        market.events,
        households=market.households,
        into=folder,
        markets=market.markets,
        segments=market.segments,
        networks=market.networks,
        key=b"a key for tests of ingest",
    )
    return SeriesStore.open(folder)


def test_each_kind_of_dirt_is_set_aside_as_often_as_it_was_made(market, store):
    rows = store.extra["viewing"]["rows"]
    made = read_json(market.description)["totals"]
    assert rows["read"] == made["rows"]
    assert rows["set_aside"] == {
        "stamp_without_zone": made["dirty"]["no_zone"],
        **{
            kind: made["dirty"][kind]
            for kind in ("end_before_start", "unknown_household", "unknown_network", "duplicate")
        },
    }
    # A row that overlaps its own device's adds no minute, and no credit, but it is no fault.
    assert rows["credited"] + rows["below_minimum_tune"] == (
        made["sessions"] + made["dirty"]["overlapping"]
    )


def test_the_store_says_that_its_events_were_simulated(store):
    assert store.extra["viewing"]["simulated"] is True


def test_the_counts_come_to_the_truth(market, store):
    truth = pq.read_table(market.truth).to_pydict()
    expected: dict[str, float] = {}
    parts = (truth[name] for name in ("market", "network", "segment", "expected_households"))
    for code, network, segment, value in zip(*parts, strict=True):
        unique_id = f"{code}/{network}/{segment}"
        expected[unique_id] = expected.get(unique_id, 0.0) + value
    counted = {}
    for region in store.regions:
        block = store.read_region(region)
        assert {block.hours_of(i) for i in range(len(block))} == {2 * 168}
        counted |= {name: block.counts_of(i).sum() for i, name in enumerate(block.unique_ids)}
    assert set(counted) == set(expected)
    excess = 2.25  # hours that a session touches: mean square over mean
    z = [(counted[name] - expected[name]) / np.sqrt(expected[name] * excess) for name in expected]
    assert np.abs(z).max() < 4
    assert np.sqrt(np.mean(np.square(z))) < 1.4
