"""Counts straight into a store: readable, marked, and drawn from what the truth file says."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from daypart.errors import DaypartError
from daypart.series.store import SeriesStore, content_hash
from daypart.storage.files import read_json
from daypart.synthetic.counts import TRUTH_FILE, draw_counts, draw_parameters, simulate_counts
from daypart.synthetic.demand import window_of
from daypart.synthetic.simulation_plan import DEFAULT_START


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    out = tmp_path_factory.mktemp("counts") / "store"
    return simulate_counts(out, markets=2, networks=40, segments=6, weeks=13)


def test_the_store_holds_the_whole_grid(store):
    reopened = SeriesStore.open(store.folder)
    assert reopened.key == ("market", "network", "segment")
    assert reopened.overlapping == {"segment": "all"}
    assert reopened.partitions == 2 * 40 * 6
    block = reopened.read_region("803")
    assert block.unique_ids == sorted(block.unique_ids)
    assert {block.hours_of(i) for i in range(len(block))} == {13 * 168 - 1}
    assert set(block.timezones) == {"America/Los_Angeles"}
    assert block.counts.min() >= 0
    assert (block.exposures == 1).all()


def test_the_store_says_that_it_is_simulated(store):
    content = read_json(store.folder / "store.json")
    assert content["daypart.simulated"] is True
    assert content["simulation"]["networks"] == 40
    assert pq.read_schema(store.folder / TRUTH_FILE).metadata[b"daypart.simulated"] == b"true"


def test_the_counts_follow_the_parameters_of_the_truth_file(store):
    truth = pq.read_table(store.folder / TRUTH_FILE).to_pydict()
    blocks = [store.read_region(region) for region in store.regions]
    by_id = {
        name: block.counts_of(i).mean()
        for block in blocks
        for i, name in enumerate(block.unique_ids)
    }
    assert set(truth["unique_id"]) == set(by_id)
    means = np.array([by_id[name] for name in truth["unique_id"]])
    expected = np.array(truth["mean"])
    dense = expected > 1
    assert np.abs(np.log(means[dense] / expected[dense])).max() < 0.35
    assert means[~dense].sum() == pytest.approx(expected[~dense].sum(), rel=0.1)
    assert expected.min() < 0.1
    assert expected.max() > 1000


def test_counts_are_as_overdispersed_as_their_size_says():
    window = window_of("America/New_York", DEFAULT_START, 13)
    rng = np.random.default_rng(3)
    parameters = draw_parameters(200, 14, rng)
    counts = draw_counts(parameters, window, rng)
    mu = np.exp(
        parameters.level[:, None]
        + parameters.hour[:, window.local.hour_of_week]
        + parameters.week[:, window.local.week]
    )
    weekdays = slice(0, 7 * 24)  # a week without a holiday
    mu, counts = mu[:, weekdays], counts[:, weekdays]
    variance = mu + mu**2 / parameters.size[:, None]
    assert ((counts - mu) ** 2 / variance).mean() == pytest.approx(1, abs=0.05)


def test_a_market_has_the_same_counts_whichever_others_there_are(store, tmp_path):
    alone = simulate_counts(tmp_path / "alone", markets=1, networks=40, segments=6, weeks=13)
    assert content_hash(alone.read_region("501")) == content_hash(store.read_region("501"))
    other = simulate_counts(tmp_path / "b", markets=1, networks=40, segments=6, weeks=13, seed=8)
    assert content_hash(other.read_region("501")) != content_hash(store.read_region("501"))


def test_a_store_that_is_there_is_left_alone(store):
    with pytest.raises(DaypartError, match="holds a store already"):
        simulate_counts(store.folder, markets=1, networks=1, segments=1, weeks=1)
    assert SeriesStore.open(store.folder).partitions == store.partitions


@pytest.mark.parametrize(
    ("argument", "value"), [("markets", 0), ("networks", 166), ("segments", 7), ("weeks", 105)]
)
def test_a_grid_out_of_range_is_refused(argument, value, tmp_path):
    with pytest.raises(DaypartError, match=f"^{argument} is {value}"):
        simulate_counts(tmp_path / "out", **{argument: value})
    assert not (tmp_path / "out").exists()
