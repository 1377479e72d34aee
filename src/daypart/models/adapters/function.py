"""A plain function `fit(partition, params) -> mapping`.

The mapping may hold `draws` (sample paths of the hours ahead, shape (draws, hours_ahead)), or
`mean` and `sd` (of counts, shape (hours_ahead,); normal, cut at 0), and anything else: numbers,
text and vectors of numbers become columns of the partition's row.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.adapters.ahead import ahead_schema
from daypart.models.adapters.history import Partition

_NORMAL_DAYS = 40


def is_fit_function(target: Any) -> bool:
    """Return whether an object is a function of a partition and parameters.

    Examples
    --------
    >>> is_fit_function(lambda partition, params: {}), is_fit_function(dict)
    (True, False)
    """
    if not inspect.isfunction(target):
        return False
    return list(inspect.signature(target).parameters)[:2] == ["partition", "params"]


def function_fit(
    function: Callable[[Partition, Mapping[str, Any]], Mapping[str, Any]],
    params: Mapping[str, Any],
) -> Callable[[Partition], Mapping[str, Any]]:
    """Return the function that fits one partition with a user's function.

    Parameters
    ----------
    function : callable
        Of a partition and parameters, as above.
    params : mapping
    """

    def fit_one(partition: Partition) -> Mapping[str, Any]:
        found = function(partition, dict(params))
        if not isinstance(found, Mapping):
            raise TypeError(f"fit returned a {type(found).__name__}, not a mapping")
        columns = {name: _plain(value) for name, value in found.items()}
        mean, sd, draws = (columns.pop(name, None) for name in ("mean", "sd", "draws"))
        if taken := sorted(set(columns) & set(ahead_schema())):
            raise ValueError(f"fit returned {taken[0]!r}, which is a column of the adapter")
        if draws is not None:
            columns |= _kept_draws(np.asarray(draws), partition)
        elif mean is not None:
            columns |= _kept_moments(np.asarray(mean), sd, partition)
        return columns

    return fit_one


def _plain(value: Any) -> Any:
    """Return a value as Arrow takes it: numbers as float64, whatever library they are from."""
    if value is None or isinstance(value, str | bool | np.bool_):
        return value
    array = np.asarray(value, dtype=np.float64)
    return array if array.ndim else float(array)


def _kept_draws(draws: NDArray[np.float64], partition: Partition) -> dict[str, Any]:
    if draws.ndim != 2 or draws.shape[1] != partition.hours_ahead or not len(draws):
        raise ValueError(
            f"draws has the shape {draws.shape}, not (draws, {partition.hours_ahead}): "
            "a path of the hours ahead a row"
        )
    if not np.isfinite(draws).all():
        raise ValueError("draws holds NaN or infinity")
    counts = np.clip(np.rint(draws), 0, 2e9).astype(np.int32)
    return {"ahead_draws": counts.ravel(), "draws": len(counts)}


def _kept_moments(mean: NDArray[np.float64], sd: Any, partition: Partition) -> dict[str, Any]:
    spread = np.asarray(sd, dtype=np.float64) if sd is not None else None
    if spread is None:
        raise ValueError("fit returned mean without sd")
    for name, values in (("mean", mean), ("sd", spread)):
        if values.shape != (partition.hours_ahead,):
            raise ValueError(f"{name} has the shape {values.shape}, not ({partition.hours_ahead},)")
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise ValueError(f"{name} holds NaN, infinity or numbers below 0")
    exposure = partition.exposure_ahead or 1.0
    return {
        "ahead_rate": (mean / exposure).astype(np.float32),
        "ahead_sd": (spread / exposure).astype(np.float32),
        "held_out_errors": _normal_errors(),
    }


def _normal_errors() -> NDArray[np.float32]:
    """Return whole days of standard normal errors, evenly spread."""
    from statistics import NormalDist

    number = 24 * _NORMAL_DAYS
    scores = np.array([NormalDist().inv_cdf((i + 0.5) / number) for i in range(number)])
    return np.random.default_rng(0).permutation(scores).astype(np.float32)
