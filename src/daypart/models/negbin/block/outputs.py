"""What the fit of a block leaves: one row a partition, in arrays that are filled in place."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, I1, I2, FloatMatrix, FloatVector, IntMatrix, IntVector
from daypart.models.negbin.block.inputs import I16, PLACED, Placed
from daypart.models.negbin.changes.dead_runs import CLOSURE, MOST_RUNS, STEP
from daypart.models.negbin.changes.steps import MOST_STEPS
from daypart.models.negbin.checks.pit import PIT_COLUMNS
from daypart.models.negbin.field.structure import FIXED, STRUCTURE, Structure
from daypart.models.negbin.pooling.parents import EVENT_SD
from daypart.models.negbin.pooling.prior import POOLED, Pooled, week_of
from daypart.models.negbin.theta.workspace import (
    CHECKS,
    DENSE,
    DENSE_VARIANCE,
    HOUR,
    HOUR_VARIANCE,
    LEVEL,
)

OK, EMPTY, LONG, CONTRADICTED, SHORT, UNOBSERVED, LOST = range(7)
"""How a partition's fit ended."""

THETA_MEAN, THETA_SD, NATURAL_MEAN, NATURAL_SD = range(4)
WEIGHT, WEEK_SCALE, WALK_SCALE, INV_PHI = range(4)
CHECK_COLUMNS = 4

_F32_FLAT = numba.types.Array(numba.float32, 1, "C")
_F32_ROWS = numba.types.Array(numba.float32, 2, "C")
_F32_CUBE = numba.types.Array(numba.float32, 3, "C")
_F64_CUBE = numba.types.Array(numba.float64, 3, "C")
_I16_ROWS = numba.types.Array(numba.int16, 2, "C")


class Rows(NamedTuple):
    """The rows of a block; what lies beyond a partition's own length is undefined."""

    status: IntVector
    report: IntMatrix
    """[partitions, 6], see `layout.lay_out`."""
    hour_mean: np.ndarray
    """float32 [partitions, 168], as `hour_sd`."""
    hour_sd: np.ndarray
    level_sd: FloatVector
    week_start: IntVector
    """[partitions + 1]: where each partition's weeks start in `week_mean`."""
    week_mean: np.ndarray
    effects: IntVector
    effect: np.ndarray
    """int16 [partitions, effects]: numbers in the calendar, as `event_mean` and `event_sd`."""
    event_mean: np.ndarray
    event_sd: np.ndarray
    nodes: IntVector
    node: np.ndarray
    """float32 [4, partitions, nodes]: WEIGHT, WEEK_SCALE, WALK_SCALE, INV_PHI."""
    hyper: np.ndarray
    """float64 [4, partitions, hyperparameters]: theta's mean and sd, then the natural scale's."""
    steps: IntMatrix
    """[partitions, 2]: Newton steps, evaluations."""
    checks: FloatMatrix
    """[partitions, 4]: gradient, skewness, 1 where integrated in full, k-hat."""
    pit: FloatMatrix
    parents: IntVector
    parent: IntMatrix
    """[partitions, most]: rows of `pooled.Pooled` that the prior was taken from."""
    history: IntVector
    """Weeks that the fit used, the last ones."""
    changes: IntVector
    change: np.ndarray
    """float64 [partitions, MOST_CHANGES, 4]: kind (see `changes.dead_runs`), first hour and end on
    the weeks x hours table, and size in log mu; NaN where it has none."""


ROWS = numba.types.NamedTuple(
    [
        *(I1, I2, _F32_ROWS, _F32_ROWS, F1, I1, _F32_FLAT),
        *(I1, _I16_ROWS, _F32_ROWS, _F32_ROWS, I1, _F32_CUBE, _F64_CUBE),
        *(I2, F2, F2, I1, I2, I1, I1, _F64_CUBE),
    ],
    Rows,
)


