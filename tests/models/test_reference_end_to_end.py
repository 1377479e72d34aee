"""From a long table and a calendar to `posterior`: the reference, as a user would fit it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nuts_reference import FILE

import daypart

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
HYPERPARAMETERS = ("sh", "sw", "inv_phi")


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(FILE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def told(reference, tmp_path_factory) -> daypart.runs.posterior.PosteriorTables:
    """Import, fit and tell the posterior of all ten."""
    folder = tmp_path_factory.mktemp("reference")
    counts = reference["y"].reshape(10, -1)
    hours = counts.shape[1]
    long = pa.table(
        {
            "partition": np.repeat([f"p{i}" for i in range(10)], hours),
            "ds": [MONDAY + timedelta(hours=hour) for hour in range(hours)] * 10,
            "y": counts.ravel(),
        }
    )
    pq.write_table(long, folder / "long.parquet")
    on = np.flatnonzero(np.diff(reference["holiday"].ravel(), prepend=0, append=0))
    stamps = [(MONDAY + timedelta(hours=int(hour))).isoformat() for hour in on]
    rows = [f"holiday,{a},{b}" for a, b in zip(stamps[::2], stamps[1::2], strict=True)]
    (folder / "calendar.csv").write_text("\n".join(["name,from,to", *rows]) + "\n")
    daypart.import_series(folder / "long.parquet", into=folder / "store", key=["partition"])
    daypart.fit(
        folder / "store",
        run=folder / "run",
        model="crossed",
        calendar=folder / "calendar.csv",
        executor="inline",
    )
    return daypart.posterior(folder / "run")


@pytest.mark.parametrize("partition", range(10))
def test_log_mu_and_hyperparameters_meet_the_table(reference, told, partition):
    dense = reference["y"][partition].mean() >= 1
    mean, sd = (
        told.hours.column(name).to_numpy().reshape(10, 13, 168)[partition]
        for name in ("log_mu_mean", "log_mu_sd")
    )
    expected, spread = reference["eta_mean"][partition], reference["eta_sd"][partition]
    difference = np.abs(mean - expected) / spread - reference["eta_mc"][partition]
    assert difference.max() <= (0.05 if dense else 0.15)
    ratio = sd / spread
    # the reference's own sd is known to 1 or 2 % in a cell, and these are the worst of 2,184
    assert (0.94 if dense else 0.85) <= ratio.min()
    assert ratio.max() <= (1.05 if dense else 1.10)
    row = told.hyperparameters.slice(partition, 1).to_pylist()[0]
    limit = 0.1 if dense else 0.2
    for j, name in enumerate(HYPERPARAMETERS):
        unit = reference["hyper_sd"][partition, j]
        assert abs(row[f"{name}_mean"] - reference["hyper_mean"][partition, j]) <= limit * unit
        for i, percent in enumerate((5, 25, 50, 75, 95)):
            quantile = reference["hyper_q"][partition, i, j]
            # the tail towards a scale of 0 is the hardest: 0.45 sd at the worst of 30
            slack = 0.3 if percent == 5 else 0.05
            assert abs(row[f"{name}_q{percent}"] - quantile) <= (limit + slack) * unit
