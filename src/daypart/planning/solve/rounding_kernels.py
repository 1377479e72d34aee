"""The local search over whole spots, compiled: one spot more, one less, or one for another."""

from __future__ import annotations

import numba
import numpy as np

from daypart.planning.arrays import Floats, Ints


@numba.njit(cache=True)
def _excess(room: Floats, rows: Floats, add: int, drop: int) -> float:
    """Return by how much the rows are overdrawn after a move (-1 stands for no spot)."""
    total = 0.0
    for r in range(len(room)):
        left = room[r]
        if add >= 0:
            left -= rows[add, r]
        if drop >= 0:
            left += rows[drop, r]
        if left < 0.0:
            total -= left
    return total


@numba.njit(cache=True)
def _move(
    spots: Ints,
    slope: Floats,
    room: Floats,
    bend: Floats,
    cell: Ints,
    rows: Floats,
    j: int,
    by: int,
) -> None:
    spots[j] += by
    for i in range(len(slope)):
        slope[i] -= by * bend[cell[i], cell[j]]
    for r in range(len(room)):
        room[r] -= by * rows[j, r]


@numba.njit(cache=True)
def improve(
    spots: Ints,
    least: Ints,
    most: Ints,
    slope: Floats,
    bend: Floats,
    cell: Ints,
    rows: Floats,
    room: Floats,
    toll: float,
    moves: int,
) -> int:
    """Make the best move while there is one that helps; return how many were made.

    The objective is quadratic: `slope` in each column and `bend` [cells, cells], minus its second
    derivative. `rows` [columns, rows] use up `room` [rows]. While they are overdrawn, moves
    that overdraw them less are made at any price: `toll` is what one unit less, or all of the last
    one, is worth when they are compared. `spots`, `slope` and `room` are changed in place.
    """
    columns = len(spots)
    for made in range(moves):
        excess = _excess(room, rows, -1, -1)
        mending = excess > 0.0
        worth = toll / min(excess, 1.0) if mending else 0.0
        best, best_add, best_drop = -np.inf if mending else 1e-9, -1, -1
        for drop in range(-1, columns):
            gain_out = 0.0
            if drop >= 0:
                if spots[drop] <= least[drop]:
                    continue
                gain_out = -slope[drop] - 0.5 * bend[cell[drop], cell[drop]]
                after = _excess(room, rows, -1, drop)
                gain = gain_out + worth * (excess - after)
                if gain > best and (after < excess or (not mending and after == 0.0)):
                    best, best_add, best_drop = gain, -1, drop
            for add in range(columns):
                if add == drop or spots[add] >= most[add]:
                    continue
                gain = gain_out + slope[add] - 0.5 * bend[cell[add], cell[add]]
                if drop >= 0:
                    gain += bend[cell[add], cell[drop]]
                if not mending and gain <= best:
                    continue
                after = _excess(room, rows, add, drop)
                gain += worth * (excess - after)
                if gain > best and (after < excess or (not mending and after == 0.0)):
                    best, best_add, best_drop = gain, add, drop
        if best_add < 0 and best_drop < 0:
            return made
        if best_drop >= 0:
            _move(spots, slope, room, bend, cell, rows, best_drop, -1)
        if best_add >= 0:
            _move(spots, slope, room, bend, cell, rows, best_add, 1)
    return moves
