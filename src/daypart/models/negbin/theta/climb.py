"""The climb to theta's mode: BFGS with a backtracking line search.

With B the inverse Hessian, g the slope, s a move and y the slope's fall over it,

    step = B g,    B <- B + (1 + y' B y / s' y) s s' / s' y - (B y s' + s y' B) / s' y

References
----------
Nocedal and Wright (2006), Numerical optimization, 6.1.
"""

from __future__ import annotations

import numba
import numpy as np

from daypart.models.jit.compile import kernel, linked
from daypart.models.jit.types import F1, I1, FloatVector, IntVector
from daypart.models.negbin.field.mode_derivative import predict_mode
from daypart.models.negbin.field.structure import (
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
    start_field,
)
from daypart.models.negbin.theta import marginal
from daypart.models.negbin.theta.workspace import HIGHEST, LOWEST, SEARCH, Search

log_posterior = linked(marginal.log_posterior)

LONGEST = 0.25
ENOUGH = 0.02
"""The climb ends where a quasi-Newton step promises less than this in log density."""
MOST_EVALUATIONS, MOST_HALVINGS = 60, 10


@kernel(numba.float64, SEARCH)
def point_uphill(search: Search) -> float:
    """Set `direction` to the quasi-Newton step from `best`; return the promised rise, doubled."""
    d = len(search.best)
    rise = 0.0
    for i in range(d):
        total = 0.0
        for j in range(d):
            total += search.inverse[i, j] * search.slope[j]
        search.direction[i] = total
        rise += total * search.slope[i]
    return rise


@kernel(numba.void, SEARCH)
def update_inverse(search: Search) -> None:
    """Update the inverse Hessian by the move from `best` to `trial`; `slope` is overwritten."""
    d = len(search.best)
    move, change, product = search.direction, search.change, search.slope
    for i in range(d):
        move[i] = search.trial[i] - search.best[i]
        change[i] = search.slope[i] - search.trial_slope[i]
    curvature = 0.0
    bend = 0.0
    for i in range(d):
        total = 0.0
        for j in range(d):
            total += search.inverse[i, j] * change[j]
        product[i] = total
        bend += total * change[i]
        curvature += move[i] * change[i]
    if curvature < 1e-10:
        return
    scale = (1.0 + bend / curvature) / curvature
    for i in range(d):
        for j in range(d):
            crossed = product[i] * move[j] + move[i] * product[j]
            search.inverse[i, j] += scale * move[i] * move[j] - crossed / curvature


@kernel(numba.float64, SEARCH, numba.float64)
def step_along(search: Search, length: float) -> float:
    """Set `trial` to a step from `best`, within bounds; return the farthest coordinate's move."""
    farthest = 0.0
    for i in range(len(search.best)):
        step = length * search.direction[i]
        search.trial[i] = min(max(search.best[i] + step, LOWEST), HIGHEST)
        farthest = max(farthest, abs(search.trial[i] - search.best[i]))
    return farthest


@kernel(numba.boolean, SEARCH, numba.float64, numba.float64)
def is_enough(search: Search, value: float, best: float) -> bool:
    """Return whether the density at `trial` is as high as its slope at `best` requires."""
    gained = 0.0
    for i in range(len(search.best)):
        gained += search.slope[i] * (search.trial[i] - search.best[i])
    return value >= best + 1e-4 * gained - 1e-9 * abs(best) - 1e-6


@kernel(numba.void, F1, F1)
def copy(source: FloatVector, target: FloatVector) -> None:
    """Copy a vector."""
    for i in range(len(source)):
        target[i] = source[i]


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH, SEARCH, I1)
def climb(structure: Structure, t: Series, s: Scratch, search: Search, steps: IntVector) -> float:
    """Climb from `trial` to theta's mode, and leave the field's mode there with its covariances.

    Parameters
    ----------
    structure, t, s
        What is fitted, and the arrays to work in.
    search : Search
        `trial` and `inverse` hold the start; `best` and `slope` receive the mode.
    steps : int64 array, shape (2,)
        Newton steps and evaluations are added.

    Returns
    -------
    float
        Log density at the mode, -inf where none was found.
    """
    best = -np.inf
    length = 1.0
    halvings = 0
    at_best = False
    for evaluation in range(MOST_EVALUATIONS):
        value = log_posterior(structure, t, s, search.trial, search.trial_slope, steps)
        first = best == -np.inf
        if value == -np.inf:
            start_field(structure, t, s)
            if first:
                return -np.inf
        at_best = first or is_enough(search, value, best)
        rises = value > best
        if at_best:
            if not first:
                update_inverse(search)
            best = value
            halvings = 0
            copy(search.trial, search.best)
            copy(search.trial_slope, search.slope)
            if point_uphill(search) < ENOUGH:
                break
            largest = 0.0
            for i in range(len(search.best)):
                largest = max(largest, abs(search.direction[i]))
            length = min(1.0, LONGEST / largest)
        else:
            halvings += 1
            length *= 0.4
            point_uphill(search)
            if halvings > MOST_HALVINGS:
                break
        if not step_along(search, length) > 1e-7:  # every way up leads beyond the bounds
            break
        if at_best and rises and evaluation + 1 < MOST_EVALUATIONS:
            predict_mode(structure, t, s, search.best, search.trial)
    copy(search.best, search.trial)
    if not at_best:
        best = log_posterior(structure, t, s, search.trial, search.trial_slope, steps)
    return best
