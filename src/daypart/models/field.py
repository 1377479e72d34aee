"""What the latent-field kernels work on: one partition's table, the hour tree, the scratch.

The log mean of week k and hour of week c is

    log mu[k, c] = log exposure + path[c] + week[k] + effect of the cell's event

where path[c] sums the effects from the tree's root (the level) down to cell c. The tree is laid
out in segments of 24 nodes, children before parents, the root alone at the end:

    crossed                cells (7 segments, a day each) -> level
    audience default       cells -> day type at that hour (3 segments) -> hour of day (1) -> level

Weeks and event effects are the dense part, of size m = weeks + effects.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from daypart.models.kernels import F1, F2, I1, FloatMatrix, FloatVector, IntVector

HOURS = 168
ROOT = -1
"""The parent of a segment whose nodes hang directly under the level."""

CROSSED_PARENTS = np.full(7, ROOT, dtype=np.int64)
CROSSED_LEVELS = np.zeros(7, dtype=np.int64)
DAY_TYPE_PARENTS = np.array([7, 7, 7, 7, 7, 8, 9, 10, 10, 10, ROOT], dtype=np.int64)
DAY_TYPE_LEVELS = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2], dtype=np.int64)


class Structure(NamedTuple):
    """The model's shape and fixed priors, the same for all partitions."""

    parents: IntVector
    """Parent segment of each segment, or ROOT."""
    levels: IntVector
    """Which scale the segment's effects have."""
    walk: int
    """1 where weeks are a random walk of order one, 0 where they are independent."""
    hyper_scales: FloatVector
    """Half-normal scales of the hyperparameters: one per level, week scale, tau."""
    level_precision: float
    event_precision: float


class Series(NamedTuple):
    """One partition laid out on the weeks x hours table (buffers may be longer than used)."""

    weeks: int
    effects: int
    events: int
    counts: FloatMatrix
    exposure: FloatMatrix
    """0 in a missing hour, which leaves it out of every sum."""
    event_week: IntVector
    event_hour: IntVector
    event_effect: IntVector
    over: FloatVector
    """Cells with a count above 0, 1, 2, ..."""
    large: FloatVector
    """The counts beyond the length of `over`."""
    large_total: int


class Scratch(NamedTuple):
    """Everything that a fit writes to. N nodes, m dense coordinates."""

    tree: FloatVector  # [N] effects of the nodes at the current point
    dense: FloatVector  # [m] weeks, then events
    path: FloatVector  # [N] sums from the root
    mean: FloatMatrix  # [weeks, 168] mu
    shrink: FloatMatrix  # [weeks, 168] 1 / (1 + mu / phi)
    residual: FloatMatrix  # [weeks, 168] slope of the log likelihood in log mu
    row: FloatVector  # [168]
    row_log: FloatVector  # [168]
    cross: FloatMatrix  # [m, N] Hessian between dense coordinates and nodes, reduced
    scaled: FloatMatrix  # [m, N] cross / pivot
    load: FloatMatrix  # [m, N] minus the slope of a path in the dense coordinates
    spread: FloatMatrix  # [m, N] covariance @ load
    weight: FloatVector  # [N] reduced weight R
    pivot: FloatVector  # [N] D
    keep: FloatVector  # [N] share f of its parent's path that a path keeps
    own: FloatVector  # [N] variance of a path given the dense coordinates
    schur: FloatMatrix  # [m, m]
    chol: FloatMatrix  # [m, m]
    cov: FloatMatrix  # [m, m]
    rhs_tree: FloatVector
    rhs_dense: FloatVector
    carry: FloatVector
    step_tree: FloatVector
    step_dense: FloatVector
    step_path: FloatVector
    lam_tree: FloatVector
    lam_dense: FloatVector
    lam_path: FloatVector
    variance: FloatMatrix  # [weeks, 168] variance of log mu at given scales
    third: FloatMatrix  # [weeks, 168] third derivative times variance
    node_variance: FloatVector  # [N]
    large_row: FloatVector
    large_log: FloatVector
    precisions: FloatVector  # one per level of the tree, then the weeks'
    squares: FloatVector


def make_scratch(weeks: int, effects: int, segments: int, levels: int, large: int) -> Scratch:
    """Allocate what one thread needs for partitions of up to so many weeks and effects."""
    m = weeks + effects
    nodes = 24 * segments + 8

    def f1(length: int) -> FloatVector:
        return np.zeros(length)

    def f2(rows: int, columns: int) -> FloatMatrix:
        return np.zeros((rows, columns))

    return Scratch(
        tree=f1(nodes),
        dense=f1(m),
        path=f1(nodes),
        mean=f2(weeks, HOURS),
        shrink=f2(weeks, HOURS),
        residual=f2(weeks, HOURS),
        row=f1(max(nodes, m)),
        row_log=f1(max(nodes, m)),
        cross=f2(m, nodes),
        scaled=f2(m, nodes),
        load=f2(m, nodes),
        spread=f2(m, nodes),
        weight=f1(nodes),
        pivot=f1(nodes),
        keep=f1(nodes),
        own=f1(nodes),
        schur=f2(m, m),
        chol=f2(m, m),
        cov=f2(m, m),
        rhs_tree=f1(nodes),
        rhs_dense=f1(m),
        carry=f1(nodes),
        step_tree=f1(nodes),
        step_dense=f1(m),
        step_path=f1(nodes),
        lam_tree=f1(nodes),
        lam_dense=f1(m),
        lam_path=f1(nodes),
        variance=f2(weeks, HOURS),
        third=f2(weeks, HOURS),
        node_variance=f1(nodes),
        large_row=f1(max(large, 1)),
        large_log=f1(max(large, 1)),
        precisions=f1(levels + 1),
        squares=f1(levels + 1),
    )


STRUCTURE = numba.types.NamedTuple(
    [I1, I1, numba.int64, F1, numba.float64, numba.float64], Structure
)
SERIES = numba.types.NamedTuple(
    [numba.int64, numba.int64, numba.int64, F2, F2, I1, I1, I1, F1, F1, numba.int64], Series
)
SCRATCH = numba.typeof(make_scratch(2, 0, 7, 1, 1))
