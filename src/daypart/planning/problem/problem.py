"""The planning problem: columns to buy, their cost, and the limits by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from daypart.planning.arrays import Floats, Ints, Numbers
from daypart.planning.brief.brief import Brief
from daypart.planning.solve.objective import Objective, reach_objective

_LARGE = 2000
"""Columns above which solvers use a part of them, and one epigraph variable per market."""


@dataclass(frozen=True)
class LinearLimit:
    """One row `lower <= coefficients . spots <= upper`, named as the brief names it.

    Parameters
    ----------
    setting : str
    coefficients : float array [columns]
    lower, upper : float
    unit : str
        What its shadow price is per.
    loosened : float
        By how much that moves the bound.
    asked_as : str
        The brief's line that it comes from, if that sets several limits.
    """

    setting: str
    coefficients: Floats
    lower: float = -np.inf
    upper: float = np.inf
    unit: str = "unit"
    loosened: float = 1.0
    asked_as: str = ""

    @property
    def line(self) -> str:
        """The brief's line that set it."""
        return self.asked_as or self.setting


@dataclass(frozen=True)
class AverageFrequency:
    """Average frequency of the target is at most `most`.

    This limit is not linear, yet convex: impressions / reached households <= F is the same as
    F x reach - GRP >= 0, and reach is concave.

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

    def spare_grp(self, spots: Floats, by_cell: Floats) -> float:
        """Return how many GRP more the reach of a schedule could bear.

        Parameters
        ----------
        spots : float array [columns]
        by_cell : float array [cells]
            The same spots.
        """
        return self.most * self.reach.value(by_cell) - float(self.grp @ spots)

    def keeps(self, spots: Floats, by_cell: Floats, tolerance: float = 1e-6) -> bool:
        """Return whether a schedule keeps the limit.

        Parameters
        ----------
        spots : float array [columns]
        by_cell : float array [cells]
            The same spots.
        tolerance : float
            Relative.
        """
        return self.spare_grp(spots, by_cell) >= -tolerance * max(1.0, float(self.grp @ spots))


@dataclass(frozen=True)
class Problem:
    """What can be bought, at which price, within which limits.

    A column is a cell in a period; a period is a run of weeks with the same prices and
    limits, which the optimiser treats as one.

    Parameters
    ----------
    cells : int
        Cells of the panel (market x network x daypart).
    cell, period : int array [columns]
    cost : float array [columns]
        Of one spot.
    impressions : float array [columns]
        Of one spot, in households of the target.
    least, most : int array [columns]
        Bounds on spots.
    budget : float
    limits : tuple of LinearLimit
    periods : tuple of tuple of int
        Weeks of each period, as positions in the flight.
    most_per_week : int array [columns, weeks]
        Zero outside the column's period and where the daypart is off the flight's days.
    pinned : int array [columns, weeks]
        Spots that are bought already.
    frequency : AverageFrequency, optional
        The limit on average frequency.
    """

    cells: int
    cell: Ints
    period: Ints
    cost: Floats
    impressions: Floats
    least: Ints
    most: Ints
    budget: float
    limits: tuple[LinearLimit, ...]
    periods: tuple[tuple[int, ...], ...]
    most_per_week: Ints
    pinned: Ints
    frequency: AverageFrequency | None = None

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self.cell)

    @property
    def is_large(self) -> bool:
        """Whether it has enough columns that solvers use only a part of them."""
        return self.columns > _LARGE

    @property
    def money_scale(self) -> float:
        """The money that rows are scaled by: the budget, or the cost of one spot of each column."""
        return self.budget if np.isfinite(self.budget) else float(self.cost.sum())

    def by_cell(self, spots: Numbers) -> Floats:
        """Sum spots over periods [cells]."""
        return np.bincount(self.cell, weights=spots, minlength=self.cells).astype(np.float64)

    def in_period(self) -> Ints:
        """Return 1 in the weeks of each column's period, else 0 [columns, weeks]."""
        return weeks_of_columns(self.periods, self.period, self.most_per_week.shape[1])

    def spent(self, spots: Numbers) -> float:
        """Return what the spots cost."""
        return float(self.cost @ spots)

    def keeps_limits(
        self,
        spots: Numbers,
        *,
        budget: float | None = None,
        tolerance: float = 1e-6,
    ) -> bool:
        """Return whether spots keep the budget (or another one) and every limit.

        Parameters
        ----------
        spots : array [columns]
        budget : float, optional
            In place of the problem's.
        tolerance : float
            Relative.
        """
        money = self.budget if budget is None else budget
        if self.spent(spots) > money * (1 + tolerance):
            return False
        if (spots < self.least - tolerance).any() or (spots > self.most + tolerance).any():
            return False
        if self.frequency is not None and not self.frequency.keeps(
            np.asarray(spots, dtype=np.float64), self.by_cell(spots), tolerance
        ):
            return False
        values = self.coefficients @ spots
        slack = tolerance * np.maximum(1.0, np.abs(values))
        return bool(((values >= self.lower - slack) & (values <= self.upper + slack)).all())

    @cached_property
    def coefficients(self) -> Floats:
        """The limits' coefficients as one matrix [limits, columns]."""
        rows = [limit.coefficients for limit in self.limits]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.columns)

    @cached_property
    def lower(self) -> Floats:
        """The limits' lower bounds."""
        return np.array([limit.lower for limit in self.limits], dtype=np.float64)

    @cached_property
    def upper(self) -> Floats:
        """The limits' upper bounds."""
        return np.array([limit.upper for limit in self.limits], dtype=np.float64)


def weeks_of_columns(periods: tuple[tuple[int, ...], ...], period: Ints, weeks: int) -> Ints:
    """Return 1 in the weeks of each column's period, else 0 [columns, weeks].

    Parameters
    ----------
    periods : tuple of tuple of int
        Weeks of each period.
    period : int array [columns]
    weeks : int
        Of the flight.
    """
    member = np.zeros((len(periods), weeks), dtype=np.int64)
    for number, members in enumerate(periods):
        member[number, list(members)] = 1
    return member[period]


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
