"""The design list of the dense part: which cells an effect acts in, and the scale of its prior.

Dense coordinates are the weeks, each of which acts in all of its cells, then the effects e of
`Series.event` (week, cell, effect), with x[e] ~ Normal(0, 1 / p[e]) and

    p[e] = 1 / sigma^2, sigma = theta^3 of coordinate `Series.scales[e]`
    p[e] = event_precision where that is FIXED

Every step that knows an effect's prior takes it from here: adding one changes no kernel.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, FloatVector
from daypart.models.negbin.field.structure import (
    FIXED,
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
    effects_of_level,
)


@kernel(numba.float64, STRUCTURE, SERIES, F1, numba.int64, inline=True)
def effect_precision(structure: Structure, t: Series, precisions: FloatVector, j: int) -> float:
    """Return p[j], the prior precision of an effect.

    Parameters
    ----------
    structure, t
    precisions : float64 array, shape (d - 1,)
        1 / sigma^2 of each coordinate of theta that is a scale.
    j : int
    """
    scale = t.scales[j]
    return structure.event_precision if scale == FIXED else precisions[scale]


@kernel(numba.float64, STRUCTURE, SERIES, numba.int64)
def size_of_group(structure: Structure, t: Series, axis: int) -> float:
    """Return how many effects of the field have a coordinate of theta as their scale."""
    if axis < structure.week_scale:
        return effects_of_level(structure, axis)
    if axis == structure.week_scale or axis == structure.walk_scale:
        return float(t.weeks)
    count = 0.0
    for j in range(t.effects):
        count += 1.0 if t.scales[j] == axis else 0.0
    return count


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH)
def subtract_effect_slopes(structure: Structure, t: Series, s: Scratch) -> None:
    """Subtract p[j] x[j], the slope of the prior's energy, from RHS."""
    dense, rhs = s.newton.point.dense, s.newton.rhs.dense
    for j in range(t.effects):
        precision = effect_precision(structure, t, s.newton.precisions, j)
        rhs[t.weeks + j] -= precision * dense[t.weeks + j]


@kernel(numba.float64, STRUCTURE, SERIES, SCRATCH)
def effect_energy(structure: Structure, t: Series, s: Scratch) -> float:
    """Return the energy p x^2 / 2 of effects of FIXED scale; SQUARES receives x^2 of the others."""
    dense, squares = s.newton.point.dense, s.newton.squares
    energy = 0.0
    for j in range(t.effects):
        square = dense[t.weeks + j] ** 2
        if t.scales[j] == FIXED:
            energy += 0.5 * structure.event_precision * square
        else:
            squares[t.scales[j]] += square
    return energy


@kernel(numba.float64, SERIES, F1)
def log_effect_scales(t: Series, theta: FloatVector) -> float:
    """Return the sum of log sigma over the effects whose scale is learnt."""
    total = 0.0
    for j in range(t.effects):
        if t.scales[j] != FIXED:
            total += 3.0 * math.log(theta[t.scales[j]])
    return total


@kernel(numba.void, SERIES, SCRATCH, F1)
def add_effect_scale_slopes(t: Series, s: Scratch, slopes: FloatVector) -> None:
    """Add p (x (x - lambda) + variance) - 1 of each effect: the marginal's slope in log sigma."""
    dense, lam = s.newton.point.dense, s.adjoint.solution.dense
    for j in range(t.effects):
        scale, place = t.scales[j], t.weeks + j
        if scale != FIXED:
            square = dense[place] * (dense[place] - lam[place]) + s.covariance.dense[place, place]
            slopes[scale] += s.newton.precisions[scale] * square - 1.0


@kernel(numba.void, SERIES, SCRATCH, F1, F1)
def add_effect_pulls(t: Series, s: Scratch, theta: FloatVector, direction: FloatVector) -> None:
    """Add 6 p x dtheta / theta of each effect to RHS, the prior's pull as theta moves."""
    dense, rhs = s.newton.point.dense, s.newton.rhs.dense
    for j in range(t.effects):
        scale, place = t.scales[j], t.weeks + j
        if scale != FIXED:
            factor = 6.0 * direction[scale] / theta[scale]
            rhs[place] += factor * s.newton.precisions[scale] * dense[place]


def prior_sd_of_effects(structure: Structure, nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard deviation of each of the calendar's effects where it was not observed.

    Parameters
    ----------
    structure : Structure
    nodes : float64 array, shape (nodes, 1 + d)
        Weight and theta of each node.

    Returns
    -------
    float64 array, shape (effects,)
        In log households: sqrt(E sigma^2) where the scale is learnt.
    """
    variance = nodes[:, 0] @ nodes[:, 1:] ** 6
    variance[-1] = 1.0 / structure.event_precision  # in place of the dispersion: FIXED is -1
    return np.asarray(np.sqrt(variance[structure.effect_scales]))
