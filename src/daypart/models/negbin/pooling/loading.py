"""How much of its parents' profile, and of their weeks, a partition takes over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INFORMED = 200.0
"""Counts beyond which a partition's say does not grow: then its own deviations speak louder."""
_STEPS = 8
_RIDGE = 1.0


def loadings(
    counts: Sequence[Floats], expected: Sequence[Floats], effects: Sequence[Floats], say: Floats
) -> Floats:
    """Return the loading of each of several effects, the same for all partitions.

    Maximises the sum over partitions of the multinomial log likelihood of their counts, given
    their sums, with probabilities proportional to `expected * exp(effects @ loading)`.

    Parameters
    ----------
    counts, expected : sequence of float64 arrays, shape (cells,)
        One for each partition.
    effects : sequence of float64 arrays, shape (cells, kinds)
    say : float64 array, shape (partitions,)
        Weight of each partition, at most 1.

    Returns
    -------
    float64 array, shape (kinds,)
        In [0, 1]; near 0 where the counts do not tell.

    Examples
    --------
    >>> effect = np.array([[0.0], [1.0]])
    >>> counts = np.array([100.0, 100.0 * np.e])
    >>> loadings([counts] * 9, [np.ones(2)] * 9, [effect] * 9, np.ones(9)).round(2).tolist()
    [1.0]
    """
    kinds = effects[0].shape[1] if effects else 0
    loading = np.full(kinds, 0.5)
    free = np.ones(kinds, bool)
    for _ in range(_STEPS):
        slope, curvature = -_RIDGE * loading, _RIDGE * np.eye(kinds)
        for y, e, effect, weight in zip(counts, expected, effects, say, strict=True):
            total = y.sum()
            scale = weight * min(1.0, INFORMED / max(total, 1.0))
            rate = e * np.exp(effect @ loading)
            share = rate / max(rate.sum(), 1e-300)
            mean = share @ effect
            slope += scale * (y @ effect - total * mean)
            spread = (effect * share[:, None]).T @ effect - np.outer(mean, mean)
            curvature += scale * total * spread
        free = ~(((loading <= 0.0) & (slope < 0.0)) | ((loading >= 1.0) & (slope > 0.0)))
        step = np.zeros(kinds)
        if free.any():
            step[free] = np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
        loading = np.clip(loading + step, 0.0, 1.0)
    return loading
