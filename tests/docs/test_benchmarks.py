"""Every benchmark runs to its end at its smallest size."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from daypart import simulate_counts

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
STORE = "a small store"
SMALLEST = {
    "accuracy": ["--data=bike trips", "--origins=1"],
    "batch": ["--fits=300", "--slots=40"],
    "calibration": ["--draws=4"],
    "engine": ["--partitions=420"],
    "fit": ["--markets=1", "--case=crossed:fast", "--nutpie=1", "--draws=20"],
    "forecasts": [STORE, "--weeks=1", "--origins=1"],
    "forecasts --year": ["--year=20"],
    "ingest": ["--households=200", "--weeks=1", "--most=1000"],
    "pipeline": ["--size=smallest"],
    "plan": [
        "--households=600",
        "--networks=41",
        "--markets=2",
        "--whole-gap=0.05",
        "--slsqp-seconds=1",
    ],
    "reach": ["--households=500", "--panels=2"],
    "storage": ["--objects=8", "--parts=2", "--fits=40"],
    "task_start": ["--repeats=1"],
}


def test_every_benchmark_has_a_smallest_size():
    assert {name.split()[0] for name in SMALLEST} == {path.stem for path in BENCHMARKS.glob("*.py")}


def options_of(name, folder):
    """Return the options of a benchmark; make the store that one of them needs."""
    options = list(SMALLEST[name])
    if STORE in options:
        store = simulate_counts(folder / "store", markets=1, networks=3, segments=2, weeks=5)
        options[options.index(STORE)] = str(store.folder)
    return options


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.server if n == "storage" else ()) for n in SMALLEST],
)
def test_a_benchmark_runs_at_its_smallest_size_and_prints_figures(name, tmp_path, request):
    if name == "storage":
        request.getfixturevalue("s3_server")  # skips where none can start
    script = BENCHMARKS / f"{name.split()[0]}.py"
    done = subprocess.run(
        [sys.executable, str(script), *options_of(name, tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"\d", done.stdout)
