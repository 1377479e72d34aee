"""The columns that tell how far a partition's posterior may be trusted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from daypart.models.registry import get_model
from daypart.series.block import block_from_arrays

MONDAY = 96  # hours since 1970 of its first Monday


def fit(series, model="crossed"):
    ids = [f"p{i}" for i in range(len(series))]
    keys = pa.table({"unique_id": ids})
    counts = [np.asarray(values, dtype=np.int32) for values in series]
    block = block_from_arrays(keys, ["UTC"] * len(ids), [MONDAY] * len(ids), counts)
    return get_model(model).fit(block)


def counts_of(rng, mean, size=4.0, weeks=8):
    profile = np.exp(0.5 * rng.normal(size=168) + 0.1 * rng.normal(size=(weeks, 1)))
    rate = mean * profile * rng.gamma(size, 1.0 / size, (weeks, 168))
    return rng.poisson(rate).ravel()


@pytest.mark.parametrize("model", ["crossed", "negbin"])
@pytest.mark.parametrize("mean", [0.2, 8.0, 900.0])
def test_transforms_of_what_the_model_describes_are_uniform(model, mean):
    rng = np.random.default_rng(3)
    rows = fit([counts_of(rng, mean) for _ in range(60)], model)
    assert np.mean(rows.column("pit_mean").to_numpy()) == pytest.approx(0.5, abs=0.03)
    assert np.mean(rows.column("pit_sd").to_numpy()) == pytest.approx(0.289, abs=0.04)
    assert (rows.column("pit_distance").to_numpy() > 0.2).mean() < 0.1


def test_transforms_of_what_it_does_not_describe_are_not():
    rng = np.random.default_rng(4)
    two_sided = [np.where(rng.random(8 * 168) < 0.5, 5, 60) for _ in range(5)]
    described = fit([counts_of(rng, 30.0) for _ in range(5)])
    other = fit(two_sided)
    further = other.column("pit_distance").to_numpy() - described.column("pit_distance").to_numpy()
    assert further.mean() > 0.05


def test_the_transforms_depend_on_the_partitions_name_alone():
    rng = np.random.default_rng(5)
    series = [counts_of(rng, 5.0) for _ in range(3)]
    together, alone = fit(series), fit(series[:1])
    assert together.slice(0, 1).equals(alone)
