"""The report in a browser: every chart drawn, no error, no horizontal scrolling, few pages."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from daypart import report
from daypart.storage.files import read_json, write_json

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs headless Chromium"),
]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--allow-file-access-from-files",
    "--virtual-time-budget=8000",
)

PROBE = """<!doctype html><html><body style="margin:0">
<iframe id="page" src="{page}" style="width:{width}px;height:6000px;border:0"></iframe>
<pre id="result"></pre>
<script>
const page = document.getElementById("page");
page.addEventListener("load", () => setTimeout(() => {{
  const root = page.contentDocument.documentElement;
  const wide = [...page.contentDocument.querySelectorAll(".chart svg")]
    .filter((svg) => svg.getBoundingClientRect().right > root.clientWidth + 1).length;
  document.getElementById("result").textContent =
    `scroll=${{root.scrollWidth}} client=${{root.clientWidth}} beyond=${{wide}}`;
}}, 4000));
</script></body></html>"""


def browse(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.fixture(scope="module")
def page(inputs, tmp_path_factory) -> Path:
    return report(tmp_path_factory.mktemp("browser") / "report.html", **inputs.arguments())


@pytest.mark.parametrize(("width", "measured"), [(1280, False), (400, False), (400, True)])
def test_all_charts_are_drawn_without_errors_or_horizontal_scrolling(
    page, inputs, make_measured, tmp_path, width, measured
):
    if measured:
        given = {**inputs.arguments(), **make_measured([f"Network {n}" for n in range(30)])}
        page = report(tmp_path / "report.html", **given)
    seen = browse(tmp_path, f"--window-size={width},3000", "--dump-dom", page.as_uri())
    body = seen.stdout.split("<script", 1)[0]
    assert body.count('data-chart="drawn"') == 9, seen.stderr[-2000:]
    assert body.count("<svg") == 9
    assert 'data-chart="failed"' not in body
    assert "CONSOLE" not in seen.stderr
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE.format(page=page.as_uri(), width=width))
    shown = browse(tmp_path, "--window-size=1400,3000", "--dump-dom", probe.as_uri()).stdout
    found = re.search(r"scroll=(\d+) client=(\d+) beyond=(\d+)", shown)
    assert found, shown[-500:]
    assert int(found[1]) <= int(found[2]), "the page scrolls horizontally"
    assert found[3] == "0", "a chart is wider than the page"


@pytest.mark.parametrize("measured", [False, True])
def test_a_report_of_fifty_networks_prints_on_three_pages_at_most(
    inputs, make_measured, tmp_path, measured
):
    given = make_measured([f"Network {n}" for n in range(50)]) if measured else {}
    plan = read_json(given["plan"] if measured else inputs.plan / "plan.json")
    plan["lines"] = [
        line | {"network": f"Network {n}", "spots": 1 + n % 7}
        for n in range(50)
        for line in plan["lines"][:4]
    ]
    plan["by_market"] = [plan["by_market"][0] | {"name": f"Market {n}"} for n in range(10)]
    plan["definitions"] = {f"Term {n}": "A sentence that says what it is. " * 3 for n in range(14)}
    write_json(tmp_path / "plan.json", plan)
    arguments = {**inputs.arguments(), **given, "plan": tmp_path / "plan.json"}
    page = report(tmp_path / "report.html", **arguments)
    pdf = tmp_path / "report.pdf"
    browse(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri())
    counts = {int(count) for count in re.findall(rb"/Count (\d+)", pdf.read_bytes())}
    assert max(counts) <= 3
