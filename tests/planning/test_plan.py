"""The whole way from a brief to the files of a plan."""

from __future__ import annotations

import csv
import itertools
import json
import shutil

import openpyxl
import pytest
from planning_stores import DAYPARTS, NETWORKS, make_rate_card, make_store

from daypart.errors import DaypartError
from daypart.planning.brief.brief import read_brief
from daypart.planning.plan import plan
from daypart.planning.reach.reach import reach
from daypart.series.store import SeriesStore


@pytest.fixture(scope="module")
def made(store, rate_card, tmp_path_factory):
    from planning_stores import BRIEF

    folder = tmp_path_factory.mktemp("made")
    (folder / "brief.toml").write_text(BRIEF.format(rate_card=rate_card))
    return folder, plan(store, brief=folder / "brief.toml", out=folder / "out")


@pytest.fixture(scope="module")
def content(made):
    return json.loads((made[0] / "out" / "plan.json").read_text())


def test_the_plan_carries_its_proof(content):
    assert content["status"] == "optimal"
    assert content["objective"] <= content["bound"]
    assert 0 <= content["gap"] <= 0.002
    assert content["gap"] == pytest.approx(content["bound"] / content["objective"] - 1)
    assert -0.05 < content["sampling_gap"] < 0.5


def test_what_was_asked_and_spent_stand_side_by_side(content):
    assert content["asked"] == 400000
    assert 0.99 * 400000 < content["spent"] <= 400000
    assert content["spent"] == pytest.approx(
        sum(line["cost"] for line in content["lines"]), abs=0.01
    )
    assert "campaign.budget" in [row["limit"] for row in content["limited_by"]]


def test_the_plan_keeps_its_limits(content):
    spent = content["spent"]
    by_network = {row["name"]: row["spend"] for row in content["by_network"]}
    assert by_network["CNN"] >= 0.05 * spent - 0.01
    assert all(amount <= 0.4 * spent + 0.01 for name, amount in by_network.items() if name != "CNN")
    assert all(line["daypart"] != "Overnight" for line in content["lines"])
    assert all(1 <= line["spots"] <= 7 for line in content["lines"])
    assert len({line["week"] for line in content["lines"]}) == 4


def test_it_reaches_more_than_an_even_split(content):
    assert content["even_split"]["spent"] <= content["asked"]
    assert content["even_split"]["spent"] > 0.95 * content["spent"]
    assert content["reach"]["1+"]["percent"] > content["even_split"]["reach_percent"]


def test_its_figures_agree_with_each_other(content):
    one, three = content["reach"]["1+"], content["reach"]["3+"]
    assert one["lo_80"] < one["percent"] < one["hi_80"]
    assert three["percent"] <= one["percent"]
    assert content["grp"]["mean"] == pytest.approx(one["percent"] * content["average_frequency"])
    assert content["impressions"]["mean"] == pytest.approx(
        sum(line["impressions"] for line in content["lines"])
    )
    bins = content["frequency_distribution"]
    assert sum(row["percent"] for row in bins) == pytest.approx(one["percent"])
    for name in ("by_market", "by_network", "by_daypart", "by_week"):
        shares = [row["share_percent"] for row in content[name]]
        assert round(sum(shares), 9) == 100.0
        assert sum(row["spots"] for row in content[name]) == sum(
            line["spots"] for line in content["lines"]
        )


def test_cumulative_reach_never_falls_and_ends_at_the_campaigns(content):
    weekly = [row["cumulative_reach_percent"] for row in content["by_week"]]
    assert weekly == sorted(weekly)
    assert weekly[-1] == pytest.approx(content["reach"]["1+"]["percent"])


def test_the_reach_curve_rises_through_the_plan(content):
    curve = content["reach_curve"]
    assert all(a["reach_percent"] < b["reach_percent"] for a, b in itertools.pairwise(curve))
    here = next(point for point in curve if point["budget"] == content["asked"])
    assert here["reach_percent"] == content["reach"]["1+"]["percent"]
    assert here["spent"] == content["spent"]


