"""Kernels are compiled once, linked, kept on disk while they are right; fast functions agree."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from importlib.metadata import requires
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba.core import caching
from packaging.requirements import Requirement

from daypart.errors import DaypartError
from daypart.models.jit import compile as kernels
from daypart.models.jit.compile import check_numba, kernel, one_compiler
from daypart.models.jit.vector_math import exp_of, log_of
from daypart.models.negbin.model import compile_kernels


@kernel(numba.float64, numba.float64, allocates=True)
def _root(value: float) -> float:
    if value < 0.0:
        raise ValueError("no root")
    return math.sqrt(value)


@kernel(numba.float64, numba.float64, from_python=True)
def _fourth_root(value: float) -> float:
    return _root(_root(value))


_WAIT_TO_COMPILE = """
import sys
from pathlib import Path
from daypart.models.jit.compile import one_compiler
print("ready", flush=True)
with one_compiler(Path(sys.argv[1])):
    print("compiling", flush=True)
"""


_RUN_A_KERNEL = """
import sys
sys.path.insert(0, sys.argv[1])
import halves
print(halves.half_of_square(4.0), sum(halves.half_of_square.stats.cache_hits.values()))
"""
_HALVES = """
import numba
import squares
from daypart.models.jit.compile import kernel
from squares import STEP, square_of

@kernel(numba.float64, numba.float64, from_python=True)
def half_of_square(x):
    return STEP * square_of(x) + squares.OFFSET
"""
_SQUARES = """
import numba
from daypart.models.jit.compile import kernel

STEP = 0.5
OFFSET = 0.0

@kernel(numba.float64, numba.float64)
def square_of(x):
    return x * x
"""


class _Point(NamedTuple):
    x: float
    largest_of_two: float


@kernel(numba.float64, numba.typeof(_Point(1.0, 2.0)))
def largest_of_two(point: _Point) -> float:
    return max(point.x, point.largest_of_two)


@kernel(numba.float64, numba.float64, numba.float64, from_python=True)
def larger(x: float, y: float) -> float:
    return largest_of_two(_Point(x, y))


def test_a_field_may_have_the_name_of_a_kernel():
    assert larger(3.0, 7.0) == 7.0


def test_a_kernel_on_disk_is_compiled_again_only_after_a_change_that_concerns_it(tmp_path: Path):
    def result(squares: str, halves: str = _HALVES) -> str:
        (tmp_path / "squares.py").write_text(squares)
        (tmp_path / "halves.py").write_text(halves)
        command = [sys.executable, "-B", "-c", _RUN_A_KERNEL, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert result(_SQUARES) == "8.0 0"
    assert result(_SQUARES) == "8.0 1"
    assert result(_SQUARES, f'"""What a file says of itself."""\n{_HALVES}') == "8.0 1"
    assert result(_SQUARES.replace("x * x", "x * x * x")) == "32.0 1"  # linked, not a part of it
    assert result(_SQUARES.replace("STEP = 0.5", "STEP = 0.25")) == "4.0 0"
    assert result(_SQUARES.replace("OFFSET = 0.0", "OFFSET = 2.0")) == "10.0 0"


def test_a_kernel_may_be_called_as_an_attribute_of_its_module(tmp_path: Path):
    (tmp_path / "halves.py").write_text(_HALVES.replace("* square_of(", "* squares.square_of("))
    (tmp_path / "squares.py").write_text(_SQUARES)
    command = [sys.executable, "-B", "-c", _RUN_A_KERNEL, str(tmp_path)]
    for loaded in ("0", "1"):  # compiled, then loaded by another process
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, f"8.0 {loaded}"), done.stderr


def test_a_kernel_that_moves_to_another_module_is_found_by_its_callers(tmp_path: Path):
    command = [sys.executable, "-B", "-c", _RUN_A_KERNEL, str(tmp_path)]
    (tmp_path / "halves.py").write_text(_HALVES)
    (tmp_path / "squares.py").write_text(_SQUARES)
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == "8.0 0"
    (tmp_path / "moved.py").write_text(_SQUARES)
    (tmp_path / "squares.py").write_text("from moved import OFFSET, STEP, square_of\n")
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == "8.0 0"


def test_a_numba_without_what_the_linking_needs_is_refused(monkeypatch: pytest.MonkeyPatch):
    check_numba()
    monkeypatch.delattr(caching, "IndexDataCacheFile")
    with pytest.raises(DaypartError, match=r"numba .* has no .*caching\.IndexDataCacheFile"):
        check_numba()


def test_the_installed_numba_is_one_that_the_project_allows():
    allowed = next(each for each in requires("daypart") or [] if each.startswith("numba"))
    assert Requirement(allowed).specifier.contains(numba.__version__)


def test_a_kernel_that_other_kernels_call_may_be_the_first_that_python_calls():
    code = """
