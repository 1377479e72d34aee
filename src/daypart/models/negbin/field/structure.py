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

import math
from typing import NamedTuple

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import (
    F1,
    F2,
    I1,
    I2,
    FloatCube,
    FloatMatrix,
    FloatVector,
    IntMatrix,
    IntVector,
)

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
    centre: FloatVector
    """Where theta is expected, beside its half-normal prior: what partitions like it have."""
    pull: FloatVector
    """Precision of that expectation, 0 for none."""
    width: int = 24
    """Nodes of a segment: loops whose length the compiler knows are not made vector loops."""


class Series(NamedTuple):
    """One partition laid out on the weeks x hours table (buffers may be longer than used)."""

    weeks: int
    effects: int
    events: int
    counts: FloatMatrix
    exposure: FloatMatrix
    """0 in a missing hour, which leaves it out of every sum."""
    event: IntMatrix
    """Rows: week, hour of week and effect of each event of each cell; those of a cell together."""
    over: FloatVector
    """Cells with a count above 0, 1, 2, ..."""
    large: FloatVector
    """The counts beyond the length of `over`."""
    large_total: int


# Rows of the scratch's arrays. A point of the field is its tree effects, their path sums, and
# the dense coordinates; STEP, LAMBDA and RHS are such points too.
POINT, STEP, LAMBDA, RHS, START = 0, 1, 2, 3, 4
INVERSE_DIAGONAL, WEEK_WEIGHT = 5, 6
PATH, STEP_PATH, LAMBDA_PATH, WEIGHT, PIVOT, KEEP, OWN, CARRY, VARIANCE = range(5, 14)
INVERSE, SHARED, ACROSS = range(14, 17)
NODE_ROWS = 17
MEAN, SHRINK, RESIDUAL, TABLE_VARIANCE, THIRD = range(5)
CROSS, SCALED, LOAD, SPREAD = range(4)
SCHUR, WORK, COV = range(3)


class Scratch(NamedTuple):
    """Everything that a fit writes to, for N tree nodes (padded) and m dense coordinates.

    Rows are named above: WEIGHT is R, PIVOT D, INVERSE 1 / D and KEEP f of `elimination`; OWN the
    variance of a path given the dense coordinates, SHARED what these add to it, ACROSS their part
    of its covariance with the parent's path, VARIANCE that of a node's effect; MEAN is mu, SHRINK
    1 / (1 + mu / phi), RESIDUAL the slope of the log likelihood in log mu; CROSS the Hessian
    between dense coordinates and nodes, SCALED that over D, LOAD minus the slope of a path in
    the dense coordinates, SPREAD their covariance times LOAD; SCHUR what the elimination leaves of
    the Hessian, and then its factor, INVERSE_DIAGONAL 1 / that one's diagonal; WEEK_WEIGHT the
    curvature of each week.
    """

    node: FloatMatrix  # [NODE_ROWS, N]
    dense: FloatMatrix  # [7, m], rows as the first five of `node`, and the two above
    table: FloatCube  # [5, weeks, 168]
    load: FloatCube  # [4, m, N]
    square: FloatCube  # [3, m, m]
    line: FloatMatrix  # [2, max(N, m)]
    large: FloatMatrix  # [2, large counts]
    scales: FloatMatrix  # [2, levels + 1]: precisions of the levels and weeks; sums of squares
    response: FloatMatrix  # [2 d, N]: slopes in theta of the mode's tree effects, then of paths
    response_dense: FloatMatrix  # [d, m]


def padded_nodes(segments: int) -> int:
    """Return how many nodes a row has room for: whole runs of vector instructions."""
    return -(-(24 * segments + 1) // 8) * 8


def make_scratch(weeks: int, effects: int, segments: int, levels: int, large: int) -> Scratch:
    """Allocate what one thread needs for partitions of up to so many weeks and effects."""
    d = levels + 2
    m = weeks + effects
    m += -m % 8  # kernels take four rows at a time, and eight columns
    nodes = padded_nodes(segments)
    return Scratch(
        node=np.zeros((NODE_ROWS, nodes)),
        dense=np.zeros((7, m)),
        table=np.zeros((5, weeks, HOURS)),
        load=np.zeros((4, m, nodes)),
        square=np.zeros((3, m, m)),
        line=np.zeros((2, max(nodes, m))),
        large=np.zeros((2, max(large, 1))),
        scales=np.zeros((2, levels + 1)),
        response=np.zeros((2 * d, nodes)),
        response_dense=np.zeros((d, m)),
    )


STRUCTURE = numba.types.NamedTuple(
    [I1, I1, numba.int64, F1, numba.float64, numba.float64, F1, F1, numba.int64], Structure
)
SERIES = numba.types.NamedTuple(
    [numba.int64, numba.int64, numba.int64, F2, F2, I2, F1, F1, numba.int64], Series
)
SCRATCH = numba.typeof(make_scratch(2, 0, 7, 1, 1))


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH)
def start_field(structure: Structure, t: Series, s: Scratch) -> None:
    """Put the point at the series' mean level, with every effect at 0."""
    total = 0.5
    exposure = 1e-300
    for k in range(t.weeks):
        for c in range(HOURS):
            total += t.counts[k, c]
            exposure += t.exposure[k, c]
    root = 24 * len(structure.parents)
    level = math.log(total / exposure)
    tree, path, dense = s.node[POINT], s.node[PATH], s.dense[POINT]
    for n in range(len(tree)):
        tree[n] = level if n == root else 0.0
        path[n] = level
    for i in range(t.weeks + t.effects):
        dense[i] = 0.0
