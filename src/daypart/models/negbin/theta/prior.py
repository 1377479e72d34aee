"""The prior of theta: value, slope and curvature of its logarithm, in one coordinate.

A scale sigma = theta^3 (for the dispersion tau = theta^3) has a half-normal prior of scale h, and
where parents give one, theta has a normal prior of mean c and precision p beside it:

    log prior = 2 log theta - (theta^3 / h)^2 / 2 - p (theta - c)^2 / 2

in which 2 log theta is the logarithm of the derivative of sigma by theta. Every kernel that needs
the prior calls these three.

References
----------
Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian
Analysis 1.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.negbin.field.structure import STRUCTURE, Structure


@kernel(numba.float64, STRUCTURE, numba.int64, numba.float64, inline=True)
def log_prior(structure: Structure, i: int, theta: float) -> float:
    """Return the log prior density of coordinate i, up to a constant."""
    ratio = theta**3 / structure.hyper_scales[i]
    away = theta - structure.centre[i]
    value: float = 2.0 * math.log(theta)
    value -= 0.5 * (ratio * ratio + structure.pull[i] * away * away)
    return value


@kernel(numba.float64, STRUCTURE, numba.int64, numba.float64, inline=True)
def prior_slope(structure: Structure, i: int, theta: float) -> float:
    """Return the first derivative of `log_prior`."""
    away = theta - structure.centre[i]
    slope: float = 2.0 / theta - 3.0 * theta**5 / structure.hyper_scales[i] ** 2
    slope -= structure.pull[i] * away
    return slope


@kernel(numba.float64, STRUCTURE, numba.int64, numba.float64, inline=True)
def prior_curvature(structure: Structure, i: int, theta: float) -> float:
    """Return the second derivative of `log_prior`."""
    bend: float = -2.0 / theta**2 - 15.0 * theta**4 / structure.hyper_scales[i] ** 2
    bend -= structure.pull[i]
    return bend
