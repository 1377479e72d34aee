"""Where nodes lie: along theta's axes, each bent so that the density falls as a normal one's."""

from __future__ import annotations

import math

import numba

from daypart.models.kernels import F1, F2, FloatMatrix, FloatVector, kernel
from daypart.models.search import HIGHEST, LOWEST, VECTORS

SKEW_DISTANCE = 1.5
"""In standard deviations: where FAST makes a bent axis fall as the skewed density does."""


@kernel(numba.float64, F1, F1, F2, F1)
def place_node(z: FloatVector, centre: FloatVector, root: FloatMatrix, theta: FloatVector) -> float:
    """Write theta = centre + root z (within bounds); return z' z."""
    square = 0.0
    for i in range(len(theta)):
        theta[i] = centre[i]
    for j in range(len(theta)):
        square += z[j] * z[j]
        for i in range(j, len(theta)):
            theta[i] += root[i, j] * z[j]
    for i in range(len(theta)):
        theta[i] = min(max(theta[i], LOWEST), HIGHEST)
    return square


@kernel(numba.float64, F2, F1, F1)
def bend_node(bends: FloatMatrix, z: FloatVector, bent: FloatVector) -> float:
    """Write z bent along each axis; return minus its log density, z normal (up to a constant).

    The bend is length (exp(bend z) - 1) / bend, of which the rows of `bends` hold bend and length.
    """
    energy = 0.0
    for j in range(len(z)):
        bend = bends[0, j]
        factor = math.expm1(bend * z[j]) / bend if abs(bend) > 1e-6 else z[j]
        bent[j] = bends[1, j] * factor
        energy += 0.5 * z[j] * z[j] + bend * z[j]
    return energy


@kernel(numba.void, F2, numba.int64, numba.float64, numba.float64, numba.float64)
def find_bend(
    bends: FloatMatrix, axis: int, distance: float, fall_below: float, fall_above: float
) -> None:
    """Bend an axis so that the log density falls as a normal one's on both sides.

    `fall_below` and `fall_above` is how far it fell at -distance and +distance, unbent.
    """
    half = 0.5 * distance * distance
    below = min(max(math.sqrt(half / max(fall_below, 0.02 * half)), 0.4), 2.5)
    above = min(max(math.sqrt(half / max(fall_above, 0.02 * half)), 0.4), 2.5)
    bend = math.log(above / below) / distance
    reach = 0.5 * bend * distance
    bends[0, axis] = bend
    bends[1, axis] = math.sqrt(above * below) * (
        reach / math.sinh(reach) if abs(reach) > 1e-6 else 1.0
    )


@kernel(numba.void, F2, numba.int64)
def bend_by_skewness(w: FloatMatrix, axis: int) -> None:
    """Bend an axis as the skewness found along it says, which the bends' first row holds."""
    bends = w[VECTORS + 5 * w.shape[1] :]
    tilt = bends[0, axis] * SKEW_DISTANCE**3 / 6.0
    half = 0.5 * SKEW_DISTANCE**2
    find_bend(bends, axis, SKEW_DISTANCE, half + tilt, half - tilt)
