"""One partition's fit: climb to theta's mode, see how theta spreads there, mix over its nodes.

Beside the mode the slope is taken along each coordinate of theta, for its covariance and skewness.
Axes of that covariance are visited on both sides: in full all of them, else those whose skewness
is farther than the caller's limits from what a scale's law has. What was found there, values,
slopes and the field's moments, gives theta's density and the field in between (`axes`,
`summary`), which a rule of many nodes then integrates without another visit.

References
----------
Rue, Martino and Chopin (2009), section 6.5; there, nodes are visited one by one.
Stroud (1971), Approximate calculation of multiple integrals, the rules for E_n^{r^2}.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.jit.compile import kernel, linked
from daypart.models.jit.types import F1, F2, I1, FloatMatrix, FloatVector, IntVector
from daypart.models.negbin.checks.khat import DRAWN, Draws, hours_khat
from daypart.models.negbin.field.mode_derivative import follow, jump, respond
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
from daypart.models.negbin.theta.axes import (
    VISITS,
    Visits,
    aim_along,
    bent,
    excess,
    find_tilts,
    guess_axis,
    is_placed,
    keep_slopes,
    keep_visit,
    place_node,
    shape_axis,
)
from daypart.models.negbin.theta.climb import (
    BEST,
    DIRECTION,
    HALVINGS,
    HIGHEST,
    LENGTH,
    LOWEST,
    MOST_VISITS,
    SLOPE,
    STATE,
    TRIAL,
    TRIAL_SLOPE,
    VALUE,
    VECTORS,
    at_best,
    begin_search,
    covariance_root,
    learn,
)
from daypart.models.negbin.theta.marginal import second_order
from daypart.models.negbin.theta.moments import CHECKS, keep_moments, mix_field
from daypart.models.negbin.theta.start import guess_theta

log_posterior = linked(marginal.log_posterior)

SEARCH, CENTRE, SLOPES, AXES, DONE, LOST = range(6)
"""Phases of a fit: the climb, back to the mode where it ended elsewhere, beside it for the
Hessian, both sides of its axes; the end, and the end without a posterior."""
MOST_CORRECTION = 1.0
"""How far the expansion's next term may move a visit's log density against the mode's."""
LOST_DIGITS = 1e11
"""A log density beyond this has too few digits left for a third difference."""


@kernel(numba.int64, STRUCTURE, SERIES, VISITS, F2, numba.int64, F1)
def next_axis(
    structure: Structure,
    t: Series,
    visits: Visits,
    w: FloatMatrix,
    axis: int,
    limits: FloatVector,
) -> int:
    """Return which axis is visited next, and guess those passed over."""
    while axis < w.shape[1]:
        if abs(guess_axis(structure, t, visits, w, axis)) > limits[axis]:
            break
        axis += 1
    return axis


@kernel(numba.float64, F2, numba.int64)
def slope_width(w: FloatMatrix, i: int) -> float:
    """Return how far beside the mode the slope is taken along coordinate i."""
    return 0.5 * math.sqrt(min(max(w[VECTORS + i, i], 1e-5), 0.02))


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, numba.int64, numba.int64, F2)
def aim(
    structure: Structure, t: Series, s: Scratch, phase: int, index: int, w: FloatMatrix
) -> None:
    """Set TRIAL, and the field to where its mode should be, for one visit of a phase."""
    if phase == SEARCH:  # `learn` has set it
        return
    for i in range(w.shape[1]):
        w[TRIAL, i] = w[BEST, i]
    if phase == CENTRE:
        return
    if phase == SLOPES:
        w[TRIAL, index] += slope_width(w, index)
        if w[TRIAL, index] > HIGHEST:
            w[TRIAL, index] -= 2.0 * slope_width(w, index)
    else:
        aim_along(w, index // 2, index % 2 == 1)
    jump(structure, t, s, w[TRIAL], w[BEST])


@kernel(numba.void, F2, numba.int64, numba.float64, F2)
def learn_slope(w: FloatMatrix, i: int, value: float, sums: FloatMatrix) -> None:
    """Take in value and slope beside the mode along coordinate i: a Hessian's row, and skewness.

    With the mode's own they determine the second and third derivative along the coordinate.
    """
    d = w.shape[1]
    row = w[VECTORS + d + i]
    step = w[TRIAL, i] - w[BEST, i]
    bend = w[TRIAL_SLOPE, i] - w[SLOPE, i]
    rise = value - w[STATE, VALUE] - w[SLOPE, i] * step
    third = 6.0 * (bend * step - 2.0 * rise) / (step * step * step)
    if abs(value) > LOST_DIGITS:
        third = 0.0
    for j in range(d):
        row[j] = (w[SLOPE, j] - w[TRIAL_SLOPE, j]) / step
    row[i] = max(0.5 * third * step - bend / step, 0.25 * row[i])
    skewness = third * max(row[i], 4.0) ** -1.5
    w[VECTORS + 5 * d, i] = skewness
    sums[CHECKS, 1] = max(sums[CHECKS, 1], abs(skewness))


@kernel(numba.boolean, F2, F2)
def shape_theta(w: FloatMatrix, sums: FloatMatrix) -> bool:
    """Turn the Hessian into theta's covariance and its root; see how much slope was left."""
    d = w.shape[1]
    covariance, room = w[VECTORS + d : VECTORS + 2 * d], w[VECTORS + 2 * d : VECTORS + 4 * d]
    if not covariance_root(covariance, room, w[VECTORS + 4 * d : VECTORS + 5 * d]):
        return False
    for i in range(d):
        low, high = w[BEST, i] <= LOWEST, w[BEST, i] >= HIGHEST
        if (low and w[SLOPE, i] < 0.0) or (high and w[SLOPE, i] > 0.0):
            w[SLOPE, i] = 0.0  # it leads beyond the bounds
    for i in range(d):
        offset = 0.0
        for j in range(d):
            offset += covariance[i, j] * w[SLOPE, j]
        sums[CHECKS, 0] = max(sums[CHECKS, 0], abs(offset) / math.sqrt(covariance[i, i]))
    return True


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, VISITS, F2, F2, F2, F2)
def mix(
    structure: Structure,
    t: Series,
    s: Scratch,
    visits: Visits,
    rule: FloatMatrix,
    w: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
) -> None:
    """Weigh the rule's nodes by theta's density between the visits, and mix the field by them."""
    d = w.shape[1]
    root, bends = w[VECTORS + 4 * d : VECTORS + 5 * d], w[VECTORS + 5 * d :]
    find_tilts(visits, w)
    total = 0.0
    for node in range(len(rule)):
        for i in range(d):
            w[DIRECTION, i] = bent(bends, i, rule[node, 1 + i])
        place_node(w[DIRECTION], w[BEST], root, nodes[node, 1:])
        nodes[node, 0] = rule[node, 0] * math.exp(excess(structure, visits, w, rule[node, 1:]))
        total += nodes[node, 0]
    for node in range(len(rule)):
        nodes[node, 0] /= total
    mix_field(structure, t, s, visits, rule, w, nodes, sums)


