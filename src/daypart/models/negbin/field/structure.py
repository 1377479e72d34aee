"""What the latent-field kernels work on: one partition's table, the hour tree, the scratch.

The log mean of week k and hour of week c is

    log mu[k, c] = log exposure + path[c] + week[k] + effect of the cell's event

where path[c] sums the effects from the tree's root (the level) down to cell c. The tree is laid
out in segments of `width` nodes (24 hours), children before parents, the root alone at the end:

    crossed                cells (7 segments, a day each) -> level
    audience default       cells -> day type at that hour (3 segments) -> hour of day (1) -> level

Weeks and event effects are the dense part, of size m = weeks + effects.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from daypart.models.jit.aligned import aligned_zeros
from daypart.models.jit.compile import kernel
from daypart.models.jit.types import (
    F1,
    F2,
    I1,
    I2,
    FloatMatrix,
    FloatVector,
    IntMatrix,
    IntVector,
    unsigned,
)

HISTOGRAM = 64
"""Counts up to this are summed from a histogram, the rest one by one."""
ROOT = -1
"""The parent of a segment whose nodes hang directly under the level."""
FIXED = -1
"""In place of a coordinate of theta: the effect's scale is fixed, not learnt."""

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
    hyper_scales: FloatVector
    """Half-normal scales of the hyperparameters: levels, weeks, effects' scales, tau."""
    week_scale: int
    """Coordinate of theta that is the scale of the weeks' shocks: after those of the levels."""
    walk_scale: int
    """The one that is the scale of the walk under the weeks, or FIXED where they have none."""
    effect_scales: IntVector
    """Of each of the calendar's effects: the coordinate of theta that is its scale, or FIXED."""
    level_precision: float
    event_precision: float
    centre: FloatVector
    """Where theta is expected, beside its half-normal prior: what partitions like it have."""
    pull: FloatVector
    """Precision of that expectation, 0 for none."""
    width: int = 24
    """Nodes of a segment: the steps of a season, such as the hours of a day."""
    cells: int = 168
    """Cells of a week (of a period that repeats): those of the segments at level 0."""


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
    scales: IntVector
    """The coordinate of theta that is each effect's scale, or FIXED; see `design`."""
    over: FloatVector
    """Cells with a count above 0, 1, 2, ..."""
    large: FloatVector
    """The counts beyond the length of `over`."""
    large_total: int


class Field(NamedTuple):
    """A vector of the field: a point, a step, or a slope."""

    tree: FloatVector  # [N] effects of the tree's nodes
    path: FloatVector  # [N] sums of these from the root down to each node
    dense: FloatVector  # [m] weeks, then events


class Newton(NamedTuple):
    """One Newton step: the energy's slope and Hessian at the point, and its factorisation."""

    point: Field
    step: Field
    rhs: Field
    mean: FloatMatrix  # [weeks, cells] mu
    shrink: FloatMatrix  # [weeks, cells] q = 1 / (1 + r mu)
    residual: FloatMatrix  # [weeks, cells] slope of the log likelihood in log mu
    weight: FloatVector  # [N] R: curvature summed over weeks, then over what is below a node
    week_weight: FloatVector  # [m] curvature summed over a week's cells
    pivot: FloatVector  # [N] D = R + prior precision
    inverse: FloatVector  # [N] 1 / D
    keep: FloatVector  # [N] f = 1 - R / D
    carry: FloatVector  # [N] what a solution takes up the tree
    cross: FloatMatrix  # [m, N] V: Hessian between dense coordinates and nodes
    scaled: FloatMatrix  # [m, N] V / D
    schur: FloatMatrix  # [m, m] the dense part less V V' / D, then its Cholesky factor
    inverse_diagonal: FloatVector  # [m] 1 / the factor's diagonal
    precisions: FloatVector  # [d - 1] of the effects that have each scale of theta
    squares: FloatVector  # [d - 1] sums of squares of the same


class WeekPrior(NamedTuple):
    """The prior of the weeks at given scales; see `weeks`. K is the number of weeks."""

    cosine: FloatMatrix  # [K + 1, K] of the walk's eigenvectors, for `length` weeks
    eigenvalue: FloatVector  # [K]
    length: FloatVector  # [1]
    sums: FloatMatrix  # [4, K + 1] weighted sums of the cosines
    precision: FloatMatrix  # [K, K] Q, padded as the dense block
    squared: FloatMatrix  # [K, K] Q Q
    origin: FloatVector  # [K] E[last level of the walk | weeks w] = origin' w
    turn: FloatVector  # [K] slope of `origin` in log walk scale, halved
    scalars: FloatVector  # [3] log |Q|, trace Q, variance of the last level given the weeks


class FieldCovariance(NamedTuple):
    """Covariances of the field at its mode, given theta: path = -load' x + N(0, own)."""

    own: FloatVector  # [N] variance of a path given the dense coordinates x
    shared: FloatVector  # [N] variance that these add to a path
    across: FloatVector  # [N] their part of a path's covariance with its parent's path
    effect: FloatVector  # [N] variance of a node's effect
    load: FloatMatrix  # [m, N] minus the slope of a path in the dense coordinates
    spread: FloatMatrix  # [m, N] dense load
    dense: FloatMatrix  # [m, m] covariance of the dense coordinates
    work: FloatMatrix  # [m, m]
    cell: FloatMatrix  # [weeks, cells] variance of log mu


