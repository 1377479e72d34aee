"""Parents as arrays for the kernels, and the prior that they are of one partition.

The exposure of a cell is multiplied by its parents' mean, so that a partition's effects are
deviations from these; the state of a partition is the sum of both:

    log mu[k, c] = log exposure + sum over parents (profile[c] + week[k] + event) + own effects
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, F2, I1, I2, FloatMatrix, FloatVector, IntMatrix, IntVector
from daypart.models.negbin.block.inputs import I16
from daypart.models.negbin.field.structure import SERIES, Series
from daypart.models.negbin.pooling.parents import Parents, names_of_parents

if TYPE_CHECKING:
    from daypart.series.block import SeriesBlock


class Pooled(NamedTuple):
    """The parents of a run, a row each, and which of them a block's partitions may have."""

    candidate: IntMatrix
    """[partitions, parents of one]: rows of those below, the sum of all first; -1 for none."""
    counts: FloatVector
    first_monday: IntVector
    weeks: IntVector
    week: FloatMatrix
    profile: FloatMatrix
    profile_variance: FloatMatrix
    origin: FloatVector
    event_mean: FloatMatrix
    event_sd: FloatMatrix
    centre: FloatMatrix
    pull: FloatMatrix
    level_precision: FloatVector


POOLED = numba.types.NamedTuple([I2, F1, I1, I1, F2, F2, F2, F1, F2, F2, F2, F2, F1], Pooled)


def no_parents(partitions: int, dimensions: int) -> Pooled:
    """Return the arrays of a block whose partitions have no parents.

    Parameters
    ----------
    partitions : int
    dimensions : int
        Hyperparameters.
    """
    none, nothing = np.zeros((0, 0)), np.zeros(0)
    return Pooled(
        candidate=np.full((partitions, 1), -1),
        counts=nothing,
        first_monday=np.zeros(0, np.int64),
        weeks=np.zeros(0, np.int64),
        week=none,
        profile=none,
        profile_variance=none,
        origin=nothing,
        event_mean=none,
        event_sd=none,
        centre=np.zeros((0, dimensions)),
        pull=np.zeros((0, dimensions)),
        level_precision=nothing,
    )


def pool(parents: Parents, block: SeriesBlock, dimensions: int, events: Sequence[str]) -> Pooled:
    """Return a run's parents as arrays, with the candidates of a block's partitions.

    Parameters
    ----------
    parents : Parents
    block : SeriesBlock
    dimensions : int
        Hyperparameters.
    events : sequence of str
        Names of the effects of the block's own calendar; parents may lack some.

    Returns
    -------
    Pooled
    """
    tables, numbers = lay_out_parents(parents), parents.numbers
    columns = {name: block.keys.column(name).to_pylist() for name in parents.key}
    names = names_of_parents(parents.key, parents.overlapping, columns)
    candidate = np.array(
        [[numbers.get(name, -1) for name in kind] for kind in names.values()], np.int64
    )
    if tables.centre.shape[1] != dimensions:  # no parent has a prior of theta
        tables = tables._replace(centre=np.zeros((len(numbers), dimensions)))
        tables = tables._replace(pull=np.zeros((len(numbers), dimensions)))
    return tables._replace(
        candidate=np.ascontiguousarray(candidate.T),
        event_mean=_columns_of(tables.event_mean, parents.events, events),
        event_sd=_columns_of(tables.event_sd, parents.events, events),
    )


def _columns_of(table: FloatMatrix, names: Sequence[str], wanted: Sequence[str]) -> FloatMatrix:
    """Return a table's columns by name, and zeros for one that it does not have."""
    found = np.zeros((len(table), len(wanted)))
    number = {name: column for column, name in enumerate(names)}
    for column, name in enumerate(wanted):
        if name in number:
            found[:, column] = table[:, number[name]]
    return found


