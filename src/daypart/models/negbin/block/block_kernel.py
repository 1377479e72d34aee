"""The kernel of a block: one partition after the other is laid out, fitted and written down."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from daypart.models.jit.compile import kernel, linked
from daypart.models.jit.types import F1, F2, I1, I2, FloatMatrix, FloatVector, IntMatrix, IntVector
from daypart.models.negbin.block import layout
from daypart.models.negbin.block.inputs import PLACED, Placed
from daypart.models.negbin.block.layout import count_sizes
from daypart.models.negbin.block.outputs import (
    CONTRADICTED,
    EMPTY,
    LONG,
    LOST,
    OK,
    ROWS,
    SHORT,
    UNOBSERVED,
    Rows,
    write_dead_runs,
    write_field,
    write_field_with_prior,
    write_scales,
    write_steps,
)
from daypart.models.negbin.changes.recent import weeks_to_use
from daypart.models.negbin.changes.steps import MOST_STEPS, take_off_steps
from daypart.models.negbin.checks import pit as diagnostics
from daypart.models.negbin.checks.khat import DRAWN, Draws, make_draws
from daypart.models.negbin.checks.pit import PIT_HOURS
from daypart.models.negbin.configuration import FEWEST_WEEKS, MOST_WEEKS
from daypart.models.negbin.field.structure import (
    HISTOGRAM,
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
    make_scratch,
)
from daypart.models.negbin.pooling.parents import EVENT_SD
from daypart.models.negbin.pooling.prior import POOLED, Pooled, apply_prior, choose_parents
from daypart.models.negbin.theta import integrate
from daypart.models.negbin.theta.workspace import SUM_ROWS, THETA, Theta, make_theta

SPARSE_BELOW = 2.0
"""Mean count an hour under which a series is sparse."""


lay_out = linked(layout.lay_out)
fit_series = linked(integrate.fit_series)
pit_summary = linked(diagnostics.pit_summary)


class Buffers(NamedTuple):
    """What one thread fits in: each partition overwrites what the one before it left."""

    counts: FloatMatrix
    exposure: FloatMatrix
    offset: FloatMatrix
    """Log mean that the parents expect, [weeks, 168]."""
    over: FloatVector
    large: FloatVector
    places: IntMatrix
    """Week, hour and effect of each event; see `field.Series.event`."""
    scales: IntVector
    """Of each effect; see `field.Series.scales`."""
    nodes: FloatMatrix
    sums: FloatMatrix
    transforms: FloatVector
    """Room for the randomised transforms and for 168 hours."""
    steps: FloatMatrix
    """First week after each step, and its size."""
    scratch: Scratch
    theta: Theta
    draws: Draws


BUFFERS = numba.types.NamedTuple(
    [F2, F2, F2, F1, F1, I2, I1, F2, F2, F1, F2, SCRATCH, THETA, DRAWN], Buffers
)


def make_buffers(
    structure: Structure,
    *,
    weeks: int,
    hours: int,
    effects: int,
    pairs: int,
    nodes: int,
    khat: bool = False,
    fitted: bool = False,
) -> Buffers:
    """Allocate for partitions of up to so many weeks, hours, effects and pairs of event hours."""
    d = len(structure.hyper_scales)
    scratch = make_scratch(structure, weeks, effects, hours + 1)
    draws = make_draws(len(scratch.newton.pivot), wanted=khat)
    table = (weeks, 168)
    return Buffers(
        counts=np.zeros(table),
        exposure=np.zeros(table),
        offset=np.zeros(table),
        over=np.zeros(HISTOGRAM),
        large=np.zeros(hours + 1),
        places=np.zeros((3, pairs + 1), np.int64),
        scales=np.zeros(effects, np.int64),
        nodes=np.zeros((nodes, d + 1)),
        sums=np.zeros((SUM_ROWS, max(168, weeks + effects))),
        transforms=np.zeros(max(168, PIT_HOURS)),
        steps=np.zeros((MOST_STEPS, 2)),
        scratch=scratch,
        theta=make_theta(d, len(scratch.newton.rhs.dense), structure.cells, weeks if fitted else 0),
        draws=draws,
    )


@kernel(numba.boolean, F2, inline=True)
def all_finite(matrix: FloatMatrix) -> bool:
    """Tell whether a matrix holds neither infinities nor NaN."""
    for i in range(len(matrix)):
        for j in range(matrix.shape[1]):
            if not math.isfinite(matrix[i, j]):
                return False
    return True


@kernel(numba.int64, PLACED, numba.int64, BUFFERS, I1)
def lay_out_row(placed: Placed, i: int, b: Buffers, report: IntVector) -> int:
    """Fill the buffers' tables from a partition's series; return why it can't be fitted, or OK."""
    start, end = placed.count_start[i], placed.count_start[i + 1]
    if start == end:
        return EMPTY
    clock, members = placed.clock[i], placed.events[i]
    hours = slice(placed.clock_start[clock], placed.clock_start[clock + 1])
    weeks = placed.week[placed.clock_start[clock + 1] - 1] + 1
    if weeks > MOST_WEEKS:
        return LONG
    pairs = slice(placed.event_start[members], placed.event_start[members + 1])
    lay_out(
        placed.counts[start:end],
        placed.exposures[placed.exposure_start[i] : placed.exposure_start[i + 1]],
        placed.week[hours],
        placed.hour_of_week[hours],
        placed.event_hour[pairs],
        placed.event_effect[pairs],
        b.counts[:weeks],
        b.exposure[:weeks],
        b.over,
        b.large,
        b.places,
        report,
    )
    if report[layout.CONTRADICTED] > 0:
        return CONTRADICTED
    return OK if report[layout.OBSERVED] > 0 else UNOBSERVED


