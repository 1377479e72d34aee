"""Proper scores of probabilistic forecasts against observed counts.

Missing observations (NaN) give NaN. Shapes broadcast: observations lack the last axis, which
holds quantile levels or draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pinball(observed: ArrayLike, quantiles: ArrayLike, probabilities: Sequence[float]) -> Floats:
    """Return the pinball (quantile) loss.

    Parameters
    ----------
    observed : array, shape (...)
        Counts; NaN where missing.
    quantiles : array, shape (..., probabilities)
    probabilities : sequence of float
        In (0, 1).

    Returns
    -------
    float64 array, shape (..., probabilities)

    Examples
    --------
    >>> pinball(4.0, [2.0, 5.0], [0.1, 0.9]).round(3).tolist()
    [0.2, 0.1]

    References
    ----------
    Koenker and Bassett (1978), Regression quantiles, Econometrica 46.
    """
    levels = np.asarray(probabilities, dtype=np.float64)
    error = np.asarray(observed, dtype=np.float64)[..., None] - np.asarray(quantiles)
    return np.asarray(np.maximum(levels * error, (levels - 1.0) * error))


def crps_from_quantiles(
    observed: ArrayLike, quantiles: ArrayLike, probabilities: Sequence[float]
) -> Floats:
    """Return the continuous ranked probability score, from quantiles.

    Twice the integral of the pinball loss over levels; each level has the weight of the
    levels nearer to it than to its neighbours. With 19 or more evenly spread levels the error is
    a few per cent.

    Parameters
    ----------
    observed : array, shape (...)
    quantiles : array, shape (..., probabilities)
    probabilities : sequence of float
        Ascending, in (0, 1).

    Returns
    -------
    float64 array, shape (...)
        In the unit of the observations.

    Examples
    --------
    >>> levels = [0.05 + 0.1 * i for i in range(10)]
    >>> float(crps_from_quantiles(3.0, [3.0] * 10, levels))
    0.0

    References
    ----------
    Gneiting and Ranjan (2011), Comparing density forecasts using threshold- and
    quantile-weighted scoring rules, JBES 29.
    """
    levels = np.asarray(probabilities, dtype=np.float64)
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2.0, [1.0]])
    return np.asarray(2.0 * pinball(observed, quantiles, probabilities) @ np.diff(edges))


def crps_from_samples(observed: ArrayLike, samples: ArrayLike) -> Floats:
    """Return the continuous ranked probability score, from draws, without bias.

    Parameters
    ----------
    observed : array, shape (...)
    samples : array, shape (..., draws)
        At least 2 draws.

    Returns
    -------
    float64 array, shape (...)

    Examples
    --------
    >>> float(crps_from_samples(1.0, [0.0, 2.0]))
    0.0

    References
    ----------
    Zamo and Naveau (2018), Estimation of the CRPS with limited information, Math. Geosci. 50,
    the fair estimator.
    """
    draws = np.sort(np.asarray(samples, dtype=np.float64), axis=-1)
    number = draws.shape[-1]
    distance = np.abs(draws - np.asarray(observed, dtype=np.float64)[..., None]).mean(axis=-1)
    rank = 2.0 * np.arange(1, number + 1) - number - 1.0
    return np.asarray(distance - draws @ rank / (number * (number - 1.0)))


def log_score_from_quantiles(
    observed: ArrayLike, quantiles: ArrayLike, probabilities: Sequence[float]
) -> Floats:
    """Return minus the log probability of counts, from the quantiles of any forecast.

    The distribution function is linear between quantiles and exponential beyond them; a count's
    probability is that of the interval within 1/2 of it, and at least 1e-9.

    Parameters
    ----------
    observed : array, shape (...)
        Counts; NaN where missing.
    quantiles : array, shape (..., probabilities)
        Of the count spread evenly over (count - 1/2, count + 1/2), cut at 0.
    probabilities : sequence of float
        Ascending, in (0, 1); 15 or more of them, with some near both ends.

    Returns
    -------
    float64 array, shape (...)

    Examples
    --------
    Ten counts are equally likely:

    >>> levels = [0.1 * i for i in range(1, 10)]
    >>> score = log_score_from_quantiles(4.0, [10 * p - 0.5 for p in levels], levels)
    >>> round(float(np.exp(-score)), 3)
    0.1
    """
    seen, q = np.asarray(observed, dtype=np.float64), np.asarray(quantiles, dtype=np.float64)
    levels = np.asarray(probabilities, dtype=np.float64)
    above = _distribution(seen + 0.5, q, levels)
    below = np.where(seen > 0.0, _distribution(seen - 0.5, q, levels), 0.0)
    return np.asarray(-np.log(np.maximum(above - below, 1e-9)) + 0.0 * seen)


def _distribution(x: Floats, q: Floats, levels: Floats) -> Floats:
    """Return the distribution function at x, linear between quantiles, with exponential tails."""
    last = len(levels) - 1
    place = (q <= x[..., None]).sum(axis=-1)
    low = np.clip(place - 1, 0, last - 1)
    left = np.take_along_axis(q, low[..., None], axis=-1)[..., 0]
    right = np.take_along_axis(q, low[..., None] + 1, axis=-1)[..., 0]
    width = np.maximum(right - left, 1e-9)
    inside = levels[low] + (levels[low + 1] - levels[low]) * np.clip((x - left) / width, 0.0, 1.0)
    first_slope = (levels[1] - levels[0]) / np.maximum(q[..., 1] - q[..., 0], 1e-9) / levels[0]
    lower = levels[0] * np.exp(np.minimum((x - q[..., 0]) * first_slope, 0.0))
    rest = 1.0 - levels[last]
    last_slope = (levels[last] - levels[last - 1]) / rest
    last_slope = last_slope / np.maximum(q[..., last] - q[..., last - 1], 1e-9)
    upper = 1.0 - rest * np.exp(np.minimum((q[..., last] - x) * last_slope, 0.0))
    return np.asarray(np.where(place == 0, lower, np.where(place > last, upper, inside)))
