"""Scores of probabilistic forecasts: what to hold against what happened.

All are proper or stated otherwise, in households; missing observations (NaN) give NaN, and the
averages leave them out. Shapes broadcast: observations lack the last axis that holds quantile
levels, draws or mixture parts.
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

    Twice the integral of the pinball loss over levels; each level stands for the levels nearer
    to it than to its neighbours. 19 or more evenly spread levels are within a few per cent.

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


def _negative_binomial_log_pmf(count: Floats, mean: Floats, size: Floats) -> Floats:
    # Deviance form: no cancelling log gammas of large arguments beyond one difference.
    total = _log_gamma(count + size) - _log_gamma(size) - _log_gamma(count + 1.0)
    return np.asarray(
        total + size * np.log(size / (size + mean)) + count * np.log(mean / (size + mean))
    )


def _log_gamma(x: Floats) -> Floats:
    """Return log gamma for x > 0 by Stirling's series above 9, by recursion below."""
    shift = np.zeros_like(x)
    z = np.array(x, dtype=np.float64)
    for _ in range(9):
        small = z < 9.0
        shift = np.where(small, shift - np.log(np.where(small, z, 1.0)), shift)
        z = np.where(small, z + 1.0, z)
    inverse = 1.0 / z
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    return np.asarray(shift + (z - 0.5) * np.log(z) - z + 0.9189385332046727 + series)


def log_score(
    observed: ArrayLike, mean: ArrayLike, size: ArrayLike, weights: ArrayLike | None = None
) -> Floats:
    """Return minus the log probability of counts under negative binomials or a mixture of them.

    Parameters
    ----------
    observed : array, shape (...)
    mean, size : array, shape (..., parts)
        Mean above 0; Var = mean + mean^2 / size.
    weights : array, shape (..., parts), optional
        Of the parts, summing to 1; equal when left out.

    Returns
    -------
    float64 array, shape (...)

    Examples
    --------
    A geometric law of mean 1 puts a half on 0:

    >>> round(float(log_score(0, [1.0], [1.0])), 6)
    0.693147
    """
    count = np.asarray(observed, dtype=np.float64)[..., None]
    mu, phi = np.asarray(mean, dtype=np.float64), np.asarray(size, dtype=np.float64)
    logs = _negative_binomial_log_pmf(count, mu, phi)
    shares = _shares(weights, logs)
    top = logs.max(axis=-1, keepdims=True)
    return np.asarray(-(top[..., 0] + np.log((shares * np.exp(logs - top)).sum(axis=-1))))


def log_score_from_quantiles(
    observed: ArrayLike, quantiles: ArrayLike, probabilities: Sequence[float]
) -> Floats:
    """Return minus the log probability of counts, from the quantiles of any forecast.

    The distribution function is a straight line between quantiles and exponential beyond them;
    a count's probability is what lies within 1/2 of it. No count is less likely than 1e-9.

    Parameters
    ----------
    observed : array, shape (...)
        Counts; NaN where missing.
    quantiles : array, shape (..., probabilities)
        Of the count spread evenly over (count - 1/2, count + 1/2), from 0 up.
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
    """Return the distribution function at x, by lines between quantiles and exponential tails."""
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


def _shares(weights: ArrayLike | None, like: Floats) -> Floats:
    if weights is None:
        return np.full(like.shape[-1], 1.0 / like.shape[-1])
    return np.asarray(weights, dtype=np.float64)


def crps_of_mixture(
    observed: ArrayLike, mean: ArrayLike, size: ArrayLike, weights: ArrayLike | None = None
) -> Floats:
    """Return the exact CRPS of counts under negative binomials or a mixture of them.

    The sum over counts of (F(count) - [observed <= count])^2, cut where F is within 1e-9 of 1;
    for means up to some thousands.

    Parameters
    ----------
    observed, mean, size, weights
        As for `log_score`.

    Returns
    -------
    float64 array, shape (...)

    Examples
    --------
    >>> round(float(crps_of_mixture(0, [1.0], [1.0])), 6)
    0.333333
    """
    seen = np.asarray(observed, dtype=np.float64)
    mu, phi = np.asarray(mean, dtype=np.float64), np.asarray(size, dtype=np.float64)
    mass = np.exp(phi * np.log(phi / (phi + mu)))
    shares = _shares(weights, mass)
    cumulated = (shares * mass).sum(axis=-1)
    total = np.zeros(np.broadcast_shapes(seen.shape, cumulated.shape))
    count = 0
    last = np.nanmax(seen, initial=0.0)
    while True:
        total = total + (cumulated - (seen <= count)) ** 2
        if count >= last and (1.0 - cumulated).max(initial=0.0) < 1e-9:
            break
        count += 1
        mass = mass * (mu / (phi + mu)) * (count - 1.0 + phi) / count
        cumulated = np.minimum(cumulated + (shares * mass).sum(axis=-1), 1.0)
        if count > last and mass.max(initial=0.0) < 1e-14 and count > mu.max(initial=0.0):
            break
    return np.where(np.isnan(seen), np.nan, total)


def wape(observed: ArrayLike, predicted: ArrayLike) -> float:
    """Return the weighted absolute percentage error: sum |observed - predicted| / sum observed.

    Parameters
    ----------
    observed, predicted : arrays of one shape
        Pairs with a NaN are left out.

    Returns
    -------
    float
        As a share, 0.1 is 10 %; NaN where nothing was observed.

    Examples
    --------
    >>> wape([10.0, 10.0], [9.0, 13.0])
    0.2
    """
    seen, said = np.asarray(observed, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    there = ~(np.isnan(seen) | np.isnan(said))
    total = np.abs(seen[there]).sum()
    return float(np.abs(seen - said)[there].sum() / total) if total > 0 else float("nan")


def coverage(observed: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Return the share of observations inside their intervals, both ends included.

    Parameters
    ----------
    observed, lower, upper : arrays of one shape
        Triples with a NaN are left out.

    Returns
    -------
    float
        In [0, 1]; NaN where nothing was observed.

    Examples
    --------
    >>> coverage([1.0, 5.0], [0.0, 0.0], [1.0, 4.0])
    0.5
    """
    seen, low, high = (np.asarray(values, dtype=np.float64) for values in (observed, lower, upper))
    there = ~(np.isnan(seen) | np.isnan(low) | np.isnan(high))
    inside = (seen >= low) & (seen <= high)
    return float(inside[there].mean()) if there.any() else float("nan")
