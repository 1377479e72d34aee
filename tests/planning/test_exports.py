"""What a plan is exported to: the workbook's figures, the open standard, days on the air."""

from __future__ import annotations

import datetime as dt
import json

import openpyxl
import pytest
from planning_stores import BRIEF, make_rate_card, make_store

from daypart.planning.plan import plan


@pytest.fixture(scope="module")
def made(store, rate_card, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    (folder / "brief.toml").write_text(BRIEF.format(rate_card=rate_card))
    return folder, plan(store, brief=folder / "brief.toml", out=folder / "out")


def test_the_media_plan_is_valid_by_the_open_standard(made):
    mediaplanpy = pytest.importorskip("mediaplanpy")
    path = made[0] / "out" / "mediaplan.json"
    content = json.loads(path.read_text())
    assert mediaplanpy.schema.validate(content) == []
    assert mediaplanpy.schema.validate({**content, "campaign": {}}) != []
    read = mediaplanpy.MediaPlan.from_dict(content)
    assert read.validate_comprehensive()["errors"] == []
    assert sum(float(item.cost_total) for item in read.lineitems) == pytest.approx(made[1].spent)
    assert sum(int(item.metric_units) for item in read.lineitems) == sum(
        line.spots for line in made[1].lines
    )
    assert float(read.campaign.budget_total) == 400_000


def test_a_media_plans_lines_lie_in_the_flight(made):
    content = json.loads((made[0] / "out" / "mediaplan.json").read_text())
    for item in content["lineitems"]:
        assert "2024-03-04" <= item["start_date"] <= item["end_date"] <= "2024-03-31"


def test_the_networks_added_reach_sums_to_the_plans(made):
    one = made[1].reach["1+"]["percent"]
    for rows in (made[1].by_network, made[1].by_daypart):
        assert sum(row["added_percent"] for row in rows) == pytest.approx(one)


def test_the_notes_of_the_workbook_hold_raw_counts_and_gaps(made):
    book = openpyxl.load_workbook(made[0] / "out" / "plan.xlsx")
    notes = {row[0].value: row[1].value for row in book["Notes"].iter_rows(min_row=2)}
    assert notes["Panel households (raw), all markets"] == str(made[1].panel_households)
    assert "Panel households (raw), Chicago" in notes
    assert notes["Optimisation gap of this plan"].endswith(" %")
    assert notes["GRP"].startswith("Gross rating points")
    ranker = {cell.value: cell.column for cell in book["Market ranker"][1]}
    assert book["Market ranker"].cell(2, ranker["Reach 1+"]).number_format == '0.0"%"'
    assert "Reach lost without it (points)" in [cell.value for cell in book["Network mix"][1]]


def test_spots_of_a_daypart_that_is_off_the_air_are_never_bought(tmp_path):
    weekdays, weekend = list(range(5)), [5, 6]
    dayparts = [
        {"name": "Weekday", "days": weekdays, "start": "00:00", "end": "24:00"},
        {"name": "Weekend", "days": weekend, "start": "00:00", "end": "24:00"},
    ]
    where = {"501": ("New York", "America/New_York", 7_000_000.0)}
    shape = {"markets": where, "dayparts": dayparts}
    store = make_store(tmp_path / "store", **shape)
    make_rate_card(tmp_path / "card.parquet", **shape)
    # Wednesday to the next Tuesday but one: a whole week, and two days of a week.
    (tmp_path / "brief.toml").write_text(
        '[campaign]\nname = "x"\nfirst_day = 2024-03-06\nlast_day = 2024-03-12\n'
        'budget = 900000\nrate_card = "card.parquet"\n'
    )
    made = plan(store, brief=tmp_path / "brief.toml", out=tmp_path / "out")
    assert {line.daypart for line in made.lines if line.week == "2024-03-04"} == {
        "Weekday",
        "Weekend",
    }
    assert {line.daypart for line in made.lines if line.week == "2024-03-11"} == {"Weekday"}
    short = max(line.spots for line in made.lines if line.week == "2024-03-11")
    assert short <= 3, "two of five days hold two fifths of a week's seven spots, rounded up"
    content = json.loads((tmp_path / "out" / "mediaplan.json").read_text())
    ends = {item["end_date"] for item in content["lineitems"]}
    assert max(ends) == "2024-03-12"
    assert dt.date.fromisoformat(min(i["start_date"] for i in content["lineitems"])) == dt.date(
        2024, 3, 6
    )
