"""Models by name: those of daypart, peers of other libraries, and `module:name`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daypart.errors import DaypartError, did_you_mean
from daypart.models.baselines import SEASONAL_NAIVE, WEEK_MEANS, WeeklyProfile
from daypart.models.negbin.configuration import CROSSED, DAY_TYPES
from daypart.models.negbin.model import NegativeBinomial
from daypart.models.parameters import COUNT_MODEL, SAMPLED, check_parameters
from daypart.models.protocol import HasCalendar
from daypart.models.trust import trust_model

if TYPE_CHECKING:
    from daypart.models.protocol import Model


@dataclass(frozen=True)
class BuiltIn:
    """A model of daypart.

    Parameters
    ----------
    make : callable
        From checked parameters to the model.
    defaults : mapping
        Its parameters.
    sampled : mapping
        Parameters that it has only with `inference="nuts"`.
    events : bool
        Whether it gives named events an effect.
    """

    make: Callable[[Mapping[str, Any]], Model]
    defaults: Mapping[str, Any]
    sampled: Mapping[str, Any]
    events: bool


def _baseline(model: WeeklyProfile) -> BuiltIn:
    return BuiltIn(lambda _: model, {}, {}, events=False)


BUILT_IN: Mapping[str, BuiltIn] = {
    "negbin": BuiltIn(
        lambda parameters: NegativeBinomial.of("negbin", DAY_TYPES, parameters),
        {**COUNT_MODEL, "holidays": True, "pooling": True},
        SAMPLED,
        events=True,
    ),
    "crossed": BuiltIn(
        lambda parameters: NegativeBinomial.of("crossed", CROSSED, parameters),
        COUNT_MODEL,
        SAMPLED,
        events=True,
    ),
    **{each.name: _baseline(each) for each in (SEASONAL_NAIVE, *WEEK_MEANS)},
}
"""The models of daypart by name."""

PEERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "auto_ets": ("statsforecast.models:AutoETS", {"season_length": 24}),
    "mstl": ("statsforecast.models:MSTL", {"season_length": [24, 168]}),
}
"""Models of other libraries that have a name here: their import path, and the seasons of hourly
counts."""

_EXTRA_OF = {"sklearn": "forecasters", "statsforecast": "forecasters"}


def get_model(name: str, /, **parameters: Any) -> Model:
    """Return a model by its name.

    Parameters
    ----------
    name : str
        `negbin` (the default for audiences), `crossed`, `seasonal_naive`, `four_week_mean`
        (`eight_`, `thirteen_`); a peer (`auto_ets`, `mstl`); or `module:name` of what
        `adapters.adapt` takes. The module must be importable on every machine that fits.
    **parameters
        Of `negbin` and `crossed`: `holidays` (bool), United States federal holidays as event
        effects in American time zones, on by default for `negbin`; `inference`, `fast` (the
        scales' posterior as normal), `full` (integrated over points), `auto` (full where it is
        skewed) or `nuts` (sampled, with `draws` of each of four chains); `khat` (on by default),
        a column with the Pareto k-hat of the hours' effects; `changes` (on by default), whether
        dead runs are missing and steps of the level taken off before the fit; `calendar`, named
        events as rows for `models.events.parse_events`. Of `negbin` also `pooling` (on by default):
        partitions take a prior from sums over them. Of other models: keyword arguments of the
        class or function, and those of the adapter.

    Returns
    -------
    Model

    Raises
    ------
    DaypartError
        For an unknown name or parameter, or a value that the parameter does not allow.

    Examples
    --------
    >>> get_model("negbin").name
    'negbin'
    """
    model = _external(name, parameters) if is_external_model(name) else _built_in(name, parameters)
    if isinstance(model, HasCalendar):
        _ = model.calendar  # report a calendar with an error now
    return model


def is_external_model(name: str) -> bool:
    """Return whether a model's name refers to code outside daypart: the user's, or a peer's.

    Examples
    --------
    >>> [is_external_model(name) for name in ("my_package.models:Weekly", "mstl", "negbin")]
    [True, True, False]
    """
    return ":" in name or name in PEERS


def _built_in(name: str, parameters: Mapping[str, Any]) -> Model:
    if name not in BUILT_IN:
        hint = did_you_mean(name, [*BUILT_IN, *PEERS])
        raise DaypartError(f"there is no model {name!r}", hint=hint)
    entry = BUILT_IN[name]
    sampled = entry.sampled if parameters.get("inference") == "nuts" else {}
    defaults = {**entry.defaults, **sampled}
    check_parameters(name, parameters, defaults, events=entry.events)
    return entry.make({**defaults, **parameters})


def _external(name: str, parameters: Mapping[str, Any]) -> Model:
    from daypart.models.adapters.adapt import adapt

    trust_model(name)
    target, usual = PEERS.get(name, (name, {}))
    return adapt(name, _imported(name, target), {**usual, **parameters})


def _imported(name: str, target: str) -> Any:
    """Return the object that `module:name` names."""
    module_name, attribute = target.split(":", 1)
    if module_name.partition(".")[0] in sys.stdlib_module_names:
        raise DaypartError(f"model {name!r}: Python's own library holds no model")
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
