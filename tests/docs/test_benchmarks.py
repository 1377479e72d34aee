"""The benchmarks are written against the code as it is: each can be loaded."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_every_benchmark_loads(path, monkeypatch):
    name = f"benchmark_{path.stem}"
    monkeypatch.syspath_prepend(str(path.parent))
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, name, module)  # dataclasses look themselves up there
    specification.loader.exec_module(module)
    assert callable(module.main)
