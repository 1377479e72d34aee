"""The law of a scale's posterior away from its mode, found from its curvature there alone.

K effects of variance u = theta^6, each observed with noise of about one variance v, and S the sum
of their squares as observed, give theta the log density

    -K/2 log(u + v) - S / (2 (u + v)) + log prior(theta),

in which slope 0 and the curvature at the mode determine v and S. This law gives how the density
falls towards a scale of 0 and beyond large ones, which a third derivative at the mode cannot.

References
----------
Gelman, Carlin, Stern, Dunson, Vehtari and Rubin (2013), Bayesian data analysis, section 5.4.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, FloatVector
from daypart.models.negbin.field.design import size_of_group
from daypart.models.negbin.field.structure import SERIES, STRUCTURE, Series, Structure
from daypart.models.negbin.theta.prior import log_prior, prior_curvature, prior_slope
from daypart.models.negbin.theta.workspace import LOWEST, SCALE_LAW, ScaleLaw


@kernel(numba.float64, STRUCTURE, SCALE_LAW, numba.int64, numba.float64)
def law_of_scale(structure: Structure, law: ScaleLaw, axis: int, theta: float) -> float:
    """Return a law's log density at theta, up to a constant."""
    theta = max(theta, LOWEST)
    total = theta**6 + law.noise[axis]
    value: float = log_prior(structure, axis, theta)
    value -= 0.5 * (law.groups[axis] * math.log(total) + law.square[axis] / total)
    return value


@kernel(numba.void, STRUCTURE, SERIES, numba.int64, numba.float64, numba.float64, SCALE_LAW)
def fit_scale_law(
    structure: Structure, t: Series, axis: int, theta: float, width: float, law: ScaleLaw
) -> None:
    """Fit the law of a scale to its mode, and to its standard deviation along its axis.

    Parameters
    ----------
    structure, t
        What is fitted.
    axis : int
    theta, width : float
        The mode, and the standard deviation there.
    law : ScaleLaw
        Receives the law; its groups stay 0 for the dispersion, and where no law has this width.
    """
    d = len(structure.centre)
    law.groups[axis] = 0.0
    if axis == d - 1:  # the dispersion is not a scale of effects
        return
    groups = size_of_group(structure, t, axis)
    if groups == 0.0:  # no effect of the series has this scale: its law is its prior
        return
    slope, bend = 6.0 * theta**5, 30.0 * theta**4
    first = -prior_slope(structure, axis, theta) / slope
    second = -1.0 / width**2 - prior_curvature(structure, axis, theta) - bend * first
    second /= slope**2
    root = 4.0 * first * first - 2.0 * groups * second
    precision = (math.sqrt(root) - 2.0 * first) / groups if root > 0.0 else 0.0
    if not precision > 0.0:
        return
    total = max(1.0 / precision, theta**6)
    law.groups[axis] = groups
    law.noise[axis] = total - theta**6
    law.square[axis] = 2.0 * total * total * (first + 0.5 * groups / total)
    law.width[axis] = width
    law.top[axis] = law_of_scale(structure, law, axis, theta)


@kernel(numba.float64, STRUCTURE, F1, numba.int64, SCALE_LAW, numba.float64)
def slope_of_law(
    structure: Structure, mode: FloatVector, axis: int, law: ScaleLaw, offset: float
) -> float:
    """Return a law's slope along its axis, at an offset in standard deviations from the mode."""
    theta = max(mode[axis] + law.width[axis] * offset, LOWEST)
    total = theta**6 + law.noise[axis]
    slope = 3.0 * theta**5 * (law.square[axis] / total - law.groups[axis]) / total
    found: float = law.width[axis] * (slope + prior_slope(structure, axis, theta))
    return found


@kernel(numba.float64, STRUCTURE, F1, numba.int64, SCALE_LAW, numba.float64)
def fall_of_law(
    structure: Structure, mode: FloatVector, axis: int, law: ScaleLaw, offset: float
) -> float:
    """Return a law's log density at the mode less that at an offset in standard deviations."""
    there = law_of_scale(structure, law, axis, mode[axis] + law.width[axis] * offset)
    fall: float = law.top[axis] - there
    return fall
