"""Moments and quantiles of the scales and the dispersion from the integration points of theta."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the quantiles of `summarise`."""

SUMMARY = ("mean", "sd", *(f"q{round(100 * p)}" for p in PROBABILITIES))
"""Names of the columns of `summarise`."""

_MOST_SKEWNESS = 0.9
_POWERS = (1.0, 0.5, 1.0 / 3.0)


def summarise(nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean, sd and quantiles of each hyperparameter.

    Moments are those of the points. Quantiles are those of a shifted log-normal law with their
    first three moments, on the power of the scale (or of 1 / size) that is least skewed.

    Parameters
    ----------
    nodes : float64 array, shape (points, 1 + d)
        Weight, then theta: cube roots of the scales and of size^(-1/2).

    Returns
    -------
    float64 array, shape (d, 7)
        Columns as in `SUMMARY`: mean, sd, the 5, 25, 50, 75 and 95 % quantiles.

    Examples
    --------
    >>> certain = np.array([[1.0, 2.0, 0.5]])
    >>> summarise(certain)[:, 0].tolist(), summarise(certain)[:, 1].tolist()
    ([8.0, 0.015625], [0.0, 0.0])
    """
    weight, theta = nodes[:, 0] / nodes[:, 0].sum(), nodes[:, 1:]
    powers = np.full(theta.shape[1], 3.0)
    powers[-1] = 6.0
    natural = theta**powers
    mean = weight @ natural
    deviation = np.sqrt(np.maximum(weight @ (natural - mean) ** 2, 0.0))
    quantiles = [_quantiles(column, weight) for column in natural.T]
    return np.column_stack([mean, deviation, np.array(quantiles)])


def _quantiles(values: NDArray[np.float64], weight: NDArray[np.float64]) -> list[float]:
    """Return the quantiles of one hyperparameter from its values at the points."""
    laws = []
    for power in _POWERS:
        raised = values**power
        mean = float(weight @ raised)
        spread = math.sqrt(max(float(weight @ (raised - mean) ** 2), 0.0))
        skewness = float(weight @ (raised - mean) ** 3) / spread**3 if spread > 1e-9 else 0.0
        laws.append((abs(skewness), skewness, mean, spread, power))
    _, skewness, mean, spread, power = min(laws)
    scores = (_skewed_normal_quantile(NormalDist().inv_cdf(p), skewness) for p in PROBABILITIES)
    return [max(mean + spread * score, 0.0) ** (1.0 / power) for score in scores]


def _skewed_normal_quantile(z: float, skewness: float) -> float:
    """Return the quantile at a normal score of a law of mean 0, variance 1 and a skewness.

    The law is a shifted log-normal one, whose skewness is (w + 2) sqrt(w - 1) with w the
    exponential of the logarithm's variance.
    """
    skewness = min(max(skewness, -_MOST_SKEWNESS), _MOST_SKEWNESS)
    if abs(skewness) < 1e-3:
        return z
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        w = math.exp(middle * middle)
        if (w + 2.0) * math.sqrt(w - 1.0) < abs(skewness):
            low = middle
        else:
            high = middle
    w = math.exp(low * low)
    side = math.copysign(1.0, skewness)
    return side * (math.exp(low * side * z) / math.sqrt(w) - 1.0) / math.sqrt(w - 1.0)
