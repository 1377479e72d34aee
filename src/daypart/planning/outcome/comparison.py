"""What a plan is compared with: an even split, other budgets, and other households."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Ints
from daypart.planning.brief.brief import Brief
from daypart.planning.panel.panel import Panel
from daypart.planning.problem.problem import Problem, limit_frequency
from daypart.planning.reach.exposure import count_frequency
from daypart.planning.solve.cutting_planes import CuttingPlanes
from daypart.planning.solve.integer import some_whole_spots
from daypart.planning.solve.objective import make_objective
from daypart.planning.solve.surrogate_fit import fit_surrogate

CURVE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5)
"""Budgets of the reach curve, as shares of the brief's."""


@dataclass(frozen=True)
class CurvePoint:
    """The best reach for one budget.

    Parameters
    ----------
    budget, spent : float
    spots : int array [columns]
    """

    budget: float
    spent: float
    spots: Ints


def split_evenly(problem: Problem) -> Ints:
    """Spread the budget evenly over everything that can be bought: the same money in each column.

    Whole spots come from rounding the running total, so that the budget is spent even where a
    column's part is below one spot.

    Returns
    -------
    int array [columns]
    """
    weeks = (problem.most_per_week > 0).sum(axis=1)
    part = problem.budget / weeks.sum() * weeks
    spots = np.zeros(problem.columns, dtype=np.int64)
    carried = 0.0
    for j in range(problem.columns):
        carried += part[j]
        spots[j] = min(int(carried // problem.cost[j]), int(problem.most[j]))
        carried -= spots[j] * problem.cost[j]
        if spots[j] == problem.most[j]:
            carried = min(carried, part[j])
    return spots


def find_curve(
    planes: CuttingPlanes, whole_budget: float, *, gap: float = 5e-3
) -> list[CurvePoint]:
    """Find the best schedule for a range of budgets on the cuts of one solve path.

    Parameters
    ----------
    planes : CuttingPlanes
        Its cuts hold for every budget, so each point starts from all before it.
    whole_budget : float
        What the shares of `CURVE` refer to.
    gap : float

    Returns
    -------
    list of CurvePoint
        Budgets that the limits don't allow are left out; the last is the first that can't be
        spent, or from which more money was not found to bring more.
    """
    points: list[CurvePoint] = []
    best = -np.inf
    for share in CURVE:
        budget = share * whole_budget
        found = planes.solve(gap=gap, budget=budget)
        if found is None:
            continue
        spots = some_whole_spots(planes, found, budget=budget)
        if spots is None:
            continue
        spent, value = planes.problem.spent(spots), planes.honest_value(spots)
        if points and (spent <= points[-1].spent * (1 + 1e-6) or value <= best):
            break
        best = value
        points.append(CurvePoint(budget, spent, spots))
    planes.master.set_budget(planes.problem.budget)
    return points


@dataclass(frozen=True)
class SamplingGap:
    """The part of an optimised plan's reach that comes from optimising on a sample.

    Parameters
    ----------
    relative : float
        `(own - other) / other`, the mean of both directions.
    own_percent, other_percent : float
        Reach 1+ on the half it was optimised on, and on the other half.
    """

    relative: float
    own_percent: float
    other_percent: float


def measure_sampling_gap(
    problem: Problem, panel: Panel, brief: Brief, *, seed: int = 0, gap: float = 2e-3
) -> SamplingGap | None:
    """Optimise on each half of the panel in turn, and count the plan's reach on both halves.

    Each half is smaller than the panel, so the figure is higher than that of the plan itself.

    Parameters
    ----------
    problem : Problem
    panel : Panel
        Of the target segment.
    brief : Brief
        Names the objective.
    seed : int
        Of the halving, market by market.
    gap : float

    Returns
    -------
    SamplingGap, or None where a market is too small to be halved, or a half has no plan
    """
    halves = _halve(panel, seed)
    if halves is None:
        return None
    own, other = [], []
    for here, there in (halves, halves[::-1]):
        objective = make_objective(brief, fit_surrogate(here, seed=seed), here)
        planes = CuttingPlanes(limit_frequency(problem, brief, objective), objective)
        found = planes.solve(gap=gap)
        if found is None:
            return None
        spots = some_whole_spots(planes, found)
        if spots is None:
            return None
        by_cell = problem.by_cell(spots).astype(np.int64)
        own.append(count_frequency(here, by_cell).reach_percent())
        other.append(count_frequency(there, by_cell).reach_percent())
    own_percent, other_percent = float(np.mean(own)), float(np.mean(other))
    relative = (own_percent - other_percent) / max(other_percent, 1e-12)
    return SamplingGap(relative, own_percent, other_percent)


def _halve(panel: Panel, seed: int) -> tuple[Panel, Panel] | None:
    rng = np.random.default_rng(seed)
    first = np.zeros(panel.households, dtype=np.bool_)
    for m in range(len(panel.markets)):
        rows = np.flatnonzero(panel.market == m)
        first[rng.permutation(rows)[: len(rows) // 2]] = True
    try:
        return panel.select(first), panel.select(~first)
    except DaypartError:
        return None