import numpy as np
from daypart.models.negbin.field.structure import Series, make_scratch
from daypart.models.negbin.block.fit_block import structure_of
from daypart.models.negbin.theta.marginal import log_posterior
from daypart.models.negbin.configuration import CROSSED
ones, over = np.ones((3, 168)), np.array([504.0, 0.0])
none = np.zeros((3, 1), np.int64), np.zeros(0, np.int64)
table = Series(3, 0, 0, ones, ones, *none, over, np.zeros(1), 0)
theta, steps = np.cbrt(np.array(CROSSED.start)), np.zeros(2, np.int64)
scratch = make_scratch(structure_of(CROSSED), 3, 0, 1)
print(log_posterior(structure_of(CROSSED), table, scratch, theta, np.zeros(3), steps))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert math.isfinite(float(done.stdout))


def test_a_kernel_is_loaded_when_it_is_called_and_no_sooner():
    code = (
        "import numpy as np\n"
        "import daypart.models.negbin.block.fit_block\n"
        "from daypart.models.jit.vector_math import exp_of, log_of\n"
        "values, out = np.ones(3), np.empty(3)\n"
        "before = len(exp_of.overloads)\n"
        "exp_of(values, out, 3)\n"
        "exp_of(values, out, 3)\n"
        "print(before, len(exp_of.overloads), len(log_of.overloads), out[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"0 1 0 {np.e}\n"


def test_threads_may_call_a_kernel_for_the_first_time_at_once():
    code = (
        "import threading\n"
        "import numpy as np\n"
        "import daypart.models.negbin.block.fit_block\n"
        "from daypart.models.jit.vector_math import exp_of, log_of\n"
        "start, done = threading.Barrier(8), []\n"
        "def work():\n"
        "    values, out = np.ones(3), np.empty(3)\n"
        "    start.wait()\n"
        "    exp_of(values, out, 3)\n"
        "    log_of(out, values, 3)\n"
        "    done.append(values[0])\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "[each.start() for each in threads]\n"
        "[each.join() for each in threads]\n"
        "print(len(done), set(np.round(done, 12)) == {1.0})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "8 True\n", done.stderr


def test_a_kernel_takes_nothing_but_what_it_was_compiled_for():
    code = (
        "import numpy as np\n"
        "from daypart.models.jit.vector_math import exp_of\n"
        "for _ in range(2):\n"
        "    try:\n"
        "        exp_of(np.ones(6)[::2], np.empty(3), 3)\n"
        "    except TypeError as error:\n"
        "        print(str(error).splitlines()[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "No matching definition for argument type(s) " + (
        "array(float64, 1d, A), array(float64, 1d, C), int64\n"
        "No matching definition for argument type(s) "
        "array(float64, 1d, A), array(float64, 1d, C), int64\n"
    )


def test_of_two_processes_one_compiles_and_the_other_waits(tmp_path: Path):
    command = [sys.executable, "-c", _WAIT_TO_COMPILE, str(tmp_path)]
    with one_compiler(tmp_path):
        with one_compiler(tmp_path):  # within itself, nothing to wait for
            pass
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        time.sleep(0.2)
        os.set_blocking(other.stdout.fileno(), False)
        assert not other.stdout.readline()
        os.set_blocking(other.stdout.fileno(), True)
    assert other.stdout.readline() == "compiling\n"
    assert other.wait() == 0


def test_the_logarithm_is_exact_to_its_last_digits_over_the_whole_range():
    values = np.concatenate(
        [np.geomspace(1e-300, 1e300, 5001), 1.0 + np.linspace(-1e-3, 1e-3, 101)]
    )
    found = np.empty_like(values)
    log_of(values, found, len(values))
    np.testing.assert_allclose(found, np.log(values), rtol=5e-14, atol=1e-16)


def test_exponentials_are_right_to_the_last_digits_wherever_they_are_finite():
    values = np.concatenate([np.linspace(-700, 700, 9999), [0.0, 1e-300, -1e-17, -900.0, 900.0]])
    found = np.empty_like(values)
    exp_of(values, found, len(values))
    np.testing.assert_allclose(found, np.exp(np.clip(values, -700, 700)), rtol=1e-13)


def test_a_kernel_that_others_call_returns_its_value_and_raises_its_error_through_them():
    assert _fourth_root(81.0) == 3.0
    with pytest.raises(ValueError, match="no root"):
        _fourth_root(-1.0)


def test_a_kernel_is_not_compiled_again_as_a_part_of_those_that_call_it():
    sizes = {path.name.rpartition("-")[0]: path.stat().st_size for path in _compiled()}
    callers = (
        sizes["negbin.theta.integrate.fit_series"] + sizes["negbin.block.block_kernel.fit_row"]
    )
    assert callers < sum(sizes.values()) / 4


def _compiled() -> list[Path]:
    compile_kernels()
    folder = Path(kernels.__file__).parents[1]
    found = list(Path(os.environ.get("NUMBA_CACHE_DIR", folder)).rglob("*.nbc"))
    assert found
    return found
