"""Any statsforecast model: its forecasts, with the errors that it makes on held-out weeks.

Missing hours are filled with the mean of their hour of the week, since these models need whole
series; a `season_length` that is not given is 24 hours.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.adapters.ahead import held_out_columns, held_out_hours
from daypart.models.adapters.history import Partition


def with_season(target: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's parameters, with a season of 24 hours where it takes one.

    Parameters
    ----------
    target : class
    parameters : mapping
    """
    takes_season = "season_length" in inspect.signature(target).parameters
    return ({"season_length": 24} if takes_season else {}) | dict(parameters)


def statsforecast_fit(
    make: Callable[[], Any], parameters: Mapping[str, Any]
) -> Callable[[Partition], Mapping[str, Any]]:
    """Return the function that fits one partition with a statsforecast model.

    Parameters
    ----------
    make : callable
        Returns a new model.
    parameters : mapping
        See `parameters.ADAPTED`.
    """

    def fit_one(partition: Partition) -> Mapping[str, Any]:
        held_out = held_out_hours(partition.hours, parameters["held_out_weeks"])
        forecast = _forecast(make(), partition.before(held_out))
        return held_out_columns(partition, held_out, forecast, _forecast(make(), partition))

    return fit_one


def _forecast(model: Any, partition: Partition) -> NDArray[np.float64]:
    values = filled_rates(partition)
    found = model.forecast(y=values, h=partition.hours_ahead)
    return np.maximum(np.asarray(found["mean"], dtype=np.float64), 0.0)


def filled_rates(partition: Partition) -> NDArray[np.float64]:
    """Return the rates with missing hours at the mean of their hour of the week."""
    rate = partition.rate
    seen = ~np.isnan(rate)
    if not seen.any():
        raise ValueError("no hour before the held-out ones was observed")
    hour = partition.hour_of_week[: partition.hours]
    total = np.bincount(hour[seen], rate[seen], 168)
    number = np.bincount(hour[seen], minlength=168)
    profile = np.where(number > 0, total / np.maximum(number, 1), rate[seen].mean())
    return np.where(seen, rate, profile[hour])
