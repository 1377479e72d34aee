"""The version of a user's code: a hash of its source, so that changed code is another model."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

_HEX_DIGITS = 12


def code_version(models: Sequence[str]) -> str | None:
    """Return a hash of the source of models, and of what they import beside installed packages.

    Parameters
    ----------
    models : sequence of str
        Names of models, imported already. Those of daypart and of installed packages have no
        part in it: they have versions of their own.

    Returns
    -------
    str or None
        None where none of them is code of the user.

    Examples
    --------
    >>> code_version(["negbin", "sklearn.linear_model:Ridge"]) is None
    True
    """
    found: dict[str, bytes] = {}
    waiting = [name.partition(":")[0] for name in models if ":" in name]
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        source = _source_of(module) if module is not None and name not in found else None
        if module is None or source is None:
            continue
        found[name] = source
        waiting += [name.rpartition(".")[0], *_imported_by(module, source)]
    if not found:
        return None
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0{len(found[name])}\0".encode() + found[name])
    return digest.hexdigest()[:_HEX_DIGITS]


def _source_of(module: ModuleType) -> bytes | None:
    """Return the source of a module of the user; None for all others."""
    file = Path(getattr(module, "__file__", None) or "")
    if file.suffix != ".py" or module.__name__.partition(".")[0] == "daypart":
        return None
    installed = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
    path, library = file.resolve(), Path(sysconfig.get_path("stdlib")).resolve()
    if any(part in ("site-packages", "dist-packages") for part in path.parts):
        return None
    if any(path.is_relative_to(folder) for folder in (*installed, library)):
        return None
    return path.read_bytes() if path.exists() else None


def _imported_by(module: ModuleType, source: bytes) -> Iterator[str]:
    """Yield the modules that a module imports when it is imported itself."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue  # imported by a call, if at all
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level + (node.module or "")
            name = importlib.util.resolve_name(dots, module.__package__) if node.level else dots
            yield name
            yield from (f"{name}.{each.name}" for each in node.names)
        waiting += ast.iter_child_nodes(node)
