"""From fractions of spots to whole ones: a local search on the objective's quadratic model."""

from __future__ import annotations

import numba
import numpy as np

from daypart.planning.arrays import Floats, Ints
from daypart.planning.problem.problem import AverageFrequency, Problem
from daypart.planning.solve.interior import one_sided, tangent
from daypart.planning.solve.objective import Objective

_ROUNDS = 6
_MOVES = 20_000
_BEST = 100
"""Unused columns of each market that the search tries in a large problem."""
_TOLL = 100.0
"""The worth of reducing a broken row by one spot's worth, in best slopes."""
_TOLERANCE = 1e-9
_MARGIN = 2e-5
"""Distance from the limit on average frequency, whose row is an approximation."""


def round_spots(
    problem: Problem, objective: Objective, spots: Floats | Ints, *, budget: float | None = None
) -> Ints | None:
    """Round a schedule to whole spots near it that keep the limits, and improve those.

    Adds, drops and trades single spots while the quadratic model of the objective rises, and then
    takes the model anew where that ended. Limits that the rounding breaks come first; where single
    steps from the nearest whole spots can't restore them, they start from those below.

    Parameters
    ----------
    problem : Problem
    objective : Objective
    spots : array [columns]
    budget : float, optional
        Instead of the problem's.

    Returns
    -------
    int array [columns], or None where no whole spots were found that keep every limit
    """
    money = problem.budget if budget is None else budget
    anchor = np.asarray(spots, dtype=np.float64)
    for start in (np.rint(anchor), np.floor(anchor + _TOLERANCE)):
        whole = np.clip(start.astype(np.int64), problem.least, problem.most)
        found = _improve(problem, objective, whole, anchor, money)
        if found is not None:
            return found
    return None


def _improve(
    problem: Problem, objective: Objective, whole: Ints, anchor: Floats, budget: float
) -> Ints | None:
    """Search from some whole spots until no search finds better ones that keep the limits."""
    best: Ints | None = None
    best_value = -np.inf
    for _ in range(_ROUNDS):
        whole = _search(problem, objective, whole, anchor, budget)
        anchor = whole.astype(np.float64)
        if not problem.keeps_limits(whole, budget=budget):
            # The row of average frequency is exact where it was taken: take it anew.
            if best is None and problem.frequency is not None:
                continue
            break
        value = objective.value(problem.by_cell(whole))
        if value <= best_value + 1e-9 * max(1.0, abs(best_value)):
            break
        best, best_value = whole, value
    return best


def _search(
    problem: Problem, objective: Objective, whole: Ints, anchor: Floats, budget: float
) -> Ints:
    rows, bounds = one_sided(problem, budget)
    if problem.frequency is not None:
        row, bound = _frequency_row(problem, problem.frequency, anchor)
        rows, bounds = np.vstack([rows, row]), np.append(bounds, bound)
    scale = np.maximum(np.abs(rows).max(axis=1, initial=0.0), 1e-300)
    rows = np.ascontiguousarray((rows / scale[:, None]).T)
    _, slopes, curvature = tangent(problem, objective, anchor)
    found = whole.copy()
    per_market = objective.surrogate.cluster_rate.shape[1]
    market = problem.cell // per_market
    # Each market may use what it used at the anchor, and what the markets before it left.
    room = bounds / scale - anchor @ rows + _TOLERANCE
    for m in np.unique(market):
        columns = np.arange(*np.searchsorted(market, [m, m + 1]))
        room += (anchor - found)[columns] @ rows[columns]
        if problem.is_large:
            columns = _worth_a_look(problem, columns, slopes, found + anchor)
        cells, cell = np.unique(problem.cell[columns] % per_market, return_inverse=True)
        lower = objective.surrogate.bend(int(m), curvature, cells)
        bend = lower + np.tril(lower, -1).T
        apart = np.bincount(cell, weights=(found - anchor)[columns], minlength=len(cells))
        slope = slopes[columns] - (bend @ apart)[cell]
        part = found[columns]
        bounds_of = (problem.least[columns], problem.most[columns])
        toll = _TOLL * float(np.abs(slope).max(initial=0.0)) + 1e-9
        improve(part, *bounds_of, slope, bend, cell, rows[columns], room, toll, _MOVES)
        found[columns] = part
    return found


