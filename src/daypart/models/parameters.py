"""The parameters of every model that daypart makes: their defaults, and the values they allow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from daypart.errors import DaypartError, did_you_mean
from daypart.models.negbin.configuration import INFERENCES

COUNT_MODEL: Mapping[str, Any] = {
    "inference": "auto",
    "holidays": False,
    "khat": True,
    "changes": True,
}
"""Of `crossed` and, with `pooling` and holidays on, of `negbin`. Both also take `calendar`."""
SAMPLED: Mapping[str, Any] = {"draws": 1000}
"""Also of the count models, with `inference="nuts"`."""
ADAPTED: Mapping[str, Any] = {"weeks_ahead": 26, "held_out_weeks": 2, "holidays": True}
"""Of every adapter: how far forecasts reach; how many last weeks the model is first fitted
without, to measure its errors; United States federal holidays as events. And `calendar`."""
REGRESSOR: Mapping[str, Any] = {"lags": (), "hour_of_week": "number"}
"""Also of a scikit-learn regressor. `lags`: weeks back whose same hour is a feature.
`hour_of_week`: `number` (for trees) or `indicators` (168 columns, for linear models)."""
_ENCODINGS = ("number", "indicators")


def _check_switch(parameter: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise DaypartError(f"{parameter}={value!r} is neither true nor false")


def _check_whole(least: int, most: int, parameter: str, value: Any) -> None:
    if not (isinstance(value, int) and least <= value <= most):
        raise DaypartError(f"{parameter}={value!r}", hint=f"give {least} to {most}")


def _check_choice(choices: Sequence[str], parameter: str, value: Any) -> None:
    if value not in choices:
        hint = did_you_mean(str(value), choices)
        raise DaypartError(f"{parameter}={value!r} is not known", hint=hint)


def _check_lags(parameter: str, value: Any) -> None:
    whole = isinstance(value, Sequence) and all(isinstance(k, int) and k > 0 for k in value)
    if isinstance(value, str) or not whole:
        hint = "give whole weeks above 0, such as [1, 2]"
        raise DaypartError(f"{parameter}={value!r}", hint=hint)


_CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "inference": partial(_check_choice, INFERENCES),
    "holidays": _check_switch,
    "khat": _check_switch,
    "changes": _check_switch,
    "pooling": _check_switch,
    "draws": partial(_check_whole, 100, 100_000),
    "weeks_ahead": partial(_check_whole, 1, 104),
    "held_out_weeks": partial(_check_whole, 1, 104),
    "lags": _check_lags,
    "hour_of_week": partial(_check_choice, _ENCODINGS),
}


def check_parameters(
    model: str, given: Mapping[str, Any], known: Collection[str], *, events: bool = True
) -> None:
    """Check the names and the values of a model's parameters.

    Parameters
    ----------
    model : str
        Its name, for messages.
    given : mapping of str to value
    known : collection of str
        The parameters that the model has, besides `calendar`.
    events : bool
        Whether it gives named events an effect, and so takes a `calendar`.

    Raises
    ------
    DaypartError
        For an unknown parameter, or a value that it does not allow.

    Examples
    --------
    >>> check_parameters("negbin", {"khat": False}, ["khat"])
    """
    for parameter, value in given.items():
        if parameter == "calendar":
            if not events:
                raise DaypartError(f"model {model} does not use events, so it takes no calendar")
        elif parameter not in known:
            raise DaypartError(
                f"model {model} has no parameter {parameter!r}",
                hint=did_you_mean(parameter, known),
            )
        elif parameter in _CHECKS:
            _CHECKS[parameter](parameter, value)
