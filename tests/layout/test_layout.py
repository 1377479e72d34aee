"""The layout of the source: no import cycles, few levels in a package, few files in a folder."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "daypart"
MOST_LEVELS = 12
MOST_FILES = 25
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


def module_name(file):
    """Return the dotted name of a source file; a package's is that of its folder."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules():
    """Return every module of the source with its file."""
    return {module_name(file): file for file in ROOT.rglob("*.py")}


def imported_names(file):
    """Yield the absolute names that a file imports: at its top, for types, and in functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports():
    """Return, for each module, the modules of the source that it imports."""
    known = modules()
    found = {}
    for name, file in known.items():
        found[name] = set()
        for target in imported_names(file):
            while target and target not in known:
                target = target.rpartition(".")[0]
            found[name] |= {target} - {name, ""}
    return found


def levels(package):
    """Return the length of the longest chain of imports between the modules of a package."""
    own = {name for name in modules() if name.split(".")[1:2] == [package]}
    graph = {name: imports()[name] & own for name in own}
    depth = {}
    for name in TopologicalSorter(graph).static_order():
        depth[name] = 1 + max((depth[each] for each in graph[name]), default=0)
    return max(depth.values())


def test_no_module_imports_itself_by_way_of_others():
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {' > '.join(reversed(error.args[1]))}")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_at_most_twelve_levels_of_imports(package):
    assert levels(package) <= MOST_LEVELS


def test_a_folder_has_at_most_twenty_five_modules():
    counts = {folder: len(list(folder.glob("*.py"))) for folder in ROOT.rglob("*")}
    assert {folder for folder, count in counts.items() if count > MOST_FILES} == set()


def test_every_package_says_in_its_docstring_what_it_does():
    missing = [
        name
        for name, file in modules().items()
        if file.name == "__init__.py"
        and len(ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "") < 20
    ]
    assert missing == []
