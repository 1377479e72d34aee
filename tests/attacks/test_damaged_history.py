"""A damaged file of a run's history is named, and left out: `status`, `cost` and `fit` go on."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from daypart import cost, fit, status
from daypart.cli.main import main
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore


@pytest.fixture
def run(tmp_path):
    keys = pa.table({"shop": ["a", "b"], "unique_id": ["a", "b"]})
    block = block_from_arrays(keys, ["UTC"] * 2, [0, 0], [np.arange(400), np.arange(400)])
    SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", block)])
    fit(tmp_path / "store", run=tmp_path / "run", model="seasonal_naive", executor="inline")
    return tmp_path / "run"


DAMAGE = {
    "cut in its first line": lambda content: content[:60],
    "cut in its last line": lambda content: content[:-20],
    "empty": lambda content: b"",
    "not text": lambda content: b"\xff\xfe" + content,
    "of numbers": lambda content: b"1\n2\n",
    "of lists": lambda content: b"[]\n[]\n",
    "without its start": lambda content: content.split(b"\n", 1)[1],
    "of texts for numbers": lambda content: content.replace(b'"at": 1', b'"at": "1"x'),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_history_is_named_and_left_out(run, damage, capsys):
    (file,) = (run / "history").glob("*.jsonl")
    file.write_bytes(damage(file.read_bytes()))
    assert cost(run).unreadable == status(run).unreadable == (f"history/{file.name}",)
    assert status(run).ok == 2
    for verb in ("status", "cost"):
        with pytest.raises(SystemExit) as done:
            main([verb, str(run)])
        assert done.value.code == 0
        assert f"damaged: history/{file.name}" in capsys.readouterr().out
    options = {"run": run, "model": "seasonal_naive", "executor": "inline"}
    assert fit(run.parent / "store", **options).ok == 2
    assert file.exists()


def test_a_whole_history_beside_it_is_counted(run):
    (file,) = (run / "history").glob("*.jsonl")
    (file.parent / "0-damaged.jsonl").write_text(json.dumps({"at": 1}) + "\n")
    found = cost(run)
    assert found.partitions == 2
    assert found.unreadable == ("history/0-damaged.jsonl",)
