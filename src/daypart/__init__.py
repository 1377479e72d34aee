"""Television audiences: one Bayesian model per partition, from viewing events to a plan.

Every verb of the command line that works on data is a function of the same name here
(`simulate-counts` is `simulate_counts`, and `import` is `import_series`, as `import` is a word of
Python).
`__init__.pyi` lists them. Each is imported when it is first used, so that `import daypart` loads
nothing heavy.

Examples
--------
>>> import daypart
>>> daypart.fit.__module__
'daypart.runs.fit'
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from types import ModuleType
from typing import Any

from daypart._version import __version__

_MODULE_OF = {
    name.name: statement.module
    for statement in ast.parse(pkgutil.get_data(__name__, "__init__.pyi") or b"").body
    if isinstance(statement, ast.ImportFrom) and statement.module
    for name in statement.names
    if name.name != "__version__"
}

__all__ = ["__version__", *_MODULE_OF]


class _LazyPackage(ModuleType):
    """A package that imports the module of a public name when the name is first used."""

    def __getattr__(self, name: str) -> Any:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULE_OF[name]), name)

    def __setattr__(self, name: str, value: object) -> None:
        # Python sets a submodule on its package when it is first imported; for these names
        # that would hide the function of the same name (`insights` of the package `insights`).
        if not (name in _MODULE_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted([*vars(self), *_MODULE_OF])


sys.modules[__name__].__class__ = _LazyPackage
