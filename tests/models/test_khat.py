"""k-hat tells how far the hours' posterior is from the normal law that the fit gives it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from daypart.models.negbin.checks.khat import UNRELIABLE, pareto_khat
from daypart.models.registry import get_model
from daypart.series.block import block_from_arrays


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_a_tail_of_known_shape_is_recognised(shape):
    ratios = shape * np.random.default_rng(3).standard_exponential(20_000)
    assert pareto_khat(ratios) == pytest.approx(shape, abs=0.1)


def test_equal_and_broken_ratios_have_an_answer():
    assert pareto_khat(np.zeros(64)) == 0.0
    assert pareto_khat(np.full(64, np.nan)) == 10.0


@pytest.mark.parametrize("name", ["negbin", "crossed"])
def test_rows_tell_it_and_flag_what_is_large_unless_told_not_to(name):
    random = np.random.default_rng(4)
    series = [random.poisson(mean, 6 * 168) for mean in (0.0, 0.02, 1.0, 300.0)]
    series += [np.where(np.arange(1008) == 500, 100_000, 0), np.full(100, 3)]
    names = [str(i) for i in range(len(series))]
    block = block_from_arrays(
        pa.table({"unique_id": names}),
        ["UTC"] * len(series),
        [473_352] * len(series),
        [each.astype(np.int32) for each in series],
    )
    plain = get_model(name, khat=False).fit(block)
    assert "khat" not in plain.column_names
    told = get_model(name).fit(block)
    found = told["khat"].to_pylist()
    assert found[-1] is None
    assert all(-1.0 < each <= 10.0 for each in found[:-1])
    assert found[3] < 0.5
    for row in told.to_pylist()[:-1]:
        assert ("khat" in row["flags"].split(",")) == (row["khat"] > UNRELIABLE)
    rest = [n for n in plain.column_names if n != "flags"]
    assert told.select(rest) == plain.select(rest)
