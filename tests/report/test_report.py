"""The report: one file without a network, with correct sentences, and with what is missing."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from daypart import report
from daypart.charts.quantities import shares_of_100
from daypart.errors import DaypartError
from daypart.storage.files import read_json, write_json

HOSTILE = "</script><img src=x onerror=alert(1)>"


def rows_of(chart: dict) -> list[dict]:
    """Return the longest table of a chart."""

    def tables(part):
        if isinstance(part, dict):
            if isinstance(part.get("values"), list):
                yield part["values"]
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                yield from tables(each)

    return max(
        tables(chart), key=lambda rows: len(rows) if rows and isinstance(rows[0], dict) else 0
    )


class Page(HTMLParser):
    """Elements of a page, the text of each, and the content of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def charts(self) -> dict:
        return json.loads(self.scripts[0])

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def downloads(self) -> dict[str, str]:
        found = {}
        for link in self.all("a"):
            if "download" in link:
                content = base64.b64decode(str(link["href"]).split(",", 1)[1])
                name = str(link["download"])
                found[name] = (
                    gzip.decompress(content) if name.endswith(".gz") else content
                ).decode()
        return found


@pytest.fixture(scope="module")
def full(inputs, tmp_path_factory) -> Path:
    return report(tmp_path_factory.mktemp("page") / "report.html", **inputs.arguments())


@pytest.fixture(scope="module")
def page(full) -> Page:
    return Page(full.read_text(encoding="utf-8"))


def test_a_report_is_one_file_under_one_and_a_half_megabytes(full):
    assert [path.name for path in full.parent.iterdir()] == ["report.html"]
    assert full.stat().st_size < 1_500_000


def test_a_full_report_has_exactly_nine_charts(page):
    assert len(page.charts) == 9
    assert len([a for a in page.all("div") if a.get("class") == "chart"]) == 9


def test_a_measured_plan_shows_what_was_delivered_and_still_has_nine_charts(
    inputs, make_measured, tmp_path
):
    measured = make_measured(["CBS", "ESPN", "TNT"])
    made = Page(report(tmp_path / "a.html", **{**inputs.arguments(), **measured}).read_text())
    assert len(made.charts) == 9
    assert {"added-reach", "delivered-reach", "reach-curve", "frequency"} <= set(made.charts)
    assert "hour-of-week" not in made.charts
    assert "Most households watch on" in made.text, "a chart that is left out becomes a sentence"
    assert "Delivered reach 1+ 49.0 % planned 52.0 %, 80 % interval 50.8 to 53.3 %" in made.text
    assert "After 2 weeks 49.0 % were reached, 52.0 % were planned: outside its 80 %" in made.text
    assert "Under-delivered (index below 95): New York." in made.text
    assert "101 rows of the as-run log: 98 measured, 3 set aside (bad_instant 2," in made.text
    table = made.downloads()["delivery_by_market.csv"]
    assert "Los Angeles,50,48,1000,900,1100,suppressed,suppressed" in table


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"objective_name": "minimum_cost", "objective": 40468.49, "bound": 40344.12}
            | {"objective_unit": "USD", "currency": "USD"},
            ["Objective (minimum cost)", "$40,468", "bound $40,344, by the optimiser's model"],
        ),
        (
            {"objective_name": "effective_reach", "envelope_gap": 0.2402},
            ["Objective (effective reach)", "24.02 % of the gap is the bound's envelope"],
        ),
    ],
    ids=["cheapest", "effective reach"],
)
def test_an_objective_has_its_own_unit_and_the_gap_of_its_bound(
    inputs, tmp_path, changed, expected
):
    write_json(tmp_path / "plan.json", read_json(inputs.plan / "plan.json") | changed)
    arguments = {"store": inputs.store, "plan": tmp_path / "plan.json"}
    text = Page(report(tmp_path / "r.html", **arguments).read_text()).text
    assert all(words in text for words in expected)


def test_the_waterfall_ends_at_the_plans_reach(inputs, make_measured, tmp_path):
    names = [f"Network {n}" for n in range(30)]
    measured = make_measured(names)
    made = Page(report(tmp_path / "a.html", store=inputs.store, **measured).read_text())
    drawn = rows_of(made.charts["added-reach"])
    assert len(drawn) == 14
    assert drawn[-1]["network"] == "17 other networks"
    assert drawn[-1]["end"] == 52.0
    assert "30 networks together 52.0 %" in made.text
    assert len(made.downloads()["added_reach.csv"].splitlines()) == 31