def test_simulated_data_are_called_so(content):
    assert content["simulated"] is True
    assert any("simulated" in note for note in content["notes"])


def test_a_plan_says_in_sentences_what_it_is(made):
    said = made[1].sentences()
    assert said[0].startswith("Spring launch spends 39")
    assert "% (" in said[1]
    assert "80 % interval" in said[1]
    assert "within 0." in said[2]
    assert "limited by campaign.budget" in said[3]


def test_the_csv_holds_the_lines_and_serves_as_a_schedule(made, content, store):
    path = made[0] / "out" / "plan.csv"
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(content["lines"])
    counted = reach(store, schedule=path, segment="young")
    assert counted.reach["1+"]["percent"] == pytest.approx(content["reach"]["1+"]["percent"])
    assert counted.by_week[-1]["cumulative_reach_percent"] == pytest.approx(
        content["reach"]["1+"]["percent"]
    )


def test_the_workbook_has_its_sheets_and_formats(made, content):
    book = openpyxl.load_workbook(made[0] / "out" / "plan.xlsx")
    assert book.sheetnames == [
        "Summary",
        "Flowchart",
        "Network mix",
        "Daypart heat map",
        "Market ranker",
        "Reach curve",
        "Frequency",
        "Notes",
    ]
    flowchart = book["Flowchart"]
    heads = [cell.value for cell in flowchart[1]]
    *rows, total = flowchart.iter_rows(min_row=2)
    spots = sum(row[heads.index("Spots")].value for row in rows)
    assert total[0].value == "Total"
    assert spots == total[heads.index("Spots")].value == sum(x["spots"] for x in content["lines"])
    assert flowchart.freeze_panes == "D2"
    mix = {cell.value: cell.column for cell in book["Network mix"][1]}
    assert book["Network mix"].cell(2, mix["GRP"]).number_format == "#,##0.0"
    assert "0.0" not in book["Network mix"].cell(2, mix["Spend (USD)"]).number_format
    summary = {row[0].value: row[1].value for row in book["Summary"].iter_rows(min_row=4)}
    assert summary["Spent (USD)"] == pytest.approx(content["spent"])
    assert summary["Reach 1+"] == pytest.approx(content["reach"]["1+"]["percent"])


def test_every_sheet_of_the_workbook_prints_one_page_wide_with_its_heading(made):
    book = openpyxl.load_workbook(made[0] / "out" / "plan.xlsx")
    for sheet in book:
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.page_setup.fitToWidth in (1, None)  # 1 is the default
        assert sheet.page_setup.fitToHeight == 0
        assert sheet.oddFooter.right.text == "Page &P of &N"
        if sheet.title != "Summary":
            assert sheet.print_title_rows == "$1:$1"
            assert sheet.freeze_panes in ("B2", "D2", "A2")


def test_the_mixes_of_the_workbook_end_in_the_plans_totals(made, content):
    book = openpyxl.load_workbook(made[0] / "out" / "plan.xlsx")
    for title in ("Network mix", "Market ranker"):
        heads = [cell.value for cell in book[title][1]]
        *rows, total = book[title].iter_rows(min_row=2, values_only=True)
        by_head = dict(zip(heads, total, strict=True))
        assert total[0] == "Total"
        assert by_head["Spend (USD)"] == pytest.approx(content["spent"])
        assert by_head["Share of spend"] == pytest.approx(100.0)
        assert by_head["GRP"] == pytest.approx(content["grp"]["mean"])
        assert by_head["Spots"] == sum(row[heads.index("Spots")] for row in rows)


