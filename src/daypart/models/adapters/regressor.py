"""Any scikit-learn regressor: rates explained by the local clock, the week, and events.

The regressor is fitted twice: without the last weeks, whose errors then make the predictive
distribution (its errors on the hours it was fitted to are too small), and to all hours. Errors of
the first weeks ahead are used for all: intervals do not widen further ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.adapters.ahead import held_out_columns, held_out_hours
from daypart.models.adapters.history import Partition


def regressor_fit(
    make: Callable[[], Any], parameters: Mapping[str, Any]
) -> Callable[[Partition], Mapping[str, Any]]:
    """Return the function that fits one partition with a regressor.

    Parameters
    ----------
    make : callable
        Returns a new regressor.
    parameters : mapping
        See `parameters.REGRESSOR` and `parameters.ADAPTED`.
    """
    lags = tuple(parameters["lags"])
    encoding, weeks = parameters["hour_of_week"], parameters["held_out_weeks"]

    def fit_one(partition: Partition) -> Mapping[str, Any]:
        # comes with scikit-learn
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        held_out = held_out_hours(partition.hours, weeks)
        shown = partition.before(held_out)
        with threadpool_limits(1):  # sums of several threads differ in their last bits
            forecast = _predict_ahead(_seeded(make(), shown), shown, lags, encoding)
            ahead = _predict_ahead(_seeded(make(), partition), partition, lags, encoding)
        return held_out_columns(partition, held_out, forecast, ahead)

    return fit_one


def _seeded(regressor: Any, partition: Partition) -> Any:
    """Give a regressor the partition's seed, where it has none."""
    if regressor.get_params().get("random_state", 0) is None:
        regressor.set_params(random_state=partition.seed)
    return regressor


def features(
    partition: Partition, lags: Sequence[int], encoding: str, rate: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the features of every hour, of the history and ahead.

    Parameters
    ----------
    partition : Partition
    lags : sequence of int
        Weeks.
    encoding : str
        `number`: hour of day, day of week and hour of week; `indicators`: a column an hour of week.
    rate : float64 array, shape (hours + hours_ahead,)
        Where lags are read; NaN where not known.

    Returns
    -------
    float64 array, shape (hours + hours_ahead, features)
        The clock's columns, the week, a column an event, a column a lag.
    """
    hour = partition.hour_of_week
    clock = (
        np.stack([hour % 24, hour // 24, hour]) if encoding == "number" else np.eye(168)[:, hour]
    )
    columns: list[NDArray[Any]] = [*clock, partition.week, *partition.events.values()]
    for lag in lags:
        before = np.full(len(rate), np.nan)
        before[168 * lag :] = rate[: len(rate) - 168 * lag]
        columns.append(before)
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _predict_ahead(
    regressor: Any, partition: Partition, lags: Sequence[int], encoding: str
) -> NDArray[np.float64]:
    """Fit to a history and predict the rates of the hours ahead, lags from its own predictions."""
    hours = partition.hours
    seen = np.flatnonzero(~np.isnan(partition.counts))
    if len(seen) == 0:
        raise ValueError("no hour before the held-out ones was observed")
    observed = partition.rate
    filled = np.where(np.isnan(observed), observed[seen].mean(), observed)
    rate = np.concatenate([filled, np.full(partition.hours_ahead, np.nan)])
    table = features(partition, lags, encoding, rate)
    usable = seen[seen >= 168 * max(lags, default=0)]
    if len(usable) == 0:
        raise ValueError(f"no hour has counts {max(lags)} weeks before it")
    regressor.fit(table[usable], observed[usable])
    step = 168 * min(lags) if lags else max(partition.hours_ahead, 1)
    for begin in range(hours, len(rate), step):
        stop = min(begin + step, len(rate))
        if lags:
            table = features(partition, lags, encoding, rate)
        predicted = np.asarray(regressor.predict(table[begin:stop]), dtype=np.float64)
        rate[begin:stop] = np.maximum(predicted.reshape(-1), 0.0)
    return rate[hours:]