def test_nothing_is_loaded_from_a_network(page):
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "srcset", "data"):
            assert not re.match(r"\s*(https?:)?//", attributes.get(name) or "")
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert not re.search(r"url\(|@import", "".join(page.scripts[2:]))


def test_a_network_name_cannot_break_out_of_the_page(full, page):
    text = full.read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert not page.all("img")
    assert len(page.all("script")) == 3
    assert html.escape(HOSTILE) in text, "the name is shown, as text"
    assert HOSTILE in {row["network"] for row in rows_of(page.charts["network-index"])}


def test_a_title_and_a_campaign_are_text_too(inputs, tmp_path):
    title = "<script>alert(2)</script>"
    made = Page(
        report(tmp_path / "a.html", title=title, **inputs.arguments()).read_text(encoding="utf-8")
    )
    assert len(made.all("script")) == 3
    assert title in made.text
    assert "Spring & <b>summer</b>" in made.text


def test_every_chart_has_an_insight_an_explanation_and_its_numbers(page, full):
    text = full.read_text(encoding="utf-8")
    figures = re.findall(r"<figure.*?</figure>", text, flags=re.S)
    assert len(figures) == 9
    for figure in figures:
        insight = re.search(r'<p class="insight">(.+?)</p>', figure, flags=re.S)
        assert insight
        assert re.search(r"\d", insight[1])
        assert re.search(r"<figcaption[^>]*>\s*\w.+<a ", figure, flags=re.S)
        assert 'href="data:text/csv' in figure
    downloads = page.downloads()
    assert all(len(text.splitlines()) > 1 for text in downloads.values())


def test_every_axis_of_amounts_has_a_unit(page):
    def axes(spec):
        for layer in spec.get("layer", [spec]):
            for channel in ("x", "y"):
                encoding = layer.get("encoding", {}).get(channel)
                if encoding and encoding.get("type") == "quantitative":
                    yield encoding.get("axis", {}).get("title") or encoding.get("title")

    for name, spec in page.charts.items():
        titles = [title for title in axes(spec) if title]
        if any(True for _ in axes(spec)):
            assert titles, name
            assert all(re.search(r"%|household|index|\$", title) for title in titles), (
                name,
                titles,
            )


def test_plan_figures_carry_their_interval(page):
    assert "Reach 1+ 52.0 % 80 % interval 50.8 to 53.3 %" in page.text
    assert "80 % interval 125.0 to 135.0 points" in page.text
    assert "1,300,000 80 % interval 1,250,000 to 1,350,000" in page.text
    assert "of a budget of $100,000" in page.text
    assert "Gap to the best possible 0.15 %" in page.text


def test_the_change_against_an_even_split_is_the_difference_of_the_figures_shown(page):
    assert "+10.9 points of reach 1+" in page.text
    assert "Reach 1+ of the even split 41.1 %" in page.text


def test_no_number_of_the_page_has_more_than_three_decimals(page):
    assert not re.findall(r"\d+\.\d{4,}", page.text)
    for name, text in page.downloads().items():
        assert not re.findall(r"\d\.\d{4,}", text), name


def test_one_number_reads_the_same_in_the_figure_the_sentence_and_the_csv(page):
    assert "$100,000 reaches 52.0 %" in page.text
    curve = page.downloads()["reach_curve.csv"]
    assert "This plan,100000,52.0,50.8,53.3" in curve


def test_rows_read_are_all_accounted_for_and_their_shares_sum_to_100(page):
    rows = page.downloads()["rows_read.csv"].splitlines()[1:]
    assert sum(int(row.split(",")[-2]) for row in rows) == 1003
    assert round(sum(float(row.split(",")[-1]) for row in rows), 9) == 100.0
    assert "1,003 rows read: every row is accounted for" in page.text


@pytest.mark.parametrize("amounts", [[1, 1, 1], [0, 5], [1] * 7, [1, 999_999], [3.3, 6.7, 1e-9]])
def test_shares_sum_to_one_hundred(amounts):
    assert round(sum(shares_of_100(amounts)), 9) == 100.0


def test_rows_that_do_not_add_up_are_reported(inputs, tmp_path):
    record = read_json(inputs.store / "store.json")
    record["viewing"]["rows"]["read"] = 1010
    store = tmp_path / "store"
    store.mkdir()
    write_json(store / "store.json", record)
    made = report(tmp_path / "a.html", store=store).read_text(encoding="utf-8")
    assert "7 rows are not accounted for" in made


