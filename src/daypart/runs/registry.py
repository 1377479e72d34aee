"""Models by name: those of `daypart.models`, and the user's own as `module:name`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daypart.errors import DaypartError

if TYPE_CHECKING:
    from daypart.models.protocol import Model


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


def load_model(name: str, parameters: Mapping[str, Any]) -> Model:
    """Make a model from its name and its parameters.

    Parameters
    ----------
    name : str
        A model of `daypart.models`, or `module:name` of a class or function that makes one; the
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
    module_name, attribute = name.split(":", 1)
    try:
        make = getattr(importlib.import_module(module_name), attribute)
        model: Model = make(**parameters)
    except (ImportError, AttributeError) as error:
        raise DaypartError(
            f"model {name!r} can't be imported ({error})",
            hint="write module:class, with the module on PYTHONPATH",
        ) from None
    except (TypeError, ValueError) as error:
        raise DaypartError(f"model {name!r} does not take these parameters ({error})") from None
    return model
