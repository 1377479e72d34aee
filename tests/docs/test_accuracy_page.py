"""The figures of the page on accuracy are those of its result file."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def accuracy():
    spec = importlib.util.spec_from_file_location("accuracy", ROOT / "benchmarks" / "accuracy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_that_of_the_results(accuracy):
    rows = json.loads(accuracy.RESULTS.read_text())
    assert accuracy.table_of(rows) in accuracy.PAGE.read_text()


def test_the_default_model_is_among_the_best_in_every_class_of_size(accuracy):
    rows = json.loads(accuracy.RESULTS.read_text())
    of_sizes = [row for row in rows if row["of"] not in ("partition", "total")]
    for row in of_sizes:
        own = next(
            each["crps"]
            for each in of_sizes
            if (each["data"], each["of"], each["model"]) == (row["data"], row["of"], "negbin")
        )
        assert own <= (1 + accuracy.TIE) * row["crps"]


@pytest.mark.slow
def test_the_bike_trips_still_give_the_results(accuracy, tmp_path):
    kept = [r for r in json.loads(accuracy.RESULTS.read_text()) if r["data"] == "bike trips"]
    found = accuracy.measure("bike trips", tmp_path)
    assert [(row["of"], row["model"]) for row in found] == [(r["of"], r["model"]) for r in kept]
    for row, known in zip(found, kept, strict=True):
        assert row["crps"] == pytest.approx(known["crps"], rel=0.01), row
