"""Theta's log density between visits: along its axes, and how its slope across them changes.

An axis is a column of the root of theta's covariance at the mode. Along it the log density is that
of a scale (`scale_law`) or, for the dispersion, as skewed as it is beside the mode. Where both its
sides were visited, a polynomial of degree 4 leads from there through the values and slopes
found, and the visits' slopes in the other coordinates tell how it tilts off the axis. Each axis is
bent, so that nodes of a rule for a normal density lie where this one has its mass.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, FloatCube, FloatMatrix, FloatVector
from daypart.models.negbin.field.structure import HOURS, SERIES, STRUCTURE, Series, Structure
from daypart.models.negbin.theta.climb import (
    BEST,
    DIRECTION,
    HALVINGS,
    HIGHEST,
    LENGTH,
    LOWEST,
    STATE,
    TRIAL,
    TRIAL_SLOPE,
    VALUE,
    VECTORS,
)
from daypart.models.negbin.theta.scale_law import GROUPS, fall_of_law, fit_scale_law, slope_of_law

VISIT_DISTANCE = 2.0
"""In standard deviations. What is found farther out says less of where the mass is."""
_FALL = 0.5 * VISIT_DISTANCE**2
"""Of a normal density's logarithm there."""
SKEW_DISTANCE = 1.5
"""In standard deviations: where an axis not visited is bent to fall as the skewed density does."""
LEAST_FALL, MOST_FALL = 0.4, 2.2
"""Of the fall of a normal density at a visit's distance: beyond, the visit is made again."""
MOST_EXCESS = 3.0
"""In log density, of a node over a normal density."""

OFFSET, RISE, SLOPES = 0, 1, 2
"""Columns of a visit: place along its axis, log density less the mode's, slope in each axis (all
that is kept of the mode's own row, which is the first)."""
BELOW, ABOVE, LAW, CORRECTION, TILT = 0, 1, 2, 7, 11
"""Columns of an axis's curve: normal scores of its visits (0 without), the scale's law, four
coefficients of its correction along the axis (Newton's form through 0, below, below, above, above),
two for the tilt towards each of the others."""


class Visits(NamedTuple):
    """What was found at theta's visits, the mode and then two for each of d axes."""

    visit: FloatMatrix  # [2 d + 1, 2 + d] OFFSET, RISE, SLOPES
    curve: FloatMatrix  # [d, 11 + 2 d] BELOW, ABOVE, LAW, CORRECTION, TILT
    scores: FloatMatrix  # [2 d + 1, 2 d] means and covariances of z, z^2 by axis; see `summary`
    moment: FloatCube  # [2 d + 1, 2, 169 + m] the field's mean and variance at each visit
    fitted: np.ndarray  # [weeks, 2 d + 1, 2, 168] those of log mu in every cell; no weeks unasked


def make_visits(dimensions: int, columns: int, fitted_weeks: int) -> Visits:
    """Allocate for so many scales and dense coordinates; `fitted` for so many weeks."""
    d = dimensions
    return Visits(
        visit=np.zeros((2 * d + 1, 2 + d)),
        curve=np.zeros((d, 11 + 2 * d)),
        scores=np.zeros((2 * d + 1, 2 * d)),
        moment=np.zeros((2 * d + 1, 2, HOURS + 1 + columns)),
        fitted=np.zeros((fitted_weeks, 2 * d + 1, 2, HOURS)),
    )


VISITS = numba.typeof(make_visits(3, 2, 0))


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


@kernel(numba.void, F2, numba.int64, numba.boolean)
def aim_along(w: FloatMatrix, axis: int, above: bool) -> None:
    """Set TRIAL on one side of an axis, within bounds, and DIRECTION to its coordinates."""
    d = w.shape[1]
    root = w[VECTORS + 4 * d : VECTORS + 5 * d]
    side = 1.0 if above else -1.0
    offset = VISIT_DISTANCE * w[STATE, LENGTH]
    for i in range(axis, d):
        step = side * root[i, axis]
        if step < 0.0:
            offset = min(offset, (LOWEST - w[BEST, i]) / step)
        elif step > 0.0:
            offset = min(offset, (HIGHEST - w[BEST, i]) / step)
    for i in range(d):
        w[DIRECTION, i] = 0.0
    w[DIRECTION, axis] = side * max(offset, 0.01)
    place_node(w[DIRECTION], w[BEST], root, w[TRIAL])


@kernel(numba.float64, numba.float64, numba.float64)
def stretch(half: float, fall: float) -> float:
    """Return by which factor a density falls by `half`, where it falls by `fall` now."""
    return min(max(math.sqrt(half / max(fall, 0.02 * half)), 0.4), 2.5)