def make_rows(placed: Placed, pooled: Pooled, *, effects: int, nodes: int, dimensions: int) -> Rows:
    """Allocate the rows of a block."""
    n = len(placed.clock)
    ends = placed.clock_start[1:]
    weeks = np.zeros(len(ends), np.int64)
    some = ends > placed.clock_start[:-1]
    weeks[some] = placed.week[ends[some] - 1].astype(np.int64) + 1
    starts = np.concatenate([[0], np.cumsum(weeks[placed.clock])]).astype(np.int64)
    return Rows(
        status=np.zeros(n, np.int64),
        report=np.zeros((n, 6), np.int64),
        hour_mean=np.zeros((n, 168), np.float32),
        hour_sd=np.zeros((n, 168), np.float32),
        level_sd=np.zeros(n),
        week_start=starts,
        week_mean=np.zeros(int(starts[-1]), np.float32),
        effects=np.zeros(n, np.int64),
        effect=np.zeros((n, effects), np.int16),
        event_mean=np.zeros((n, effects), np.float32),
        event_sd=np.zeros((n, effects), np.float32),
        nodes=np.zeros(n, np.int64),
        node=np.zeros((4, n, nodes), np.float32),
        hyper=np.zeros((4, n, dimensions)),
        steps=np.zeros((n, 2), np.int64),
        checks=np.zeros((n, CHECK_COLUMNS)),
        pit=np.zeros((n, len(PIT_COLUMNS))),
        parents=np.zeros(n, np.int64),
        parent=np.zeros((n, pooled.candidate.shape[1]), np.int64),
        history=np.zeros(n, np.int64),
        changes=np.zeros(n, np.int64),
        change=np.full((n, MOST_RUNS + MOST_STEPS, 4), np.nan),
    )


@kernel(numba.float64, numba.float64, numba.boolean, inline=True)
def natural_of(theta: float, is_dispersion: bool) -> float:
    """Return the scale, or 1 / size, that a coordinate of theta stands for."""
    cube = theta * theta * theta
    return cube * cube if is_dispersion else cube


@kernel(numba.void, STRUCTURE, ROWS, numba.int64, F2, numba.int64)
def write_scales(structure: Structure, rows: Rows, i: int, nodes: FloatMatrix, used: int) -> None:
    """Write a partition's nodes, and the moments of theta and of its natural scale over them."""
    d = nodes.shape[1] - 1
    rows.nodes[i] = used
    for node in range(used):
        rows.node[WEIGHT, i, node] = nodes[node, 0]
        rows.node[WEEK_SCALE, i, node] = nodes[node, 1 + structure.week_scale] ** 3
        if structure.walk_scale != FIXED:
            rows.node[WALK_SCALE, i, node] = nodes[node, 1 + structure.walk_scale] ** 3
        rows.node[INV_PHI, i, node] = nodes[node, d] ** 6
    for j in range(d):
        theta = 0.0
        natural = 0.0
        theta_square = 0.0
        natural_square = 0.0
        for node in range(used):
            theta += nodes[node, 0] * nodes[node, 1 + j]
            natural += nodes[node, 0] * natural_of(nodes[node, 1 + j], j == d - 1)
        for node in range(used):
            away = natural_of(nodes[node, 1 + j], j == d - 1) - natural
            theta_square += nodes[node, 0] * (nodes[node, 1 + j] - theta) ** 2
            natural_square += nodes[node, 0] * away * away
        rows.hyper[THETA_MEAN, i, j] = theta
        rows.hyper[THETA_SD, i, j] = math.sqrt(max(theta_square, 0.0))
        rows.hyper[NATURAL_MEAN, i, j] = natural
        rows.hyper[NATURAL_SD, i, j] = math.sqrt(max(natural_square, 0.0))


@kernel(numba.void, ROWS, numba.int64, PLACED)
def write_dead_runs(rows: Rows, i: int, placed: Placed) -> None:
    """Write a partition's dead runs, on its weeks x hours table."""
    first = placed.clock_start[placed.clock[i]]
    rows.changes[i] = placed.runs[i]
    for run in range(placed.runs[i]):
        start, last = first + placed.run[i, run, 1], first + placed.run[i, run, 2] - 1
        change = rows.change[i, run]
        change[0] = placed.run[i, run, 0]
        change[1] = placed.week[start] * 168 + placed.hour_of_week[start]
        change[2] = placed.week[last] * 168 + placed.hour_of_week[last] + 1


