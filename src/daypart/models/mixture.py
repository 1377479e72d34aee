"""One partition's fit: climb to theta's mode, see how theta spreads there, mix over its nodes.

FAST takes theta as bent normal around its mode and the field's answer to it as linear; AUTO does so
too, but looks how the density falls along skewed axes. FULL visits 1 + 2 d axis and 2^d (d = 3) or
2^(d - 1) (d = 5) corner nodes of a degree-5 rule, at distance sqrt(d + 2) in standardised
coordinates; each axis is bent so that the density falls along it as a normal one would (visited
for that; FAST reads it off the skewness), and a node's weight is corrected by density over normal.
The tails of sparse series' scales need more nodes: those of a product rule
(`quadrature.product_rule`).

References
----------
Stroud (1971), Approximate calculation of multiple integrals, the rules for E_n^{r^2}.
Rue, Martino and Chopin (2009), section 6.5.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from daypart.models.axes import bend_by_skewness, bend_node, find_bend, place_node
from daypart.models.elimination import cholesky
from daypart.models.field import SCRATCH, SERIES, STRUCTURE, Scratch, Series, Structure, start_field
from daypart.models.kernels import F2, I1, FloatMatrix, IntVector, kernel
from daypart.models.khat import hours_khat
from daypart.models.marginal import log_posterior, second_order
from daypart.models.response import follow, jump, respond
from daypart.models.search import (
    BEST,
    CHANGE,
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
from daypart.models.start import guess_theta
from daypart.models.summary import CHECKS, add_field, add_fitted, add_uncertainty_of_theta

FAST, AUTO, FULL = range(3)
SEARCH, CENTRE, SLOPES, AXES, NODES, DONE, LOST = range(7)
"""Phases of a fit: the climb, back to the mode where it ended elsewhere, beside it for the
Hessian, the rule's axes, all of its nodes; the end, and the end without a posterior."""
MOST_CORRECTION = 1.0
"""How far the expansion's next term may move a node's log density against the centre's."""
LOST_DIGITS = 1e11
"""A log density beyond this has too few digits left for a third difference."""


