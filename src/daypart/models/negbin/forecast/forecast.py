"""Forecasts straight from a stored posterior, without a refit.

The scales' posterior becomes a few strata of dispersion. Hours that share a law are computed
once; of long windows, quantiles are interpolated in a table over log mean and its deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.models.negbin.forecast.large_counts import large_from
from daypart.models.negbin.forecast.log_mean import (
    HoursAhead,
    hours_ahead,
    log_mean_of,
    week_innovations,
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
        weight, week_variance, r = strata_of(row)
        innovations = week_innovations(model, ahead.steps)
        laws = level.mean, level.variance, innovations.astype(np.float64), weight, week_variance, r
        if window.hours > HOURS_EACH:
            quantiles_of_hours = np.empty((window.hours, len(ascending)))
            moments_of_hours = np.stack([result.mean[i], result.sd[i]], axis=1)
            _interpolate(laws, ascending, moments_of_hours, quantiles_of_hours)
            result.mean[i], result.sd[i] = moments_of_hours.T
            result.quantiles[i][:, order] = quantiles_of_hours
            continue
        first, inverse = _alike(ahead, innovations)
        quantiles = np.empty((len(first), len(ascending)))
        moments = np.empty((len(first), 2))
        forecast_cells(
            level.mean[first],
            level.variance[first],
            innovations[first].astype(np.float64),
            weight,
            week_variance,
            r,
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


def _alike(ahead: HoursAhead, innovations: Ints) -> tuple[Ints, Ints]:
    """Return the first of the hours that share a law, and the law's number in each hour.

    A law is shared by hours of one hour of the week, one week ahead and the same events.
    """
    code = innovations * (ahead.hour_of_week.max(initial=0) + 1) + ahead.hour_of_week
    for effect in np.unique(ahead.events.effect):
        acting = np.zeros(len(code), np.int64)
        acting[ahead.events.hour[ahead.events.effect == effect]] = 1
        code = np.unique(2 * code + acting, return_inverse=True)[1]
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return first, inverse


def _interpolate(
    laws: tuple[Floats, ...],
    probabilities: Floats,
    moments: Floats,
    quantiles: Floats,
) -> None:
    """Forecast many hours by interpolation between the quantiles of a few laws.

    Quantiles follow log mean and standard deviation smoothly: linear interpolation has an error
    of less than 0.01 in probability.
    """
    mean, variance, innovations, weight, week_variance, r = laws
    average = float(weight @ week_variance)
    deviation = np.sqrt(variance + innovations * average)
    means, turn = _log_means(mean, r)
    deviations = _nodes(deviation, DEVIATION_NODES)
    x, z = (each.ravel() for each in np.meshgrid(means, deviations, indexing="ij"))
    # later weeks have more innovations and are wider: so are the nodes
    share = np.clip((z - deviations[0]) / (deviations[-1] - deviations[0]), 0.0, 1.0)
    ahead = np.minimum(share * innovations.max(), z**2 / max(average, 1e-12))
    table = np.empty((len(x), len(probabilities)))
    own = np.maximum(z**2 - ahead * average, 1e-12)
    scratch = np.empty((len(x), 2))
    given = ABSCISSAE, ABSCISSA_WEIGHTS, probabilities, normal_quantiles(probabilities)
    forecast_cells(x, own, ahead, weight, week_variance, r, *given, scratch, table)
    table /= np.exp(x)[:, None]
    shaped = table.reshape(len(means), len(deviations), len(probabilities))
    strata = weight, week_variance, r
    interpolate_cells(
        mean, variance, innovations, *strata, means, deviations, turn, shaped, moments, quantiles
    )


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


def strata_of(
    row: dict[str, Any],
) -> tuple[Floats, Floats, Floats]:
    """Gather the points of theta into strata of dispersion.

    Returns
    -------
    tuple of float64 arrays, shape (strata,)
        Weight, mean square week scale and mean 1 / size of each stratum.
    """
    weight = np.asarray(row["node_weight"], dtype=np.float64)
    week_variance = np.asarray(row["node_week_scale"], dtype=np.float64) ** 2
    r = np.asarray(row["node_inv_phi"], dtype=np.float64)
    order = np.argsort(r, kind="stable")
    weight, week_variance, r = weight[order] / weight.sum(), week_variance[order], r[order]
    above = np.cumsum(weight)
    edges = np.arange(_STRATA + 1) / _STRATA
    shares = np.diff(np.clip(above[None, :], edges[:-1, None], edges[1:, None]), axis=1)
    first = np.clip(above[0], edges[:-1], edges[1:]) - edges[:-1]
    shares = np.concatenate([first[:, None], shares], axis=1)
    total = shares.sum(axis=1)
    return total, shares @ week_variance / total, shares @ r / total
