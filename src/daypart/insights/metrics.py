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


def rating_of_share(share_percent: ArrayLike, hut_percent: ArrayLike) -> Any:
    """Return the rating of a share of HUT: share x HUT / 100, all in percent.

    Parameters
    ----------
    share_percent, hut_percent : array
        Percent.

    Examples
    --------
    >>> round(rating_of_share(4.3, 61.2), 2)
    2.63
    """
    product = np.asarray(share_percent, np.float64) * np.asarray(hut_percent, np.float64) / 100
    return product if product.ndim else float(product)


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


def grp(impressions: ArrayLike, universe_estimate: ArrayLike) -> Any:
    """Return gross rating points: 100 x impressions / universe estimate.

    Parameters
    ----------
    impressions, universe_estimate : array
        Households.

    Examples
    --------
    >>> grp(300_000, 100_000)
    300.0
    """
    return 100 * _ratio(impressions, universe_estimate)


def average_frequency(impressions: ArrayLike, households_reached: ArrayLike) -> Any:
    """Return the mean number of exposures of a household reached.

    Parameters
    ----------
    impressions, households_reached : array
        Households.

    Examples
    --------
    >>> average_frequency(300, 120)
    2.5
    """
    return _ratio(impressions, households_reached)


def cpm(cost: ArrayLike, impressions: ArrayLike) -> Any:
    """Return the cost of a thousand impressions.

    Parameters
    ----------
    cost : array
        Of all impressions.
    impressions : array
        Households.

    Examples
    --------
    >>> round(cpm(1_500_000, 85_000_000), 1)
    17.6
    """
    return 1000 * _ratio(cost, impressions)


def cpp(cost: ArrayLike, points: ArrayLike) -> Any:
    """Return the cost of a rating point.

    Parameters
    ----------
    cost : array
        Of all points.
    points : array
        Gross rating points.

    Examples
    --------
    >>> cpp(50_000, 100)
    500.0
    """
    return _ratio(cost, points)


def delivery_index(delivered: ArrayLike, ordered: ArrayLike) -> Any:
    """Return 100 x delivered / ordered.

    Parameters
    ----------
    delivered, ordered : array
        In one unit.

    Examples
    --------
    >>> delivery_index(95, 100)
    95.0
    """
    return 100 * _ratio(delivered, ordered)


def viewing_minutes(weights: ArrayLike, credited_minutes: ArrayLike) -> float:
    """Return household-minutes: the sum of projection weight x credited minutes.

    Parameters
    ----------
    weights, credited_minutes : array, shape (households,)

    Examples
    --------
    >>> viewing_minutes([1000, 2000], [30, 15])
    60000.0
    """
    return float(np.asarray(weights, np.float64) @ np.asarray(credited_minutes, np.float64))


def incremental_reach(reach_with: ArrayLike, reach_without: ArrayLike) -> Any:
    """Return what a network (or any part) adds to a schedule's reach, in the unit of both.

    Parameters
    ----------
    reach_with, reach_without : array
        Of the schedule with the part and without it.

    Examples
    --------
    >>> incremental_reach(58.0, 40.0)
    18.0
    """
    more = np.asarray(reach_with, np.float64) - np.asarray(reach_without, np.float64)
    return more if more.ndim else float(more)


def duplication(reach_one: ArrayLike, reach_other: ArrayLike, reach_of_both: ArrayLike) -> Any:
    """Return the audience that two schedules share: R1 + R2 - R(1 or 2), in the unit of all three.

    Parameters
    ----------
    reach_one, reach_other, reach_of_both : array

    Examples
    --------
    Two independent audiences of 30 and 40 % reach 58 % together:

    >>> duplication(30.0, 40.0, 58.0)
    12.0
    """
    return incremental_reach(np.add(reach_one, reach_other), reach_of_both)


def cost_per_reach_point(cost: ArrayLike, reach_percent: ArrayLike) -> Any:
    """Return the cost of one percent of reach.

    Parameters
    ----------
    cost : array
    reach_percent : array

    Examples
    --------
    >>> cost_per_reach_point(50_000, 40)
    1250.0
    """
    return _ratio(cost, reach_percent)
