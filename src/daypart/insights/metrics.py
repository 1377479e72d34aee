"""Audience metrics as formulas of numbers or arrays.

The unit is households; a universe estimate is a number of households too. Where the base of a
metric is 0, the result is NaN.

References
----------
Definitions as in the CIMM lexicon, the VAB's media math and the WFA's cross-media measurement
documents; see docs/explanation/metrics.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Any:
    above = np.asarray(numerator, dtype=np.float64)
    below = np.asarray(denominator, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.where(below == 0, np.nan, above / below)
    return quotient if quotient.ndim else float(quotient)


def average_audience(viewing_minutes: ArrayLike, window_minutes: ArrayLike) -> Any:
    """Return households watching in the average minute: viewing minutes / minutes.

    Parameters
    ----------
    viewing_minutes : array
        Household-minutes.
    window_minutes : array

    Examples
    --------
    >>> average_audience(90_000, 60)
    1500.0
    """
    return _ratio(viewing_minutes, window_minutes)


def rating(audience: ArrayLike, universe_estimate: ArrayLike) -> Any:
    """Return the rating in percent: 100 x average audience / universe estimate.

    Parameters
    ----------
    audience, universe_estimate : array
        Households.

    Examples
    --------
    >>> round(rating(2_775, 105_500), 2)
    2.63
    """
    return 100 * _ratio(audience, universe_estimate)


def share(rating_percent: ArrayLike, hut_percent: ArrayLike) -> Any:
    """Return the share in percent: 100 x rating / HUT, the households using television.

    Parameters
    ----------
    rating_percent, hut_percent : array
        Percent of the universe estimate.

    Examples
    --------
    >>> round(share(2.63, 61.2), 1)
    4.3
    """
    return 100 * _ratio(rating_percent, hut_percent)


def index(rating_in_target: ArrayLike, rating_in_base: ArrayLike) -> Any:
    """Return the index: 100 x rating in the target / rating in the base; 100 is par.

    Parameters
    ----------
    rating_in_target, rating_in_base : array
        Percent.

    Examples
    --------
    >>> round(index(3.0, 2.0), 1)
    150.0
    """
    return 100 * _ratio(rating_in_target, rating_in_base)
