"""Fixtures of a small store, its rate card and its brief; see `planning_stores`."""

from __future__ import annotations

import pytest
from planning_stores import BRIEF, make_rate_card, make_store


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("planning") / "store")


@pytest.fixture(scope="session")
def rate_card(store):
    return make_rate_card(store.parent / "rate_card.parquet")


@pytest.fixture
def write_brief(tmp_path, rate_card):
    """Write the usual brief with some texts replaced."""

    def write(*replacements, more=""):
        text = BRIEF.format(rate_card=rate_card) + more
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "brief.toml"
        path.write_text(text)
        return path

    return write