@kernel(SERIES, BUFFERS, numba.int64, numba.int64, I1)
def table_of(b: Buffers, weeks: int, effects: int, report: IntVector) -> Series:
    """Return the partition that the buffers hold."""
    events, large = report[layout.EVENTS], report[layout.LARGE]
    tables = b.counts, b.exposure, b.places, b.scales, b.over, b.large
    return Series(weeks, effects, events, *tables, large)


@kernel(numba.int64, SERIES, BUFFERS, I1)
def hide_old_weeks(table: Series, b: Buffers, report: IntVector) -> int:
    """Make weeks missing before those that are worth fitting; return the number of the latter."""
    used: int = weeks_to_use(table, b.scratch.logs, b.scratch.newton.mean)
    if used < table.weeks:
        for k in range(table.weeks - used):
            for c in range(table.counts.shape[1]):
                report[layout.OBSERVED] -= 1 if table.exposure[k, c] > 0.0 else 0
                report[layout.TOTAL] -= int(table.counts[k, c])
                table.counts[k, c] = 0.0
                table.exposure[k, c] = 0.0
        count_sizes(table.counts[: table.weeks], b.over, b.large, report)
    return used


@kernel(
    numba.int64,
    *(STRUCTURE, PLACED, POOLED, BUFFERS, F2, F2, F2, F1, numba.boolean, numba.int64, ROWS),
)
def fit_row(
    structure: Structure,
    placed: Placed,
    pooled: Pooled,
    b: Buffers,
    limits: FloatMatrix,
    rule: FloatMatrix,
    fine: FloatMatrix,
    start: FloatVector,
    changes: bool,
    i: int,
    rows: Rows,
) -> int:
    """Fit one partition and write its row; return how that ended."""
    report = rows.report[i]
    code = lay_out_row(placed, i, b, report)
    if code != OK:
        return code
    weeks = rows.week_start[i + 1] - rows.week_start[i]
    members = placed.events[i]
    effect = placed.effect[placed.effect_start[members] : placed.effect_start[members + 1]]
    for j in range(len(effect)):
        b.scales[j] = structure.effect_scales[effect[j]]
    table = table_of(b, weeks, len(effect), report)
    for k in range(weeks):
        for c in range(168):
            b.offset[k, c] = 0.0
    monday = placed.monday[placed.clock[i]]
    chosen = rows.parent[i]
    chosen = chosen[: choose_parents(pooled, i, float(report[layout.TOTAL]), chosen)]
    hours = placed.count_start[i + 1] - placed.count_start[i]
    if len(chosen) == 0 and hours < FEWEST_WEEKS * structure.cells:
        return SHORT
    if len(chosen) > 0:
        top = chosen[0]
        structure = Structure(
            structure.parents,
            structure.levels,
            structure.hyper_scales,
            structure.week_scale,
            structure.walk_scale,
            structure.effect_scales,
            pooled.level_precision[top],
            EVENT_SD**-2.0,
            pooled.centre[top],
            pooled.pull[top],
            structure.width,
            structure.cells,
        )
        apply_prior(pooled, chosen, monday, effect, table, b.offset, b.transforms)
    write_dead_runs(rows, i, placed)
    rows.history[i] = weeks
    number = 0
    if changes:
        rows.history[i] = hide_old_weeks(table, b, report)
        table = table_of(b, weeks, len(effect), report)
        number = take_off_steps(table, b.offset, b.transforms, b.scratch.weeks.sums, b.steps)
    sparse = report[layout.TOTAL] < SPARSE_BELOW * report[layout.OBSERVED]
    if sparse:
        rule = fine
    for j in range(len(start)):
        b.theta.search.trial[j] = start[j]
    steps = rows.steps[i]
    steps[:] = 0
    limit = limits[0] if sparse else limits[1]
    nodes = b.nodes[: len(rule)]
    room = b.scratch, b.theta, b.draws
    found = fit_series(structure, table, *room, limit, rule, nodes, b.sums, steps)
    if not found or not all_finite(b.sums):
        return LOST
    write_scales(structure, rows, i, nodes, len(nodes))
    if len(chosen) > 0:
        write_field_with_prior(structure, rows, i, b.sums, effect, pooled, chosen, monday)
    else:
        write_field(rows, i, b.sums, effect)
    write_steps(rows, i, b.steps, number)
    inv_phi = rows.hyper[2, i, len(start) - 1]
    transforms = b.transforms[:PIT_HOURS]
    pit_summary(table, b.sums, inv_phi, placed.seed[i], transforms, rows.pit[i])
    return OK


