"""Changed code of a user's model is another model, whatever its version says."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from daypart.models.code_version import code_version
from daypart.synthetic.counts import simulate_counts

MODEL = """
import numpy as np
from own_package import part
from own_package.level import level
def fit(partition, params):
    return {"level": level(partition.counts)}
"""
LEVEL = "import numpy as np\ndef level(counts):\n    return float(np.mean(counts))\n"


@pytest.fixture
def project(tmp_path):
    """A folder with a store, a model and a module that the model imports."""
    simulate_counts(tmp_path / "store", markets=1, networks=3, segments=1, weeks=4)
    (tmp_path / "own_package").mkdir()
    (tmp_path / "own_package" / "__init__.py").write_text("")
    (tmp_path / "own_package" / "part.py").write_text("PART = 1\n")
    (tmp_path / "own_package" / "level.py").write_text(LEVEL)
    (tmp_path / "own_model.py").write_text(MODEL)
    return tmp_path


def fit(project, *options, model="own_model:fit", run="run"):
    """Run `daypart fit` in the project; return its exit code and what it said."""
    words = ["fit", "store", "--run", run, "--model", model, "--on", "inline", *options]
    path = os.pathsep.join([str(project), *(each for each in sys.path if each)])
    done = subprocess.run(
        [sys.executable, "-m", "daypart", *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("file", ["own_model.py", "own_package/level.py", "own_package/part.py"])
def test_a_run_is_not_continued_by_other_code_unless_told_that_it_is_the_same(project, file):
    assert fit(project)[0] == 0
    assert fit(project)[0] == 0
    with (project / file).open("a") as opened:
        opened.write("# changed\n")
    code, told = fit(project)
    assert code == 2
    assert "holds a run with code version" in told
    before = told.split("give --code-version ")[1].split()[0]
    assert fit(project, "--code-version", before)[0] == 0


def test_a_take_over_copies_nothing_that_other_code_fitted(project):
    assert fit(project)[0] == 0
    code, told = fit(project, "--take-over", "run", run="same")
    assert (code, "3 taken over" in told) == (0, True)
    (project / "own_package" / "level.py").write_text(LEVEL.replace("mean", "median"))
    code, told = fit(project, "--take-over", "run", run="other")
    assert (code, "0 taken over" in told) == (0, True)


def test_a_version_of_ones_own_stands_for_any_source(project):
    assert fit(project, "--code-version", "v1")[0] == 0
    (project / "own_model.py").write_text(MODEL + "# changed\n")
    assert fit(project, "--code-version", "v1")[0] == 0
    assert fit(project, "--code-version", "v2")[0] == 2


def test_models_of_daypart_and_of_packages_have_none():
    import sklearn.linear_model  # noqa: F401

    assert code_version([]) is None
    assert code_version(["negbin", "auto_ets", "sklearn.linear_model:Ridge"]) is None
