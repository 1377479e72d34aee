"""Models by name: those of `daypart.models`, peers of other libraries, and `module:name`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daypart.errors import DaypartError, did_you_mean

if TYPE_CHECKING:
    from daypart.models.protocol import Model


_EXTRA_OF = {"sklearn": "forecasters", "statsforecast": "forecasters"}

PEERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "auto_ets": ("statsforecast.models:AutoETS", {"season_length": 24}),
    "mstl": ("statsforecast.models:MSTL", {"season_length": [24, 168]}),
}
"""Models of others that have a name here: where they are, and the seasons of hourly counts."""


def is_own_model(name: str) -> bool:
    """Tell whether a model's name names code that is not of daypart: the user's, or a peer.

    Examples
    --------
    >>> is_own_model("my_package.models:Weekly"), is_own_model("mstl"), is_own_model("negbin")
    (True, True, False)
    """
    return ":" in name or name in PEERS


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
        A model of `daypart.models`, one of `PEERS`, or `module:name` of what
        `models.adapters.adapt` takes; the module must be importable where the workers run.
    parameters : mapping
        Keyword arguments.

    Raises
    ------
    DaypartError
        For a model that is not there or does not take these parameters.
    """
    if not is_own_model(name):
        from daypart.models import MODEL_NAMES, get_model

        if name not in MODEL_NAMES:
            hint = did_you_mean(name, [*MODEL_NAMES, *PEERS])
            raise DaypartError(f"there is no model {name!r}", hint=hint)
        known: Model = get_model(name, **parameters)
        return known
    from daypart.models.adapters import adapt

    usual = PEERS[name][1] if name in PEERS else {}
    return adapt(name, _imported(name), {**usual, **parameters})


def _imported(name: str) -> Any:
    """Return the object that `module:name` names."""
    target = PEERS[name][0] if name in PEERS else name
    module_name, attribute = target.split(":", 1)
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