def test_simulated_data_are_marked_at_the_top(page, inputs, tmp_path):
    assert "Simulated" in page.text[:200]
    store, record = tmp_path / "store", read_json(inputs.store / "store.json")
    record["viewing"]["simulated"] = False
    store.mkdir()
    write_json(store / "store.json", record)
    real = report(tmp_path / "real.html", store=store).read_text(encoding="utf-8")
    assert "Simulated" not in Page(real).text


def test_a_suppressed_market_is_not_drawn_as_zero(page):
    rows = rows_of(page.charts["by-market"])
    assert [row["market"] for row in rows] == ["New York"]
    assert "1 suppressed" in page.text


def test_a_suppressed_plan_reads_suppressed(inputs, tmp_path):
    plan = read_json(inputs.plan / "plan.json")
    hidden = dict.fromkeys(("percent", "households", "se", "lo_80", "hi_80"), "suppressed")
    plan["reach"] = {"1+": hidden, "3+": hidden}
    plan["grp"] = plan["impressions"] = dict.fromkeys(("mean", "lo_80", "hi_80"), "suppressed")
    plan["average_frequency"] = "suppressed"
    plan["even_split"]["reach_percent"] = "suppressed"
    plan["reach_curve"] = [row | {"reach_percent": "suppressed"} for row in plan["reach_curve"]]
    plan["frequency_distribution"] = [
        {"exposures": "1+", "households": "suppressed", "percent": "suppressed"}
    ]
    write_json(tmp_path / "plan.json", plan)
    made = Page(
        report(tmp_path / "a.html", store=inputs.store, plan=tmp_path / "plan.json").read_text()
    )
    assert "Reach 1+ suppressed" in made.text
    assert "reach-curve" not in made.charts
    assert "frequency" not in made.charts


def test_a_missing_input_is_listed_with_the_command_that_creates_it(inputs, tmp_path):
    made = Page(report(tmp_path / "a.html", store=inputs.store).read_text(encoding="utf-8"))
    assert made.charts == {}
    for verb in ("plan", "fit", "predict", "insights", "backtest"):
        assert f"daypart {verb} " in made.text
    assert "The plan" not in made.text
    assert "Data read and set aside" in made.text


@pytest.mark.parametrize("name", ["run", "insights", "plan", "backtest", "forecast", "truth"])
def test_every_input_but_the_store_is_optional(inputs, tmp_path, name):
    made = report(tmp_path / "a.html", **inputs.without(name).arguments())
    assert 4 <= len(Page(made.read_text(encoding="utf-8")).charts) <= 9


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("insights", None, "no such file"),
        ("plan", None, "no such file"),
        ("backtest", None, "no such file"),
        ("forecast", None, "no such file"),
        ("truth", None, "no such file"),
        ("plan", "[]", "is not a JSON object"),
        ("plan", "{}", "status is missing"),
        ("forecast", "not parquet", "not a readable Parquet file"),
    ],
)
def test_an_unreadable_input_is_named_and_nothing_is_written(
    inputs, tmp_path, name, content, message
):
    path = tmp_path / f"{name}.file"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DaypartError, match=message) as raised:
        report(tmp_path / "a.html", **{**inputs.arguments(), name: path})
    assert str(path) in str(raised.value)
    assert not (tmp_path / "a.html").exists()


def fifty_networks(inputs, folder: Path) -> Path:
    """Spread the plan's lines over fifty networks with long names, in a plan of their own."""
    plan = read_json(inputs.plan / "plan.json")
    line = plan["lines"][0]
    plan["lines"] = [
        line | {"network": f"The very long name of network {n}", "week": week, "spots": 1 + n % 4}
        for n in range(50)
        for week in ("2025-02-03", "2025-02-10", "2025-02-17")
    ]
    path = folder / "fifty.json"
    write_json(path, plan)
    return path


def test_fifty_networks_are_drawn_as_the_largest_and_the_others_with_complete_labels(
    inputs, tmp_path
):
    plan = fifty_networks(inputs, tmp_path)
    made = Page(report(tmp_path / "a.html", store=inputs.store, plan=plan).read_text())
    chart = made.charts["spots-by-week"]
    drawn = {row["network"] for row in rows_of(chart)}
    assert "35 other networks" in drawn
    assert len(drawn) == 16
    assert chart["config"]["axis"]["labelLimit"] == 0
    assert chart["height"] >= 16 * 20
    total = sum(row["spots"] for row in rows_of(chart))
    full = made.downloads()["spots_by_week.csv"].splitlines()[1:]
    assert total == sum(int(row.split(",")[-1]) for row in full)
    assert len(full) == 150


