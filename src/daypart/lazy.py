"""Packages whose names are imported when they are first used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any


class _Lazy(ModuleType):
    """Imports a name's module when the name is asked for."""

    _module_of: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self._module_of:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{self.__name__}.{self._module_of[name]}"), name)

    def __setattr__(self, name: str, value: object) -> None:
        # Python sets a submodule on its package when it is first imported; for these names
        # that would hide the function of the same name (`fit` of `fit.py`).
        if not (name in self._module_of and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted([*vars(self), *self._module_of])


def import_when_used(package: str, module_of: Mapping[str, str]) -> None:
    """Let names of a package be imported when they are first used.

    Parameters
    ----------
    package : str
    module_of : mapping of str to str
        Each name's module, relative to the package.
    """
    module = sys.modules[package]
    vars(module)["_module_of"] = module_of
    module.__class__ = _Lazy
