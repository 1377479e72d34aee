"""docs/explanation/architecture.md names the packages and modules as they are in the code."""

from __future__ import annotations

import importlib
import re
import tomllib

from markdown_pages import ROOT

SOURCE = ROOT / "src" / "daypart"
PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text()


def section(title):
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def tables_of_packages():
    """Return the first two columns of both tables of packages, row by row."""
    tables = re.findall(r"(?:^\|.*\n)+", section("Packages"), re.MULTILINE)
    rows = [[line.split("|")[1:3] for line in table.splitlines()[2:]] for table in tables]
    assert len(rows) == 2
    return rows


def code_names(text):
    return re.findall(r"`([^`]+)`", text)


def test_the_packages_are_in_the_order_of_the_import_contract():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = (
        c["layers"] for c in settings["tool"]["importlinter"]["contracts"] if "layers" in c
    )
    order = {name.removeprefix("daypart."): i for i, name in enumerate(reversed(layers))}
    rows = [[name.strip("/") for name in code_names(first)] for first, _ in tables_of_packages()[0]]
    assert {name for row in rows for name in row} == set(order)
    highest = -1
    for row in rows:
        places = [order[name] for name in row]
        assert min(places) > highest, row
        highest = max(places)


def test_the_parts_of_packages_exist():
    missing = []
    for first, second in tables_of_packages()[1]:
        (package,) = code_names(first)
        for part in code_names(second):
            inside = [SOURCE / package, *(SOURCE / package).glob("*/")]
            if not any((up / part).is_dir() or (up / f"{part}.py").is_file() for up in inside):
                missing.append(f"{package}{part}")
    assert not missing


def test_the_parts_include_every_folder_of_the_large_packages():
    for first, second in tables_of_packages()[1]:
        (package,) = code_names(first)
        folders = {f.parent.name for f in (SOURCE / package).glob("*/__init__.py")}
        assert folders <= {name.strip("/") for name in code_names(second)}, package


def test_the_names_in_the_contracts_can_be_imported():
    names = re.findall(r"\(`([a-z_]+(?:\.\w+)+)`\)", section("Contracts"))
    assert len(names) >= 6
    for name in names:
        head, _, last = f"daypart.{name}".rpartition(".")
        assert hasattr(importlib.import_module(head), last) or importlib.import_module(
            f"{head}.{last}"
        )
