"""Models by name: those of `daypart.models`, and the user's own as `module:name`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daypart.errors import DaypartError, did_you_mean

if TYPE_CHECKING:
    from daypart.models.protocol import Model


_EXTRA_OF = {"sklearn": "forecasters", "statsforecast": "forecasters"}


def is_own_model(name: str) -> bool:
    """Tell whether a model's name names the user's own code.

    Examples
    --------
    >>> is_own_model("my_package.models:Weekly"), is_own_model("negbin")
    (True, False)
    """
    return ":" in name


def takes_calendar(name: str) -> bool:
    """Tell whether a model of daypart's own gives named events an effect.

    Examples
    --------
    >>> takes_calendar("negbin"), takes_calendar("seasonal_naive")
    (True, False)
    """
    return name in ("negbin", "crossed")


def takes_any_parameter(name: str) -> bool:
    """Tell whether a model is a plain function, which does not say what it takes."""
    if not is_own_model(name):
        return False
    from daypart.models.adapters.function import is_fit_function

    return is_fit_function(_imported(name))


def load_model(name: str, parameters: Mapping[str, Any]) -> Model:
    """Make a model from its name and its parameters.

    Parameters
    ----------
    name : str
        A model of `daypart.models`, or `module:name` of what `models.adapters.adapt` takes; the
        module must be importable where the workers run.
    parameters : mapping
        Keyword arguments.

    Raises
    ------
    DaypartError
        For a model that is not there or does not take these parameters.
    """
    if not is_own_model(name):
        from daypart.models import get_model

        known: Model = get_model(name, **parameters)
        return known
    from daypart.models.adapters import adapt

    return adapt(name, _imported(name), parameters)


def _imported(name: str) -> Any:
    """Return the object that `module:name` names."""
    module_name, attribute = name.split(":", 1)
    hint = "write module:class, with the module on PYTHONPATH"
    try:
        if (library := module_name.partition(".")[0]) in _EXTRA_OF:
            hint, usual = f"pip install 'daypart[{_EXTRA_OF[library]}]'", hint
            importlib.import_module(library)
            hint = usual
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise DaypartError(f"model {name!r} can't be imported ({error})", hint=hint) from None
    if not hasattr(module, attribute):
        names = [each for each in vars(module) if not each.startswith("_")]
        raise DaypartError(
            f"model {name!r} can't be imported ({module_name} has no {attribute!r})",
            hint=did_you_mean(attribute, names),
        )
    return getattr(module, attribute)