def _worth_a_look(problem: Problem, columns: Ints, slopes: Floats, used: Floats) -> Ints:
    """Return a market's columns in use, and the best of the others for their money."""
    ratio = slopes[columns] / problem.cost[columns]
    best = columns[np.argsort(-ratio, kind="stable")[:_BEST]]
    return np.union1d(best, columns[used[columns] > 1e-3])


def _frequency_row(
    problem: Problem, limit: AverageFrequency, anchor: Floats
) -> tuple[Floats, float]:
    """Return the limit as a row . spots <= bound that touches it at the anchor, a little inside."""
    _, slopes, _ = tangent(problem, limit.reach, anchor)
    row = limit.grp - limit.most * slopes
    room = limit.spare_grp(anchor, problem.by_cell(anchor))
    inside = _MARGIN * float(limit.grp @ anchor)
    return row, float(row @ anchor) + room - inside


@numba.njit(cache=True)
def _excess(room: Floats, rows: Floats, add: int, drop: int) -> float:
    """Return by how much the rows are overdrawn after a move (-1 means no spot)."""
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
    """Make the best move while one helps: add a spot, drop one, or exchange one for another.

    The objective is quadratic. Adding a spot in column j gains `slope[j] - bend[j, j] / 2` and
    lowers the slope of column i by `bend[i, j]`. While rows are overdrawn, a move that overdraws
    them less is made at any price. `spots`, `slope` and `room` are changed in place.

    Parameters
    ----------
    spots, least, most : int array [columns]
        Whole spots and their bounds.
    slope : float array [columns]
        First derivative of the objective, points a spot.
    bend : float array [cells, cells]
        Minus its second derivative.
    cell : int array [columns]
        Row of `bend` that a column refers to.
    rows : float array [columns, rows]
        What a spot uses of each limit.
    room : float array [rows]
        What each limit still allows; below 0 where it is overdrawn.
    toll : float
        Worth of one unit less overdrawn, or of all of the last one.
    moves : int
        Most moves.

    Returns
    -------
    int
        Moves made.
    """
    columns = len(spots)
    for made in range(moves):
        excess = _excess(room, rows, -1, -1)
        repairing = excess > 0.0
        worth = toll / min(excess, 1.0) if repairing else 0.0
        best, best_add, best_drop = -np.inf if repairing else 1e-9, -1, -1
        for drop in range(-1, columns):
            gain_out = 0.0
            if drop >= 0:
                if spots[drop] <= least[drop]:
                    continue
                gain_out = -slope[drop] - 0.5 * bend[cell[drop], cell[drop]]
                after = _excess(room, rows, -1, drop)
                gain = gain_out + worth * (excess - after)
                if gain > best and (after < excess or (not repairing and after == 0.0)):
                    best, best_add, best_drop = gain, -1, drop
            for add in range(columns):
                if add == drop or spots[add] >= most[add]:
                    continue
                gain = gain_out + slope[add] - 0.5 * bend[cell[add], cell[add]]
                if drop >= 0:
                    gain += bend[cell[add], cell[drop]]
                if not repairing and gain <= best:
                    continue
                after = _excess(room, rows, add, drop)
                gain += worth * (excess - after)
                if gain > best and (after < excess or (not repairing and after == 0.0)):
                    best, best_add, best_drop = gain, add, drop
        if best_add < 0 and best_drop < 0:
            return made
        if best_drop >= 0:
            _move(spots, slope, room, bend, cell, rows, best_drop, -1)
        if best_add >= 0:
            _move(spots, slope, room, bend, cell, rows, best_add, 1)
    return moves