def test_the_workbooks_summary_tells_every_level_what_limits_and_what_is_broken(
    store, write_brief, tmp_path, content
):
    path = write_brief(("budget = 400000", "budget = 1000\nfrequency_goal = 5"))
    judged = plan(store, brief=path, out=tmp_path / "out", evaluate=content["lines"])
    book = openpyxl.load_workbook(tmp_path / "out" / "plan.xlsx")
    rows = {row[0].value: row[1] for row in book["Summary"].iter_rows(min_row=4) if row[0].value}
    for level in ("1+", "3+", "5+"):
        assert rows[f"Reach {level}"].value == pytest.approx(judged.reach[level]["percent"])
    assert rows["Reach 1+"].number_format == '0.0"%"'
    assert rows["Breaks"].value == judged.broken[0] == "campaign.budget"
    assert rows["Optimisation gap"].value is None
    assert rows["Spent (USD)"].number_format == "#,##0"


def test_the_same_seed_gives_the_same_files(made, store, tmp_path):
    plan(store, brief=made[0] / "brief.toml", out=tmp_path)
    for name in ("plan.json", "plan.csv", "reach_curve.csv"):
        assert (tmp_path / name).read_bytes() == (made[0] / "out" / name).read_bytes()


def test_a_given_schedule_is_evaluated_against_the_bound(made, store, content, tmp_path):
    some = content["lines"][::2] + [line for line in content["lines"] if line["network"] == "CNN"]
    rows = [line | {"spots": 1} for line in some]
    judged = plan(store, brief=made[0] / "brief.toml", out=tmp_path, evaluate=rows)
    assert judged.status == "evaluated"
    assert judged.gap > content["gap"]
    assert judged.spent < content["spent"]
    assert judged.broken == []
    rows = [line | {"spots": 9} for line in content["lines"]]
    judged = plan(store, brief=made[0] / "brief.toml", out=tmp_path, evaluate=rows)
    assert {"campaign.budget", "limits.max_spots_per_week"} <= set(judged.broken)
    assert judged.gap is None
    assert judged.sentences()[-1].startswith("limited by")
    assert any(line.startswith("breaks campaign.budget") for line in judged.sentences())


def test_a_given_spot_in_an_excluded_cell_is_evaluated_and_told(made, store, content, tmp_path):
    row = {"market": "501", "network": "CNN", "daypart": "Overnight", "week": "2024-03-04"}
    rows = [*content["lines"][::2], row | {"spots": 1}]
    judged = plan(store, brief=made[0] / "brief.toml", out=tmp_path, evaluate=rows)
    assert "limits.exclude_dayparts = Overnight" in judged.broken
    assert [line.spots for line in judged.lines if line.daypart == "Overnight"] == [1]
    assert judged.bound == pytest.approx(content["bound"], rel=2e-3)


def test_a_given_spot_without_a_price_is_refused(made, store, tmp_path, write_brief, rate_card):
    card = make_rate_card(tmp_path / "card.parquet", networks=["A&E", "ESPN", "Food", "HGTV"])
    path = write_brief((str(rate_card), str(card)), ("CNN = {min_percent = 5}", ""))
    row = {"market": "501", "network": "CNN", "daypart": "Prime", "week": "2024-03-04"}
    with pytest.raises(DaypartError, match="not on the rate card.*501, CNN, Prime in the week"):
        plan(store, brief=path, out=tmp_path / "out", evaluate=[row | {"spots": 1}])


def test_a_budget_that_cannot_be_spent_says_which_limits_bind(store, write_brief, tmp_path):
    path = write_brief(("budget = 400000", "budget = 900000000"))
    result = plan(store, brief=path, out=tmp_path / "out")
    assert result.spent < 0.5 * result.asked
    names = [row["limit"] for row in result.limited_by]
    assert "campaign.budget" not in names
    assert any("max_spots_per_week" in name for name in names)


