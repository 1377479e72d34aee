"""What a plan starts from, and what the search finds for it."""

from __future__ import annotations

from dataclasses import dataclass

from daypart.planning.arrays import Ints
from daypart.planning.brief.brief import Brief
from daypart.planning.brief.flight import Week
from daypart.planning.problem.problem import Problem
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.solve.cutting_planes import Continuous, CuttingPlanes
from daypart.planning.solve.integer import Whole


@dataclass(frozen=True)
class Campaign:
    """Everything that is read for a plan.

    Parameters
    ----------
    brief : Brief
    weeks : tuple of Week
        The flight.
    counter : AudienceCounter
        Of the target.
    problem : Problem
    notes : tuple of str
        On the tables that were read.
    """

    brief: Brief
    weeks: tuple[Week, ...]
    counter: AudienceCounter
    problem: Problem
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Optimum:
    """What the optimiser found, or given spots with the bound that they are compared with.

    Parameters
    ----------
    planes : CuttingPlanes
    continuous : Continuous
    whole : Whole
    by_week : int array [columns, weeks]
    evaluated : bool
        True where the spots were given.
    cost_bound : float, optional
        No plan that costs less reaches the goal, where cost was minimised.
    aim_percent : float, optional
        The reach of the model at which the counted reach is the goal.
    """

    planes: CuttingPlanes
    continuous: Continuous
    whole: Whole
    by_week: Ints
    evaluated: bool = False
    cost_bound: float | None = None
    aim_percent: float | None = None
