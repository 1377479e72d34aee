"""From an imported object to a model: which adapter it needs, and which parameters are whose."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from daypart.errors import DaypartError, did_you_mean
from daypart.models.adapters.adapted import AdaptedModel
from daypart.models.adapters.function import function_fit, is_fit_function
from daypart.models.adapters.regressor import regressor_fit
from daypart.models.adapters.statsforecast_model import statsforecast_fit, with_season
from daypart.models.parameters import ADAPTED, REGRESSOR, check_parameters
from daypart.models.protocol import Model


@runtime_checkable
class _Regressor(Protocol):
    """What scikit-learn's regressors have in common."""

    def fit(self, features: Any, target: Any) -> Any: ...
    def predict(self, features: Any) -> Any: ...
    def get_params(self) -> Any: ...


@runtime_checkable
class _FitsBlocks(Protocol):
    """The part of `Model` without which nothing can be fitted."""

    @property
    def version(self) -> str: ...
    def fit(self, block: Any) -> Any: ...


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
        Those in the target's signature are passed to it, the others are the adapter's.

    Returns
    -------
    Model

    Raises
    ------
    DaypartError
        For any other object, and for parameters that nothing takes.

    Examples
    --------
    >>> def fit(partition, params):
    ...     return {"mean_count": partition.counts.mean()}
    >>> adapt("mine:fit", fit, {"weeks_ahead": 2}).parameters["weeks_ahead"]
    2
    """
    if is_fit_function(target):
        check_parameters(name, {n: v for n, v in parameters.items() if n in ADAPTED}, ADAPTED)
        version, chosen = str(getattr(target, "version", "1")), {**ADAPTED, **parameters}
        fit_one = function_fit(target, parameters)
        return AdaptedModel(name, version, chosen, fit_one, takes_any_parameter=True)
    if not callable(target):
        raise DaypartError(f"model {name!r} is a {type(target).__name__}", hint="name a class")
    if inspect.isclass(target) and not callable(getattr(target, "fit", None)):
        raise _is_no_model(name)
    own, rest = _divided(target, parameters)
    if _is_statsforecast(target):
        own = with_season(target, own)
    made = _make(name, target, own)
    if _is_statsforecast(type(made)):
        defaults, fit_of = {**ADAPTED}, statsforecast_fit
    elif isinstance(made, _Regressor):
        defaults, fit_of = {**ADAPTED, **REGRESSOR}, regressor_fit
    else:
        return _as_model(name, target, made, rest)
    check_parameters(name, rest, [*defaults, *_names(target)])
    chosen = {**defaults, **rest}
    return AdaptedModel(name, "1", {**chosen, **own}, fit_of(lambda: target(**own), chosen))


def _as_model(name: str, target: Any, made: Any, rest: Mapping[str, Any]) -> Model:
    """Return an object that is a model already, if it takes all parameters."""
    if not isinstance(made, _FitsBlocks):
        raise _is_no_model(name)
    check_parameters(name, {n: v for n, v in rest.items() if n == "calendar"}, (), events=False)
    for parameter in rest:
        raise DaypartError(
            f"model {name!r} does not take these parameters (no {parameter!r})",
            hint=did_you_mean(parameter, _names(target)),
        )
    model: Any = made
    found: Model = model
    return found


def _is_no_model(name: str) -> DaypartError:
    return DaypartError(
        f"model {name!r} is not a model, a regressor or a function of partition and params",
        hint="see the page on models for what a model is",
    )


def _make(name: str, target: Any, own: Mapping[str, Any]) -> Any:
    try:
        return target(**own)
    except (TypeError, ValueError) as error:
        raise DaypartError(f"model {name!r} does not take these parameters ({error})") from None


def _divided(target: Any, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide parameters into the target's own and the others."""
    names = _names(target)
    free = any(
        each.kind is inspect.Parameter.VAR_KEYWORD
        for each in inspect.signature(target).parameters.values()
    )
    adapters = {*ADAPTED, *REGRESSOR, "calendar"}
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
