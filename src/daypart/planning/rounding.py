"""From fractions of spots to whole ones: a local search on the objective's quadratic model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from daypart.planning.average_frequency import AverageFrequency
from daypart.planning.interior import one_sided, tangent
from daypart.planning.objective import Objective
from daypart.planning.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDS = 6
_MOVES = 20_000
_TOLL = 100.0
"""What one overdrawn spot's worth of a limit costs, in best slopes: more than any spot brings."""
_TOLERANCE = 1e-9
_MARGIN = 2e-5
"""How far inside the limit on average frequency to stay, since its row underrates it."""


def round_spots(
    problem: Problem, objective: Objective, spots: Floats | Ints, *, budget: float | None = None
) -> Ints:
    """Round a schedule to whole spots near it that keep the limits, and improve those.

    Adds, drops and trades single spots while the quadratic model of the objective rises, and then
    takes the model anew where that ended. Limits that the rounding breaks come first.

    Parameters
    ----------
    problem : Problem
    objective : Objective
    spots : array [columns]
    budget : float, optional
        Instead of the problem's.

    Returns
    -------
    int array [columns]
        The best that was found; it may break limits where they leave no whole spots nearby.
    """
    money = problem.budget if budget is None else budget
    best: Ints | None = None
    best_value = -np.inf
    whole = np.clip(np.rint(spots).astype(np.int64), problem.least, problem.most)
    anchor = np.asarray(spots, dtype=np.float64)
    for _ in range(_ROUNDS):
        before = whole.copy()
        whole = _search(problem, objective, whole, anchor, money)
        kept = problem.keeps_limits(whole, budget=money)
        if not kept and problem.frequency is not None and best is None:
            anchor = whole.astype(np.float64)
            continue
        value = objective.value(problem.by_cell(whole)) if kept else -np.inf
        if value <= best_value + 1e-9 * max(1.0, abs(best_value)):
            break
        if best is not None and np.array_equal(before, whole):
            break
        best, best_value = whole, value
        anchor = whole.astype(np.float64)
    return whole if best is None else best


def _search(
    problem: Problem, objective: Objective, whole: Ints, anchor: Floats, budget: float
) -> Ints:
    from daypart.planning.rounding_kernels import improve

    rows, bounds = one_sided(problem, budget)
    if problem.frequency is not None:
        row, bound = _frequency_row(problem, problem.frequency, anchor)
        rows, bounds = np.vstack([rows, row]), np.append(bounds, bound)
    scale = np.maximum(np.abs(rows).max(axis=1, initial=0.0), 1e-300)
    rows = np.ascontiguousarray((rows / scale[:, None]).T)
    room = bounds / scale - whole @ rows + _TOLERANCE
    slopes, curvature = tangent(problem, objective, anchor)
    found = whole.copy()
    per_market = objective.surrogate.cluster_rate.shape[1]
    for m in np.unique(problem.cell // per_market):
        columns = np.flatnonzero(problem.cell // per_market == m)
        cells, cell = np.unique(problem.cell[columns] % per_market, return_inverse=True)
        lower = objective.surrogate.bend(int(m), curvature, cells)
        bend = lower + np.tril(lower, -1).T
        apart = np.bincount(cell, weights=(found - anchor)[columns], minlength=len(cells))
        slope = slopes[columns] - (bend @ apart)[cell]
        part = found[columns]
        bounds_of = (problem.least[columns], problem.most[columns])
        toll = _TOLL * float(np.abs(slope).max(initial=0.0)) + 1e-9
        improve(part, *bounds_of, slope, bend, cell, rows[columns], room, toll, _MOVES)
        found[columns] = part
    return found


def _frequency_row(
    problem: Problem, limit: AverageFrequency, anchor: Floats
) -> tuple[Floats, float]:
    """Return the limit as a row . spots <= bound that touches it at the anchor, a little inside."""
    slopes, _ = tangent(problem, limit.reach, anchor)
    row = limit.grp - limit.most * slopes
    room = limit.room(anchor, problem.by_cell(anchor))
    inside = _MARGIN * float(limit.grp @ anchor)
    return row, float(row @ anchor) + room - inside
