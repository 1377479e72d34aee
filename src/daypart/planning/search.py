"""The search for the best plan within the limits, and the names of limits that clash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Ints
from daypart.planning.campaign import Campaign, Optimum
from daypart.planning.problem.infeasible import find_nearest_whole, name_clash
from daypart.planning.problem.problem import Problem, limit_frequency
from daypart.planning.solve.cutting_planes import Continuous, CuttingPlanes
from daypart.planning.solve.integer import Whole, find_whole_spots, spread_over_weeks
from daypart.planning.solve.min_cost import Cheapest, find_cheapest
from daypart.planning.solve.objective import Objective, make_objective

_ATTEMPTS = 4
"""Searches, each corrected for the difference between counted reach and the model's."""
_TIGHTER = 2e-4
"""How much further than needed a limit on average frequency is tightened, relative."""
_HIGHER = 1e-3
"""Points of reach added to what the counted reach was short of the goal."""
_ROUGH = 0.05
"""The gap of searches that only decide whether limits clash."""


def find_optimum(campaign: Campaign, gap: float, given: Ints | None = None) -> Optimum:
    """Find the best whole spots for a campaign, or evaluate given ones against the bound.

    Parameters
    ----------
    campaign : Campaign
    gap : float
        Relative optimality gap at which the search stops.
    given : int array [columns, weeks], optional
        Spots to evaluate.

    Raises
    ------
    DaypartError
        Names the limits that clash, or the goal that is out of reach.
    """
    brief, counter = campaign.brief, campaign.counter
    objective = make_objective(brief, counter.surrogate, counter.panel)
    problem = limit_frequency(campaign.problem, brief, objective)
    if given is not None:
        return _evaluate(replace(campaign, problem=problem), objective, given, gap)
    for _ in range(_ATTEMPTS):
        optimum = _find_best(replace(campaign, problem=problem), objective, gap)
        if problem.frequency is None:
            break
        by_cell = problem.by_cell(optimum.whole.spots).astype(np.int64)
        counted = counter.count_impressions(by_cell)[0] / counter.count(by_cell).reach()
        over = counted / brief.limits.max_average_frequency
        if over <= 1.0:
            break
        # The model's reach differs a little from the counted one: tighten its limit by as much.
        tighter = replace(problem.frequency, most=problem.frequency.most / (over + _TIGHTER))
        problem = replace(problem, frequency=tighter)
    return optimum


def _find_best(campaign: Campaign, objective: Objective, gap: float) -> Optimum:
    brief, problem = campaign.brief, campaign.problem
    planes = CuttingPlanes(problem, objective)
    if brief.objective == "minimum_cost":
        return _minimise_cost(campaign, planes, gap)
    continuous = planes.solve(gap=gap / 2)
    if continuous is None or problem.spent(continuous.spots) <= 0:
        raise _clash(campaign, objective)
    whole = find_whole_spots(planes, continuous, gap=gap)
    if whole is None or not whole.spots.any():
        spots = _nearest_whole_spots(campaign, continuous)
        whole = Whole(spots, planes.honest_value(spots), continuous.bound)
    return Optimum(planes, continuous, whole, spread_over_weeks(problem, whole.spots))


def _evaluate(campaign: Campaign, objective: Objective, given: Ints, gap: float) -> Optimum:
    """Compare a given schedule with the best plan that the brief allows."""
    problem, spots = campaign.problem, given.sum(axis=1)
    planes = CuttingPlanes(problem, objective)
    money = problem.budget if np.isfinite(problem.budget) else problem.spent(spots)
    continuous = planes.solve(gap=gap / 2, budget=money)
    if continuous is None:
        raise _clash(campaign, objective)
    whole = Whole(spots, planes.honest_value(spots), continuous.bound)
    return Optimum(planes, continuous, whole, given, evaluated=True)


def _minimise_cost(campaign: Campaign, planes: CuttingPlanes, gap: float) -> Optimum:
    """Find the cheapest plan whose counted reach is the goal."""
    counter, goal = campaign.counter, campaign.brief.reach_goal_percent
    best: Cheapest | None = None
    aim = aimed = goal
    for _ in range(_ATTEMPTS):
        try:
            with campaign.brief.named_in_errors():
                found = find_cheapest(planes, aim, gap=gap)
        except DaypartError:
            if best is None:
                raise
            break
        if found is None:
            raise _clash(campaign, planes.objective)
        best, aimed = found, aim
        spots = campaign.problem.by_cell(found.whole.spots).astype(np.int64)
        short = goal - counter.count(spots).reach_percent()
        if short <= 0:
            break
        # The model's reach differs a little from the counted one: aim higher by as much.
        aim += short + _HIGHER
    assert best is not None
    by_week = spread_over_weeks(campaign.problem, best.whole.spots)
    return Optimum(
        planes,
        best.continuous,
        best.whole,
        by_week,
        cost_bound=best.cost_bound,
        aim_percent=aimed,
    )


def _clash(campaign: Campaign, objective: Objective) -> DaypartError:
    def feasible(problem: Problem) -> bool:
        found = CuttingPlanes(problem, objective).solve(gap=_ROUGH)
        return found is not None and problem.spent(found.spots) > 0

    names = name_clash(campaign.problem, feasible)
    if not names:
        return DaypartError(
            f"{campaign.brief.path}: no plan was found that keeps the limits, "
            "and no set of them is proven to clash",
            hint="loosen the limits one by one",
        )
    return DaypartError(
        f"{campaign.brief.path}: no plan keeps all of: {'; '.join(names)}",
        hint="loosen one of them",
    )


def _nearest_whole_spots(campaign: Campaign, continuous: Continuous) -> Ints:
    """Return whole spots that keep the limits where the search found none, or name the clash."""
    problem, file = campaign.problem, campaign.brief.path
    nearest, broken = find_nearest_whole(problem, continuous.spots)
    if nearest is not None and nearest.any() and problem.keeps_limits(nearest):
        return nearest
    names = () if problem.is_large else name_clash(problem, whole=True)
    if names:
        raise DaypartError(
            f"{file}: no whole spots keep all of: {'; '.join(names)} (fractions of spots would)",
            hint="loosen one of them",
        )
    if not broken and problem.frequency is not None:
        broken = (problem.frequency.setting,)
    if broken:
        raise DaypartError(
            f"{file}: no whole spots were found that keep all limits (fractions of spots would): "
            f"the nearest break {'; '.join(broken)}",
            hint="loosen one of them or raise campaign.budget",
        )
    raise DaypartError(
        f"{file}: no whole spots were found that keep the limits at this budget",
        hint="raise campaign.budget or widen the shares in limits",
    )
