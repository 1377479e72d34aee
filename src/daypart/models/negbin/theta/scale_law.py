"""What a scale's posterior looks like away from its mode, told from its curvature there alone.

K effects of variance u = theta^6, each seen with noise of about one variance v, and S the sum of
their squares as seen, leave theta the log density

    -K/2 log(u + v) - S / (2 (u + v)) + log prior(theta),

in which slope 0 and the curvature at the mode determine v and S. It knows how the density falls
towards a scale of 0 and beyond large ones, which a third derivative at the mode does not.

References
----------
Gelman, Carlin, Stern, Dunson, Vehtari and Rubin (2013), Bayesian data analysis, section 5.4.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector
from daypart.models.negbin.field.structure import SERIES, STRUCTURE, Series, Structure
from daypart.models.negbin.theta.climb import BEST, LOWEST, VECTORS

GROUPS, NOISE, SQUARE, WIDTH, TOP = range(5)
"""Places of a law: K (0 where there is none), v, S, sd of theta along its axis, log density at
the mode."""


@kernel(numba.float64, STRUCTURE, F1, numba.int64, numba.float64)
def law_of_scale(structure: Structure, law: FloatVector, axis: int, theta: float) -> float:
    """Return a law's log density at theta, up to a constant."""
    theta = max(theta, LOWEST)
    scale = theta * theta * theta
    total = scale * scale + law[NOISE]
    away, ratio = theta - structure.centre[axis], scale / structure.hyper_scales[axis]
    value: float = 2.0 * math.log(theta) - 0.5 * structure.pull[axis] * away * away
    value -= 0.5 * ratio * ratio
    value -= 0.5 * (law[GROUPS] * math.log(total) + law[SQUARE] / total)
    return value


@kernel(numba.void, STRUCTURE, SERIES, F2, numba.int64, F1)
def fit_scale_law(
    structure: Structure, t: Series, w: FloatMatrix, axis: int, law: FloatVector
) -> None:
    """Fill the law of a scale from the mode and the root of the covariance in `w`."""
    d = w.shape[1]
    law[GROUPS] = 0.0
    if axis == d - 1:  # the dispersion is no scale of effects
        return
    groups = float(t.weeks)
    if axis < d - 2:
        groups = 0.0
        for segment in range(len(structure.levels)):
            groups += 24.0 if structure.levels[segment] == axis else 0.0
    theta, width = w[BEST, axis], w[VECTORS + 4 * d + axis, axis]
    scale, pull = structure.hyper_scales[axis], structure.pull[axis]
    slope, bend = 6.0 * theta**5, 30.0 * theta**4
    prior = 2.0 / theta - 3.0 * theta**5 / scale**2 - pull * (theta - structure.centre[axis])
    prior_bend = -2.0 / theta**2 - 15.0 * theta**4 / scale**2 - pull
    first = -prior / slope
    second = (-1.0 / width**2 - prior_bend - bend * first) / slope**2
    root = 4.0 * first * first - 2.0 * groups * second
    precision = (math.sqrt(root) - 2.0 * first) / groups if root > 0.0 else 0.0
    if not precision > 0.0:
        return
    total = max(1.0 / precision, theta**6)
    law[GROUPS] = groups
    law[NOISE] = total - theta**6
    law[SQUARE] = 2.0 * total * total * (first + 0.5 * groups / total)
    law[WIDTH] = width
    law[TOP] = law_of_scale(structure, law, axis, theta)


@kernel(numba.float64, STRUCTURE, F2, numba.int64, F1, numba.float64)
def slope_of_law(
    structure: Structure, w: FloatMatrix, axis: int, law: FloatVector, offset: float
) -> float:
    """Return a law's slope along its axis, so many standard deviations beside the mode."""
    theta = max(w[BEST, axis] + law[WIDTH] * offset, LOWEST)
    total = theta**6 + law[NOISE]
    slope = 3.0 * theta**5 * (law[SQUARE] / total - law[GROUPS]) / total
    slope += 2.0 / theta - structure.pull[axis] * (theta - structure.centre[axis])
    slope -= 3.0 * theta**5 / structure.hyper_scales[axis] ** 2
    found: float = law[WIDTH] * slope
    return found


@kernel(numba.float64, STRUCTURE, F2, numba.int64, F1, numba.float64)
def fall_of_law(
    structure: Structure, w: FloatMatrix, axis: int, law: FloatVector, offset: float
) -> float:
    """Return by how much a law falls from the mode to so many standard deviations beside it."""
    there = law_of_scale(structure, law, axis, w[BEST, axis] + law[WIDTH] * offset)
    fall: float = law[TOP] - there
    return fall