@kernel(
    numba.void,
    *(STRUCTURE, PLACED, POOLED, BUFFERS, F2, F2, F2, F1),
    *(numba.boolean, numba.int64, numba.int64, ROWS),
    from_python=True,
)
def fit_rows(
    structure: Structure,
    placed: Placed,
    pooled: Pooled,
    b: Buffers,
    limits: FloatMatrix,
    rule: FloatMatrix,
    fine: FloatMatrix,
    start: FloatVector,
    changes: bool,
    first: int,
    end: int,
    rows: Rows,
) -> None:
    """Fit the partitions from `first` until before `end`, one after the other.

    Parameters
    ----------
    structure : Structure
        Of a partition without parents.
    placed, pooled, b, rows
        The block, its parents, the buffers to work in, and the rows to fill.
    limits : float64 array, shape (2, d)
        For sparse series and for others; see `integrate.fit_series`.
    rule, fine : float64 array, shape (nodes, 1 + d)
        See `integrate.fit_series`; `fine` serves sparse series.
    start : float64 array, shape (d,)
        Where the search for theta's mode begins.
    changes : bool
        Whether steps are looked for.
    first, end : int
    """
    for i in range(first, end):
        rows.status[i] = fit_row(
            structure, placed, pooled, b, limits, rule, fine, start, changes, i, rows
        )
