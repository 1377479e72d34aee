"""Forecasts straight from a stored posterior, without a refit.

The scales' posterior becomes a few strata of dispersion. Hours that share a law are computed
once; of long windows, quantiles are interpolated in a table over log mean and its deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.models.negbin.forecast.large_counts import large_from
from daypart.models.negbin.forecast.log_mean import (
    MOST_VARIANCE,
    HoursAhead,
    hours_ahead,
    log_mean_of,
)
from daypart.models.negbin.forecast.quantiles import forecast_cells, interpolate_cells
from daypart.models.protocol import Forecast, Window

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import ModelSpecification

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STRATA = 4
HOURS_EACH = 1344
"""Most hours whose quantiles are computed one by one; those of more are interpolated."""
CLOSE_NODES, WIDE_NODES, DEVIATION_NODES = 0.1, 0.35, 11
ABSCISSAE, ABSCISSA_WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
ABSCISSA_WEIGHTS = ABSCISSA_WEIGHTS / ABSCISSA_WEIGHTS.sum()


def forecast_block(
    model: ModelSpecification, state: pa.Table, window: Window, probabilities: Sequence[float]
) -> Forecast:
    """Forecast counts for every row of a state; see `Model.forecast`.

    Parameters
    ----------
    model : ModelSpecification
    state, window, probabilities
        As `Model.forecast` takes them.
    """
    result = Forecast.missing(state.num_rows, window.hours, len(probabilities))
    order = np.argsort(probabilities, kind="stable")
    ascending = np.asarray(probabilities, dtype=np.float64)[order]
    normal = normal_quantiles(ascending)
    for i, row in enumerate(state.to_pylist()):
        if row["status"] != "ok":
            continue
        ahead = hours_ahead(model, row, window)
        level = log_mean_of(model, row, ahead)
        strata = strata_of(row)
        if window.hours > HOURS_EACH:
            quantiles_of_hours = np.empty((window.hours, len(ascending)))
            moments_of_hours = np.stack([result.mean[i], result.sd[i]], axis=1)
            law = level.mean, level.variance, ahead.walked, strata
            _interpolate(*law, ascending, moments_of_hours, quantiles_of_hours)
            result.mean[i], result.sd[i] = moments_of_hours.T
            result.quantiles[i][:, order] = quantiles_of_hours
            continue
        first, inverse = _alike(ahead)
        quantiles = np.empty((len(first), len(ascending)))
        moments = np.empty((len(first), 2))
        forecast_cells(
            level.mean[first],
            strata.variances(level.variance[first], ahead.walked[first]),
            strata.weight,
            strata.r,
            ABSCISSAE,
            ABSCISSA_WEIGHTS,
            ascending,
            normal,
            moments,
            quantiles,
        )
        result.mean[i] = moments[inverse, 0]
        result.sd[i] = moments[inverse, 1]
        result.quantiles[i][:, order] = quantiles[inverse]
    return result


def _alike(ahead: HoursAhead) -> tuple[Ints, Ints]:
    """Return the first of the hours that share a law, and the law's number in each hour.

    A law is shared by hours of one hour of the week, one week ahead and the same events.
    """
    code = ahead.steps * (ahead.hour_of_week.max(initial=0) + 1) + ahead.hour_of_week
    for effect in np.unique(ahead.events.effect):
        acting = np.zeros(len(code), np.int64)
        acting[ahead.events.hour[ahead.events.effect == effect]] = 1
        code = np.unique(2 * code + acting, return_inverse=True)[1]
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return first, inverse


def _interpolate(
    mean: Floats,
    variance: Floats,
    walked: Floats,
    strata: Strata,
    probabilities: Floats,
    moments: Floats,
    quantiles: Floats,
) -> None:
    """Forecast many hours by interpolation between the quantiles of a few laws.

    Quantiles follow log mean and standard deviation smoothly: linear interpolation has an error
    of less than 0.01 in probability.
    """
    of_hours = strata.variances(variance, walked)
    deviation = np.sqrt(of_hours @ strata.weight)
    means, turn = _log_means(mean, strata.r)
    deviations = _nodes(deviation, DEVIATION_NODES)
    x, z = (each.ravel() for each in np.meshgrid(means, deviations, indexing="ij"))
    # the walk has gone farther in later weeks, which are wider: so are the nodes
    share = np.clip((z - deviations[0]) / (deviations[-1] - deviations[0]), 0.0, 1.0)
    weeks = strata.week_variance + (share * walked.max())[:, None] * strata.walk_variance
    weeks *= np.minimum(z**2 / np.maximum(weeks @ strata.weight, 1e-12), 1.0)[:, None]
    own = np.maximum(z**2 - weeks @ strata.weight, 0.0)[:, None] + weeks
    table = np.empty((len(x), len(probabilities)))
    scratch = np.empty((len(x), 2))
    given = ABSCISSAE, ABSCISSA_WEIGHTS, probabilities, normal_quantiles(probabilities)
    mixed = strata.weight, strata.r
    forecast_cells(x, np.maximum(own, 1e-12), *mixed, *given, scratch, table)
    table /= np.exp(x)[:, None]
    shaped = table.reshape(len(means), len(deviations), len(probabilities))
    interpolate_cells(mean, of_hours, *mixed, means, deviations, turn, shaped, moments, quantiles)


def _log_means(values: Floats, r: Floats) -> tuple[Floats, int]:
    """Return log means that enclose all values, and the number of the first widely spaced one."""
    low, high = float(values.min()), float(values.max())
    turn = min(max(float(np.log(large_from(r))), low), high)
    close = np.linspace(low, turn, int(np.ceil((turn - low) / CLOSE_NODES)) + 1)
    wide = np.linspace(turn, high, int(np.ceil((high - turn) / WIDE_NODES)) + 1)
    joined = np.concatenate([close, wide[1:]])
    if len(joined) == 1:  # all hours have one mean
        joined = np.array([low, low + CLOSE_NODES])
    return joined, len(close) - 1


def normal_quantiles(probabilities: Floats) -> Floats:
    """Return the standard normal quantiles at probabilities."""
    law = NormalDist()
    return np.array([law.inv_cdf(min(max(each, 1e-15), 1 - 1e-15)) for each in probabilities])


def _nodes(values: Floats, count: int) -> Floats:
    """Return evenly spaced numbers that enclose all values."""
    low, high = float(values.min()), float(values.max())
    return np.linspace(low, max(high, low + 1e-3), count)


class Strata(NamedTuple):
    """Points of theta that are alike in dispersion, put together; arrays of shape (strata,)."""

    weight: Floats
    week_variance: Floats
    """Of the shock of a week ahead."""
    walk_variance: Floats
    """Of a step of the walk."""
    r: Floats
    """1 / size."""

    def variances(self, variance: Floats, walked: Floats) -> Floats:
        """Return the variance of log mu in each hour and stratum, shape (hours, strata).

        Parameters
        ----------
        variance : float64 array, shape (hours,)
            Without the partition's own weeks ahead.
        walked : float64 array, shape (hours,)
            See `HoursAhead.walked`.
        """
        weeks = self.week_variance + walked[:, None] * self.walk_variance
        return np.minimum(variance[:, None] + weeks, MOST_VARIANCE)


def strata_of(row: dict[str, Any]) -> Strata:
    """Gather the points of theta into strata of dispersion.

    Parameters
    ----------
    row : dict
        Of a state.
    """
    columns = (row[f"node_{name}"] for name in ("weight", "week_scale", "walk_scale", "inv_phi"))
    weight, week, walk, r = (np.asarray(column, dtype=np.float64) for column in columns)
    order = np.argsort(r, kind="stable")
    weight = weight[order] / weight.sum()
    above = np.cumsum(weight)
    edges = np.arange(_STRATA + 1) / _STRATA
    shares = np.diff(np.clip(above[None, :], edges[:-1, None], edges[1:, None]), axis=1)
    first = np.clip(above[0], edges[:-1], edges[1:]) - edges[:-1]
    shares = np.concatenate([first[:, None], shares], axis=1)
    total = shares.sum(axis=1)
    means = (shares @ each[order] / total for each in (week**2, walk**2, r))
    return Strata(total, *means)
