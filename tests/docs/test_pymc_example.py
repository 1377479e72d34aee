"""The PyMC model in docs/how-to/models.md fits and forecasts as written."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import daypart
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "models.md"


@pytest.mark.slow
def test_a_pymc_model_a_partition_fits_and_forecasts(tmp_path, monkeypatch):
    pytest.importorskip("pymc")
    named = re.search(r"```python\n# pymc_level.py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert named is not None
    (tmp_path / "pymc_level.py").write_text(named[1])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pymc_level", raising=False)
    counts = np.random.default_rng(1).poisson(6.0, 2 * 168).astype(np.int32)
    keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    block = block_from_arrays(keys, ["UTC"], [473_352], [counts])
    SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", block)])
    report = daypart.fit(
        tmp_path / "store",
        run=tmp_path / "run",
        model="pymc_level:fit",
        parameters={"weeks_ahead": 1},
        executor="inline",
    )
    assert report.ok == 1, report.failures
    table = daypart.predict(tmp_path / "run", weeks=1)
    assert table["mean"].to_numpy().mean() == pytest.approx(6.0, rel=0.15)