@kernel(numba.boolean, F2, numba.float64)
def is_placed(w: FloatMatrix, value: float) -> bool:
    """Tell whether a visit is where the density has fallen well; if not, set LENGTH to go again."""
    fall = w[STATE, VALUE] - value
    if w[STATE, HALVINGS] == 0.0 and not LEAST_FALL * _FALL <= fall <= MOST_FALL * _FALL:
        w[STATE, HALVINGS] = 1.0
        w[STATE, LENGTH] = stretch(_FALL, fall)
        return False
    w[STATE, HALVINGS] = 0.0
    w[STATE, LENGTH] = 1.0
    return True


@kernel(numba.void, VISITS, F2, numba.int64, numba.int64, numba.float64)
def keep_visit(visits: Visits, w: FloatMatrix, slot: int, axis: int, value: float) -> None:
    """Keep what was found at TRIAL, on an axis."""
    visit = visits.visit[slot]
    visit[OFFSET] = w[DIRECTION, axis]
    visit[RISE] = value - w[STATE, VALUE]
    keep_slopes(w, TRIAL_SLOPE, visit)


@kernel(numba.void, F2, numba.int64, F1)
def keep_slopes(w: FloatMatrix, row: int, visit: FloatVector) -> None:
    """Keep the slope in each axis, of the slope in theta that a row of `w` holds."""
    d = w.shape[1]
    root = w[VECTORS + 4 * d : VECTORS + 5 * d]
    for j in range(d):
        total = 0.0
        for i in range(j, d):
            total += root[i, j] * w[row, i]
        visit[SLOPES + j] = total


@kernel(numba.void, F2, numba.int64, numba.float64, numba.float64, numba.float64)
def bend_axis(bends: FloatMatrix, axis: int, distance: float, below: float, above: float) -> None:
    """Bend an axis so that normal scores of -distance and +distance lie at -below and above.

    The bend is length (exp(bend z) - 1) / bend, of which the rows of `bends` hold bend and length.
    """
    bend = math.log(above / below) / distance
    reach = 0.5 * bend * distance
    bends[0, axis] = bend
    bends[1, axis] = (
        math.sqrt(above * below)
        / distance
        * (reach / math.sinh(reach) if abs(reach) > 1e-6 else 1.0)
    )


@kernel(numba.float64, F2, numba.int64, numba.float64)
def bent(bends: FloatMatrix, axis: int, z: float) -> float:
    """Return the place along an axis of a normal score."""
    bend = bends[0, axis]
    place: float = bends[1, axis] * (math.expm1(bend * z) / bend if abs(bend) > 1e-6 else z)
    return place


@kernel(numba.float64, F2, numba.int64, numba.float64)
def unbent(bends: FloatMatrix, axis: int, offset: float) -> float:
    """Return the normal score of a place along an axis (beyond what scores reach: a far one)."""
    bend = bends[0, axis]
    score: float = offset / bends[1, axis]
    return math.log(max(1.0 + bend * score, 0.05)) / bend if abs(bend) > 1e-6 else score


@kernel(numba.float64, STRUCTURE, SERIES, VISITS, F2, numba.int64)
def guess_axis(structure: Structure, t: Series, visits: Visits, w: FloatMatrix, axis: int) -> float:
    """Bend an axis without a visit; return the skewness beside the mode that this leaves open.

    The bends' first row holds that skewness before.
    """
    d = w.shape[1]
    bends, curve = w[VECTORS + 5 * d :], visits.curve[axis]
    law = curve[LAW:CORRECTION]
    skewness: float = bends[0, axis]
    curve[BELOW] = 0.0
    curve[ABOVE] = 0.0
    fit_scale_law(structure, t, w, axis, law)
    if law[GROUPS] > 0.0:
        low = fall_of_law(structure, w, axis, law, -0.5)
        high = fall_of_law(structure, w, axis, law, 0.5)
        skewness -= 24.0 * (low - high)
        below = stretch(_FALL, fall_of_law(structure, w, axis, law, -VISIT_DISTANCE))
        above = stretch(_FALL, fall_of_law(structure, w, axis, law, VISIT_DISTANCE))
        bend_axis(bends, axis, VISIT_DISTANCE, VISIT_DISTANCE * below, VISIT_DISTANCE * above)
    else:
        half = 0.5 * SKEW_DISTANCE**2
        tilt = skewness * SKEW_DISTANCE**3 / 6.0
        below = SKEW_DISTANCE * stretch(half, half + tilt)
        above = SKEW_DISTANCE * stretch(half, half - tilt)
        bend_axis(bends, axis, SKEW_DISTANCE, below, above)
    return skewness


