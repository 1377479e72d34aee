"""A block is fitted in one go, and each row is that of its partition alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from daypart.models.negbin.block.fit_block import fit_partitions
from daypart.models.registry import get_model
from daypart.series.block import SeriesBlock, block_from_arrays

MONDAY = 473_352  # 1 January 2024
CALENDAR = [
    {"name": "final", "from": "2024-01-20T20:00", "to": "2024-01-20T23:00", "shop": ["b", "d"]},
    {"name": "snow", "from": "2024-01-10", "to": "2024-01-12"},
]


@pytest.fixture(scope="module")
def block() -> SeriesBlock:
    """Partitions that differ in length, start, zone, size, events and in what is wrong."""
    rng = np.random.default_rng(12)
    counts = [rng.poisson(mean, hours) for mean, hours in ((0.1, 900), (5, 2000), (90, 1300))]
    counts += [np.full(600, -1), np.zeros(100, int), np.zeros(0, int), rng.poisson(2, 900)]
    exposures = [np.full(-(-len(values) // 24), 2.0, np.float32) for values in counts]
    exposures[-1][3] = 0.0
    counts[1][50:300] = -1
    names = list("abcdefg")
    return block_from_arrays(
        pa.table({"shop": names, "unique_id": names}),
        ["America/New_York", "UTC", "Asia/Kolkata", "UTC", "UTC", "UTC", "UTC"],
        [MONDAY, MONDAY - 500, MONDAY + 7, MONDAY, MONDAY, MONDAY, MONDAY],
        counts,
        exposures,
    )


@pytest.mark.parametrize("name", ["negbin", "crossed"])
def test_a_partitions_row_does_not_depend_on_the_others_of_its_block(block, name):
    model = get_model(name, calendar=CALENDAR)
    together = model.fit(block).to_pylist()
    backwards = model.fit(block.take(np.arange(len(block))[::-1])).to_pylist()[::-1]
    alone = [model.fit(block.take([i])).to_pylist()[0] for i in range(len(block))]
    assert together == backwards == alone


def test_every_partition_has_a_row_that_says_what_became_of_it(block):
    fitted = get_model("crossed", calendar=CALENDAR).fit(block)
    assert fitted["status"].to_pylist() == ["ok"] * 3 + ["skipped"] * 3 + ["failed"]
    assert fitted["reason"].to_pylist() == [
        *(None, None, None),
        "all hours are missing or without exposure",
        "100 hours, under 2 weeks, and no parent",
        "the series is empty",
        f"{int((block.counts_of(6)[72:96] > 0).sum())} hours have counts but no exposure",
    ]
    assert fitted["event"].to_pylist()[:3] == [["snow"], ["final", "snow"], ["snow"]]
    assert fitted["week_mean"].to_pylist()[3:] == [None] * 4
    assert fitted["level_sd"].to_pylist()[3:] == [None] * 4
    assert [len(weeks) for weeks in fitted["week_mean"].to_pylist()[:3]] == [7, 12, 8]


def test_an_empty_block_has_no_rows(block):
    assert get_model("negbin").fit(block.take([])).num_rows == 0


def test_partitions_can_be_looked_at_one_by_one_with_all_that_their_fit_left(block):
    model = get_model("crossed")
    rows = model.fit(block).to_pylist()
    for row, fitted in zip(rows, fit_partitions(model.specification, block), strict=True):
        assert (fitted.status, fitted.reason) == (row["status"], row["reason"])
        if fitted.status == "ok":
            weights = fitted.nodes[:, 0].astype(np.float32)
            assert weights.tolist() == np.array(row["node_weight"], np.float32).tolist()
            assert fitted.table.counts[: fitted.table.weeks].sum() == pytest.approx(
                row["mean_count"] * row["observed_hours"], rel=1e-5
            )
