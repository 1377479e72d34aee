"""A run from outside imports nothing that nobody here named."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from daypart import fit
from daypart.errors import DaypartError
from daypart.models import registry
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore


@pytest.fixture
def folder(tmp_path):
    keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("a", block)])
    fit(tmp_path / "store", run=tmp_path / "run", model="seasonal_naive", executor="inline")
    return tmp_path


def daypart(*words, cwd, path=None):
    """Run a verb in a process of its own, which has named no model."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd)}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    command = "import sys; from daypart.cli.main import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", command, *words],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def change_run(folder, **settings):
    file = folder / "run" / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


READING = [
    ("predict", "run", "--weeks", "1", "--out", "f.csv"),
    ("posterior", "run", "--out", "p.csv"),
    ("insights", "run", "--out", "i"),
    ("audit", "run"),
    ("status", "run"),
    ("compact", "run"),
    ("cost", "run"),
    ("logs", "run"),
    ("report", "r.html", "--store", "store", "--run", "run"),
    ("estimate", "store", "--earlier", "run"),
    ("fit", "store", "--run", "run", "--executor", "inline"),
    ("fit", "store", "--run", "new", "--take-over", "run", "--executor", "inline"),
]


@pytest.mark.parametrize("words", READING, ids=lambda words: "-".join(words[:1]))
@pytest.mark.parametrize("key", ["model", "fallback"])
def test_no_verb_runs_the_code_that_a_run_names(folder, words, key):
    (folder / "evil.py").write_text(
        f"open({str(folder / 'ran')!r}, 'w')\ndef fit(partition, params): pass\n"
    )
    change_run(folder, **{key: "evil:fit"})
    daypart(*words, cwd=folder, path=folder)
    assert not (folder / "ran").exists()


def test_the_message_names_the_run_the_model_and_the_option(folder):
    change_run(folder, model="evil:fit")
    done = daypart(*READING[0], cwd=folder)
    assert done.returncode == 2
    assert "its model 'evil:fit' is code outside daypart" in done.stderr
    assert "--trust-run" in done.stderr


def test_a_trusted_run_of_ones_own_model_is_forecast(folder):
    (folder / "mine.py").write_text(
        "import numpy as np\ndef fit(partition, params):\n"
        "    hours = np.ones(partition.hours_ahead)\n    return {'mean': 5 * hours, 'sd': hours}\n"
    )
    own = ("fit", "store", "--run", "mine", "--model", "mine:fit", "--executor", "inline")
    assert daypart(*own, cwd=folder, path=folder).returncode == 0
    words = ("predict", "mine", "--weeks", "1", "--out", "f.csv")
    assert daypart(*words, cwd=folder, path=folder).returncode == 2
    assert daypart(*words, "--trust-run", cwd=folder, path=folder).returncode == 0


@pytest.mark.parametrize("name", ["subprocess:Popen", "os:system", "builtins:eval"])
def test_no_model_comes_from_pythons_own_library(name):
    with pytest.raises(DaypartError, match="Python's own library holds no model"):
        registry.get_model(name, args=["touch", "/tmp/ran"])


def test_a_class_that_fits_nothing_is_not_called():
    with pytest.raises(DaypartError, match="is not a model"):
        registry.get_model("numpy:memmap", filename="/tmp/daypart-attack", mode="w+", shape=3)
