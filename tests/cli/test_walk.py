"""The walk of docs/how-to/extend/verb.md: a verb is added as the page describes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of the package with the files of the page."""
    copy = tmp_path_factory.mktemp("walk")
    ignored = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    shutil.copytree(ROOT / "src", copy, dirs_exist_ok=True, ignore=ignored)
    page = (ROOT / "docs" / "how-to" / "extend" / "verb.md").read_text(encoding="utf-8")
    files = re.findall(r"^## [^\n]+: `src/([^\n]+)`\n.*?```python\n(.*?)```", page, re.S | re.M)
    assert len(files) == 2, "a verb is two files"
    for name, text in files:
        assert not (copy / name).exists()
        (copy / name).write_text(text, encoding="utf-8")
    return copy


@pytest.fixture
def daypart(source, tmp_path):
    """Run a command line of the copy in a folder with a store of three partitions."""
    names = ["north/a", "south/a", "south/b"]
    for region in ("north", "south"):
        ids = [name for name in names if name.startswith(region)]
        keys = pa.table(
            {
                "region": [region] * len(ids),
                "shop": [name[-1] for name in ids],
                "unique_id": ids,
            }
        )
        counts = [np.arange(200)] * len(ids)
        block = block_from_arrays(keys, ["UTC"] * len(ids), [0] * len(ids), counts)
        store = (
            SeriesStore.create(tmp_path / "store", key=["region", "shop"])
            if region == "north"
            else SeriesStore.open(tmp_path / "store")
        )
        store.replace_regions([(region, block)])

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "daypart", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(source), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_added_verb_is_in_the_help_of_its_group(daypart):
    lines = daypart("--help").stdout.splitlines()
    assert len(lines) <= 40
    [line] = [line for line in lines if " regions " in line]
    assert line.endswith("List the regions of a store.")
    assert any(line.startswith("  Data ") for line in lines)
    assert "Example: daypart regions store" in daypart("regions", "--help").stdout


def test_the_added_verb_prints_lines_and_json(daypart):
    assert daypart("regions", "store").stdout == "south: 2 partitions\nnorth: 1 partition\n"
    shown = json.loads(daypart("regions", "store", "--at-least", "2", "--json").stdout)
    assert shown == {"regions": [{"name": "south", "partitions": 2}]}
    assert daypart("regions", "store", "--quiet").stdout == ""


def test_an_error_of_the_added_verb_is_printed_with_its_hint(daypart):
    failed = daypart("regions", "store", "--at-least", "-1")
    assert failed.returncode == 2
    assert failed.stderr.splitlines() == ["daypart: at_least is -1", "  give a number from 0"]
    assert "no store here" in daypart("regions", "nowhere").stderr
