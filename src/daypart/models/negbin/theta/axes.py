"""theta's log density between the integration points: along its axes, and its slope across them.

Along an axis the log density is that of a scale (`scale_law`) or, for the dispersion, as skewed as
it is beside the mode. Where an axis has points on both sides, a polynomial of degree 4 corrects it
to their values and slopes, and the points' slopes in the other axes give its tilt. Each axis is
reparametrised by a normal score z,

    offset(z) = length (exp(bend z) - 1) / bend,

so that nodes of a rule for a normal density fall where this density has its mass.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatMatrix, FloatVector
from daypart.models.negbin.field.structure import SERIES, STRUCTURE, Series, Structure
from daypart.models.negbin.theta.scale_law import fall_of_law, fit_scale_law, slope_of_law
from daypart.models.negbin.theta.workspace import (
    AXES,
    COVARIANCE,
    HIGHEST,
    LOWEST,
    POINTS,
    SEARCH,
    Axes,
    Covariance,
    Points,
    Search,
)

POINT_DISTANCE = 2.0
"""In standard deviations. A density farther out says less about where the mass is."""
_FALL = 0.5 * POINT_DISTANCE**2
"""Of a normal density's logarithm there."""
SKEW_DISTANCE = 1.5
"""In standard deviations: where an axis without points falls as the skewed density does."""
LEAST_FALL, MOST_FALL = 0.4, 2.2
"""Of the fall of a normal density at a point's distance: beyond, a second point is taken."""
MOST_EXCESS = 3.0
"""In log density, of a node over a normal density."""


@kernel(numba.void, F1, F1, F2, F1)
def place_node(z: FloatVector, centre: FloatVector, root: FloatMatrix, theta: FloatVector) -> None:
    """Write theta = centre + root z, within bounds."""
    for i in range(len(theta)):
        theta[i] = centre[i]
    for j in range(len(theta)):
        for i in range(j, len(theta)):
            theta[i] += root[i, j] * z[j]
    for i in range(len(theta)):
        theta[i] = min(max(theta[i], LOWEST), HIGHEST)


@kernel(numba.float64, SEARCH, COVARIANCE, numba.int64, numba.boolean, numba.float64)
def next_point(
    search: Search, covariance: Covariance, axis: int, above: bool, length: float
) -> float:
    """Set `trial` on one side of an axis, within bounds; return its place along the axis.

    `length` is a factor of the usual distance.
    """
    root = covariance.root
    side = 1.0 if above else -1.0
    offset = POINT_DISTANCE * length
    for i in range(axis, len(search.best)):
        step = side * root[i, axis]
        if step < 0.0:
            offset = min(offset, (LOWEST - search.best[i]) / step)
        elif step > 0.0:
            offset = min(offset, (HIGHEST - search.best[i]) / step)
    for i in range(len(search.best)):
        search.direction[i] = 0.0
    search.direction[axis] = side * max(offset, 0.01)
    place_node(search.direction, search.best, root, search.trial)
    place: float = search.direction[axis]
    return place


@kernel(numba.float64, numba.float64, numba.float64)
def stretch(half: float, fall: float) -> float:
    """Return by which factor a density falls by `half`, where it falls by `fall` now."""
    return min(max(math.sqrt(half / max(fall, 0.02 * half)), 0.4), 2.5)


@kernel(numba.float64, numba.float64)
def length_to_try(fall: float) -> float:
    """Return 1 where a point is well placed by its fall, else the factor of a better distance."""
    return 1.0 if LEAST_FALL * _FALL <= fall <= MOST_FALL * _FALL else stretch(_FALL, fall)


@kernel(numba.void, COVARIANCE, F1, F1)
def keep_slopes(covariance: Covariance, slope: FloatVector, along: FloatVector) -> None:
    """Write the slope along each axis, L' slope, of a slope in theta."""
    root = covariance.root
    for j in range(len(slope)):
        total = 0.0
        for i in range(j, len(slope)):
            total += root[i, j] * slope[i]
        along[j] = total