@kernel(numba.int64, STRUCTURE, F2, numba.int64, numba.boolean, numba.int64)
def next_axis(structure: Structure, w: FloatMatrix, visit: int, full: bool, inference: int) -> int:
    """Return which visit to the axes comes next, and bend those passed over by their skewness.

    The third derivative at the mode says little of where a skewed density ends.
    """
    bends = w[VECTORS + 5 * w.shape[1] :]
    while visit < 2 * w.shape[1]:
        if full or (inference == AUTO and abs(bends[0, visit // 2]) > structure.bent[visit // 2]):
            break
        bend_by_skewness(w, visit // 2)
        visit += 2
    return visit


@kernel(numba.float64, F2, numba.int64)
def slope_width(w: FloatMatrix, i: int) -> float:
    """Return how far beside the mode the slope is taken along coordinate i."""
    return 0.5 * math.sqrt(min(max(w[VECTORS + i, i], 1e-5), 0.02))


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, numba.int64, numba.int64, F2, F2, F2)
def aim(
    structure: Structure,
    t: Series,
    s: Scratch,
    phase: int,
    index: int,
    rule: FloatMatrix,
    fine: FloatMatrix,
    w: FloatMatrix,
) -> None:
    """Set TRIAL, and the field to where its mode should be, for one visit of a phase."""
    d = w.shape[1]
    centre, trial = w[BEST], w[TRIAL]
    if phase == SEARCH:  # `learn` has set it
        return
    for i in range(d):
        trial[i] = centre[i]
    if phase == CENTRE:
        return
    if phase == SLOPES:
        trial[index] += slope_width(w, index)
        if trial[index] > HIGHEST:
            trial[index] -= 2.0 * slope_width(w, index)
    else:
        root, bends = w[VECTORS + 4 * d : VECTORS + 5 * d], w[VECTORS + 5 * d :]
        if phase == AXES:
            bends[0, index // 2] = 0.0
            bends[1, index // 2] = 1.0
        z = rule[index + 1, 1:] if phase == AXES else fine[index, 1:]
        w[STATE, LENGTH] = bend_node(bends, z, w[DIRECTION])
        place_node(w[DIRECTION], centre, root, trial)
    jump(structure, t, s, trial, centre)


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
        deviation = math.sqrt(covariance[i, i])
        sums[CHECKS, 0] = max(sums[CHECKS, 0], abs(offset) / deviation)
        w[CHANGE, i] = min(max(offset, -deviation), deviation)
    return True


@kernel(numba.boolean, STRUCTURE, SERIES, SCRATCH, F2, F2, F2, F2)
def finish_fast(
    structure: Structure,
    t: Series,
    s: Scratch,
    rule: FloatMatrix,
    w: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
) -> bool:
    """Place the rule's nodes unvisited, by covariance and skewness; widen the field by them.

    CHANGE holds what a last Newton step in theta would add.
    """
    d = w.shape[1]
    covariance, room = w[VECTORS + d : VECTORS + 2 * d], w[VECTORS + 2 * d : VECTORS + 4 * d]
    root, bends = w[VECTORS + 4 * d : VECTORS + 5 * d], w[VECTORS + 5 * d :]
    centre, offset = w[SLOPE], w[CHANGE]
    for i in range(d):
        centre[i] = w[BEST, i] + offset[i]
        offset[i] = 0.0
        for j in range(d):
            covariance[i, j] = 0.0
    total = 0.0
    for node in range(len(rule)):
        energy = bend_node(bends, rule[node, 1:], w[DIRECTION])
        square = place_node(rule[node, 1:], centre, root, nodes[node, 1:])
        place_node(w[DIRECTION], centre, root, nodes[node, 1:])
        nodes[node, 0] = rule[node, 0] * math.exp(energy - 0.5 * square)
        total += nodes[node, 0]
    for node in range(len(rule)):
        nodes[node, 0] /= total
        for i in range(d):
            offset[i] += nodes[node, 0] * (nodes[node, 1 + i] - w[BEST, i])
    for node in range(len(rule)):
        for i in range(d):
            for j in range(d):
                one = nodes[node, 1 + i] - w[BEST, i] - offset[i]
                two = nodes[node, 1 + j] - w[BEST, j] - offset[j]
                covariance[i, j] += nodes[node, 0] * one * two
    if not cholesky(covariance, room, d):
        return False
    add_uncertainty_of_theta(structure, t, s, room[:d], offset, sums)
    return True


@kernel(numba.void, SERIES, SCRATCH)
def clear_fitted(t: Series, s: Scratch) -> None:
    """Set the sums over nodes of log mu to 0."""
    for k in range(t.weeks):
        for c in range(168):
            s.fitted[0, k, c] = 0.0
            s.fitted[1, k, c] = 0.0


@kernel(numba.int64, SERIES, SCRATCH, F2, F2, F2, F2)
def begin_nodes(
    t: Series,
    s: Scratch,
    rule: FloatMatrix,
    w: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
) -> int:
    """Begin the sums over a rule's nodes; return how many are done.

    The sums hold the field at the mode: where the rule's first node lies there, it is done.
    """
    here = 0.0
    for j in range(1, rule.shape[1]):
        here = max(here, abs(rule[0, j]))
    weight = rule[0, 0] if here == 0.0 else 0.0
    nodes[0, 0] = weight
    for i in range(w.shape[1]):
        nodes[0, 1 + i] = w[BEST, i]
    for i in range(CHECKS):
        for j in range(sums.shape[1]):
            sums[i, j] *= weight
    for k in range(t.weeks):
        for c in range(168):
            s.fitted[0, k, c] *= weight
            s.fitted[1, k, c] *= weight
    return 1 if weight > 0.0 else 0


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, numba.int64, numba.float64, F2, F2, F2, F2)
def learn_node(
    structure: Structure,
    t: Series,
    s: Scratch,
    node: int,
    value: float,
    rule: FloatMatrix,
    w: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
) -> None:
    """Take in one node of the rule; after the last, make the weights sum to 1."""
    excess = value - w[STATE, VALUE] + w[STATE, LENGTH]
    weight = rule[node, 0] * math.exp(min(excess, 5.0)) if value > -np.inf else 0.0
    nodes[node, 0] = weight
    for i in range(w.shape[1]):
        nodes[node, 1 + i] = w[TRIAL, i]
    add_field(structure, t, s, weight, sums)
    add_fitted(t, s, weight)
    if node + 1 == len(rule):
        total = 0.0
        for i in range(len(rule)):
            total += nodes[i, 0]
        for i in range(len(rule)):
            nodes[i, 0] /= total
        for i in range(CHECKS):
            for j in range(sums.shape[1]):
                sums[i, j] /= total
        for k in range(t.weeks):
            for c in range(168):
                s.fitted[0, k, c] /= total
                s.fitted[1, k, c] /= total


@kernel(
    numba.int64,
    *(STRUCTURE, SERIES, SCRATCH, numba.int64, numba.float64, F2, F2, F2, F2, F2, I1),
    door=True,
)
def fit_series(
    structure: Structure,
    t: Series,
    s: Scratch,
    inference: int,
    skewed: float,
    rule: FloatMatrix,
    fine: FloatMatrix,
    w: FloatMatrix,
    nodes: FloatMatrix,
    sums: FloatMatrix,
    steps: IntVector,
) -> int:
    """Fit one partition, searching from what its moments and theta = `w[TRIAL]` suggest.

    Parameters
    ----------
    inference : int
        FAST, AUTO or FULL.
    skewed : float
        AUTO integrates in full where a coordinate of theta is more skewed than this.
    rule : float64 array, shape (nodes, 1 + d)
        Weight and standardised coordinates: the centre, the axes (minus, plus), the corners.
    fine : float64 array, shape (nodes, 1 + d)
        The nodes that FULL visits: `rule`, or a finer one.
    w : float64 array, shape (VECTORS + 5 d + 2, d)
        The search's matrix; then theta's covariance, room, its root, the rule's bends.
    nodes : float64 array, shape (nodes of the longer rule, 1 + d)
        Receives weight and theta of each node: of `fine` where FULL was done, else of `rule`.
    sums : float64 array, shape (SUM_ROWS, columns)
        See `summary.add_field`; the row CHECKS receives the slope left at the mode (a Newton
        step in standard deviations), the largest skewness, 1 where FULL was done, and k-hat
        where the scratch has room for its draws.
    steps : int64 array, shape (2,)
        Newton steps and evaluations are added.

    Returns
    -------
    int
        DONE, or LOST where there was no posterior to be found.
    """
    axes = 2 * w.shape[1]
    for i in range(len(sums)):
        for j in range(sums.shape[1]):
            sums[i, j] = 0.0
    guess_theta(structure, t, s, w)
    begin_search(w)
    phase, index = SEARCH, 0
    expected = 0.0
    full = False
    while phase < DONE:
        aim(structure, t, s, phase, index, rule, fine, w)
        value = log_posterior(structure, t, s, w[TRIAL], w[TRIAL_SLOPE], steps)
        if phase >= AXES:
            correction = second_order(t, s, w[TRIAL, w.shape[1] - 1] ** 6.0) - expected
            # far out, where the expansion fails, it may not decide
            value += min(max(correction, -MOST_CORRECTION), MOST_CORRECTION)
        index += 1
        there = phase == CENTRE
        if phase == SEARCH:
            if value == -np.inf:
                start_field(structure, t, s)
            best = w[STATE, VALUE]
            if not learn(w, value) or index == MOST_VISITS:
                phase = CENTRE if w[STATE, VALUE] > -np.inf else LOST
                there = phase == CENTRE and value > -np.inf and at_best(w)
            elif w[STATE, VALUE] == value and value > best:
                follow(structure, t, s, w[BEST], w[TRIAL])
        if there:
            w[STATE, VALUE] = value
            expected = second_order(t, s, w[TRIAL, w.shape[1] - 1] ** 6.0)
            if len(s.ratio) > 0:
                sums[CHECKS, 3] = hours_khat(structure, t, s, w[TRIAL, w.shape[1] - 1] ** 6.0)
            respond(structure, t, s, w[BEST])
            add_field(structure, t, s, 1.0, sums)
            if inference != FAST:
                clear_fitted(t, s)
                add_fitted(t, s, 1.0)
            phase, index = SLOPES, 0
        elif phase == SLOPES:
            learn_slope(w, index - 1, value, sums)
            if value == -np.inf or (index == w.shape[1] and not shape_theta(w, sums)):
                phase = LOST
            elif index == w.shape[1]:
                lopsided = sums[CHECKS, 1] > skewed
                full = inference == FULL or (inference == AUTO and lopsided)
                phase, index = AXES, next_axis(structure, w, 0, full, inference)
                if index == axes:
                    phase = DONE
        elif phase == AXES:
            fall = w[STATE, VALUE] - value
            if index % 2 == 1:
                w[STATE, HALVINGS] = fall
            else:
                axis = index // 2 - 1
                distance = rule[index, 1 + axis]
                bends = w[VECTORS + 5 * w.shape[1] :]
                find_bend(bends, axis, distance, w[STATE, HALVINGS], fall)
                index = next_axis(structure, w, index, full, inference)
            if index == axes:
                if full:
                    phase, index = NODES, begin_nodes(t, s, fine, w, nodes, sums)
                else:
                    phase = DONE
        elif phase == NODES:
            learn_node(structure, t, s, index - 1, value, fine, w, nodes, sums)
            phase = DONE if index == len(fine) else NODES
            sums[CHECKS, 2] = 1.0
    if phase == DONE and sums[CHECKS, 2] == 0.0:
        phase = DONE if finish_fast(structure, t, s, rule, w, nodes, sums) else LOST
    return phase
