"""Whole spots: mixed-integer masters on the cuts, a local search, and the spread over weeks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.planning.optimiser import Continuous, CuttingPlanes
from daypart.planning.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NODES = 2000
SECONDS = 60.0
_SWAP_CANDIDATES = 8
_HANDFUL = 12


@dataclass(frozen=True)
class Whole:
    """The best whole-spot schedule found, and what none can exceed.

    Parameters
    ----------
    spots : int array [columns]
    value : float
        The figure that its objective stands for, in percent of the universe estimate.
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
    rounds: int = 4,
    budget: float | None = None,
) -> Whole | None:
    """Find whole spots whose objective is within `gap` of the best possible.

    Each round solves the mixed-integer master on the cuts so far, improves its schedule by a
    local search and cuts at both; a schedule met twice is exact on the cuts, so enough rounds
    end at the optimum.

    Parameters
    ----------
    planes : CuttingPlanes
        With the cuts of the continuous solution.
    continuous : Continuous
    gap : float
        Relative; 0 asks for the proven optimum.
    rounds : int
        Most mixed-integer masters to solve.
    budget : float, optional
        Instead of the problem's.

    Returns
    -------
    Whole, or None where no whole spots keep the limits
    """
    problem = planes.problem
    planes.master.set_budget(problem.budget if budget is None else budget)
    best: Ints | None = None
    best_value, bound = -np.inf, continuous.bound
    rough = fill(planes, np.floor(continuous.spots + 1e-9).astype(np.int64), budget=budget)
    if problem.keeps_limits(rough, budget=budget):
        best, best_value = rough, planes.cut_at(rough.astype(np.float64))
    for _ in range(rounds):
        if best is not None and bound - best_value <= gap * best_value:
            break
        found = planes.master.solve_whole(best, gap=gap / 2, nodes=NODES, seconds=SECONDS)
        if found is None:
            break
        spots, found_bound = found
        bound = min(bound, found_bound)
        value = planes.cut_at(spots.astype(np.float64))
        improved = swap(planes, fill(planes, spots, budget=budget), budget=budget)
        if not np.array_equal(improved, spots):
            spots, value = improved, planes.cut_at(improved.astype(np.float64))
        if value > best_value + 1e-12 and problem.keeps_limits(spots, budget=budget):
            best, best_value = spots, value
    if best is None:
        return None
    return Whole(best, planes.honest_value(best), max(bound, best_value))


def fill(planes: CuttingPlanes, spots: Ints, *, budget: float | None = None) -> Ints:
    """Spend what is left on the spots that add most per unit of money, a handful at a time."""
    problem = planes.problem
    money = problem.budget if budget is None else budget
    spots = np.maximum(spots, problem.least)
    barred = np.zeros(problem.columns, dtype=np.bool_)
    while True:
        left = money - problem.spent(spots)
        open_ = (spots < problem.most) & (problem.cost <= left) & ~barred
        if not open_.any():
            return spots
        worth = np.where(open_, planes.slopes(spots) / problem.cost, 0.0)
        order = np.argsort(-worth, kind="stable")[:_HANDFUL]
        added = False
        for j in order[worth[order] > 1e-12]:
            if problem.cost[j] > left:
                continue
            spots[j] += 1
            if problem.keeps_limits(spots, budget=money):
                left -= problem.cost[j]
                added = True
            else:
                spots[j] -= 1
                barred[j] = True
        if not added and not (worth[order] > 1e-12).any():
            return spots


def swap(planes: CuttingPlanes, spots: Ints, *, budget: float | None = None) -> Ints:
    """Trade single spots for better ones while that helps."""
    problem = planes.problem
    value = planes.value(spots)
    for _ in range(10):
        worth = planes.slopes(spots) / problem.cost
        out = np.flatnonzero(spots > problem.least)
        out = out[np.argsort(worth[out], kind="stable")][:_SWAP_CANDIDATES]
        into = np.flatnonzero(spots < problem.most)
        into = into[np.argsort(-worth[into], kind="stable")][:_SWAP_CANDIDATES]
        best_value, best_pair = value, None
        for i in out:
            for j in into:
                if i == j:
                    continue
                trial = spots.copy()
                trial[i] -= 1
                trial[j] += 1
                if problem.keeps_limits(trial, budget=budget):
                    trial_value = planes.value(trial)
                    if trial_value > best_value + 1e-9:
                        best_value, best_pair = trial_value, (i, j)
        if best_pair is None:
            return spots
        spots = spots.copy()
        spots[best_pair[0]] -= 1
        spots[best_pair[1]] += 1
        spots = fill(planes, spots, budget=budget)
        value = planes.value(spots)
    return spots


def spread_over_weeks(problem: Problem, spots: Ints) -> Ints:
    """Deal each column's spots evenly over its weeks, the odd ones where least was spent so far.

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
            room = np.flatnonzero(dealt[j] < most)
            share = left // len(room)
            if share:
                dealt[j, room] = np.minimum(dealt[j, room] + share, most[room])
            else:
                level = dealt[j, room] / most[room]
                order = np.lexsort((spent[room], np.floor(level * 8)))
                dealt[j, room[order[:left]]] += 1
            left = int(spots[j] - dealt[j].sum())
        spent += dealt[j] * problem.cost[j]
    return dealt
