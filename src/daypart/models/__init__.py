"""What fits a block of partitions: the Bayesian count model, baselines; scores."""

from __future__ import annotations

from typing import Any

from daypart.errors import DaypartError, did_you_mean
from daypart.models.baselines import FourWeekMean, SeasonalNaive
from daypart.models.negbin import (
    CROSSED,
    DAY_TYPES,
    INFERENCES,
    NegativeBinomial,
    compile_kernels,
)
from daypart.models.protocol import Forecast, HasPosterior, Model, Window

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


__all__ = [
    "COMPILED_MODELS",
    "MODEL_NAMES",
    "Forecast",
    "HasPosterior",
    "Model",
    "Window",
    "compile_kernels",
    "get_model",
]