def test_pins_and_weekly_limits_are_kept(store, write_brief, tmp_path):
    more = """
[limits.week]
"2024-03-11" = {max_spend = 20000}
[[limits.pins]]
market = "Chicago"
network = "TBS"
daypart = "Prime"
week = 2024-03-18
spots = 5
"""
    result = plan(store, brief=write_brief(more=more), out=tmp_path / "out")
    assert next(row for row in result.by_week if row["name"] == "2024-03-11")["spend"] <= 20000
    pinned = [
        line.spots
        for line in result.lines
        if (line.market, line.network, line.daypart, line.week)
        == ("602", "TBS", "Prime", "2024-03-18")
    ]
    assert pinned == [5]


def test_a_grp_floor_of_a_market_is_kept_in_its_own_points(store, write_brief, tmp_path, content):
    before = next(row for row in content["by_market"] if row["name"] == "Chicago")["grp"]
    more = f"[limits.market]\nChicago = {{min_grp = {1.5 * before}}}\n"
    result = plan(store, brief=write_brief(more=more), out=tmp_path / "out")
    chicago = next(row for row in result.by_market if row["name"] == "Chicago")
    assert 1.5 * before - 1e-6 <= chicago["grp"] < 1.55 * before
    binds = [row for row in result.shadow_prices["limits"] if "Chicago min_grp" in row["limit"]]
    assert binds[0]["unit"] == "1 GRP"
    assert binds[0]["worth"] > 0


def test_average_frequency_stays_within_its_limit(store, write_brief, tmp_path, content):
    most = 0.7 * content["average_frequency"]
    path = write_brief(("exclude", f"max_average_frequency = {most}\nexclude"))
    result = plan(store, brief=path, out=tmp_path / "out")
    assert 0.97 * most < result.average_frequency <= most
    assert result.gap <= 0.002
    assert result.reach["1+"]["percent"] <= content["reach"]["1+"]["percent"]
    assert any("max_average_frequency" in row["limit"] for row in result.limited_by)
    judged = plan(store, brief=path, out=tmp_path / "judged", evaluate=content["lines"])
    assert any("max_average_frequency" in name for name in judged.broken)


def test_cells_have_the_spots_on_offer_that_the_brief_says(store, write_brief, tmp_path):
    more = """
[[limits.cells]]
network = "TBS"
daypart = "Prime"
max_spots_per_week = 0
[[limits.cells]]
market = "Chicago"
max_spots_per_week = 1
[[limits.cells]]
network = "TBS"
daypart = "Daytime"
market = "803"
week = 2024-03-11
max_spots_per_week = 9
"""
    result = plan(store, brief=write_brief(more=more), out=tmp_path / "out")
    assert not [line for line in result.lines if (line.network, line.daypart) == ("TBS", "Prime")]
    assert {line.spots for line in result.lines if line.market == "602"} == {1}
    assert max(line.spots for line in result.lines if line.market == "501") <= 7


def test_the_prices_of_markets_and_limits_are_told_with_their_units(content):
    prices = content["shadow_prices"]
    assert prices["unit"] == "1,000 USD"
    assert [row["name"] for row in prices["markets"]] == ["New York", "Chicago", "Los Angeles"]
    assert all(0 <= row["worth"] <= 1.05 * prices["budget"] for row in prices["markets"])
    assert max(row["worth"] for row in prices["markets"]) > 0.95 * prices["budget"] > 0
    assert {row["unit"] for row in prices["limits"]} <= {"1 point of share", "1,000 USD", "1 GRP"}


def test_days_outside_a_partial_week_are_never_bought(store, tmp_path, write_brief):
    path = write_brief(("last_day = 2024-03-31", "last_day = 2024-03-25"))
    result = plan(store, brief=path, out=tmp_path / "out")
    last = [line for line in result.lines if line.week == "2024-03-25"]
    assert last
    assert all(line.spots <= 1 for line in last)


