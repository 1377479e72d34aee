"""Whole spots: a local search, mixed-integer masters on the cuts, and the spread over weeks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daypart.planning.arrays import Ints
from daypart.planning.problem.problem import Problem
from daypart.planning.solve.cutting_planes import Continuous, CuttingPlanes
from daypart.planning.solve.rounding import round_spots

NODES = 2000
SECONDS = 60.0
_ROUNDS, _ROUNDS_OF_LARGE = 16, 4
_GOOD = 0.01
_ANY = 1e6
"""A gap that any schedule is within."""


@dataclass(frozen=True)
class Whole:
    """The best whole-spot schedule found, and what none can exceed.

    Parameters
    ----------
    spots : int array [columns]
    value : float
        The figure that its objective bounds, in percent of the universe estimate.
    bound : float
        No whole-spot schedule within the limits has more.
    """

    spots: Ints
    value: float
    bound: float

    @property
    def gap(self) -> float:
        """How much better another schedule could be, relative to this one."""
        return max(0.0, self.bound - self.value) / max(self.value, 1e-12)


def find_whole_spots(
    planes: CuttingPlanes,
    continuous: Continuous,
    *,
    gap: float = 2e-3,
    rounds: int | None = None,
    budget: float | None = None,
    enough: float | None = None,
) -> Whole | None:
    """Find whole spots whose objective is within `gap` of the best possible.

    The continuous schedule is rounded by a local search. While that is not near enough, each round
    solves the mixed-integer master on the cuts so far, improves its schedule in the same way and
    cuts at both; a schedule met twice is exact on the cuts, so enough rounds end at the optimum.

    Parameters
    ----------
    planes : CuttingPlanes
        With the cuts of the continuous solution.
    continuous : Continuous
    gap : float
        Relative; 0 asks for the proven optimum.
    rounds : int, optional
        Most mixed-integer masters to solve; by default 16, and 4 of a large problem's.
    budget : float, optional
        Instead of the problem's.
    enough : float, optional
        A value of the objective to reach: the search ends with the first schedule that
        has it, or once the bound shows that none has.

    Returns
    -------
    Whole, or None where no whole spots keep the limits
    """
    problem, objective = planes.problem, planes.objective
    if rounds is None:
        rounds = _ROUNDS_OF_LARGE if problem.is_large else _ROUNDS
    planes.master.set_budget(problem.budget if budget is None else budget)
    best: Ints | None = None
    best_value, bound = -np.inf, continuous.bound
    tried: list[Ints | None] = [round_spots(problem, objective, continuous.spots, budget=budget)]
    for turn in range(rounds + 1):
        if turn > 0:
            found = planes.master.solve_whole(best, gap=gap / 2, nodes=NODES, seconds=SECONDS)
            if found is None:
                break
            bound = min(bound, found[1])
            tried = [found[0], round_spots(problem, objective, found[0], budget=budget)]
        for spots in tried:
            if spots is None:
                continue
            value = planes.cut_at(spots.astype(np.float64))
            if value > best_value + 1e-12 and problem.keeps_limits(spots, budget=budget):
                best, best_value = spots, value
        if best is not None and bound - best_value <= gap * best_value:
            break
        if enough is not None and (best_value >= enough or bound < enough):
            break
    if best is None:
        return None
    return Whole(best, planes.honest_value(best), max(bound, best_value))


def some_whole_spots(
    planes: CuttingPlanes, continuous: Continuous, *, budget: float | None = None
) -> Ints | None:
    """Find good whole spots that keep the limits, without proof of how good.

    Parameters
    ----------
    planes : CuttingPlanes
    continuous : Continuous
        Whose spots are rounded.
    budget : float, optional
        Instead of the problem's.

    Returns
    -------
    int array [columns], or None where no whole spots keep the limits
    """
    spots = round_spots(planes.problem, planes.objective, continuous.spots, budget=budget)
    if spots is not None:
        return spots
    # Where limits are tight, any schedule can be far from the best: ask for a good one.
    gap = _ANY if planes.problem.is_large else _GOOD
    found = find_whole_spots(planes, continuous, gap=gap, budget=budget)
    return None if found is None else found.spots


def spread_over_weeks(problem: Problem, spots: Ints) -> Ints:
    """Spread each column's spots evenly over its weeks, odd ones where least is spent so far.

    Parameters
    ----------
    problem : Problem
    spots : int array [columns]

    Returns
    -------
    int array [columns, weeks]
        Never above the most of a week; sums to `spots`.
    """
    weeks = problem.most_per_week.shape[1]
    dealt = np.zeros((len(spots), weeks), dtype=np.int64)
    spent = np.zeros(weeks)
    for j in np.argsort(-problem.cost * spots, kind="stable"):
        most = problem.most_per_week[j]
        if problem.pinned[j].any():
            dealt[j] = problem.pinned[j]
        left = int(spots[j] - dealt[j].sum())
        while left > 0:
            open_ = np.flatnonzero(dealt[j] < most)
            share = left // len(open_)
            if share:
                dealt[j, open_] = np.minimum(dealt[j, open_] + share, most[open_])
            else:
                level = dealt[j, open_] / most[open_]
                order = np.lexsort((spent[open_], np.floor(level * 8)))
                dealt[j, open_[order[:left]]] += 1
            left = int(spots[j] - dealt[j].sum())
        spent += dealt[j] * problem.cost[j]
    return dealt
