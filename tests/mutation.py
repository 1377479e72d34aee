"""Mutation tests: change one operator of a module at a time, and see whether its tests notice.

    python tests/mutation.py src/daypart/planning/problem/pins.py \
        --tests tests/planning/test_plan.py tests/planning/test_brief.py

A mutant that every test passes has survived: it is printed with its line. Kill it by a test of
behaviour through a public function, or conclude that it computes the same. The source tree is
copied, so that the checkout stays as it is and several runs can go on at once. The exit code is 1
where a mutant survived, and 2 where the tests fail without any mutation.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
NAMES = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
}
"""Functions and methods that are exchanged for each other."""


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Parameters
    ----------
    line : int
        Of the original.
    change : str
        What was exchanged for what.
    source : str
        The whole module.
    """

    line: int
    change: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's functions and methods."""
    tree = ast.parse(source)
    places = [
        (number, kind, node)
        for number, node in enumerate(ast.walk(tree))
        for kind in _changes(node)
        if number in _in_functions(tree)
    ]
    for number, kind, node in places:
        mutated = copy.deepcopy(tree)
        found = next(n for i, n in enumerate(ast.walk(mutated)) if i == number)
        change = _apply(found, kind)
        yield Mutant(getattr(node, "lineno", 0), change, ast.unparse(mutated))


def _in_functions(tree: ast.AST) -> set[int]:
    """Return the numbers of nodes in the bodies of functions; annotations are not code."""
    numbers = {id(node): n for n, node in enumerate(ast.walk(tree))}
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    inside = {numbers[id(n)] for f in functions for part in f.body for n in ast.walk(part)}
    notes = [n.annotation for n in ast.walk(tree) if isinstance(n, ast.AnnAssign | ast.arg)]
    notes += [f.returns for f in functions]
    return inside - {numbers[id(n)] for note in notes if note is not None for n in ast.walk(note)}


def _changes(node: ast.AST) -> list[str]:
    """Return the kinds of change that a node allows."""
    if isinstance(node, ast.Compare):
        return [f"op{i}" for i, op in enumerate(node.ops) if type(op) in SWAPS]
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        return ["op"]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        return ["drop"]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        return ["value"]
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        return ["name"] if name in NAMES else []
    return []


def _apply(node: ast.AST, kind: str) -> str:
    """Change a node in place; return what was done."""
    before = ast.unparse(node)
    if isinstance(node, ast.Compare):
        at = int(kind.removeprefix("op"))
        node.ops[at] = SWAPS[type(node.ops[at])]()
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)  # `not x` becomes `bool(x)`
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            node.func.attr = NAMES[node.func.attr]
        else:
            node.func = ast.Name(NAMES[ast.unparse(node.func)])
    return f"{before}  ->  {ast.unparse(node)}"


class Tree:
    """A copy of the source tree in which one module is mutated and tested."""

    def __init__(self, folder: Path, module: Path, tests: list[str]) -> None:
        self.source = folder / "src"
        shutil.copytree(ROOT / "src", self.source)
        self.module = folder / module.relative_to(ROOT)
        self.command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        self.command += ["-m", "not slow and not server", *tests]

    def passes(self, source: str, seconds: float) -> bool:
        """Return whether the tests pass with the module's source exchanged."""
        self.module.write_text(source)
        try:
            done = subprocess.run(
                self.command,
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(self.source)},
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def run(module: Path, tests: list[str], *, jobs: int, step: int) -> tuple[int, list[Mutant]]:
    """Test every `step`-th mutant of a module.

    Returns
    -------
    tested : int
    survived : list of Mutant

    Raises
    ------
    RuntimeError
        Where the tests fail without a mutation.
    """
    source = module.read_text()
    chosen = list(mutants(source))[::step]
    with tempfile.TemporaryDirectory() as folder:
        trees: queue.Queue[Tree] = queue.Queue()
        for number in range(jobs):
            trees.put(Tree(Path(folder) / str(number), module, tests))
        seconds = 0.0
        unchanged = ast.unparse(ast.parse(source))
        for tree in list(trees.queue):
            for limit in (1800.0, 600.0):  # the first run compiles the kernels of its copy
                begun = time.monotonic()
                if not tree.passes(unchanged, limit):
                    raise RuntimeError(f"the tests fail without a mutation: {' '.join(tests)}")
                seconds = time.monotonic() - begun

        def survives(mutant: Mutant) -> bool:
            tree = trees.get()
            try:
                alive = tree.passes(mutant.source, 10 + 3 * seconds)
            finally:
                trees.put(tree)
            if alive:  # printed at once, so that a run that is stopped has reported something
                print(f"{module.relative_to(ROOT)}:{mutant.line}: {mutant.change}", flush=True)
            return alive

        with ThreadPoolExecutor(jobs) as threads:
            outcome = list(threads.map(survives, chosen))
    return len(chosen), [m for m, alive in zip(chosen, outcome, strict=True) if alive]


def main() -> int:
    """Run the mutants of a module; those that survive are printed as they are found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", type=Path, help="the file to mutate")
    parser.add_argument("--tests", nargs="+", required=True, help="files of tests to run")
    parser.add_argument("--jobs", type=int, default=1, help="mutants tested at once (default 1)")
    parser.add_argument("--step", type=int, default=1, help="test every STEP-th mutant (default 1)")
    given = parser.parse_args()
    try:
        tested, survived = run(
            given.module.resolve(), given.tests, jobs=given.jobs, step=given.step
        )
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{given.module}: {tested - len(survived)} of {tested} mutants killed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
