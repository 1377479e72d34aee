"""Cutting planes: the best continuous schedule, with a bound that proves how good it is.

The linear master over the cuts gives the bound; a climb through the inside of the limits finds
the schedule at which one more cut makes that bound tight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.planning.interior import climb, tangent
from daypart.planning.master import Master, MasterSolution
from daypart.planning.objective import Objective
from daypart.planning.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDS = 400
_STEPS = (0.3, 0.7)
"""Where to cut between the best schedule so far and the master's: nearer cuts are tighter."""
_WARM_ROUNDS = 3
"""Rounds on the cuts of earlier solves before a new climb."""
_FINER = 0.2
"""How much finer than the gap asked for a climb ends, so that its cut proves it."""
_HALVINGS = 30
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
        reach = None if problem.frequency is None else problem.frequency.reach
        self._other_reach = None if reach is objective else reach
        other = None if self._other_reach is None else self._other_reach.ceiling()
        self.master = Master(problem, objective.ceiling(), other)
        per_market = surrogate.cluster_rate.shape[1]
        market_of_column = problem.cell // per_market
        self._columns = [np.flatnonzero(market_of_column == m) for m in surrogate.cluster_market]
        self._cells = [problem.cell[columns] % per_market for columns in self._columns]
        self._warm_rounds = 0
        self._least = problem.least.astype(np.float64)
        self.cut_at(self._least)

    def value(self, spots: NDArray[np.floating] | Ints) -> float:
        """Return the objective of spots per column, in percent."""
        return self.objective.value(self.problem.by_cell(spots))

    def honest_value(self, spots: NDArray[np.floating] | Ints) -> float:
        """Return the figure that the objective stands for, of spots per column, in percent."""
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
        rounds, stalled = 0, False
        climbed = not self.objective.bends and self.problem.frequency is None
        found: MasterSolution | None = None
        while bound - best_value > gap * max(best_value, 1e-12) and rounds < _ROUNDS:
            found = self.master.solve()
            if found is None:
                return None
            rounds += 1
            left = bound - best_value
            bound = min(bound, found.bound)
            if not climbed and rounds > self._warm_rounds:
                climbed = True
                inside = self._climb(money, gap)
                if inside is not None:
                    best_spots, best_value = inside, self.cut_at(inside)
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
        everything = np.arange(self.problem.columns)
        aim = _FINER * gap
        spots = climb(self.problem, self.objective, everything, budget=budget, gap=aim)
        if spots is None or not self.problem.keeps_limits(spots, budget=budget):
            return None
        return spots

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

    def slopes(self, spots: NDArray[np.floating] | Ints) -> Floats:
        """Return what one more spot adds in each column, to first order, in percent [columns]."""
        return self.slopes_of(self.objective, spots)

    def slopes_of(self, objective: Objective, spots: NDArray[np.floating] | Ints) -> Floats:
        """Return what one more spot adds to some objective, to first order [columns]."""
        slopes, _ = tangent(self.problem, objective, np.asarray(spots, dtype=np.float64))
        return slopes

    def cut_at(self, spots: Floats) -> float:
        """Add the tangents at a schedule; return its value."""
        reached = self._add_tangents(self.objective, spots, 0)
        if self._other_reach is not None:
            self._add_tangents(self._other_reach, spots, len(reached))
        return float(reached.sum())

    def _add_tangents(self, objective: Objective, spots: Floats, first: int) -> Floats:
        reached, slopes = objective.tangents(self.problem.by_cell(spots))
        rows: list[Floats] = []
        constants = np.empty(len(reached))
        for g, (columns, cells) in enumerate(zip(self._columns, self._cells, strict=True)):
            slope = slopes[g, cells]
            rows.append(slope)
            constants[g] = reached[g] - slope @ spots[columns]
        self.master.add_cuts(first + np.arange(len(reached)), self._columns, rows, constants)
        return reached