@kernel(numba.void, AXES, numba.int64, numba.float64, numba.float64, numba.float64)
def bend_axis(axes: Axes, axis: int, distance: float, below: float, above: float) -> None:
    """Reparametrise an axis: normal scores -distance and +distance are at -below and above."""
    bend = math.log(above / below) / distance
    reach = 0.5 * bend * distance
    axes.bend[axis] = bend
    axes.length[axis] = (
        math.sqrt(above * below)
        / distance
        * (reach / math.sinh(reach) if abs(reach) > 1e-6 else 1.0)
    )


@kernel(numba.float64, AXES, numba.int64, numba.float64)
def offset_of_score(axes: Axes, axis: int, z: float) -> float:
    """Return the place along an axis of a normal score."""
    bend = axes.bend[axis]
    place: float = axes.length[axis] * (math.expm1(bend * z) / bend if abs(bend) > 1e-6 else z)
    return place


@kernel(numba.float64, AXES, numba.int64, numba.float64)
def score_of_offset(axes: Axes, axis: int, offset: float) -> float:
    """Return the normal score of a place along an axis (beyond what scores reach: a far one)."""
    bend = axes.bend[axis]
    score: float = offset / axes.length[axis]
    return math.log(max(1.0 + bend * score, 0.05)) / bend if abs(bend) > 1e-6 else score


@kernel(numba.float64, STRUCTURE, SERIES, SEARCH, COVARIANCE, AXES, numba.int64)
def guess_axis(
    structure: Structure,
    t: Series,
    search: Search,
    covariance: Covariance,
    axes: Axes,
    axis: int,
) -> float:
    """Reparametrise an axis without points; return the skewness that its law leaves open.

    Parameters
    ----------
    structure, t
        What is fitted.
    search, covariance
        The mode, and theta's covariance and skewness there.
    axes : Axes
        Receives bend, length and law.
    axis : int

    Returns
    -------
    float
    """
    law, mode = axes.law, search.best
    skewness: float = covariance.skewness[axis]
    axes.below[axis] = 0.0
    axes.above[axis] = 0.0
    fit_scale_law(structure, t, axis, mode[axis], covariance.root[axis, axis], law)
    if law.groups[axis] > 0.0:
        low = fall_of_law(structure, mode, axis, law, -0.5)
        high = fall_of_law(structure, mode, axis, law, 0.5)
        skewness -= 24.0 * (low - high)
        below = stretch(_FALL, fall_of_law(structure, mode, axis, law, -POINT_DISTANCE))
        above = stretch(_FALL, fall_of_law(structure, mode, axis, law, POINT_DISTANCE))
        bend_axis(axes, axis, POINT_DISTANCE, POINT_DISTANCE * below, POINT_DISTANCE * above)
    else:
        half = 0.5 * SKEW_DISTANCE**2
        tilt = skewness * SKEW_DISTANCE**3 / 6.0
        below = SKEW_DISTANCE * stretch(half, half + tilt)
        above = SKEW_DISTANCE * stretch(half, half - tilt)
        bend_axis(axes, axis, SKEW_DISTANCE, below, above)
    return skewness


@kernel(numba.void, STRUCTURE, SEARCH, AXES, POINTS, numba.int64)
def fit_axis(structure: Structure, search: Search, axes: Axes, points: Points, axis: int) -> None:
    """Reparametrise an axis by its two points, and find the density's correction along it.

    Where a point has no density, the axis stays as guessed.
    """
    low, high = 1 + 2 * axis, 2 + 2 * axis
    rise, offset = points.rise, points.offset
    if not rise[low] + rise[high] > -np.inf:
        return
    below, above = stretch(_FALL, -rise[low]), stretch(_FALL, -rise[high])
    bend_axis(axes, axis, POINT_DISTANCE, -offset[low] * below, offset[high] * above)
    a, b = score_of_offset(axes, axis, offset[low]), score_of_offset(axes, axis, offset[high])
    axes.below[axis] = a
    axes.above[axis] = b
    at_a = rise[low] - guessed_rise(structure, axes, search.best, axis, a)
    at_b = rise[high] - guessed_rise(structure, axes, search.best, axis, b)
    slope = points.slope[low, axis] * length_at(axes, axis, a)
    slope -= guessed_slope(structure, axes, search.best, axis, a)
    end_slope = points.slope[high, axis] * length_at(axes, axis, b)
    end_slope -= guessed_slope(structure, axes, search.best, axis, b)
    first, across = at_a / a, (at_b - at_a) / (b - a)
    second, between = (slope - first) / a, (across - slope) / (b - a)
    third, last = (between - second) / b, (end_slope - across) / (b - a)
    correction = axes.correction[axis]
    correction[0] = first
    correction[1] = second
    correction[2] = third
    correction[3] = ((last - between) / (b - a) - third) / b


