"""Models by name: those of `daypart.models`, peers of other libraries, and `module:name`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daypart.errors import DaypartError, did_you_mean
from daypart.models.baselines import FourWeekMean, SeasonalNaive
from daypart.models.negbin.model import CROSSED, DAY_TYPES, INFERENCES, NegativeBinomial

if TYPE_CHECKING:
    from daypart.models.protocol import Model

COMPILED_MODELS = ("negbin", "crossed")
"""The models whose kernels `compile_kernels` compiles."""

MODEL_NAMES = ("negbin", "crossed", "seasonal_naive", "four_week_mean")


def get_model(name: str, **parameters: Any) -> Model:
    """Return a model by its name.

    Parameters
    ----------
    name : str
        `negbin` (the audience default), `crossed`, `seasonal_naive` or `four_week_mean`.
    **parameters
        `holidays` (bool) of `negbin` and `crossed`: United States federal holidays as event
        effects in American time zones; on by default for `negbin`. `inference`: `fast` (the
        scales' posterior as normal), `full` (integrated over nodes), `auto` (full where it is
        skewed) or `nuts` (sampled, with `draws` of each of four chains). `pooling` of `negbin`
        (on by default): partitions take a prior from sums over them. `khat` (on by default): rows
        tell the Pareto k-hat of the hours' effects. `calendar`: named
        events, rows as `models.events.parse_events` reads them.

    Returns
    -------
    Model

    Raises
    ------
    DaypartError
        For an unknown name or parameter, or a value that the parameter can't have.

    Examples
    --------
    >>> get_model("negbin").name
    'negbin'
    """
    if name not in MODEL_NAMES:
        raise DaypartError(f"there is no model {name!r}", hint=did_you_mean(name, MODEL_NAMES))
    bayesian = name in ("negbin", "crossed")
    defaults: dict[str, Any] = {"inference": "auto", "holidays": name == "negbin", "khat": True}
    defaults = defaults if bayesian else {}
    if name == "negbin":
        defaults["pooling"] = True
    if bayesian and parameters.get("inference") == "nuts":
        defaults["draws"] = 1000
    for parameter, value in parameters.items():
        if parameter == "calendar":
            if not bayesian:
                raise DaypartError(f"model {name} knows no events, so it takes no calendar")
        elif parameter not in defaults:
            raise DaypartError(
                f"model {name} has no parameter {parameter!r}",
                hint=did_you_mean(parameter, defaults),
            )
        if parameter in ("holidays", "pooling", "khat") and not isinstance(value, bool):
            raise DaypartError(f"{parameter}={value!r} is neither true nor false")
        if parameter == "draws" and not (isinstance(value, int) and 100 <= value <= 100_000):
            raise DaypartError(f"draws={value!r}", hint="give 100 to 100000")
        if parameter == "inference" and value not in INFERENCES:
            raise DaypartError(
                f"inference={value!r} is not known", hint=did_you_mean(str(value), INFERENCES)
            )
    if bayesian:
        configuration = DAY_TYPES if name == "negbin" else CROSSED
        model = NegativeBinomial(name, configuration, defaults | parameters)
        _ = model.calendar  # a calendar at fault is told now
        return model
    return SeasonalNaive() if name == "seasonal_naive" else FourWeekMean()


_EXTRA_OF = {"sklearn": "forecasters", "statsforecast": "forecasters"}

PEERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "auto_ets": ("statsforecast.models:AutoETS", {"season_length": 24}),
    "mstl": ("statsforecast.models:MSTL", {"season_length": [24, 168]}),
}
"""Models of others that have a name here: where they are, and the seasons of hourly counts."""


def is_external_model(name: str) -> bool:
    """Tell whether a model's name names code that is not of daypart: the user's, or a peer.

    Examples
    --------
    >>> [is_external_model(name) for name in ("my_package.models:Weekly", "mstl", "negbin")]
    [True, True, False]
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
    if not is_external_model(name):
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
    if not is_external_model(name):
        from daypart.models.registry import MODEL_NAMES, get_model

        if name not in MODEL_NAMES:
            hint = did_you_mean(name, [*MODEL_NAMES, *PEERS])
            raise DaypartError(f"there is no model {name!r}", hint=hint)
        known: Model = get_model(name, **parameters)
        return known
    from daypart.models.adapters.adapt import adapt

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