@kernel(
    numba.int64,
    *(STRUCTURE, SERIES, SCRATCH, VISITS, DRAWN, F1, F2, F2, F2, F2, I1),
    from_python=True,
)
def fit_series(
    structure: Structure,
    t: Series,
    s: Scratch,
    visits: Visits,
    draws: Draws,
    limits: FloatVector,
    rule: FloatMatrix,
    w: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
    steps: IntVector,
) -> int:
    """Fit one partition, searching from what its moments and theta = `w[TRIAL]` suggest.

    Parameters
    ----------
    structure, t, s, visits, draws
        What is fitted, and where. Without draws no k-hat is told.
    limits : float64 array, shape (d,)
        Both sides of an axis of theta are visited where its law leaves more skewness open.
    rule : float64 array, shape (nodes, 1 + d)
        Weight and standardised coordinates of a rule for a normal density.
    w : float64 array, shape (VECTORS + 5 d + 2, d)
        The search's matrix; then theta's covariance, room, its root, the axes' bends.
    nodes : float64 array, shape (nodes, 1 + d)
        Receives weight and theta of each node.
    sums : float64 array, shape (SUM_ROWS, columns)
        See `summary.mix_field`; the row CHECKS receives the slope left at the mode (a Newton
        step in standard deviations), the largest skewness, 1 where all axes were visited, and
        k-hat.
    steps : int64 array, shape (2,)
        Newton steps and evaluations are added.

    Returns
    -------
    int
        DONE, or LOST where there was no posterior to be found.
    """
    d = w.shape[1]
    for i in range(len(sums)):
        for j in range(sums.shape[1]):
            sums[i, j] = 0.0
    guess_theta(structure, t, s, w)
    begin_search(w)
    phase, index, visited = SEARCH, 0, 0
    expected = 0.0
    while phase < DONE:
        aim(structure, t, s, phase, index, w)
        value = log_posterior(structure, t, s, w[TRIAL], w[TRIAL_SLOPE], steps)
        r = w[TRIAL, d - 1] ** 6
        there = phase == CENTRE
        if phase == SEARCH:
            if value == -np.inf:
                start_field(structure, t, s)
            best = w[STATE, VALUE]
            index += 1
            if not learn(w, value) or index == MOST_VISITS:
                phase = CENTRE if w[STATE, VALUE] > -np.inf else LOST
                there = phase == CENTRE and value > -np.inf and at_best(w)
            elif w[STATE, VALUE] == value and value > best:
                follow(structure, t, s, w[BEST], w[TRIAL])
        if there:
            w[STATE, VALUE] = value
            w[STATE, LENGTH] = 1.0
            w[STATE, HALVINGS] = 0.0
            expected = second_order(t, s, r)
            if len(draws.ratio) > 0:
                sums[CHECKS, 3] = hours_khat(structure, t, s, draws, r)
            respond(structure, t, s, w[BEST])
            keep_moments(structure, t, s, visits, 0)
            phase, index = SLOPES, 0
        elif phase == SLOPES:
            learn_slope(w, index, value, sums)
            index += 1
            if value == -np.inf or (index == d and not shape_theta(w, sums)):
                phase = LOST
            elif index == d:
                keep_slopes(w, SLOPE, visits.visit[0])
                phase, index = AXES, 2 * next_axis(structure, t, visits, w, 0, limits)
        elif phase == AXES:
            # far out, where the expansion fails, it may not decide
            correction = second_order(t, s, r) - expected
            value += min(max(correction, -MOST_CORRECTION), MOST_CORRECTION)
            if is_placed(w, value):
                keep_visit(visits, w, 1 + index, index // 2, value)
                keep_moments(structure, t, s, visits, 1 + index)
                index += 1
                if index % 2 == 0:
                    visited += 1
                    shape_axis(structure, visits, w, index // 2 - 1)
                    index = 2 * next_axis(structure, t, visits, w, index // 2, limits)
        if phase == AXES and index == 2 * d:
            phase = DONE
    if phase == DONE:
        sums[CHECKS, 2] = 1.0 if visited == d else 0.0
        mix(structure, t, s, visits, rule, w, nodes, sums)
    return phase
