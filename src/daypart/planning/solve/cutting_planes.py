"""Cutting planes: the best continuous schedule, with a bound that proves how good it is.

The linear master over the cuts gives the bound; a climb through the inside of the limits finds
the schedule at which one more cut makes that bound tight.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from daypart.planning.arrays import Bools, Floats, Ints, Numbers
from daypart.planning.problem.problem import Problem
from daypart.planning.solve.interior import climb, tangent
from daypart.planning.solve.master import Master, MasterSolution
from daypart.planning.solve.objective import Objective

_ROUNDS = 400
_STEPS = (0.3, 0.7)
"""Where to cut between the best schedule so far and the master's: nearer cuts are tighter."""
_WARM_ROUNDS = 3
"""Rounds on the cuts of earlier solves before a new climb."""
_FINER = 0.2
"""The gap of a climb, relative to the requested one, so that its cut proves that."""
_HALVINGS = 30
_CLIMBS = 6
_GREEDY_ROUNDS = 16
_GREEDY_PARTS = 6
_NEARLY = 0.9
_STALLED = 0.95
"""A round that leaves more of the gap than this is followed by a cut at the master's own."""


@dataclass(frozen=True)
class Continuous:
    """The best schedule in fractions of spots.

    Parameters
    ----------
    spots : float array [columns]
    value : float
        Its objective, in percent of the universe estimate.
    bound : float
        No schedule within the limits, whole or not, has more.
    prices : float array [1 + limits]
        Shadow prices: of the budget (points per share of it) and of each limit.
    rounds : int
    frequency_price : float
        Points of objective for one more GRP that the limit on average frequency would allow.
    """

    spots: Floats
    value: float
    bound: float
    prices: Floats
    rounds: int
    frequency_price: float = 0.0

    @property
    def gap(self) -> float:
        """How much better another schedule could be, relative to this one."""
        return (self.bound - self.value) / max(self.value, 1e-12)