def test_weeks_with_other_prices_are_planned_at_their_price(
    store, rate_card, tmp_path, write_brief
):
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    card = pq.read_table(rate_card)
    import datetime as dt

    cut = dt.date(2024, 3, 17)
    early = card.set_column(5, "last_day", pa.array([cut] * len(card), pa.date32()))
    late = card.set_column(
        4, "first_day", pa.array([cut + dt.timedelta(1)] * len(card), pa.date32())
    ).set_column(3, "cpm", pc.multiply(card["cpm"], 10.0))
    pq.write_table(pa.concat_tables([early, late]), tmp_path / "card.parquet")
    path = write_brief((str(rate_card), "card.parquet"))
    result = plan(store, brief=path, out=tmp_path / "out")
    spots = {row["name"]: row["spots"] for row in result.by_week}
    assert spots["2024-03-04"] > 3 * max(1, spots["2024-03-25"])


def test_a_plan_for_too_few_households_is_refused(store, write_brief, tmp_path):
    with pytest.raises(DaypartError, match="too few for figures on them: the store's rule is 1000"):
        plan(store, brief=write_brief(), out=tmp_path / "out", min_households=1000)
    assert not list((tmp_path / "out").iterdir())


def test_a_segment_without_panel_households_in_a_market_is_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = make_store(tmp_path / "store", households=20, weeks=2)
    table = pq.read_table(folder / "households-1.parquet").to_pydict()
    table["segments"] = [
        [name for name in names if market != "602" or name == "all"]
        for names, market in zip(table["segments"], table["market"], strict=True)
    ]
    pq.write_table(pa.table(table), folder / "households-1.parquet")
    make_rate_card(tmp_path / "card.parquet")
    (tmp_path / "brief.toml").write_text(
        '[campaign]\nname = "x"\nsegment = "young"\nfirst_day = 2024-03-04\n'
        'last_day = 2024-03-31\nbudget = 1000\nrate_card = "card.parquet"\n'
    )
    with pytest.raises(DaypartError, match="young has no panel households in Chicago"):
        plan(folder, brief=tmp_path / "brief.toml", out=tmp_path / "out")


def test_some_markets_can_be_planned_by_name_or_code(store, write_brief, tmp_path):
    path = write_brief(('segment = "young"', 'segment = "young"\nmarkets = ["Chicago", "501"]'))
    result = plan(store, brief=path, out=tmp_path / "out")
    assert {line.market for line in result.lines} == {"501", "602"}
    assert read_brief(path).markets == ("Chicago", "501")


def test_a_store_without_a_panel_is_refused(tmp_path, write_brief):
    SeriesStore.create(tmp_path / "store", key=["market"]).replace_regions([])
    with pytest.raises(DaypartError, match="holds no household panel"):
        plan(tmp_path / "store", brief=write_brief(), out=tmp_path / "out")


@pytest.mark.parametrize("objective", ["effective_reach", "frequency_cap", "impressions"])
def test_other_objectives_do_better_at_what_they_ask_for(objective, made, store, tmp_path, content):
    text = (made[0] / "brief.toml").read_text()
    brief = tmp_path / "brief.toml"
    brief.write_text(text.replace("budget =", f'objective = "{objective}"\nbudget =', 1))
    result = plan(store, brief=brief, out=tmp_path / "out")
    assert result.objective_name == objective
    assert result.objective <= result.bound * (1 + 1e-9)
    assert result.reach["1+"]["percent"] <= content["reach"]["1+"]["percent"] + 0.2
    if objective == "impressions":
        assert result.impressions["mean"] >= content["impressions"]["mean"]
        assert result.objective == pytest.approx(result.grp["mean"])
    assert (result.envelope_gap is None) == (objective != "effective_reach")
    if objective == "effective_reach":
        assert 0 <= result.envelope_gap <= result.gap
        assert result.reach["3+"]["percent"] >= content["reach"]["3+"]["percent"] - 0.1


