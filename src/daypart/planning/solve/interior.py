"""Climb to the best continuous schedule through the inside of the limits, in few steps.

Mehrotra's predictor-corrector on the concave objective itself: every step solves one Newton
system whose Hessian falls apart by market, with the limits that hold over markets coupled through
a small Schur complement. It proves nothing; it gives the cutting planes the point at which to cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.problem.problem import Problem
from daypart.planning.solve.objective import Objective

_STEPS = 60
_INSIDE = 0.99
_BLOCK = 96
_KEPT = 1e-7
"""How far a limit may be from kept, relative to what the spots can move it by."""


@dataclass(frozen=True)
class _Market:
    """The free columns of one market and the cells that they are in."""

    number: int
    columns: slice
    cells: Ints
    first_of_cell: Ints
    cell_of_column: Ints
    shared: Bools


@dataclass
class _Point:
    """Spots as shares of their free range, slacks of rows and bounds, and their prices."""

    spots: Floats
    slack: Floats
    row_price: Floats
    least_price: Floats
    most_price: Floats

    def complementarity(self) -> float:
        """Return the sum of slack x price."""
        bounds = self.spots @ self.least_price + (1.0 - self.spots) @ self.most_price
        return float(self.slack @ self.row_price + bounds)

    def size(self) -> int:
        """Return how many slacks there are."""
        return len(self.slack) + 2 * len(self.spots)


def climb(
    problem: Problem, objective: Objective, columns: Ints, *, budget: float, gap: float
) -> Floats | None:
    """Find the spots that maximise an objective, to a relative gap.

    Parameters
    ----------
    problem : Problem
    objective : Objective
    columns : int array
        Those that may be bought, rising; the others stay at their least.
    budget : float
    gap : float

    Returns
    -------
    float array [columns of the problem], or None where it does not get there: limits clash, or
    leave nothing inside

    References
    ----------
    Mehrotra, S. (1992). On the implementation of a primal-dual interior point method. SIAM J.
    Optimization 2(4).
    """
    free = columns[problem.most[columns] > problem.least[columns]]
    if len(free) == 0:
        return None
    return _Climb(problem, objective, free, budget).run(gap)


class _Climb:
    def __init__(self, problem: Problem, objective: Objective, free: Ints, budget: float) -> None:
        self.problem, self.objective, self.free = problem, objective, free
        self.least = problem.least.astype(np.float64)
        self.money = max(budget - problem.spent(self.least), 0.0)
        self.range = (problem.most - problem.least)[free].astype(np.float64)
        rows, self.bounds = one_sided(problem, budget)
        self.bounds = self.bounds - rows @ self.least
        self.rows = rows[:, free] * self.range
        if problem.frequency is not None:
            self.rows = np.vstack([self.rows, problem.frequency.grp[free] * self.range])
            self.bounds = np.append(self.bounds, 0.0)
        scale = np.maximum(np.abs(self.rows).max(axis=1, initial=0.0), 1e-12)
        self.rows, self.bounds = self.rows / scale[:, None], self.bounds / scale
        self.frequency_scale = float(scale[-1])
        self.bending = objective.surrogate
        if problem.frequency is not None and not objective.bends:
            self.bending = problem.frequency.reach.surrogate
        self.markets = _markets(problem, objective, free)

    def spots(self, point: Floats) -> Floats:
        """Return spots by column of the problem."""
        spots = self.least.copy()
        spots[self.free] += self.range * point
        return spots

    def run(self, gap: float) -> Floats | None:
        with np.errstate(all="ignore"):
            point = self._start()
            for _ in range(_STEPS):
                value, slope, curvature = self._look(point.spots)
                missing = self.bounds - self.rows @ point.spots - point.slack
                if self.problem.frequency is not None:
                    bent, missing[-1] = self._look_at_frequency(point)
                    curvature = curvature + bent
                tilt = point.most_price - point.least_price + self.rows.T @ point.row_price - slope
                scale = gap * max(value, 1e-12)
                left = point.complementarity() + np.abs(tilt).sum()
                if not np.isfinite(left):
                    return None
                if left < scale and np.abs(missing).max() < _KEPT:
                    return self.spots(point.spots)
                newton = _Newton(self, point, curvature)
                if newton.coupling is None:
                    return None
                _advance(point, newton, missing, tilt)
        return None

    def _start(self) -> _Point:
        """Start with half of the money on everything alike, and prices that balance."""
        cost = float(self.problem.cost[self.free] @ self.range)
        share = 0.5 * min(1.0, self.money / cost)
        spots = np.full(len(self.free), max(share, 1e-3))
        slack = np.maximum(self.bounds - self.rows @ spots, 1e-2)
        if self.problem.frequency is not None:
            slack[-1] = 1e-2
        value, slope, _ = self._look(spots)
        level = max(0.1 * value, 1e-3 * float(slope @ spots), 1e-9) / (2 * len(spots))
        return _Point(spots, slack, level / slack, level / spots, level / (1.0 - spots))

    def _look(self, point: Floats) -> tuple[float, Floats, Floats]:
        value, slopes, curvature = tangent(self.problem, self.objective, self.spots(point))
        return value, slopes[self.free] * self.range, curvature

    def _look_at_frequency(self, point: _Point) -> tuple[Floats, float]:
        """Take that limit's row anew; return its curvature by household, and what is missing."""
        limit = self.problem.frequency
        assert limit is not None
        spots = self.spots(point.spots)
        reached, slopes, curvature = tangent(self.problem, limit.reach, spots)
        row = (limit.grp - limit.most * slopes)[self.free] * self.range
        self.rows[-1] = row / self.frequency_scale
        room = (limit.most * reached - float(limit.grp @ spots)) / self.frequency_scale
        weight = limit.most * point.row_price[-1] / self.frequency_scale
        return weight * curvature, room - float(point.slack[-1])