@kernel(numba.void, ROWS, numba.int64, F2, numba.int64)
def write_steps(rows: Rows, i: int, steps: FloatMatrix, number: int) -> None:
    """Write a partition's steps; that of a closure has its size, and is none beside it.

    The weeks before a step get back what was taken off.
    """
    start = rows.week_start[i]
    for step in range(number):
        place, size = int(steps[step, 0]), steps[step, 1]
        for k in range(place):
            rows.week_mean[start + k] -= size
        known = rows.changes[i]
        for change in range(rows.changes[i]):
            closed = rows.change[i, change, 0] == CLOSURE
            if closed and (place + 1) * 168 > rows.change[i, change, 1]:
                known = change
        if known == rows.changes[i]:
            rows.changes[i] += 1
            rows.change[i, known, 0] = STEP
            rows.change[i, known, 1] = place * 168
        rows.change[i, known, 3] = size


@kernel(numba.void, ROWS, numba.int64, F2, I16)
def write_field(rows: Rows, i: int, sums: FloatMatrix, effect: np.ndarray) -> None:
    """Write a partition's posterior of hours, weeks and events; `effect` numbers its events."""
    start = rows.week_start[i]
    weeks = rows.week_start[i + 1] - start
    for c in range(168):
        rows.hour_mean[i, c] = sums[HOUR, c]
        rows.hour_sd[i, c] = math.sqrt(sums[HOUR_VARIANCE, c])
    rows.level_sd[i] = math.sqrt(sums[LEVEL, 1])
    for k in range(weeks):
        rows.week_mean[start + k] = sums[DENSE, k]
    rows.effects[i] = len(effect)
    for j in range(len(effect)):
        place = weeks + j
        rows.effect[i, j] = effect[j]
        rows.event_mean[i, j] = sums[DENSE, place]
        rows.event_sd[i, j] = math.sqrt(sums[DENSE_VARIANCE, place])
    for j in range(CHECK_COLUMNS):
        rows.checks[i, j] = sums[CHECKS, j]


@kernel(numba.void, STRUCTURE, ROWS, numba.int64, F2, I16, POOLED, I1, numba.int64)
def write_field_with_prior(
    structure: Structure,
    rows: Rows,
    i: int,
    sums: FloatMatrix,
    effect: np.ndarray,
    pooled: Pooled,
    chosen: IntVector,
    monday: int,
) -> None:
    """Write the sum of the parents' effects and of a partition's deviations from them."""
    write_field(rows, i, sums, effect)
    start = rows.week_start[i]
    weeks = rows.week_start[i + 1] - start
    shift = (monday - pooled.first_monday[chosen[0]]) // 7
    rows.parents[i] = len(chosen)
    origin = 0.0
    for place in range(len(chosen)):
        rows.parent[i, place] = chosen[place]
        origin += pooled.origin[chosen[place]]
    for c in range(168):
        mean = sums[HOUR, c] + origin
        variance = sums[HOUR_VARIANCE, c]
        for place in range(len(chosen)):
            mean += pooled.profile[chosen[place], c]
            variance += pooled.profile_variance[chosen[place], c]
        rows.hour_mean[i, c] = mean
        rows.hour_sd[i, c] = math.sqrt(variance)
    for k in range(weeks):
        rows.week_mean[start + k] = sums[DENSE, k] + week_of(pooled, chosen, k + shift)
    every = pooled.event_mean.shape[1]
    rows.effects[i] = every
    for j in range(every):
        mean = 0.0
        for place in range(len(chosen)):
            mean += pooled.event_mean[chosen[place], j]
        rows.effect[i, j] = j
        rows.event_mean[i, j] = mean
        scale = structure.effect_scales[j]
        spread, error = rows.hyper[NATURAL_MEAN, i, scale], rows.hyper[NATURAL_SD, i, scale]
        learnt = math.sqrt(spread * spread + error * error)
        rows.event_sd[i, j] = EVENT_SD if scale == FIXED else learnt
    for j in range(len(effect)):
        place = weeks + j
        rows.event_mean[i, effect[j]] += sums[DENSE, place]
        rows.event_sd[i, effect[j]] = math.sqrt(sums[DENSE_VARIANCE, place])
