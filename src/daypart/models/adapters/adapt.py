"""From a name's object to a model: which adapter it needs, and which parameters are whose."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from daypart.errors import DaypartError, did_you_mean
from daypart.models.adapters.adapted import DEFAULTS, AdaptedModel, check_parameters
from daypart.models.adapters.function import function_fit, is_fit_function
from daypart.models.adapters.regressor import DEFAULTS as REGRESSOR_DEFAULTS
from daypart.models.adapters.regressor import check_features, regressor_fit
from daypart.models.adapters.statsforecast_model import statsforecast_fit, with_season
from daypart.models.protocol import Model


def adapt(name: str, target: Any, parameters: Mapping[str, Any]) -> Model:
    """Make a model of a class, of a function that makes one, or of a function that fits.

    Parameters
    ----------
    name : str
        What the user calls it.
    target : object
        A class of this package's protocol, a scikit-learn regressor or a statsforecast model; a
        function that returns an object of such a class; or a function of `partition, params`.
    parameters : mapping
        Those in the target's signature are given to it, the others are the adapter's.

    Returns
    -------
    Model

    Raises
    ------
    DaypartError
        For something else, and for parameters that nothing takes.

    Examples
    --------
    >>> def fit(partition, params):
    ...     return {"mean_count": partition.counts.mean()}
    >>> adapt("mine:fit", fit, {"weeks_ahead": 2}).parameters["weeks_ahead"]
    2
    """
    if is_fit_function(target):
        check_parameters(name, {n: v for n, v in parameters.items() if n in DEFAULTS}, [*DEFAULTS])
        chosen = {**DEFAULTS, **parameters}
        version = str(getattr(target, "version", "1"))
        return _checked(AdaptedModel(name, version, chosen, function_fit(target, parameters)))
    if not callable(target):
        raise DaypartError(f"model {name!r} is a {type(target).__name__}", hint="name a class")
    own, rest = _part(target, parameters)
    if _is_statsforecast(target):
        own = with_season(target, own)
    made = _make(name, target, own)
    if not (_is_statsforecast(type(made)) or _is_regressor(made)):
        return _as_model(name, target, made, rest)
    known = [*DEFAULTS, *([] if _is_statsforecast(type(made)) else REGRESSOR_DEFAULTS)]
    check_parameters(name, rest, [*known, *_names(target)])
    if _is_statsforecast(type(made)):
        chosen = {**DEFAULTS, **rest}
        fit_one = statsforecast_fit(lambda: target(**own), chosen)
    else:
        chosen = {**DEFAULTS, **REGRESSOR_DEFAULTS, **rest}
        check_features(chosen)
        fit_one = regressor_fit(lambda: target(**own), chosen)
    return _checked(AdaptedModel(name, "1", {**chosen, **own}, fit_one))


def _checked(model: AdaptedModel) -> AdaptedModel:
    _ = model.calendar  # a calendar at fault is told now
    return model


def _as_model(name: str, target: Any, made: Any, rest: Mapping[str, Any]) -> Model:
    """Return an object that is a model already, if it is and takes all parameters."""
    if not (hasattr(made, "fit") and hasattr(made, "version")):
        raise DaypartError(
            f"model {name!r} is no model, regressor or function of partition and params",
            hint="see the page on models for what a model is",
        )
    if "calendar" in rest:
        raise DaypartError(f"model {name} knows no events, so it takes no calendar")
    for parameter in rest:
        raise DaypartError(
            f"model {name!r} does not take these parameters (no {parameter!r})",
            hint=did_you_mean(parameter, _names(target)),
        )
    model: Model = made
    return model


def _make(name: str, target: Any, own: Mapping[str, Any]) -> Any:
    try:
        return target(**own)
    except (TypeError, ValueError) as error:
        raise DaypartError(f"model {name!r} does not take these parameters ({error})") from None


def _part(target: Any, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part parameters into the target's own and the others."""
    names = _names(target)
    free = any(
        each.kind is inspect.Parameter.VAR_KEYWORD
        for each in inspect.signature(target).parameters.values()
    )
    adapters = {*DEFAULTS, *REGRESSOR_DEFAULTS, "calendar"}
    own = {n: v for n, v in parameters.items() if n in names or (free and n not in adapters)}
    return own, {name: value for name, value in parameters.items() if name not in own}


def _names(target: Any) -> list[str]:
    return [
        name
        for name, each in inspect.signature(target).parameters.items()
        if each.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    ]


def _is_statsforecast(target: Any) -> bool:
    return inspect.isclass(target) and any(
        base.__module__.startswith("statsforecast") for base in target.__mro__
    )


def _is_regressor(made: Any) -> bool:
    return all(hasattr(made, name) for name in ("fit", "predict", "get_params"))