@lru_cache(maxsize=1)  # a worker binds its model to the same parents for every task
def lay_out_parents(parents: Parents) -> Pooled:
    """Return a run's parents as arrays, without candidates."""
    rows = list(parents.by_name.values())
    dimensions = max((len(each.hyper_centre) for each in rows), default=0)
    most = max((len(each.week) for each in rows), default=0)
    centre, pull = np.zeros((2, len(rows), dimensions))
    week = np.zeros((len(rows), most))
    for i, each in enumerate(rows):
        week[i, : len(each.week)] = each.week
        if len(each.hyper_centre):
            centre[i], pull[i] = each.hyper_centre, each.hyper_spread**-2.0
    return Pooled(
        candidate=np.zeros((0, 1), np.int64),
        counts=np.array([each.counts for each in rows], np.float64),
        first_monday=np.array([each.first_monday for each in rows], np.int64),
        weeks=np.array([len(each.week) for each in rows], np.int64),
        week=week,
        profile=np.stack([each.profile for each in rows]),
        profile_variance=np.stack([each.profile_variance for each in rows]),
        origin=np.array([each.origin for each in rows], np.float64),
        event_mean=np.stack([each.event_mean for each in rows]),
        event_sd=np.stack([each.event_sd for each in rows]),
        centre=centre,
        pull=pull,
        # Only the sums of all have a deviation; the others are never a partition's first.
        level_precision=np.array([max(each.deviation_sd, 1e-3) ** -2.0 for each in rows]),
    )


@kernel(numba.float64, POOLED, I1, numba.int64)
def week_of(pooled: Pooled, chosen: IntVector, week: int) -> float:
    """Return the sum of the parents' effects in a week; beyond their weeks, in the nearest.

    Parameters
    ----------
    pooled : Pooled
    chosen : int64 array, shape (parents,)
        Their rows.
    week : int
        On the parents' weeks.
    """
    level = 0.0
    for place in range(len(chosen)):
        row = chosen[place]
        level += pooled.week[row, min(max(week, 0), pooled.weeks[row] - 1)]
    return level


@kernel(numba.int64, POOLED, numba.int64, numba.float64, I1)
def choose_parents(pooled: Pooled, partition: int, total: float, chosen: IntVector) -> int:
    """Write the rows of a partition's parents; return their number: 0 without the sum of all.

    A parent that is mostly the partition itself adds no information and is left out.

    Parameters
    ----------
    pooled : Pooled
    partition : int
        In the block.
    total : float
        Sum of its counts.
    chosen : int64 array, overwritten
    """
    found = 0
    for place in range(pooled.candidate.shape[1]):
        row = pooled.candidate[partition, place]
        if row >= 0 and 2.0 * total <= pooled.counts[row]:
            chosen[found] = row
            found += 1
        elif place == 0:
            return 0
    return found


@kernel(numba.void, POOLED, I1, numba.int64, I16, SERIES, F2, F1)
def apply_prior(
    pooled: Pooled,
    chosen: IntVector,
    monday: int,
    effect: np.ndarray,
    t: Series,
    offset: FloatMatrix,
    growth: FloatVector,
) -> None:
    """Fill `offset` with the parents' log mean, and multiply the exposure by its exponential.

    Parameters
    ----------
    pooled : Pooled
    chosen : int64 array, shape (parents,)
        The parents' rows.
    monday : int
        Local day on which the partition's week 0 begins.
    effect : int16 array, shape (effects,)
        Number of each of its events in the calendar.
    t : Series
        Its exposure is overwritten.
    offset : float64 array, shape (weeks, cells), overwritten
    growth : float64 array, shape (cells,), overwritten
    """
    shift = (monday - pooled.first_monday[chosen[0]]) // 7
    cells = offset.shape[1]
    for c in range(cells):
        path = 0.0
        for place in range(len(chosen)):
            path += pooled.profile[chosen[place], c]
        growth[c] = math.exp(path)
        for k in range(t.weeks):
            offset[k, c] = path
    for k in range(t.weeks):
        level = week_of(pooled, chosen, k + shift)
        factor = math.exp(level)
        for c in range(cells):
            offset[k, c] += level
            t.exposure[k, c] *= growth[c] * factor
    for e in range(t.events):
        k, c = t.event[0, e], t.event[1, e]
        shock = 0.0
        for place in range(len(chosen)):
            shock += pooled.event_mean[chosen[place], effect[t.event[2, e]]]
        offset[k, c] += shock
        t.exposure[k, c] *= math.exp(shock)
