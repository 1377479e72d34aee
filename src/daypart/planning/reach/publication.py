"""What is published of a count: suppression, folding of small bins, shares that sum to 100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.reach.frequency import TOP, Z_80, Frequency

MIN_HOUSEHOLDS = 50
SUPPRESSED = "suppressed"

Published = float | str


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


def published(
    keys: Sequence[str], values: Sequence[Published], shown: bool
) -> dict[str, Published]:
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


def markets_shown(raw_households: Ints, min_households: int) -> Bools:
    """Return which markets' audience figures may be published beside their total.

    A single market below the threshold would follow from the total and the other markets, so the
    smallest of the others is suppressed with it.

    Parameters
    ----------
    raw_households : int array [markets]
    min_households : int

    Returns
    -------
    bool array [markets]

    Examples
    --------
    >>> markets_shown(np.array([40, 300, 90]), 50).tolist()
    [False, True, False]
    """
    shown = raw_households >= min_households
    if (~shown).sum() == 1 and shown.any():
        others = np.flatnonzero(shown)
        shown = shown.copy()
        shown[others[np.argmin(raw_households[others])]] = False
    return np.asarray(shown, dtype=np.bool_)


def publish_reach(
    frequency: Frequency,
    k: int,
    *,
    raw_households: int,
    min_households: int,
    levels: Sequence[int] = (),
) -> dict[str, Any]:
    """Return reach k+ with the keys of `plan.json`, or the text `suppressed` for each.

    Two levels of reach give away the households between them. A level is therefore published only
    where a published bin of the frequency distribution begins: at each of `levels` that has enough
    households, and where folding small bins into the next lower one leaves a bin.

    Parameters
    ----------
    frequency : Frequency
    k : int
    raw_households, min_households : int
        Panel households behind the figure, and the fewest that it may be published with.
    levels : sequence of int
        Levels at which a bin should begin.

    Examples
    --------
    >>> counted = Frequency(np.ones((3, 11)), np.ones(11), np.zeros(11), 11.0, np.ones(11))
    >>> publish_reach(counted, 1, raw_households=3, min_households=50)["percent"]
    'suppressed'
    """
    names = ("percent", "households", "se", "lo_80", "hi_80")
    bins = _bins(frequency, min_households, levels) if raw_households >= min_households else []
    if k not in {low for low, _ in bins}:
        return dict.fromkeys(names, SUPPRESSED)
    percent, error = frequency.reach_percent(k), frequency.error_percent(k)
    lo, hi = interval_80(percent, error, 100.0)
    se = None if np.isnan(error) else error
    return dict(zip(names, (percent, frequency.reach(k), se, lo, hi), strict=True))


def publish_distribution(
    frequency: Frequency, *, raw_households: int, min_households: int, levels: Sequence[int] = ()
) -> list[dict[str, Any]]:
    """Publish the frequency distribution from 1 up, small bins folded into the next lower one.

    A bin begins at each of `levels` that has enough households. Exposures below the lowest bin are
    folded into it, so that the bins add up to reach 1+.

    Parameters
    ----------
    frequency : Frequency
    raw_households, min_households : int
        As in `publish_reach`; fewer raw households suppress the whole distribution.
    levels : sequence of int

    Examples
    --------
    >>> raw = np.array([100, 80, 60, 5, 4, 0, 0, 0, 0, 0, 0.0])
    >>> counted = Frequency(np.ones((1, 11)), raw, np.zeros(11), 249.0, raw)
    >>> rows = publish_distribution(counted, raw_households=249, min_households=50)
    >>> [(row["exposures"], row["households"]) for row in rows]
    [('1', 80.0), ('2+', 69.0)]
    """
    if raw_households < min_households:
        return [{"exposures": "1+", "households": SUPPRESSED, "percent": SUPPRESSED}]
    bins = _bins(frequency, min_households, levels)
    rows = []
    for low, high in reversed(bins):
        households = float(frequency.households[low : high + 1].sum())
        percent = 100.0 * households / frequency.universe_estimate
        label = f"{low}+" if high == TOP else (f"{low}-{high}" if high > low else str(low))
        rows.append({"exposures": label, "households": households, "percent": percent})
    return rows


def _bins(
    frequency: Frequency, min_households: int, levels: Sequence[int]
) -> list[tuple[int, int]]:
    """Fold exposures 1 .. 10 into bins of enough raw households, from the top down.

    A bin begins at each of `levels` from which there are enough up to the next one.
    """
    raw = frequency.raw
    starts: list[int] = []
    top = TOP
    for level in sorted({1, *levels}, reverse=True):
        if raw[level : top + 1].sum() >= min_households:
            starts.append(level)
            top = level - 1
    bins: list[tuple[int, int]] = []
    top = TOP
    for start in starts:
        low, before = top + 1, len(bins)
        for k in range(top, start - 1, -1):
            if raw[k:low].sum() >= min_households:
                bins.append((k, low - 1))
                low = k
        if len(bins) > before:
            bins[-1] = (start, bins[-1][1])
        top = start - 1
    if not bins:
        return [(1, TOP)]
    bins[-1] = (1, bins[-1][1])
    return bins


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
