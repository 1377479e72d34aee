"""The reference pages of the brief and of plan.json hold every key, and no other."""

from __future__ import annotations

import json
import math
import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from daypart.planning.brief.brief import Brief, read_brief
from daypart.planning.brief.limits import DIMENSIONS, BriefLimits, CellRule, Limit, Pin
from daypart.planning.outcome.plan_result import CampaignPlan
from daypart.planning.plan import plan

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def sections(page: str) -> dict[str, list[list[str]]]:
    """Return the rows of each section's table, without its head."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    found = {}
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        head, *lines = section.splitlines()
        rows = [line for line in lines if line.startswith("| `")]
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
        found[head.strip("`")] = cells
    return found


def written_default(setting: Any) -> str:
    """Write a field's default as the page does."""
    if setting.default is MISSING and setting.default_factory is MISSING:
        return "required"
    value = setting.default
    if value is None or (isinstance(value, float) and math.isinf(value)):
        return "none"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


@pytest.mark.parametrize(
    ("section", "kind", "left_out", "more"),
    [
        ("[campaign]", Brief, {"limits", "path"}, ()),
        ("[limits]", BriefLimits, {"shares"}, DIMENSIONS),
        ("Bounds by name", Limit, {"dimension", "name"}, ()),
        ("[[limits.pins]]", Pin, set(), ()),
        ("[[limits.cells]]", CellRule, set(), ()),
    ],
)
def test_the_page_of_the_brief_holds_every_key_with_its_default(section, kind, left_out, more):
    rows = {row[0].strip("`"): row for row in sections("brief.md")[section]}
    settings = {f.name: f for f in fields(kind) if f.name not in left_out}
    assert set(rows) == {*settings, *more}
    for name, setting in settings.items():
        assert rows[name][1] == written_default(setting), name
        assert len(rows[name]) == 5, name


def test_every_example_of_the_page_is_a_value_that_a_brief_takes(tmp_path):
    for section, rows in sections("brief.md").items():
        for row in rows:
            if row[4]:
                assert tomllib.loads(f"{row[0].strip('`')} = {row[4].strip('`')}"), section


def test_the_whole_brief_of_the_page_is_read_and_holds_every_kind_of_limit(tmp_path):
    text = (REFERENCE / "brief.md").read_text(encoding="utf-8")
    (tmp_path / "brief.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.S)[0])
    brief = read_brief(tmp_path / "brief.toml")
    assert {limit.dimension for limit in brief.limits.shares} == set(DIMENSIONS)
    assert brief.limits.pins
    assert brief.limits.cells


@pytest.fixture(scope="module")
def content(store, rate_card, tmp_path_factory):
    from planning_stores import BRIEF

    folder = tmp_path_factory.mktemp("reference")
    (folder / "brief.toml").write_text(BRIEF.format(rate_card=rate_card))
    plan(store, brief=folder / "brief.toml", out=folder / "out")
    return json.loads((folder / "out" / "plan.json").read_text())


def test_the_page_of_the_plan_holds_every_field(content):
    written = [row[0].strip("`") for row in sections("plan-json.md")["The plan"]]
    assert written == list(content) == [f.name for f in fields(CampaignPlan)]


@pytest.mark.parametrize(
    "field",
    [
        "limited_by",
        "shadow_prices",
        "reach",
        "lines",
        "reach_curve",
        "frequency_distribution",
        "by_market",
        "by_network",
        "by_daypart",
        "by_week",
    ],
)
def test_the_page_of_the_plan_holds_every_field_of_its_tables(content, field):
    value = content[field]
    if field == "reach":
        value = value["1+"]
    row = value[0] if isinstance(value, list) else value
    assert [each[0].strip("`") for each in sections("plan-json.md")[field]] == list(row)
