"""Fixtures of the tests of verbs on models, with the support modules of the engine's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# Subprocesses inherit the path: workers import the engine's test models by name.
sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))

from counted_stores import make_store


@pytest.fixture
def store(tmp_path):
    """Seventy partitions in two regions."""
    return make_store(tmp_path / "store", {"501": 45, "803": 25}).folder
