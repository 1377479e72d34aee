"""Which limits clash, and which ones keep a budget from being spent: named as the brief does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.planning.master import open_highs
from daypart.planning.problem import LinearLimit, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_INFINITE = 1e30


@dataclass(frozen=True)
class _Solved:
    feasible: bool
    spots: Floats
    duals: Floats
    at_most: NDArray[np.bool_]


def most_spend(problem: Problem) -> tuple[float, tuple[str, ...]] | None:
    """Find how much can be spent at most, and the limits that stop it there.

    Returns
    -------
    spend : float
        In the brief's currency, in fractions of spots; the budget itself is set aside.
    limited_by : tuple of str
        The settings that bind.

    None where the limits clash.
    """
    solved = _solve(problem, problem.limits, maximise=problem.cost / problem.cost.max())
    if not solved.feasible:
        return None
    binding = [
        limit.setting
        for limit, dual in zip(problem.limits, solved.duals, strict=True)
        if abs(dual) > 1e-9
    ]
    if solved.at_most.any():
        binding.append("limits.max_spots_per_week")
    return problem.spent(solved.spots), tuple(binding)


def name_clash(problem: Problem) -> tuple[str, ...]:
    """Name an irreducible set of limits that can't all be kept while anything is bought.

    An elastic solve finds limits that must give way; then each is left out in turn, and stays
    out when the rest still clashes. Without any one of those that remain there is a plan.

    Returns
    -------
    tuple of str
        Their settings; empty where nothing clashes.
    """
    scale = problem.budget if np.isfinite(problem.budget) else float(problem.cost.sum())
    share = problem.cost / scale
    rows = [LinearLimit("campaign.budget", share, -np.inf, 1.0), *problem.limits]
    something = LinearLimit("", share, float(share.min()), np.inf)
    if _solve(problem, [*rows, something]).feasible:
        return ()
    kept = list(rows)
    for row in rows:
        without = [other for other in kept if other is not row]
        if not _solve(problem, [*without, something]).feasible:
            kept = without
    names = [row.setting for row in kept]
    if problem.least.any() and _solve(problem, [*kept, something], free=True).feasible:
        names.append("limits.pins")
    return tuple(names) or ("limits.max_spots_per_week",)


def broken_limits(problem: Problem, spots: Ints, *, tolerance: float = 1e-6) -> list[str]:
    """Name the limits that a given schedule does not keep.

    Parameters
    ----------
    problem : Problem
    spots : int array [columns, weeks]
    tolerance : float
        Relative.
    """
    total = spots.sum(axis=1)
    names = []
    if problem.spent(total) > problem.budget * (1 + tolerance):
        names.append("campaign.budget")
    if (spots > problem.most_per_week).any():
        names.append("limits.max_spots_per_week")
    if ((spots != problem.pinned) & (problem.pinned > 0)).any():
        names.append("limits.pins")
    for limit in problem.limits:
        value = float(limit.coefficients @ total)
        slack = tolerance * max(1.0, abs(value))
        if value < limit.lower - slack or value > limit.upper + slack:
            names.append(limit.setting)
    return names


def _solve(
    problem: Problem,
    rows: list[LinearLimit] | tuple[LinearLimit, ...],
    *,
    maximise: Floats | None = None,
    free: bool = False,
) -> _Solved:
    import highspy

    highs = open_highs()
    columns = problem.columns
    least = np.zeros(columns) if free else problem.least.astype(np.float64)
    highs.addVars(columns, least, problem.most.astype(np.float64))
    if maximise is not None:
        highs.changeColsCost(columns, np.arange(columns, dtype=np.int32), maximise)
        highs.setMaximize()
    for row in rows:
        used = np.flatnonzero(row.coefficients)
        highs.addRow(
            max(row.lower, -_INFINITE),
            min(row.upper, _INFINITE),
            len(used),
            used.astype(np.int32),
            row.coefficients[used],
        )
    highs.run()
    feasible = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    solution = highs.getSolution()
    if not feasible:
        return _Solved(False, np.zeros(columns), np.zeros(len(rows)), np.zeros(columns, np.bool_))
    spots = np.array(solution.col_value)
    held = np.array(solution.col_dual) > 1e-9
    return _Solved(True, spots, np.array(solution.row_dual), held & (spots >= problem.most - 1e-6))
