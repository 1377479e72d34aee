"""The cheapest plan for a reach goal: a search over budgets, each side of it certified."""

from __future__ import annotations

from dataclasses import dataclass

from daypart.errors import DaypartError
from daypart.planning.problem.infeasible import most_spend
from daypart.planning.solve.cutting_planes import Continuous, CuttingPlanes
from daypart.planning.solve.integer import Whole, find_whole_spots

_STEPS = 40
_TRIAL_ROUNDS = 4
"""Mixed-integer masters a budget: more are most of the time, for a thousandth of the cost."""


@dataclass(frozen=True)
class Cheapest:
    """The cheapest whole-spot plan found for a reach goal.

    Parameters
    ----------
    budget : float
        That it was found with.
    continuous : Continuous
    whole : Whole
        Reaches the goal.
    cost_bound : float
        No plan that costs less reaches the goal.
    """

    budget: float
    continuous: Continuous
    whole: Whole
    cost_bound: float


def find_cheapest(planes: CuttingPlanes, goal: float, *, gap: float = 2e-3) -> Cheapest | None:
    """Find the least money that reaches a goal, by halving the interval that contains it.

    A budget is too small when even the bound of its best plan misses the goal; it is enough when
    a whole-spot plan that keeps it reaches the goal.

    Parameters
    ----------
    planes : CuttingPlanes
    goal : float
        Reach 1+ in percent.
    gap : float
        Relative difference of the two budgets to stop at.

    Returns
    -------
    Cheapest, or None where the limits clash

    Raises
    ------
    DaypartError
        Where the goal is out of reach within the limits.
    """
    spendable = most_spend(planes.problem)
    if spendable is None:
        return None
    high = min(spendable[0], planes.problem.budget)
    best = _try(planes, goal, high, gap)
    if best is None:
        top = planes.solve(gap=gap, budget=high)
        most = 0.0 if top is None else top.value
        if most >= goal:
            raise DaypartError(
                f"campaign.reach_goal_percent {goal:g} is reached by fractions of spots only "
                f"({most:.1f} %)",
                hint="lower the goal a little, or loosen the limits or the budget",
            )
        raise DaypartError(
            f"campaign.reach_goal_percent {goal:g} is out of reach: the limits allow {most:.1f} %",
            hint="lower the goal, or loosen the limits or the budget",
        )
    too_small, undecided = 0.0, 0.0
    for _ in range(_STEPS):
        cost = planes.problem.spent(best.whole.spots)
        if cost - undecided <= gap * cost:
            break
        middle = 0.5 * (undecided + cost)
        found = planes.solve(gap=gap / 8, budget=middle)
        trial = None
        if found is None or found.bound < goal:
            too_small = middle
        else:
            trial = _try(planes, goal, middle, gap)
        if trial is None:
            undecided = middle
        else:
            best = trial
    return Cheapest(best.budget, best.continuous, best.whole, too_small)


def _try(planes: CuttingPlanes, goal: float, budget: float, gap: float) -> Cheapest | None:
    continuous = planes.solve(gap=gap / 8, budget=budget)
    if continuous is None or continuous.bound < goal:
        return None
    whole = find_whole_spots(
        planes, continuous, gap=gap / 8, budget=budget, enough=goal, rounds=_TRIAL_ROUNDS
    )
    if whole is None or whole.value < goal:
        return None
    return Cheapest(budget, continuous, whole, 0.0)
