"""One partition's fit: climb to theta's mode, find theta's covariance there, integrate over theta.

Beside the mode the slope is taken along each coordinate of theta, for its covariance and skewness.
An axis of that covariance gets an integration point on each side: in full every axis, else those
whose skewness is farther than the caller's limits from that of a scale's law. Values, slopes and
the field's moments at these points give theta's density and the field in between (`axes`,
`moments`), which a rule of many nodes then integrates without another evaluation.

References
----------
Rue, Martino and Chopin (2009), section 6.5; there, nodes are evaluated one by one.
Stroud (1971), Approximate calculation of multiple integrals, the rules for E_n^{r^2}.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel, linked
from daypart.models.jit.types import F1, F2, I1, FloatMatrix, FloatVector, IntVector
from daypart.models.negbin.checks.khat import DRAWN, Draws, hours_khat
from daypart.models.negbin.field.mode_derivative import differentiate_mode, warm_start
from daypart.models.negbin.field.structure import (
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
)
from daypart.models.negbin.theta import marginal
from daypart.models.negbin.theta.axes import (
    excess,
    find_tilts,
    fit_axis,
    guess_axis,
    keep_slopes,
    length_to_try,
    next_point,
    offset_of_score,
    place_node,
)
from daypart.models.negbin.theta.climb import climb
from daypart.models.negbin.theta.covariance import find_covariance
from daypart.models.negbin.theta.marginal import second_order
from daypart.models.negbin.theta.moments import integrate_field, keep_moments
from daypart.models.negbin.theta.start import guess_theta
from daypart.models.negbin.theta.workspace import CHECKS, IN_FULL, KHAT, THETA, Theta

log_posterior = linked(marginal.log_posterior)

MOST_CORRECTION = 1.0
"""How far the expansion's next term may move a point's log density against the mode's."""


@kernel(
    numba.void,
    *(STRUCTURE, SERIES, SCRATCH, THETA, numba.int64, numba.boolean),
    *(numba.float64, numba.float64, I1),
)
def add_point(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: Theta,
    axis: int,
    above: bool,
    at_mode: float,
    mode_correction: float,
    steps: IntVector,
) -> None:
    """Evaluate the density on one side of an axis, and keep it with the field's moments.

    Where the density has fallen far too much or too little, a second point is taken instead.
    `mode_correction` is the expansion's next term at the mode.
    """
    search, points = theta.search, theta.points
    slot = 1 + 2 * axis + (1 if above else 0)
    length = 1.0
    for _ in range(2):
        points.offset[slot] = next_point(search, theta.covariance, axis, above, length)
        warm_start(structure, t, s, search.trial, search.best)
        value = log_posterior(structure, t, s, search.trial, search.trial_slope, steps)
        # far out, where the expansion fails, it may not decide
        r = search.trial[len(search.trial) - 1] ** 6
        correction = second_order(t, s, r) - mode_correction
        value += min(max(correction, -MOST_CORRECTION), MOST_CORRECTION)
        length = length_to_try(at_mode - value)
        if length == 1.0:
            break
    points.rise[slot] = value - at_mode
    keep_slopes(theta.covariance, search.trial_slope, points.slope[slot])
    keep_moments(structure, t, s, points, slot)


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, THETA, F2, F2, F2)
def integrate(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: Theta,
    rule: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
) -> None:
    """Weigh the rule's nodes by theta's density between the points, and integrate the field."""
    search, axes = theta.search, theta.axes
    find_tilts(axes, theta.points)
    total = 0.0
    for node in range(len(rule)):
        for i in range(len(search.best)):
            search.direction[i] = offset_of_score(axes, i, rule[node, 1 + i])
        place_node(search.direction, search.best, theta.covariance.root, nodes[node, 1:])
        gain = excess(structure, axes, theta.points, search.best, rule[node, 1:])
        nodes[node, 0] = rule[node, 0] * math.exp(gain)
        total += nodes[node, 0]
    for node in range(len(rule)):
        nodes[node, 0] /= total
    integrate_field(structure, t, s, theta, rule, nodes, sums)


@kernel(
    numba.boolean,
    *(STRUCTURE, SERIES, SCRATCH, THETA, DRAWN, F1, F2, F2, F2, I1),
    from_python=True,
)
def fit_series(
    structure: Structure,
    t: Series,
    s: Scratch,
    theta: Theta,
    draws: Draws,
    limits: FloatVector,
    rule: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
    steps: IntVector,
) -> bool:
    """Fit one partition: theta's posterior at nodes, and the field integrated over them.

    Parameters
    ----------
    structure, t, s
        What is fitted, and the arrays to work in.
    theta : Theta
        `search.trial` holds the configuration's start, which the table's moments move.
    draws : Draws
        Without draws k-hat stays 0.
    limits : float64 array, shape (d,)
        An axis of theta gets points where its law leaves more skewness open.
    rule : float64 array, shape (nodes, 1 + d)
        Weight and standardised coordinates of a rule for a normal density.
    nodes : float64 array, shape (nodes, 1 + d)
        Receives weight and theta of each node.
    sums : float64 array, shape (SUM_ROWS, columns)
        See `workspace`.
    steps : int64 array, shape (2,)
        Newton steps and evaluations are added.

    Returns
    -------
    bool
        False where the posterior was not found.
    """
    search, points = theta.search, theta.points
    d = len(search.best)
    for i in range(len(sums)):
        for j in range(sums.shape[1]):
            sums[i, j] = 0.0
    guess_theta(structure, t, s, search)
    at_mode = climb(structure, t, s, search, steps)
    if at_mode == -np.inf:
        return False
    r = search.best[d - 1] ** 6
    mode_correction = second_order(t, s, r)
    if len(draws.ratio) > 0:
        sums[CHECKS, KHAT] = hours_khat(structure, t, s, draws, r)
    differentiate_mode(structure, t, s, search.best)
    keep_moments(structure, t, s, points, 0)
    if not find_covariance(structure, t, s, search, theta.covariance, at_mode, sums, steps):
        return False
    keep_slopes(theta.covariance, search.slope, points.slope[0])
    integrated = 0
    for axis in range(d):
        skewness = guess_axis(structure, t, search, theta.covariance, theta.axes, axis)
        if abs(skewness) > limits[axis]:
            for side in range(2):
                add_point(structure, t, s, theta, axis, side == 1, at_mode, mode_correction, steps)
            fit_axis(structure, search, theta.axes, points, axis)
            integrated += 1
    sums[CHECKS, IN_FULL] = 1.0 if integrated == d else 0.0
    integrate(structure, t, s, theta, rule, nodes, sums)
    return True
