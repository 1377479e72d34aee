"""The pages and the JSON Schemas of the tables come from what reads them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from small_tables import CARD, LOG, SPOTS

from daypart.planning.brief.rate_card import RATE_CARD
from daypart.planning.delivery.asrun import AS_RUN
from daypart.planning.reach.schedule import SCHEDULE
from daypart.tables.description import json_schema
from daypart.tables.options import TableOptions
from daypart.viewing.reading.columns import EVENTS, HOUSEHOLDS, MARKETS, NETWORKS

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = (EVENTS, HOUSEHOLDS, MARKETS, NETWORKS, RATE_CARD, SCHEDULE, AS_RUN)


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("generate_tables", DOCS / "generate_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_every_column_of_every_table(hook):
    page = hook.all_tables()
    for schema in SCHEMAS:
        section = page.split(f"## {schema.name[0].upper()}{schema.name[1:]}\n")[1].split("\n## ")[0]
        assert [row.split("`")[1] for row in section.splitlines() if row.startswith("| `")] == list(
            schema.names
        )
    for schema in (EVENTS, HOUSEHOLDS, MARKETS, NETWORKS):
        assert all(f"`{name}`" in hook.ingest_tables() for name in schema.names)


def test_the_page_has_every_setting_of_a_mapping():
    page = (DOCS / "reference" / "tables.md").read_text(encoding="utf-8")
    settings = [name for name in vars(TableOptions()) if name not in ("columns", "constants")]
    assert [row.split("`")[1] for row in page.splitlines() if row.startswith("| `")] == settings


@pytest.mark.parametrize(
    ("schema", "row"), [(RATE_CARD, CARD[0]), (SCHEDULE, SPOTS[0]), (AS_RUN, LOG[0])]
)
def test_the_json_schema_describes_a_row(schema, row):
    described = json_schema(schema)
    assert set(described["properties"]) == set(schema.names)
    assert set(described["required"]) <= set(row)
    for name, kind in described["properties"].items():
        assert kind["description"].endswith(".")
        if kind.get("type") in ("number", "integer"):
            assert float(row[name]) >= kind.get("minimum", float("-inf"))
