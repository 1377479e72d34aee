"""Intervals of shares counted on some households, and how intervals are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from daypart.charts.quantities import SUPPRESSED, Quantity, is_number

_Z_80 = 1.2815515655446004


def eighty(quantity: Quantity, figure: Mapping[str, Any]) -> str:
    """Write the 80 % interval of a figure, `lo_80` to `hi_80`, or `suppressed`.

    Parameters
    ----------
    quantity : Quantity
    figure : mapping
    """
    interval = quantity.interval(figure.get("lo_80"), figure.get("hi_80"))
    return interval if interval == SUPPRESSED else f"80 % interval {interval}"


def share_interval(
    figure: Mapping[str, Any], households: Any, share: str = "reach_percent"
) -> dict[str, Any]:
    """Return the 80 % interval of a share, as recorded or else from the households it counts.

    Parameters
    ----------
    figure : mapping
        With `lo_80` and `hi_80`, perhaps.
    households : int or other
        The number of households that the share is counted on.
    share : str
        The field of the share, in percent.

    Returns
    -------
    dict
        `lo_80` and `hi_80`, in percent.
    """
    lo, hi = figure.get("lo_80"), figure.get("hi_80")
    if not (is_number(lo) and is_number(hi)):
        lo, hi = share_interval_80(figure[share], households)
    return {"lo_80": lo, "hi_80": hi}


def share_interval_80(percent: float, households: Any) -> tuple[float, float]:
    """Return Wilson's 80 % interval of a percentage counted on some households.

    Parameters
    ----------
    percent : float
    households : int or other
        The number of households; without a number the interval has no width.

    Returns
    -------
    low, high : float
        Percent.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.

    Examples
    --------
    >>> [round(end, 1) for end in share_interval_80(50.0, 400)]
    [46.8, 53.2]
    """
    if not is_number(households) or households <= 0:
        return percent, percent
    n, p, z = float(households), percent / 100.0, _Z_80
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, 100 * (middle - half)), min(100.0, 100 * (middle + half))