@kernel(numba.float64, AXES, numba.int64, numba.float64)
def length_at(axes: Axes, axis: int, z: float) -> float:
    """Return the derivative of the place along an axis by its normal score."""
    length: float = axes.length[axis] * math.exp(axes.bend[axis] * z)
    return length


@kernel(numba.float64, STRUCTURE, AXES, F1, numba.int64, numba.float64)
def guessed_rise(structure: Structure, axes: Axes, mode: FloatVector, axis: int, z: float) -> float:
    """Return the log density at a normal score as guessed: a scale's law or a normal one's."""
    if axes.law.groups[axis] == 0.0:
        return -0.5 * z * z
    return -fall_of_law(structure, mode, axis, axes.law, offset_of_score(axes, axis, z))


@kernel(numba.float64, STRUCTURE, AXES, F1, numba.int64, numba.float64)
def guessed_slope(
    structure: Structure, axes: Axes, mode: FloatVector, axis: int, z: float
) -> float:
    """Return the derivative of `guessed_rise` by the normal score."""
    if axes.law.groups[axis] == 0.0:
        return -z
    slope = slope_of_law(structure, mode, axis, axes.law, offset_of_score(axes, axis, z))
    return slope * length_at(axes, axis, z)


@kernel(numba.void, AXES, POINTS)
def find_tilts(axes: Axes, points: Points) -> None:
    """Find how the slope across each axis with points changes along it, once all are fitted."""
    d = len(axes.bend)
    for axis in range(d):
        a, b = axes.below[axis], axes.above[axis]
        for j in range(d):
            axes.tilt[axis, j, 0] = 0.0
            axes.tilt[axis, j, 1] = 0.0
            if j == axis or a == 0.0:
                continue
            at_mode, length = points.slope[0, j], axes.length[j]
            low = (points.slope[1 + 2 * axis, j] - at_mode) * length / (a * a)
            high = (points.slope[2 + 2 * axis, j] - at_mode) * length / (b * b)
            change = (high - low) / (b - a)
            axes.tilt[axis, j, 0] = low - change * a
            axes.tilt[axis, j, 1] = change


@kernel(numba.float64, STRUCTURE, AXES, POINTS, F1, F1)
def excess(
    structure: Structure, axes: Axes, points: Points, mode: FloatVector, z: FloatVector
) -> float:
    """Return the log density of normal scores z over that of a normal law, both 0 at the mode."""
    d = len(z)
    total = 0.0
    for i in range(d):
        x, correction, tilt = z[i], axes.correction[i], axes.tilt[i]
        a, b = axes.below[i], axes.above[i]
        total += 0.5 * x * x + axes.bend[i] * x + guessed_rise(structure, axes, mode, i, x)
        if a == 0.0:
            total += points.slope[0, i] * offset_of_score(axes, i, x)
            continue
        if axes.law.groups[i] > 0.0:  # a law is right far out: corrected as at the point
            x = min(max(x, a), b)
        inner = correction[2] + (x - b) * correction[3]
        inner = correction[1] + (x - a) * inner
        total += x * (correction[0] + (x - a) * inner)
        for j in range(d):
            total += z[j] * x * x * (tilt[j, 0] + x * tilt[j, 1])
    return min(total, MOST_EXCESS)