def tangent(problem: Problem, objective: Objective, spots: Floats) -> tuple[float, Floats, Floats]:
    """Return an objective, its slope in each column, and its curvature in households' exposures.

    Parameters
    ----------
    problem : Problem
    objective : Objective
    spots : float array [columns]

    Returns
    -------
    value : float
        In percent.
    slopes : float array [columns]
        In percent a spot.
    curvature : float array [households]
        Weighted; minus the second derivative.
    """
    surrogate = objective.surrogate
    exposures = surrogate.exposures(problem.by_cell(spots))
    worth, slope = objective.curve(exposures, surrogate.shape)
    scale = surrogate.weight * objective.percent
    slopes = surrogate.slopes_by_cell(scale * slope)[problem.cell]
    return float(scale @ worth), slopes, scale * objective.bend(exposures, surrogate.shape)


class _Newton:
    """One Newton system, factored: (Hessian + bounds + rows' rows) step = right-hand side."""

    def __init__(self, climb: _Climb, point: _Point, curvature: Floats) -> None:
        self.climb, self.point = climb, point
        self.diagonal = point.least_price / point.spots + point.most_price / (1.0 - point.spots)
        surrogate = climb.bending
        self.factors: list[tuple[Floats, Floats]] = []
        self.coupling: Floats | None = None
        for market in climb.markets:
            bend = surrogate.bend(market.number, curvature, market.cells)
            loose = climb.range[market.columns] ** 2 / self.diagonal[market.columns]
            stiffness = 1.0 / np.add.reduceat(loose, market.first_of_cell)
            bend[np.diag_indices_from(bend)] += stiffness
            factor = _cholesky(bend)
            if factor is None:
                return
            self.factors.append((factor, stiffness))
        self.spread = self._without_rows(climb.rows.T)
        coupled = climb.rows @ self.spread
        coupled[np.diag_indices_from(coupled)] += point.slack / point.row_price
        self.coupling = _cholesky(coupled)

    def solve(self, side: Floats) -> Floats:
        """Solve for one right-hand side (Woodbury's identity for the rows)."""
        assert self.coupling is not None
        plain = self._without_rows(side[:, None])[:, 0]
        shift = _back_substitute(self.coupling, (self.climb.rows @ plain)[:, None])[:, 0]
        return np.asarray(plain - self.spread @ shift)

    def _without_rows(self, sides: Floats) -> Floats:
        """Solve (Hessian + bounds) x = sides, market by market [free columns, sides].

        Columns of one cell share its Hessian H, so the factor is by cell. With D the bounds'
        diagonal, S the columns' ranges by cell, E = 1 / (S D^-1 S') and p = E S D^-1 sides,
        x = D^-1 (sides - S' p) + D^-1 S' E (H + E)^-1 p.
        """
        solved = np.empty_like(sides)
        for market, (factor, stiffness) in zip(self.climb.markets, self.factors, strict=True):
            part, cell = market.columns, market.cell_of_column
            of_range = (self.climb.range[part] / self.diagonal[part])[:, None]
            pooled = np.add.reduceat(of_range * sides[part], market.first_of_cell, axis=0)
            pooled *= stiffness[:, None]
            moved = stiffness[:, None] * _back_substitute(factor, pooled)
            solved[part] = of_range * moved[cell]
            if len(cell) > len(market.cells):
                apart = sides[part] - self.climb.range[part][:, None] * pooled[cell]
                apart[~market.shared] = 0.0
                solved[part] += apart / self.diagonal[part][:, None]
        return solved