def test_the_cheapest_plan_for_a_goal_reaches_it_at_a_certified_cost(store, write_brief, tmp_path):
    path = write_brief(("budget = 400000", 'objective = "minimum_cost"\nreach_goal_percent = 60'))
    cheapest = plan(store, brief=path, out=tmp_path / "cheap", gap=0.01)
    assert cheapest.asked is None
    assert cheapest.objective == pytest.approx(cheapest.spent, abs=0.01)
    assert cheapest.bound <= cheapest.spent <= cheapest.bound * 1.02
    assert 60 <= cheapest.reach["1+"]["percent"] < 60.5
    path = write_brief(("budget = 400000", f"budget = {0.9 * cheapest.spent}"))
    assert plan(store, brief=path, out=tmp_path / "less").objective < 60


def test_the_curve_and_the_even_split_of_a_cheapest_plan_are_of_what_it_spends(
    store, write_brief, tmp_path
):
    path = write_brief(
        ("budget =", 'objective = "minimum_cost"\nreach_goal_percent = 60\nbudget =')
    )
    cheapest = plan(store, brief=path, out=tmp_path / "out", gap=0.01)
    assert (cheapest.asked, cheapest.objective) == (400000, cheapest.spent)
    assert cheapest.spent < 300000
    assert cheapest.even_split["spent"] <= cheapest.spent
    curve = [(row["spent"], row["reach_percent"]) for row in cheapest.reach_curve]
    assert curve == sorted(curve)
    assert any(spent == pytest.approx(cheapest.spent) for spent, _ in curve)


def test_a_given_schedule_that_misses_the_goal_of_a_cheapest_plan_is_told_so(
    store, write_brief, tmp_path, content
):
    path = write_brief(("budget = 400000", 'objective = "minimum_cost"\nreach_goal_percent = 60'))
    rows = [line for line in content["lines"] if line["network"] == "CNN"]
    judged = plan(store, brief=path, out=tmp_path / "out", evaluate=rows)
    assert judged.objective_name == "reach"
    assert judged.reach["1+"]["percent"] < 60
    assert "campaign.reach_goal_percent = 60" in judged.broken
    assert "campaign.budget" not in {row["limit"] for row in judged.limited_by}  # it has none
    judged = plan(store, brief=path, out=tmp_path / "out", evaluate=content["lines"])
    assert judged.broken == []


def test_the_curve_never_falls_where_limits_leave_little_room(store, write_brief, tmp_path):
    more = "[limits.market]\nChicago = {min_percent = 40, max_percent = 60}\n"
    path = write_brief(
        ("budget = 400000", 'markets = ["Chicago", "803"]\nbudget = 90000'),
        more=more + '"803" = {max_spend = 40000}\n',
    )
    curve = plan(store, brief=path, out=tmp_path / "out").reach_curve
    reached = [row["reach_percent"] for row in curve]
    assert len(reached) > 8
    assert all(later > earlier - 0.2 for earlier, later in itertools.pairwise(reached))


def test_a_goal_out_of_reach_says_how_far_the_limits_allow(store, write_brief, tmp_path):
    path = write_brief(("budget = 400000", 'objective = "minimum_cost"\nreach_goal_percent = 99.9'))
    with pytest.raises(DaypartError, match=r"99\.9 is out of reach: the limits allow \d+\.\d %"):
        plan(store, brief=path, out=tmp_path / "out")


def test_the_smallest_market_there_can_be_is_planned(tmp_path):
    day = [{"name": "All day", "days": list(range(7)), "start": "00:00", "end": "24:00"}]
    where = {"501": ("New York", "America/New_York", 1000.0)}
    shape = {"markets": where, "networks": ["A"], "dayparts": day}
    store = make_store(tmp_path / "store", households=3, weeks=1, **shape)
    make_rate_card(tmp_path / "card.parquet", **shape)
    (tmp_path / "brief.toml").write_text(
        '[campaign]\nname = "x"\nfirst_day = 2024-03-04\nlast_day = 2024-03-04\n'
        'budget = 1000\nrate_card = "card.parquet"\n'
    )
    result = plan(store, brief=tmp_path / "brief.toml", out=tmp_path / "out")
    assert [(line.network, line.spots) for line in result.lines] == [("A", 1)]
    assert result.limited_by[0]["limit"] == "limits.max_spots_per_week"
    assert 0 < result.reach["1+"]["percent"] < 100


