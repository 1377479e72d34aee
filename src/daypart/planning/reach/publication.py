"""What is published of a count: suppression, folding of small bins, shares that sum to 100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from daypart.disclosure.audience import REACH, Audience
from daypart.planning.arrays import Floats
from daypart.planning.reach.frequency import TOP, Z_80, Frequency

SUPPRESSED = "suppressed"

Published = float | str | None


def interval_80(mean: float, error: float, most: float = np.inf) -> tuple[float, float]:
    """Return an 80 % interval around an estimate, cut to 0 and `most`.

    Parameters
    ----------
    mean, error : float
        The estimate and its standard error; the interval has no width where that is NaN.
    most : float
        The highest possible value.
    """
    width = 0.0 if np.isnan(error) else Z_80 * error
    return max(0.0, mean - width), min(most, mean + width)


def published(keys: Sequence[str], values: Sequence[Published], shown: bool) -> dict[str, Any]:
    """Return values by key, or the text `suppressed` for each key.

    Parameters
    ----------
    keys : sequence of str
    values : sequence of float or str
        One for each key.
    shown : bool
        Whether they may be published.
    """
    return dict(zip(keys, values, strict=True)) if shown else dict.fromkeys(keys, SUPPRESSED)


Bins = list[tuple[int, int]]
"""First and last number of exposures of each bin, the highest bin first."""


def publishable_bins(frequency: Frequency, audience: Audience, levels: Sequence[int] = ()) -> Bins:
    """Fold exposures 1 .. 10 into bins that may be published, from the top down.

    Two levels of reach give away the households between them. A level is therefore published only
    where a bin begins: at each of `levels` that has enough households up to the next one, and where
    folding small bins into the next lower one leaves a bin. Exposures below the lowest bin are
    folded into it, so that the bins add up to reach 1+.

    Parameters
    ----------
    frequency : Frequency
    audience : Audience
        Of the households that were counted.
    levels : sequence of int
        Levels at which a bin should begin.

    Raises
    ------
    DaypartError
        Where reach 1+ may not be published.
    """
    at_least = frequency.probability[:, ::-1].cumsum(axis=1)[:, ::-1]
    audience.require(REACH, at_least[:, 1])
    allowed = [k for k in range(2, TOP + 1) if audience.may_publish(REACH, at_least[:, k])]
    return fold(frequency.raw, audience.rules.households, [1, *allowed], levels)


def fold(raw: Floats, least: int, allowed: Sequence[int], levels: Sequence[int] = ()) -> Bins:
    """Return the bins for expected raw households with 0 to 10 exposures.

    Parameters
    ----------
    raw : float array [11]
    least : int
        Raw households of a bin.
    allowed : sequence of int
        Where bins may begin.
    levels : sequence of int
        Where they should.

    Examples
    --------
    >>> fold(np.array([9, 100, 80, 60, 5, 4, 0, 0, 0, 0, 0]), 50, range(1, 11))
    [(3, 10), (2, 2), (1, 1)]
    """
    starts: list[int] = []
    top = TOP
    for level in sorted({1, *levels} & set(allowed), reverse=True):
        if raw[level : top + 1].sum() >= least:
            starts.append(level)
            top = level - 1
    bins: Bins = []
    top = TOP
    for start in starts:
        low, before = top + 1, len(bins)
        for k in range(top, start - 1, -1):
            if k in allowed and raw[k:low].sum() >= least:
                bins.append((k, low - 1))
                low = k
        if len(bins) > before:
            bins[-1] = (start, bins[-1][1])
        top = start - 1
    if not bins:
        return [(1, TOP)]
    bins[-1] = (1, bins[-1][1])
    return bins


def publish_reach(frequency: Frequency, k: int, bins: Bins) -> dict[str, Any]:
    """Return reach k+ with the keys of `plan.json`, or the text `suppressed` for each.

    Parameters
    ----------
    frequency : Frequency
    k : int
    bins : Bins

    Examples
    --------
    >>> counted = Frequency(np.ones((3, 11)), np.ones(11), np.zeros(11), 11.0, np.ones(11))
    >>> publish_reach(counted, 2, [(1, 10)])["percent"]
    'suppressed'
    """
    percent, error = frequency.reach_percent(k), frequency.error_percent(k)
    lo, hi = interval_80(percent, error, 100.0)
    se = None if np.isnan(error) else error
    return published(
        ("percent", "households", "se", "lo_80", "hi_80"),
        (percent, frequency.reach(k), se, lo, hi),
        k in {low for low, _ in bins},
    )


def publish_distribution(frequency: Frequency, bins: Bins) -> list[dict[str, Any]]:
    """Return the frequency distribution from 1 up, a row a bin.

    Parameters
    ----------
    frequency : Frequency
    bins : Bins

    Examples
    --------
    >>> raw = np.array([100, 80, 60, 5, 4, 0, 0, 0, 0, 0, 0.0])
    >>> counted = Frequency(np.ones((1, 11)), raw, np.zeros(11), 249.0, raw)
    >>> rows = publish_distribution(counted, [(2, 10), (1, 1)])
    >>> [(row["exposures"], row["households"]) for row in rows]
    [('1', 80.0), ('2+', 69.0)]
    """
    rows = []
    for low, high in reversed(bins):
        households = float(frequency.households[low : high + 1].sum())
        percent = 100.0 * households / frequency.universe_estimate
        label = f"{low}+" if high == TOP else (f"{low}-{high}" if high > low else str(low))
        rows.append({"exposures": label, "households": households, "percent": percent})
    return rows


def shares_of_100(amounts: Sequence[float] | Floats) -> list[float]:
    """Return percent shares with one decimal that sum to 100.0 exactly (largest remainder).

    Examples
    --------
    >>> shares_of_100([1, 1, 1])
    [33.4, 33.3, 33.3]
    """
    values = np.asarray(amounts, dtype=np.float64)
    total = values.sum()
    if not total > 0:
        return [0.0] * len(values)
    tenths = 1000.0 * values / total
    whole = np.floor(tenths).astype(np.int64)
    missing = 1000 - int(whole.sum())
    order = np.argsort(-(tenths - whole), kind="stable")
    whole[order[:missing]] += 1
    return [round(int(tenth) / 10, 1) for tenth in whole]
