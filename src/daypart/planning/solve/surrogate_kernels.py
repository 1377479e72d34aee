"""The surrogate's loops over households and the cells that they watch, compiled."""

from __future__ import annotations

import numba
import numpy as np

from daypart.planning.arrays import Floats, Ints


@numba.njit(cache=True)
def own_exposures(row_start: Ints, cell: Ints, rate: Floats, spots: Floats) -> Floats:
    """Return rate . spots of each household [households]."""
    exposures = np.zeros(len(row_start) - 1)
    for h in range(len(exposures)):
        total = 0.0
        for entry in range(row_start[h], row_start[h + 1]):
            total += rate[entry] * spots[cell[entry]]
        exposures[h] = total
    return exposures


@numba.njit(cache=True)
def add_own_slopes(
    row_start: Ints,
    cell: Ints,
    rate: Floats,
    slope: Floats,
    cluster: Ints,
    first: int,
    last: int,
    slopes: Floats,
) -> None:
    """Add slope x rate of households first .. last - 1, by cluster and cell of its market."""
    cells = slopes.shape[1]
    for h in range(first, last):
        row = slopes[cluster[h]]
        for entry in range(row_start[h], row_start[h + 1]):
            row[cell[entry] % cells] += slope[h] * rate[entry]


@numba.njit(cache=True)
def add_own_bend(
    row_start: Ints,
    cell: Ints,
    rate: Floats,
    weight: Floats,
    first: int,
    last: int,
    place: Ints,
    matrix: Floats,
) -> None:
    """Add weight x rate x rate' of households first .. last - 1 to a matrix, its lower triangle.

    `place` maps a cell of the market to a row of the matrix; -1 leaves the cell out.
    """
    cells = len(place)
    at = np.empty(cells, dtype=np.int64)
    value = np.empty(cells)
    for h in range(first, last):
        if weight[h] == 0.0:
            continue
        count = 0
        for entry in range(row_start[h], row_start[h + 1]):
            where = place[cell[entry] % cells]
            if where >= 0:
                at[count] = where
                value[count] = rate[entry]
                count += 1
        for i in range(count):
            row, part = matrix[at[i]], weight[h] * value[i]
            for j in range(i + 1):
                row[at[j]] += part * value[j]
