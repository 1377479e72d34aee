"""Coverage of intervals of counts.

Intervals are between quantiles of the count spread evenly over the unit around it, so that a
count at an interval's end is covered in part; see `spread_counts`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def share_covered(observed: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Floats:
    """Return the share of the unit around each count that is inside its interval.

    That is the probability that the count's randomised probability integral transform is between
    the interval's probabilities. Its mean is the nominal coverage, however small the counts.

    Parameters
    ----------
    observed, lower, upper : arrays of one shape
        Counts, and quantiles of the count spread evenly over (count - 1/2, count + 1/2), not
        cut at 0 (see `uncut_quantiles`).

    Returns
    -------
    float64 array, in [0, 1]; NaN where nothing was observed.

    Examples
    --------
    The interval ends a quarter of the way through the count of 3:

    >>> float(share_covered(3, 1.0, 2.75)), float(share_covered(2, 1.0, 2.75))
    (0.25, 1.0)

    References
    ----------
    Czado, Gneiting and Held (2009), Predictive model assessment for count data, Biometrics 65.
    """
    seen, low, high = (np.asarray(values, dtype=np.float64) for values in (observed, lower, upper))
    share = np.minimum(high, seen + 0.5) - np.maximum(low, seen - 0.5)
    return np.asarray(np.clip(share, 0.0, 1.0))


def uncut_quantiles(quantiles: ArrayLike, probabilities: Sequence[float]) -> Floats:
    """Return quantiles of the spread count with those that were cut at 0 restored.

    The distribution function is linear from -1/2 to the first quantile above 0.

    Parameters
    ----------
    quantiles : array, shape (..., probabilities)
    probabilities : sequence of float
        Ascending, in (0, 1).

    Returns
    -------
    float64 array, shape (..., probabilities)

    Examples
    --------
    No count has a probability of 0.8, which ends at 1/2:

    >>> uncut_quantiles([0.0, 0.0, 0.25], [0.2, 0.4, 0.6]).round(3).tolist()
    [-0.25, 0.0, 0.25]
    """
    q, levels = np.asarray(quantiles, dtype=np.float64), np.asarray(probabilities, np.float64)
    above = q > 0.0
    first = np.argmax(above, axis=-1)[..., None]
    some = np.take_along_axis(above, first, axis=-1)
    value = np.minimum(np.where(some, np.take_along_axis(q, first, axis=-1), 0.5), 0.5)
    zero = np.where(some, levels[first], 1.0) / (value + 0.5)
    return np.asarray(np.where(above, q, np.minimum(levels / zero - 0.5, 0.0)))
