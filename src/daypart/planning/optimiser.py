"""Cutting planes: the best continuous schedule, with a bound that proves how good it is.

The linear master over the cuts gives the bound; a climb through the inside of the limits finds
the schedule at which one more cut makes that bound tight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.planning.interior import climb, tangent
from daypart.planning.master import Master
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
    """

    spots: Floats
    value: float
    bound: float
    prices: Floats
    rounds: int

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
        self.master = Master(problem, objective.ceiling())
        per_market = surrogate.cluster_rate.shape[1]
        market_of_column = problem.cell // per_market
        self._columns = [np.flatnonzero(market_of_column == m) for m in surrogate.cluster_market]
        self._cells = [problem.cell[columns] % per_market for columns in self._columns]
        self._warm_rounds = 0
        self.cut_at(problem.least.astype(np.float64))

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
        prices = np.zeros(1 + len(self.problem.limits))
        rounds, stalled, climbed = 0, False, not self.objective.bends
        while bound - best_value > gap * max(best_value, 1e-12) and rounds < _ROUNDS:
            found = self.master.solve()
            if found is None:
                return None
            rounds, prices = rounds + 1, found.prices
            left = bound - best_value
            bound = min(bound, found.bound)
            trials = [found.spots]
            if best_spots is not None and not stalled:
                trials = [best_spots + step * (found.spots - best_spots) for step in _STEPS]
            if not climbed and rounds > self._warm_rounds:
                climbed = True
                inside = self._climb(money, gap)
                if inside is not None:
                    best_spots, best_value = inside, self.cut_at(inside)
                    continue
            for trial in trials:
                value = self.cut_at(trial)
                if value > best_value:
                    best_spots, best_value = trial, value
            stalled = bound - best_value > _STALLED * left
        self._warm_rounds = _WARM_ROUNDS
        assert best_spots is not None
        return Continuous(best_spots, best_value, bound, prices, rounds)

    def _climb(self, budget: float, gap: float) -> Floats | None:
        everything = np.arange(self.problem.columns)
        aim = _FINER * gap
        spots = climb(self.problem, self.objective, everything, budget=budget, gap=aim)
        if spots is None or not self.problem.keeps_limits(spots, budget=budget):
            return None
        return spots

    def slopes(self, spots: NDArray[np.floating] | Ints) -> Floats:
        """Return what one more spot adds in each column, to first order, in percent [columns]."""
        slopes, _ = tangent(self.problem, self.objective, np.asarray(spots, dtype=np.float64))
        return slopes

    def cut_at(self, spots: Floats) -> float:
        """Add the tangents at a schedule; return its value."""
        reached, slopes = self.objective.tangents(self.problem.by_cell(spots))
        rows: list[Floats] = []
        constants = np.empty(len(reached))
        for g, (columns, cells) in enumerate(zip(self._columns, self._cells, strict=True)):
            slope = slopes[g, cells]
            rows.append(slope)
            constants[g] = reached[g] - slope @ spots[columns]
        self.master.add_cuts(np.arange(len(reached)), self._columns, rows, constants)
        return float(reached.sum())