class Adjoint(NamedTuple):
    """The adjoint solve: lambda = H^-1 Z' third."""

    solution: Field
    third: FloatMatrix  # [weeks, cells] derivative of the curvature in log mu, times variance


class ModeDerivative(NamedTuple):
    """The field's mode at theta's mode, and its implicit derivative in each coordinate of theta."""

    mode: Field
    tree: FloatMatrix  # [d, N]
    path: FloatMatrix  # [d, N]
    dense: FloatMatrix  # [d, m]
    origin: FloatVector  # [d] of the level that forecasts start from


class Scratch(NamedTuple):
    """Everything that the kernels of the field write to, by the step that owns it.

    N is the number of tree nodes and m that of dense coordinates, both padded to a multiple of 8.
    """

    newton: Newton
    weeks: WeekPrior
    covariance: FieldCovariance
    adjoint: Adjoint
    derivative: ModeDerivative
    values: FloatVector  # [max(N, m, HISTOGRAM)] numbers whose logarithms are taken
    logs: FloatVector
    large_values: FloatVector  # [large counts] the same for counts beyond the histogram
    large_logs: FloatVector


def make_scratch(structure: Structure, weeks: int, effects: int, large: int) -> Scratch:
    """Allocate what one thread needs for partitions of a structure.

    Parameters
    ----------
    structure : Structure
    weeks, effects, large : int
        The most weeks, effects of events, and counts beyond the histogram, of a partition.

    Returns
    -------
    Scratch
    """
    d = len(structure.hyper_scales)
    nodes = structure.width * len(structure.parents) + 1
    nodes += -nodes % 8  # whole runs of vector instructions
    m = weeks + effects
    m += -m % 8  # kernels take four rows at a time, and eight columns
    node, dense, scale, line = (nodes,), (m,), (d - 1,), max(nodes, m, HISTOGRAM)
    table, load, square = (weeks, structure.cells), (m, nodes), (m, m)

    def arrays(*shapes: tuple[int, ...]) -> list[FloatMatrix]:
        return [aligned_zeros(shape) for shape in shapes]

    def field() -> Field:
        return Field(*arrays(node, node, dense))

    return Scratch(
        Newton(
            field(),
            field(),
            field(),
            *arrays(table, table, table, node, dense, node, node, node, node),
            *arrays(load, load, square, dense, scale, scale),
        ),
        WeekPrior(
            *arrays((weeks + 1, weeks), (weeks,), (1,), (4, weeks + 1)),
            *arrays(square, square, dense, dense, (3,)),
        ),
        FieldCovariance(*arrays(node, node, node, node, load, load, square, square, table)),
        Adjoint(field(), *arrays(table)),
        ModeDerivative(field(), *arrays((d, nodes), (d, nodes), (d, m), (d,))),
        *arrays((line,), (line,), (max(large, 1),), (max(large, 1),)),
    )


STRUCTURE = numba.types.NamedTuple(
    [
        *(I1, I1, F1, numba.int64, numba.int64, I1, numba.float64, numba.float64),
        *(F1, F1, numba.int64, numba.int64),
    ],
    Structure,
)
SERIES = numba.types.NamedTuple(
    [numba.int64, numba.int64, numba.int64, F2, F2, I2, I1, F1, F1, numba.int64], Series
)
SCRATCH = numba.typeof(
    make_scratch(
        Structure(
            parents=CROSSED_PARENTS,
            levels=CROSSED_LEVELS,
            hyper_scales=np.ones(3),
            week_scale=1,
            walk_scale=FIXED,
            effect_scales=np.zeros(0, np.int64),
            level_precision=1.0,
            event_precision=1.0,
            centre=np.zeros(3),
            pull=np.zeros(3),
        ),
        weeks=2,
        effects=0,
        large=1,
    )
)


@kernel(numba.float64, STRUCTURE, numba.int64)
def effects_of_level(structure: Structure, level: int) -> float:
    """Return how many effects share a scale."""
    count = 0.0
    for segment in range(len(structure.levels)):
        count += structure.width if structure.levels[segment] == level else 0.0
    return count


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH)
def start_field(structure: Structure, t: Series, s: Scratch) -> None:
    """Put the point at the series' mean level, with every effect at 0."""
    cells = unsigned(structure.cells)
    total = 0.5
    exposure = 1e-300
    for k in range(t.weeks):
        for c in range(cells):
            total += t.counts[k, c]
            exposure += t.exposure[k, c]
    root = structure.width * len(structure.parents)
    level = math.log(total / exposure)
    tree, path, dense = s.newton.point.tree, s.newton.point.path, s.newton.point.dense
    for n in range(len(tree)):
        tree[n] = level if n == root else 0.0
        path[n] = level
    for i in range(t.weeks + t.effects):
        dense[i] = 0.0
