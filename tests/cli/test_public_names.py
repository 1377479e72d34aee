"""The public names of `daypart`: imported when used, and never hidden by a submodule."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from types import ModuleType

import pytest

import daypart


@pytest.mark.parametrize("name", daypart.__all__)
def test_every_public_name_is_defined_in_the_module_that_it_is_imported_from(name):
    value = getattr(daypart, name)
    assert not isinstance(value, ModuleType)
    if name != "__version__":
        assert value.__name__ == name
        assert name in dir(daypart)


@pytest.mark.parametrize("name", ["insights", "report", "demo"])
def test_a_function_is_not_hidden_by_the_submodule_of_the_same_name(name):
    importlib.import_module(f"daypart.{name}")
    assert inspect.isfunction(getattr(daypart, name))
    namespace: dict[str, object] = {}
    exec(f"from daypart import {name}", namespace)
    assert inspect.isfunction(namespace[name])


def test_a_function_is_not_hidden_in_a_process_that_imports_the_submodule_first():
    script = "import daypart.insights.insights, daypart; print(callable(daypart.insights))"
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert shown.stdout.strip() == b"True"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = daypart.nothing
