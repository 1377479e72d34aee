"""Quantiles of counts: spread evenly over the unit around them to be scored, whole to be shown.

Where counts are small, an interval between two whole numbers covers more than its nominal share;
one between two quantiles of the spread count covers its nominal share, on average over means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantiles_of_draws(draws: NDArray[Any], probabilities: Sequence[float]) -> NDArray[np.float64]:
    """Return quantiles of drawn counts, each spread evenly over the unit around it, cut at 0.

    The definition is that of `Forecast.quantiles`: intervals of small counts then have their
    nominal coverage.

    Parameters
    ----------
    draws : integer array, shape (..., draws, periods)
    probabilities : sequence of float

    Returns
    -------
    float64 array, shape (..., periods, probabilities)

    Examples
    --------
    >>> quantiles_of_draws(np.array([[3]] * 101), [0.25, 0.5]).round(2).tolist()
    [[2.75, 3.0]]
    """
    number = draws.shape[-2]
    spread = (np.arange(number) + 0.5) / number - 0.5
    found = np.quantile(draws + spread[:, None], probabilities, axis=-2)
    return np.asarray(np.maximum(np.moveaxis(found, 0, -1), 0.0), dtype=np.float64)


def whole_counts(quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quantiles of the counts themselves, which are whole numbers.

    The smallest count y with P(count <= y) >= p is the one whose unit (y - 1/2, y + 1/2] holds
    the quantile of the spread count.

    Parameters
    ----------
    quantiles : float64 array
        As `Forecast.quantiles`; NaN stays.

    Examples
    --------
    >>> whole_counts(np.array([0.0, 0.5, 0.51, 2.5, np.nan])).tolist()
    [0.0, 0.0, 1.0, 2.0, nan]
    """
    return np.asarray(np.maximum(np.ceil(quantiles - 0.5), 0.0))
