"""Intervals of shares counted on some households, and how intervals are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from daypart.charts.quantities import is_number

_Z_80 = 1.2815515655446004


def eighty(interval: str) -> str:
    """Write an 80 % interval as the detail of a figure; a suppressed one stays `suppressed`."""
    return interval if "suppressed" in interval else f"80 % interval {interval}"


def even_interval(plan: Mapping[str, Any]) -> tuple[float, float]:
    """Return the 80 % interval of the even split's reach 1+."""
    even = plan["even_split"]
    if is_number(even.get("lo_80")) and is_number(even.get("hi_80")):
        return even["lo_80"], even["hi_80"]
    return share_interval_80(even["reach_percent"], plan.get("panel_households"))


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
