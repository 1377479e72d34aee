"""The limit on average frequency: the one limit that is not linear, yet convex.

Impressions / reached households <= F is the same as F x reach - GRP >= 0, and reach is concave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from daypart.planning.arrays import Floats
from daypart.planning.brief.brief import Brief
from daypart.planning.solve.objective import Objective, reach_objective

if TYPE_CHECKING:
    from daypart.planning.problem.problem import Problem


@dataclass(frozen=True)
class AverageFrequency:
    """Average frequency of the target at most `most`.

    Parameters
    ----------
    most : float
        Exposures per household reached.
    reach : Objective
        Reach 1+ of the optimiser's model.
    grp : float array [columns]
        Of one spot, over all markets of the brief.
    setting : str
        The limit as the brief writes it.
    """

    most: float
    reach: Objective
    grp: Floats
    setting: str

    def room(self, spots: Floats, by_cell: Floats) -> float:
        """Return how many GRP more the reach of a schedule could bear.

        Parameters
        ----------
        spots : float array [columns]
        by_cell : float array [cells]
            The same spots.
        """
        return self.most * self.reach.value(by_cell) - float(self.grp @ spots)

    def keeps(self, spots: Floats, by_cell: Floats, tolerance: float = 1e-6) -> bool:
        """Tell whether a schedule keeps the limit."""
        return self.room(spots, by_cell) >= -tolerance * max(1.0, float(self.grp @ spots))


def limit_frequency(problem: Problem, brief: Brief, objective: Objective) -> Problem:
    """Give a problem the brief's limit on average frequency, on an objective's model of reach.

    Parameters
    ----------
    problem : Problem
    brief : Brief
    objective : Objective
        Where it is reach 1+ itself, the limit shares it.
    """
    most = brief.limits.max_average_frequency
    if not np.isfinite(most):
        return problem
    surrogate = objective.model
    reach = objective if objective.is_reach else reach_objective(surrogate)
    grp = 100.0 * problem.impressions / surrogate.universe_estimate
    setting = f"limits.max_average_frequency = {most:g}"
    return replace(problem, frequency=AverageFrequency(most, reach, grp, setting))
