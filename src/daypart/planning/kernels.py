"""The loops over households and cells, compiled: sampling without replacement, convolved."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True)
def _chances_of_heavy_viewer(
    k: float, x: int, history: float, used: int, chance: NDArray[np.float64]
) -> None:
    """Write the chances of 0 .. used - 1 exposures, where some are impossible: term by term."""
    for n in range(used):
        term = 1.0
        for i in range(n):
            term *= max(k - i, 0.0) * (x - i) / (i + 1.0)
        for i in range(x - n):
            term *= max(history - k - i, 0.0)
        for i in range(x):
            term /= history - i
        chance[n] = term


@numba.njit(cache=True)
def _cell_chances(k: float, x: int, history: float, top: int, chance: NDArray[np.float64]) -> int:
    """Write the chances of 0..top exposures to x spots in one cell; return how many are in use."""
    used = min(x, top) + 1
    missed = 1.0
    for i in range(x):
        missed *= (history - k - i) / (history - i)
    if history - k > x - 1:
        chance[0] = missed
        for n in range(used - 1):
            more = max(k - n, 0.0) * (x - n) / ((n + 1.0) * (history - k - x + n + 1.0))
            chance[n + 1] = chance[n] * more
    else:
        _chances_of_heavy_viewer(k, x, history, used, chance)
    if x > top:
        below = 0.0
        for n in range(top):
            below += chance[n]
        chance[top] = max(0.0, 1.0 - below)
    return used


@numba.njit(cache=True)
def household_chances(
    row_start: NDArray[np.int64],
    cell: NDArray[np.int64],
    minutes: NDArray[np.float64],
    spots: NDArray[np.int64],
    history: NDArray[np.int64],
    top: int,
) -> NDArray[np.float64]:
    """Return each household's chances of 0 .. top - 1 and of top or more exposures."""
    households = len(row_start) - 1
    result = np.zeros((households, top + 1))
    chance = np.zeros(top + 1)
    joined = np.zeros(top + 1)
    for h in range(households):
        result[h, 0] = 1.0
        filled = 1
        for entry in range(row_start[h], row_start[h + 1]):
            c = cell[entry]
            x = spots[c]
            k = minutes[entry]
            if x == 0 or k <= 0.0:
                continue
            used = _cell_chances(k, x, float(history[c]), top, chance)
            joined[:] = 0.0
            for a in range(filled):
                for b in range(used):
                    joined[min(a + b, top)] += result[h, a] * chance[b]
            filled = min(filled + used - 1, top + 1)
            for n in range(filled):
                result[h, n] = joined[n]
    return result


@numba.njit(cache=True)
def group_misses(
    row_start: NDArray[np.int64],
    cell: NDArray[np.int64],
    minutes: NDArray[np.float64],
    spots: NDArray[np.int64],
    history: NDArray[np.int64],
    group: NDArray[np.int64],
    groups: int,
) -> NDArray[np.float64]:
    """Return each household's chance to miss all spots of each group of cells."""
    missed = np.ones((len(row_start) - 1, groups))
    for h in range(len(row_start) - 1):
        for entry in range(row_start[h], row_start[h + 1]):
            c = cell[entry]
            for i in range(spots[c]):
                left = max(history[c] - minutes[entry] - i, 0.0)
                missed[h, group[c]] *= left / (history[c] - i)
    return missed
