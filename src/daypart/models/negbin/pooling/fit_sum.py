"""Fit one sum over partitions as a partition of its own, or as deviations from another sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daypart.models.negbin.block.block_kernel import Buffers, make_buffers
from daypart.models.negbin.configuration import skewness_limits
from daypart.models.negbin.field.design import prior_sd_of_effects
from daypart.models.negbin.field.structure import HISTOGRAM, Series, Structure
from daypart.models.negbin.pooling.sums import Sum
from daypart.models.negbin.theta.integrate import fit_series
from daypart.models.negbin.theta.quadrature import integration_rule
from daypart.models.negbin.theta.workspace import DENSE, DENSE_VARIANCE, HOUR, HOUR_VARIANCE, LEVEL

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import ModelSpecification

Floats = NDArray[np.float64]

_UNSEEN = 10.0
"""Variance of a week without information."""


@dataclass(frozen=True)
class FittedSum:
    """One sum's posterior: means and variances of its deviations from its offset.

    Parameters
    ----------
    profile, profile_variance : float64 array, shape (168,)
    week : float64 array, shape (weeks,)
    week_seen, week_variance : float64 array, shape (weeks,)
        Of each week alone: log of its counts over those expected without its effect, and the
        variance of that.
    event_mean, event_sd : float64 array, shape (effects,)
    inv_phi : float
    day_share : float
        Share of the dispersion that is common to the hours of one day.
    """

    profile: Floats
    profile_variance: Floats
    week: Floats
    week_seen: Floats
    week_variance: Floats
    event_mean: Floats
    event_sd: Floats
    inv_phi: float
    day_share: float


def fit_sum(
    model: ModelSpecification, structure: Structure, table: Sum, offset: Floats
) -> FittedSum | None:
    """Fit one sum as deviations from an offset.

    Parameters
    ----------
    model : ModelSpecification
    structure : Structure
    table : Sum
    offset : float64 array, shape (weeks, 168)
        Of log mu.

    Returns
    -------
    FittedSum or None
        None where the posterior's mode was not found.
    """
    weeks = len(table.counts)
    cells = table.event_cells()
    present, effect = np.unique(cells[2], return_inverse=True)
    rule = integration_rule(len(structure.hyper_scales))
    buffers = make_buffers(
        structure,
        weeks=weeks,
        hours=weeks * structure.cells,
        effects=len(present),
        pairs=cells.shape[1],
        nodes=len(rule),
    )
    seen = table.exposure > 0
    counts = table.counts[seen].astype(np.int64)
    large = counts[counts > HISTOGRAM]
    series = Series(
        weeks,
        len(present),
        cells.shape[1],
        np.array(table.counts, np.float64),
        table.exposure * np.exp(offset),
        np.array([cells[0], cells[1], effect], np.int64),
        structure.effect_scales[present],
        _histogram_above(counts),
        np.array(large, np.float64),
        len(large),
    )
    buffers.theta.search.trial[:] = np.cbrt(model.configuration.start)
    found = fit_series(
        structure,
        series,
        buffers.scratch,
        buffers.theta,
        buffers.draws,
        skewness_limits(model.configuration, "auto")[1],
        rule,
        buffers.nodes,
        buffers.sums,
        np.zeros(2, np.int64),
    )
    if not found or not np.isfinite(buffers.sums).all():
        return None
    return _read_sum(model, structure, buffers, table, offset, present)


def _histogram_above(counts: NDArray[np.int64]) -> Floats:
    """Return the numbers of counts above 0, 1, 2, ...; see `Series.over`."""
    small = np.bincount(np.minimum(counts, HISTOGRAM), minlength=HISTOGRAM + 1)
    return np.cumsum(small[:0:-1])[::-1].astype(np.float64)


def _read_sum(
    model: ModelSpecification,
    structure: Structure,
    buffers: Buffers,
    table: Sum,
    offset: Floats,
    present: NDArray[np.int64],
) -> FittedSum:
    weeks, sums = len(table.counts), buffers.sums
    variance, dense = sums[HOUR_VARIANCE], sums[DENSE_VARIANCE]
    event_mean = np.zeros(len(model.calendar.effects))
    event_sd = prior_sd_of_effects(structure, buffers.nodes)
    event_mean[present] = sums[DENSE, weeks : weeks + len(present)]
    event_sd[present] = np.sqrt(dense[weeks : weeks + len(present)])
    profile = sums[HOUR, : structure.cells] - sums[LEVEL, 2]
    week = sums[DENSE, :weeks].copy()
    usual = table.exposure * np.exp(offset + profile + _event_shift(event_mean, table))
    mean = usual * np.exp(week[:, None])
    inv_phi = float(buffers.nodes[:, 0] @ buffers.nodes[:, -1] ** 6)
    share = day_share(table.counts, mean)
    seen = np.log((table.counts.sum(axis=1) + 0.5) / (usual.sum(axis=1) + 0.5))
    return FittedSum(
        profile,
        variance[: structure.cells].copy(),
        week,
        np.where(mean.sum(axis=1) > 0.0, seen, week),
        _variance_of_weeks(mean, inv_phi, share),
        event_mean,
        event_sd,
        inv_phi,
        share,
    )


def _variance_of_weeks(mean: Floats, inv_phi: float, share: float) -> Floats:
    """Return the variance of each week's log of counts over means, whose days have shocks.

    A week of less than a day has no weight: its few hours are those of the time zones in which it
    has begun, and their deviation from the others would be taken for the week's level.
    """
    total = np.maximum(mean.sum(axis=1), 1e-3)
    enough = total >= np.median(total[total > 1e-3]) / 7.0
    hours = ((1.0 + (1.0 - share) * inv_phi * mean) * mean).sum(axis=1)
    days = share * inv_phi * (mean.reshape(len(mean), -1, 24).sum(axis=2) ** 2).sum(axis=1)
    found = np.where(enough, (hours + days) / total**2, _UNSEEN)
    return np.asarray(np.minimum(found, _UNSEEN))


def day_share(counts: Floats, mean: Floats) -> float:
    """Return the share of a table's overdispersion that is common to the hours of one day.

    By moments: products of residuals of different hours of a day over squares beyond Poisson's.

    Parameters
    ----------
    counts, mean : float64 arrays, shape (weeks, 168)
    """
    error, mean = (each.reshape(-1, 24) for each in (counts - mean, mean))
    pairs = (error.sum(axis=1) ** 2 - (error**2).sum(axis=1)).sum()
    pairs /= max((mean.sum(axis=1) ** 2 - (mean**2).sum(axis=1)).sum(), 1e-300)
    own = (error**2 - mean).sum() / max((mean**2).sum(), 1e-300)
    return float(np.clip(pairs / own, 0.0, 0.9)) if own > 0 else 0.0


def offset_of(fitted: FittedSum, table: Sum) -> Floats:
    """Return a sum's log mean per unit of exposure, events included, shape (weeks, 168).

    Parameters
    ----------
    fitted : FittedSum
    table : Sum
    """
    shift = _event_shift(fitted.event_mean, table)
    return np.asarray(fitted.profile + fitted.week[:, None] + shift)


def _event_shift(event_mean: Floats, table: Sum) -> Floats:
    shift = np.zeros_like(table.counts)
    week, hour, effect = table.event_cells()
    np.add.at(shift, (week, hour), event_mean[effect])
    return shift
