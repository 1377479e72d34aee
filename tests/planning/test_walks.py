"""The walks of docs/how-to/extend: a limit and an export are added as their pages describe."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from daypart.errors import DaypartError
from daypart.planning.brief import limits
from daypart.planning.exports import writers
from daypart.planning.plan import plan

PAGES = Path(__file__).parents[2] / "docs" / "how-to" / "extend"


def code_of(page: str, number: int) -> str:
    """Return one of a page's blocks of Python."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.S)[number]


@pytest.fixture
def with_spots(monkeypatch):
    """Add the limit of the page: the measure that it shows, and a field for its upper bound."""
    added = dict(vars(limits))
    exec(code_of("limit.md", 0), added)  # the page's own code

    @dataclass(frozen=True)
    class Limit(limits.Limit):
        max_spots: float = math.inf

    assert code_of("limit.md", 2).strip() == "max_spots: float = math.inf"
    monkeypatch.setattr(limits, "Limit", Limit)
    monkeypatch.setattr(limits, "MEASURES", limits.MEASURES | {"spots": added["MEASURE"]})


def test_a_plan_keeps_a_limit_that_is_added_by_its_page(store, write_brief, tmp_path, with_spots):
    path = write_brief(("CNN = {min_percent = 5}", "CNN = {min_percent = 5, max_spots = 9}"))
    made = plan(store, brief=path, out=tmp_path / "out")
    assert 0 < sum(line.spots for line in made.lines if line.network == "CNN") <= 9
    assert {"unit": "1 spot", "limit": "limits.network.CNN max_spots = 9"}.items() <= next(
        row for row in made.shadow_prices["limits"] if "max_spots" in row["limit"]
    ).items()


def test_an_added_limit_is_checked_and_named_where_it_clashes(
    store, write_brief, tmp_path, with_spots
):
    path = write_brief(("CNN = {min_percent = 5}", "CNN = {max_spots = -1}"))
    with pytest.raises(DaypartError, match=r"limits\.network\.CNN\.max_spots is -1; give a number"):
        plan(store, brief=path, out=tmp_path / "out")
    path = write_brief(("CNN = {min_percent = 5}", "CNN = {max_spots = 0, min_grp = 5}"))
    with pytest.raises(DaypartError, match=r"CNN min_grp = 5; limits\.network\.CNN max_spots = 0;"):
        plan(store, brief=path, out=tmp_path / "out")


def test_a_bound_that_the_brief_does_not_know_is_refused(store, write_brief, tmp_path):
    path = write_brief(("CNN = {min_percent = 5}", "CNN = {max_spots = 9}"))
    with pytest.raises(DaypartError, match=r"unknown setting limits\.network\.CNN\.max_spots"):
        plan(store, brief=path, out=tmp_path / "out")


def test_a_plan_is_written_by_an_export_that_is_added_by_its_page(
    store, write_brief, tmp_path, monkeypatch
):
    added: dict = {}
    exec(code_of("export.md", 0), added)  # the page's own code
    line = re.fullmatch(r'"(.+)": (\w+),', code_of("export.md", 1).strip())
    assert line is not None
    monkeypatch.setitem(writers.WRITERS, line[1], added[line[2]])
    made = plan(store, brief=write_brief(), out=tmp_path / "out")
    rows = [json.loads(row) for row in (tmp_path / "out" / line[1]).read_text().splitlines()]
    assert sum(row["spots"] for row in rows) == sum(one.spots for one in made.lines)
    assert {row["week"] for row in rows} == {one.week for one in made.lines}
