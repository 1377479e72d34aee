"""The commands in README.md and the documentation run as written, without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_pages import PAGES, Block, page_name, runnable_blocks

RUNNING = [page for page in PAGES if runnable_blocks(page.read_text())]
SMALLER_DEMO = """
from daypart.cli.main import main
from daypart.demo import SIZES, Size

SIZES["small"] = Size(markets=2, networks=16, segments=4, households=1000, weeks=8)
main(["demo"])
"""
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `daypart demo`, with two markets to save time; each page gets a copy."""
    folder = tmp_path_factory.mktemp("demo")
    finished = run_in(folder, [sys.executable, "-c", SMALLER_DEMO])
    assert finished.returncode == 0, finished.stderr
    return folder / "daypart-demo"


def run_in(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    home = folder.parent / f"{folder.name}-home"
    home.mkdir(exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DAYPART")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE),
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def run_block(folder: Path, block: Block) -> str:
    """Run one block; a console block must also print its output (`...` matches any text).

    A Python block whose first line names a file (`# weekly.py`) becomes that file instead.
    """
    if named := re.match(r"# (\w+\.py)\n", block.text):
        (folder / named[1]).write_text(f"{block.text}\n")
        return ""
    if block.language == "python":
        return failure(run_in(folder, [sys.executable, "-c", block.text]))
    if block.language == "bash":
        return failure(run_in(folder, ["bash", "-euo", "pipefail", "-c", block.text]))
    for command, shown in console_turns(block.text):
        finished = run_in(folder, ["bash", "-euo", "pipefail", "-c", command])
        if finished.returncode:
            return failure(finished)
        pattern = re.escape(shown).replace(re.escape("..."), "(?s:.*?)")
        if shown and not re.fullmatch(pattern, finished.stdout.rstrip()):
            return f"{command}\nprinted\n{finished.stdout}\nand not\n{shown}"
    return ""


def failure(finished: subprocess.CompletedProcess[str]) -> str:
    return f"exit {finished.returncode}\n{finished.stderr}" if finished.returncode else ""


def console_turns(text: str) -> list[tuple[str, str]]:
    """Split a console block into its commands (`$ `, continued by `> `) and what they print.

    >>> console_turns("$ a \\\\\\n> b\\nout\\n$ c")
    [('a \\\\\\nb', 'out'), ('c', '')]
    """
    turns: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            turns.append((line[2:], ""))
            continue
        command, shown = turns.pop()
        if line.startswith("> ") and not shown:
            turns.append((f"{command}\n{line[2:]}", shown))
        else:
            turns.append((command, f"{shown}\n{line}" if shown else line))
    return turns


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNING, ids=page_name)
def test_the_commands_of_a_page_run_in_a_folder_with_the_demo(
    page: Path, demo: Path, tmp_path: Path
):
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copytree(demo, folder / "daypart-demo")
    for block in runnable_blocks(page.read_text()):
        assert not (fault := run_block(folder, block)), f"{page_name(page)}:{block.line} {fault}"
    assert list((tmp_path / "work-home").iterdir()) == []


def test_the_tutorial_and_the_readme_are_among_the_pages_that_run():
    assert {"README.md", "docs/tutorial.md"} <= {page_name(page) for page in RUNNING}