def _advance(point: _Point, newton: _Newton, missing: Floats, tilt: Floats) -> None:
    """Take one predictor-corrector step."""
    spots, room = point.spots, 1.0 - point.spots
    prices = (point.row_price, point.least_price, point.most_price)
    slacks = (point.slack, spots, room)
    size, before = point.size(), point.complementarity()
    rows = newton.climb.rows

    def direction(aims: list[Floats]) -> tuple[list[Floats], list[Floats]]:
        """Return the moves of slacks and prices that bring slack x price to its aim."""
        of_row, of_least, of_most = aims
        push = (of_row - point.row_price * missing) / point.slack
        side = -tilt - rows.T @ push + of_least / spots - of_most / room
        step = newton.solve(side)
        moves = [missing - rows @ step, step, -step]
        turns = [
            (aim - price * move) / slack
            for aim, price, move, slack in zip(aims, prices, moves, slacks, strict=True)
        ]
        return moves, turns

    moves, turns = direction([-price * slack for price, slack in zip(prices, slacks, strict=True)])
    near, far = _longest(slacks, moves), _longest(prices, turns)
    after = sum(
        float((slack + near * move) @ (price + far * turn))
        for slack, move, price, turn in zip(slacks, moves, prices, turns, strict=True)
    )
    target = max(after / before, 0.0) ** 3 * before / size
    moves, turns = direction(
        [
            target - price * slack - move * turn
            for price, slack, move, turn in zip(prices, slacks, moves, turns, strict=True)
        ]
    )
    near, far = (min(1.0, _INSIDE * _longest(*pair)) for pair in ((slacks, moves), (prices, turns)))
    point.spots = spots + near * moves[1]
    point.slack = point.slack + near * moves[0]
    point.row_price = point.row_price + far * turns[0]
    point.least_price = point.least_price + far * turns[1]
    point.most_price = point.most_price + far * turns[2]


def _longest(values: Any, moves: Any) -> float:
    """Return the longest step, up to 1, that keeps all values from falling below 0."""
    longest = 1.0
    for value, move in zip(values, moves, strict=True):
        falling = move < 0
        if falling.any():
            longest = min(longest, float(np.min(-value[falling] / move[falling])))
    return longest


def one_sided(problem: Problem, budget: float) -> tuple[Floats, Floats]:
    """Write the budget and every limit as rows . spots <= bounds.

    Parameters
    ----------
    problem : Problem
    budget : float
        Infinite without a budget.

    Returns
    -------
    rows : float array [rows, columns]
    bounds : float array [rows]
    """
    rows, bounds = [problem.cost], [budget]
    for limit in problem.limits:
        if np.isfinite(limit.upper):
            rows.append(limit.coefficients)
            bounds.append(limit.upper)
        if np.isfinite(limit.lower):
            rows.append(-limit.coefficients)
            bounds.append(-limit.lower)
    if not np.isfinite(budget):
        rows, bounds = rows[1:], bounds[1:]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), problem.columns)
    return table, np.array(bounds, dtype=np.float64)


def _markets(problem: Problem, objective: Objective, free: Ints) -> list[_Market]:
    per_market = objective.surrogate.cluster_rate.shape[1]
    number = problem.cell[free] // per_market
    found = []
    for m in np.unique(number):
        start, stop = np.searchsorted(number, [m, m + 1])
        cells, first, cell_of_column, columns = np.unique(
            problem.cell[free[start:stop]] % per_market,
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        shared = columns[cell_of_column] > 1
        found.append(_Market(int(m), slice(start, stop), cells, first, cell_of_column, shared))
    return found


def _cholesky(matrix: Floats) -> Floats | None:
    """Factor a symmetric matrix from its lower triangle; None where it is not positive definite."""
    try:
        return np.asarray(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        return None


def _back_substitute(factor: Floats, sides: Floats) -> Floats:
    """Solve factor factor' x = sides, block by block [n, sides]."""
    n = len(factor)
    starts = range(0, n, _BLOCK)
    solved = np.array(sides)
    for a in starts:
        b = min(a + _BLOCK, n)
        solved[a:b] -= factor[a:b, :a] @ solved[:a]
        solved[a:b] = np.linalg.solve(factor[a:b, a:b], solved[a:b])
    for a in reversed(starts):
        b = min(a + _BLOCK, n)
        solved[a:b] -= factor[b:, a:b].T @ solved[b:]
        solved[a:b] = np.linalg.solve(factor[a:b, a:b].T, solved[a:b])
    return solved
