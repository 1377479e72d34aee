"""Fixtures of the engine's tests."""

from __future__ import annotations

import pytest
from counted_stores import make_store


@pytest.fixture
def store(tmp_path):
    """Seventy partitions in two regions."""
    return make_store(tmp_path / "store", {"501": 45, "803": 25}).folder