@kernel(numba.void, STRUCTURE, VISITS, F2, numba.int64)
def shape_axis(structure: Structure, visits: Visits, w: FloatMatrix, axis: int) -> None:
    """Bend an axis by the visits to both its sides, and find the density's correction along it.

    Where a visit found no density, the axis stays as guessed.
    """
    d = w.shape[1]
    bends, curve = w[VECTORS + 5 * d :], visits.curve[axis]
    low, high = visits.visit[1 + 2 * axis], visits.visit[2 + 2 * axis]
    if not low[RISE] + high[RISE] > -np.inf:
        return
    below, above = stretch(_FALL, -low[RISE]), stretch(_FALL, -high[RISE])
    bend_axis(bends, axis, VISIT_DISTANCE, -low[OFFSET] * below, high[OFFSET] * above)
    a, b = unbent(bends, axis, low[OFFSET]), unbent(bends, axis, high[OFFSET])
    curve[BELOW] = a
    curve[ABOVE] = b
    at_a = low[RISE] - guessed_rise(structure, visits, w, axis, a)
    at_b = high[RISE] - guessed_rise(structure, visits, w, axis, b)
    slope = low[SLOPES + axis] * length_at(bends, axis, a)
    slope -= guessed_slope(structure, visits, w, axis, a)
    end_slope = high[SLOPES + axis] * length_at(bends, axis, b)
    end_slope -= guessed_slope(structure, visits, w, axis, b)
    first, across = at_a / a, (at_b - at_a) / (b - a)
    second, between = (slope - first) / a, (across - slope) / (b - a)
    third, last = (between - second) / b, (end_slope - across) / (b - a)
    curve[CORRECTION] = first
    curve[CORRECTION + 1] = second
    curve[CORRECTION + 2] = third
    curve[CORRECTION + 3] = ((last - between) / (b - a) - third) / b


@kernel(numba.float64, F2, numba.int64, numba.float64)
def length_at(bends: FloatMatrix, axis: int, z: float) -> float:
    """Return by how much the place along an axis moves with its normal score."""
    length: float = bends[1, axis] * math.exp(bends[0, axis] * z)
    return length


@kernel(numba.float64, STRUCTURE, VISITS, F2, numba.int64, numba.float64)
def guessed_rise(
    structure: Structure, visits: Visits, w: FloatMatrix, axis: int, z: float
) -> float:
    """Return the log density at a normal score as guessed: a scale's law or a normal one's."""
    law = visits.curve[axis, LAW:CORRECTION]
    if law[GROUPS] == 0.0:
        return -0.5 * z * z
    offset = bent(w[VECTORS + 5 * w.shape[1] :], axis, z)
    return -fall_of_law(structure, w, axis, law, offset)


@kernel(numba.float64, STRUCTURE, VISITS, F2, numba.int64, numba.float64)
def guessed_slope(
    structure: Structure, visits: Visits, w: FloatMatrix, axis: int, z: float
) -> float:
    """Return how `guessed_rise` changes with the normal score."""
    law, bends = visits.curve[axis, LAW:CORRECTION], w[VECTORS + 5 * w.shape[1] :]
    if law[GROUPS] == 0.0:
        return -z
    slope = slope_of_law(structure, w, axis, law, bent(bends, axis, z))
    return slope * length_at(bends, axis, z)


@kernel(numba.void, VISITS, F2)
def find_tilts(visits: Visits, w: FloatMatrix) -> None:
    """Find how the slope across each visited axis changes along it, after all axes are bent."""
    d = w.shape[1]
    for axis in range(d):
        curve = visits.curve[axis]
        a, b = curve[BELOW], curve[ABOVE]
        for j in range(d):
            curve[TILT + 2 * j] = 0.0
            curve[TILT + 2 * j + 1] = 0.0
            if j == axis or a == 0.0:
                continue
            at_mode, length = visits.visit[0, SLOPES + j], w[VECTORS + 5 * d + 1, j]
            low = (visits.visit[1 + 2 * axis, SLOPES + j] - at_mode) * length / (a * a)
            high = (visits.visit[2 + 2 * axis, SLOPES + j] - at_mode) * length / (b * b)
            change = (high - low) / (b - a)
            curve[TILT + 2 * j] = low - change * a
            curve[TILT + 2 * j + 1] = change


@kernel(numba.float64, STRUCTURE, VISITS, F2, F1)
def excess(structure: Structure, visits: Visits, w: FloatMatrix, z: FloatVector) -> float:
    """Return the log density of normal scores z over that of a normal law, both 0 at the mode."""
    d = w.shape[1]
    bends = w[VECTORS + 5 * d :]
    total = 0.0
    for i in range(d):
        curve, x = visits.curve[i], z[i]
        a, b = curve[BELOW], curve[ABOVE]
        total += 0.5 * x * x + bends[0, i] * x + guessed_rise(structure, visits, w, i, x)
        if a == 0.0:
            total += visits.visit[0, SLOPES + i] * bent(bends, i, x)
            continue
        if curve[LAW + GROUPS] > 0.0:  # a law is right far out: corrected as at the visit
            x = min(max(x, a), b)
        inner = curve[CORRECTION + 2] + (x - b) * curve[CORRECTION + 3]
        inner = curve[CORRECTION + 1] + (x - a) * inner
        total += x * (curve[CORRECTION] + (x - a) * inner)
        for j in range(d):
            total += z[j] * x * x * (curve[TILT + 2 * j] + x * curve[TILT + 2 * j + 1])
    return min(total, MOST_EXCESS)