class CuttingPlanes:
    """Maximise a concave objective over a problem's limits.

    The cuts hold for every budget and for whole spots too, so one object serves a budget curve
    and the whole-spot search.

    Parameters
    ----------
    problem : Problem
    objective : Objective
    """

    def __init__(self, problem: Problem, objective: Objective) -> None:
        self.problem = problem
        self.objective = objective
        surrogate = objective.surrogate
        markets, per_market = surrogate.markets, surrogate.cluster_rate.shape[1]
        self._large = problem.is_large
        start = np.searchsorted(problem.cell, per_market * np.arange(markets + 1))
        columns = [np.arange(a, b) for a, b in itertools.pairwise(start)]
        # One variable per cluster is tighter; where there are many, one per market is lighter.
        self._group = surrogate.cluster_market if self._large else np.arange(surrogate.clusters)
        market_of_group = np.arange(markets) if self._large else surrogate.cluster_market
        self._columns = [columns[m] for m in market_of_group]
        self._cells = [problem.cell[part] % per_market for part in self._columns]
        self._candidates: Ints | None = None
        reach = None if problem.frequency is None else problem.frequency.reach
        self._other_reach = None if reach is objective else reach
        other = None if self._other_reach is None else self._grouped(self._other_reach.ceiling())
        self.master = Master(problem, self._grouped(objective.ceiling()), other)
        self._warm_rounds = 0
        self._least = problem.least.astype(np.float64)
        self.cut_at(self._least)

    def value(self, spots: Numbers) -> float:
        """Return the objective of spots per column, in percent."""
        return self.objective.value(self.problem.by_cell(spots))

    def honest_value(self, spots: Numbers) -> float:
        """Return the figure that the objective bounds, of spots per column, in percent."""
        return self.objective.honest_value(self.problem.by_cell(spots))

    def solve(self, *, gap: float = 1e-3, budget: float | None = None) -> Continuous | None:
        """Find the best continuous schedule to a relative gap; None where limits clash.

        Parameters
        ----------
        gap : float
        budget : float, optional
            Instead of the problem's.
        """
        money = self.problem.budget if budget is None else budget
        self.master.set_budget(money)
        best_spots: Floats | None = None
        best_value, bound = -np.inf, np.inf
        if self.problem.frequency is not None and self.problem.keeps_limits(self._least):
            best_spots, best_value = self._least, self.value(self._least)
        rounds, climbs, stalled = 0, 0, False
        due = self.objective.bends or self.problem.frequency is not None
        found: MasterSolution | None = None
        while bound - best_value > gap * max(best_value, 1e-12) and rounds < _ROUNDS:
            found = self.master.solve()
            if found is None:
                return None
            rounds += 1
            left = bound - best_value
            bound = min(bound, found.bound)
            if rounds <= self._warm_rounds:
                pass
            elif due:
                due, climbs = False, climbs + 1
                inside = self._climb(money, gap)
                if inside is not None:
                    value = self.cut_at(inside)
                    if value > best_value:
                        best_spots, best_value = inside, value
                    continue
            elif best_spots is not None and 0 < climbs < _CLIMBS:
                due = self._add_candidates(best_spots, found.prices)
                if due:
                    continue
            trials = [found.spots]
            if best_spots is not None and not stalled:
                trials = [best_spots + step * (found.spots - best_spots) for step in _STEPS]
            for trial in trials:
                inside = self._pull_back(best_spots, trial)
                value = self.cut_at(trial if inside is None else inside)
                if value > best_value and inside is not None:
                    best_spots, best_value = inside, value
            stalled = bound - best_value > _STALLED * left
        self._warm_rounds = _WARM_ROUNDS
        if best_spots is None or found is None:
            return None
        price = found.frequency_price
        return Continuous(best_spots, best_value, bound, found.prices, rounds, price)

    def _climb(self, budget: float, gap: float) -> Floats | None:
        columns = np.arange(self.problem.columns)
        if self._large:
            if self._candidates is None:
                self._candidates = self._promising(budget)
            columns = self._candidates
        aim = _FINER * gap
        spots = climb(self.problem, self.objective, columns, budget=budget, gap=aim)
        if spots is None or not self.problem.keeps_limits(spots, budget=budget):
            return None
        return spots

    def _promising(self, budget: float) -> Ints:
        """Return columns that a coarse greedy buys, or would at the price that it ends with."""
        problem = self.problem
        money = min(budget, problem.spent(problem.most))
        spots = self._least.copy()
        bought = problem.most > problem.least
        bought &= problem.least > 0
        ratio = np.zeros(problem.columns)
        for _ in range(_GREEDY_ROUNDS):
            ratio = self.slopes(spots) / problem.cost
            order = np.argsort(-ratio, kind="stable")
            room = np.minimum(problem.most - spots, problem.most / _GREEDY_PARTS)[order]
            paid = np.cumsum(room * problem.cost[order])
            best = order[: int(np.searchsorted(paid, money / _GREEDY_ROUNDS)) + 1]
            spots[best] += room[: len(best)]
            bought[best] = True
        ratio = self.slopes(spots) / problem.cost
        price = float(np.median(ratio[spots > self._least]))
        bought |= ratio > _NEARLY * price
        for coefficients, lower in zip(problem.coefficients, problem.lower, strict=True):
            bought |= self._needed(coefficients, lower, spots, ratio)
        return np.flatnonzero(bought)

    def _needed(self, coefficients: Floats, lower: float, spots: Floats, ratio: Floats) -> Bools:
        """Return the best columns that could lift a limit to its least, twice over [columns]."""
        needed = np.zeros(len(spots), dtype=np.bool_)
        missing = lower - float(coefficients @ spots)
        if np.isfinite(missing) and missing > 0:
            order = np.argsort(-np.where(coefficients > 0, ratio, -np.inf), kind="stable")
            lift = np.cumsum(np.maximum(coefficients * self.problem.most, 0.0)[order])
            needed[order[: int(np.searchsorted(lift, 2 * missing)) + 1]] = True
        return needed

    def _add_candidates(self, best: Floats, prices: Floats) -> bool:
        """Add columns that the master's prices make worth buying; return whether there are any."""
        if self._candidates is None:
            return False
        problem = self.problem
        scale = problem.money_scale
        worth = self.slopes(best) - prices[1:] @ problem.coefficients
        better = np.flatnonzero(worth > prices[0] * problem.cost / scale)
        more = np.union1d(self._candidates, better)
        grown = len(more) > len(self._candidates)
        self._candidates = more
        return grown

    def _pull_back(self, best: Floats | None, spots: Floats) -> Floats | None:
        """Return the farthest schedule on the way from the best to another that keeps frequency.

        The master sees reach from above, so its schedules may break that limit by a little.
        """
        limit = self.problem.frequency
        if limit is None or limit.keeps(spots, self.problem.by_cell(spots)):
            return spots
        if best is None:
            return None
        near, far = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = 0.5 * (near + far)
            trial = best + middle * (spots - best)
            kept = limit.keeps(trial, self.problem.by_cell(trial))
            near, far = (middle, far) if kept else (near, middle)
        return np.asarray(best + near * (spots - best))

    def slopes(self, spots: Numbers) -> Floats:
        """Return what one more spot adds in each column, to first order, in percent [columns]."""
        return self.slopes_of(self.objective, spots)

    def slopes_of(self, objective: Objective, spots: Numbers) -> Floats:
        """Return what one more spot adds to an objective, to first order [columns].

        Parameters
        ----------
        objective : Objective
        spots : array [columns]
        """
        _, slopes, _ = tangent(self.problem, objective, np.asarray(spots, dtype=np.float64))
        return slopes

    def cut_at(self, spots: Floats) -> float:
        """Add the tangents at a schedule; return its value."""
        reached = self._add_tangents(self.objective, spots, 0)
        if self._other_reach is not None:
            self._add_tangents(self._other_reach, spots, len(reached))
        return float(reached.sum())

    def _grouped(self, values: Floats) -> Floats:
        """Sum values of clusters over the groups of the master [groups, ...]."""
        if not self._large:
            return values
        sums = np.zeros((int(self._group[-1]) + 1, *values.shape[1:]))
        np.add.at(sums, self._group, values)
        return sums

    def _add_tangents(self, objective: Objective, spots: Floats, first: int) -> Floats:
        of_clusters = objective.tangents(self.problem.by_cell(spots))
        reached, slopes = (self._grouped(values) for values in of_clusters)
        rows: list[Floats] = []
        constants = np.empty(len(reached))
        for g, (columns, cells) in enumerate(zip(self._columns, self._cells, strict=True)):
            slope = slopes[g, cells]
            rows.append(slope)
            constants[g] = reached[g] - slope @ spots[columns]
        self.master.add_cuts(first + np.arange(len(reached)), self._columns, rows, constants)
        return reached