def test_a_plan_of_thirty_thousand_lines_stays_under_the_size(inputs, tmp_path):
    plan = read_json(inputs.plan / "plan.json")
    plan["lines"] = [
        line | {"network": f"Network {n % 90}", "cost": 1000 + n % 977}
        for n, line in enumerate(plan["lines"] * 1875)
    ]
    path = tmp_path / "plan.json"
    write_json(path, plan)
    made = report(tmp_path / "a.html", **{**inputs.arguments(), "plan": path})
    assert made.stat().st_size < 1_500_000
    lines = Page(made.read_text(encoding="utf-8")).downloads()["plan_lines.csv.gz"]
    assert len(lines.splitlines()) == 1 + len(plan["lines"])


def test_a_plan_in_euros_keeps_its_currency(inputs, tmp_path):
    plan = read_json(inputs.plan / "plan.json") | {"currency": "EUR"}
    write_json(tmp_path / "plan.json", plan)
    arguments = {"store": inputs.store, "plan": tmp_path / "plan.json"}
    own = Page(report(tmp_path / "a.html", **arguments).read_text()).text
    assert "EUR 100,000" in own
    assert "$" not in own.split("Definitions")[0]
    given = Page(report(tmp_path / "b.html", currency="€", **arguments).read_text()).text
    assert "€100,000" in given


def test_a_logo_is_embedded_in_the_file(inputs, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>')
    made = Page(report(tmp_path / "a.html", store=inputs.store, logo=logo).read_text())
    [image] = made.all("img")
    assert str(image["src"]).startswith("data:image/svg+xml;base64,")
    assert len(made.all("script")) == 3


def test_a_logo_of_another_kind_is_refused(inputs, tmp_path):
    (tmp_path / "logo.exe").write_bytes(b"x")
    with pytest.raises(DaypartError, match="not a logo"):
        report(tmp_path / "a.html", store=inputs.store, logo=tmp_path / "logo.exe")


def test_the_same_inputs_make_the_same_page_to_the_byte(full, inputs, tmp_path):
    again = report(tmp_path / "again.html", **inputs.arguments())
    assert again.read_bytes() == full.read_bytes()


def test_a_report_is_written_quickly(inputs, tmp_path):
    started = time.process_time()
    report(tmp_path / "a.html", **inputs.arguments())
    assert time.process_time() - started < 4.0


def test_headings_and_language_are_set_for_screen_readers(page):
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    sections = page.all("section")
    named = {a.get("id") for a in page.all("h2")}
    assert {a["aria-labelledby"] for a in sections} == named
    for chart in (a for a in page.all("div") if a.get("class") == "chart"):
        assert chart["role"] == "img"
        assert len(str(chart["aria-label"])) > 20
    assert all(a.get("scope") == "col" for a in page.all("th"))


def test_the_forecast_shows_the_coverage_of_such_intervals_in_the_backtest(page):
    pattern = r"80 % intervals of such totals contained \d+\.\d % of the hours"
    assert re.search(pattern, page.text)


def test_the_forecast_begins_after_the_counted_days(page):
    points = rows_of(page.charts["forecast-fan"])
    observed = [row["time"] for row in points if "observed" in row]
    forecast = [row["time"] for row in points if "forecast" in row]
    assert observed
    assert max(observed) < min(forecast)
    assert all(row["lo_95"] <= row["lo_80"] <= row["hi_80"] <= row["hi_95"]
               for row in points if "forecast" in row)  # fmt: skip


def test_a_held_out_week_is_drawn_with_the_truth_of_the_simulation(page):
    points = rows_of(page.charts["held-out-week"])
    assert len(points) == 168
    assert all({"observed", "forecast", "lo_80", "hi_80", "truth"} <= set(row) for row in points)
    assert "simulation's truth" in page.text


def test_an_hourly_forecast_is_drawn_by_the_hour_of_the_local_clock(inputs, tmp_path):
    from daypart.runs.predict import predict

    predict(inputs.run, weeks=3, by=("market",), out=tmp_path / "f.csv", draws=100)
    made = Page(
        report(
            tmp_path / "a.html", store=inputs.store, run=inputs.run, forecast=tmp_path / "f.csv"
        ).read_text()
    )
    points = rows_of(made.charts["forecast-fan"])
    assert sum("forecast" in row for row in points) == 14 * 24
    assert sum("observed" in row for row in points) == 7 * 24
    assert "The chart shows the first 14 of 21 days" in made.text
