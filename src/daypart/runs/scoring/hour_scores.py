"""The scores of forecasts of hours, by name.

Each is a function of the forecasts of some series. To add one, write its function in a file of its
own and name it in `SCORES`: it is then in `backtest.json` and in `backtest.parquet`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.scores import proper

LEVELS = (50, 80, 95)
"""Central intervals whose coverage is measured, in percent."""

ENDS = tuple(round(p, 6) for level in LEVELS for p in (0.5 - level / 200, 0.5 + level / 200))
"""Probabilities of the ends of these intervals."""

_EVEN = tuple(round(0.05 * i, 6) for i in range(1, 20))

PROBABILITIES = tuple(sorted({0.002, 0.01, *ENDS, *_EVEN, 0.99, 0.998}))
"""Of the quantiles that are scored: evenly spread, the ends of the intervals, and far out."""

_EVEN_PLACES = [PROBABILITIES.index(p) for p in _EVEN]


@dataclass(frozen=True)
class HourForecasts:
    """Forecasts of the hours of some series, and what was counted.

    Parameters
    ----------
    draws : array, shape (series, draws, hours)
        Sample paths of counts.
    mean : float array, shape (series, hours)
    quantiles : float array, shape (series, hours, len(PROBABILITIES))
        At `PROBABILITIES`.
    observed : array, shape (series, hours)
        0 where not counted.
    """

    draws: NDArray[Any]
    mean: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    observed: NDArray[Any]


@dataclass(frozen=True)
class HourScore:
    """A score that is computed hour by hour and added up over the hours that were counted.

    Parameters
    ----------
    of_hours : callable
        Takes `HourForecasts`; returns an array, shape (series, hours).
    per_count : bool
        Whether the sum is divided by the sum of the counts; by the number of hours when false.
    """

    of_hours: Callable[[HourForecasts], NDArray[np.float64]]
    per_count: bool = False


def _crps(forecasts: HourForecasts) -> NDArray[np.float64]:
    """Return the continuous ranked probability score of the draws, in counts."""
    return proper.crps_from_samples(forecasts.observed, np.moveaxis(forecasts.draws, 1, -1))


def _log_score(forecasts: HourForecasts) -> NDArray[np.float64]:
    """Return minus the log probability of what was counted, from the quantiles."""
    return proper.log_score_from_quantiles(forecasts.observed, forecasts.quantiles, PROBABILITIES)


def _pinball(forecasts: HourForecasts) -> NDArray[np.float64]:
    """Return the mean quantile loss of 19 evenly spread quantiles, in counts."""
    loss = proper.pinball(forecasts.observed, forecasts.quantiles[..., _EVEN_PLACES], _EVEN)
    return np.asarray(loss.mean(axis=-1))


def _absolute_error(forecasts: HourForecasts) -> NDArray[np.float64]:
    """Return the absolute error of the mean, in counts."""
    return np.asarray(np.abs(forecasts.observed - forecasts.mean))


SCORES: Mapping[str, HourScore] = {
    "crps": HourScore(_crps),
    "log_score": HourScore(_log_score),
    "pinball": HourScore(_pinball),
    "wape": HourScore(_absolute_error, per_count=True),
}
"""By their names in the results of a backtest."""
