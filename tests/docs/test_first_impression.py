"""A newcomer's first commands start quickly, and each help is short and has an example."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest
from markdown_pages import ROOT

from daypart.cli.main import find_verbs

DAYPART = str(Path(sys.executable).with_name("daypart"))
HEAVY = ("numba", "scipy", "duckdb", "pyarrow", "numpy", "altair", "highspy")
SHOW_HELP = (
    "from daypart.cli.main import daypart_command as d; d(['--help'], standalone_mode=False)"
)


def best_seconds(command: list[str]) -> float:
    """Return the shortest of five runs: other work on the machine only adds time."""
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        best = min(best, time.perf_counter() - begun)
    return best


def test_import_daypart_takes_less_than_half_a_second():
    assert best_seconds([sys.executable, "-c", "import daypart"]) < 0.5


def test_the_help_takes_less_than_six_tenths_of_a_second():
    assert best_seconds([DAYPART, "--help"]) < 0.6


@pytest.mark.parametrize("start", ["import daypart", SHOW_HELP], ids=["import", "help"])
def test_starting_does_not_load_large_libraries(start: str):
    script = f"import sys; {start}\nprint('loaded', *[m for m in {HEAVY} if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert shown.stdout.splitlines()[-1].split() == ["loaded"]


@pytest.mark.parametrize("verb", find_verbs())
def test_every_verb_has_a_short_help_with_an_example(verb: str):
    from click.testing import CliRunner

    from daypart.cli.main import daypart_command

    shown = CliRunner().invoke(daypart_command, [verb, "--help"], prog_name="daypart")
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert len(lines) <= 40
    assert any(line.strip().startswith("Example") for line in lines)
    assert "--json" in shown.output


def test_the_command_line_reference_has_every_verb():
    path = ROOT / "docs" / "generate_command_line.py"
    spec = importlib.util.spec_from_file_location("generate_command_line", path)
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = hook.command_line()
    assert [verb for verb in find_verbs() if f"## daypart {verb}\n" not in page] == []


def test_the_readmes_picture_of_the_report_is_under_250_kilobytes():
    assert (ROOT / "docs" / "images" / "report.png").stat().st_size < 250_000