def test_a_pin_of_no_spots_bars_its_cell_and_week_alone(store, write_brief, tmp_path, content):
    most = max(content["lines"], key=lambda line: line["spots"])
    keys = ("market", "network", "daypart", "week")
    pin = {key: most[key] for key in keys}
    rows = "".join(f'{key} = "{pin[key]}"\n' for key in keys)
    path = write_brief(more=f"[[limits.pins]]\n{rows}spots = 0\n")
    made = plan(store, brief=path, out=tmp_path / "out")
    bought = [tuple(getattr(line, key) for key in keys) for line in made.lines]
    assert tuple(pin.values()) not in bought
    assert tuple(pin.values())[:3] in {place[:3] for place in bought}
    judged = plan(store, brief=path, out=tmp_path / "out", evaluate=[pin | {"spots": 1}])
    assert "limits.pins" in judged.broken


def test_no_more_spots_are_bought_than_there_are_minutes_of_history(tmp_path, rate_card):
    short = [row for row in DAYPARTS if row["name"] != "Prime"]
    short.append({"name": "Prime", "days": [0], "start": "20:00", "end": "21:00"})
    short.append({"name": "Rest", "days": list(range(1, 7)), "start": "20:00", "end": "21:00"})
    short.append({"name": "Rest", "days": list(range(7)), "start": "21:00", "end": "23:00"})
    folder = make_store(tmp_path / "store", dayparts=short, weeks=1)
    text = (
        f'[campaign]\nname = "x"\nfirst_day = 2024-03-04\nlast_day = 2024-03-31\n'
        f'budget = 100000000\nrate_card = "{rate_card}"\n'
        '[limits]\nmax_spots_per_week = 100\nexclude_dayparts = ["Rest"]\n'
    )
    (tmp_path / "brief.toml").write_text(text)
    made = plan(folder, brief=tmp_path / "brief.toml", out=tmp_path / "out")
    spots = {}
    for line in made.lines:
        key = line.market, line.network, line.daypart
        spots[key] = spots.get(key, 0) + line.spots
    prime = [count for key, count in spots.items() if key[2] == "Prime"]
    assert max(prime) == 60
    assert any("fewer spots are on offer" in note for note in made.notes)
    row = {"market": "501", "network": "CNN", "daypart": "Prime", "week": "2024-03-04"}
    with pytest.raises(DaypartError, match=r"61 spots in 501, CNN, Prime, but only 60 minutes of"):
        plan(
            folder,
            brief=tmp_path / "brief.toml",
            out=tmp_path / "out",
            evaluate=[row | {"spots": 61}],
        )


def test_a_given_spot_that_nobody_watches_is_evaluated_and_reaches_nobody(
    store, write_brief, rate_card, tmp_path
):
    import pyarrow.parquet as pq

    folder = shutil.copytree(store, tmp_path / "store")
    about = json.loads((folder / "store.json").read_text())
    about["viewing"]["networks"] = [*NETWORKS, "ZZZ"]
    (folder / "store.json").write_text(json.dumps(about))
    card = make_rate_card(tmp_path / "card.parquet", networks=[*NETWORKS, "ZZZ"])
    assert pq.read_table(card).num_rows == 3 * 7 * 5
    row = {"market": "501", "daypart": "Prime", "week": "2024-03-04", "spots": 2}
    rows = [row | {"network": "CNN"}, row | {"network": "ZZZ"}]
    path = write_brief((str(rate_card), str(card)))
    judged = plan(folder, brief=path, out=tmp_path / "out", evaluate=rows)
    line = next(line for line in judged.lines if line.network == "ZZZ")
    assert (line.impressions, line.grp, line.cost) == (0.0, 0.0, 0.02)
    assert any("501, ZZZ, Prime" in note for note in judged.notes)
