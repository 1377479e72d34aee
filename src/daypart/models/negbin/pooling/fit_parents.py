"""Fit parents before their partitions: the sum of all, then what deviates from it.

Three steps for each family of sums (one for each value of overlapping key columns):

1. the sum of all is fitted as a partition of its own;
2. the sums that hold one key column fixed are fitted as deviations from it;
3. a sample of partitions is fitted as deviations from both, and tells where the scales and
   the dispersion of all partitions lie.

How much of a profile, and of the weeks, partitions take over from a kind of parent is learnt on
the same sample: parents of unrelated partitions then say little.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daypart.models.negbin.block.fit_block import BlockFit, deviating_structure, structure_of
from daypart.models.negbin.block.outputs import OK, THETA_MEAN, THETA_SD
from daypart.models.negbin.configuration import MOST_WEEKS
from daypart.models.negbin.pooling.fit_sum import FittedSum, fit_sum, offset_of
from daypart.models.negbin.pooling.loading import loadings
from daypart.models.negbin.pooling.parents import Parent, Parents
from daypart.models.negbin.pooling.shared_shocks import Summed, common_variances
from daypart.models.negbin.pooling.sums import Sum, Sums, add_series
from daypart.models.negbin.pooling.week_law import week_law
from daypart.series.local_time import local_hours

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import ModelSpecification
    from daypart.series.block import SeriesBlock

Floats = NDArray[np.float64]

FEWEST_PARTITIONS = 4
"""A parent of fewer says nothing of the others."""
SMALLEST_SPREAD = 0.04
"""Of theta over partitions."""
PILOTS = 64
"""Partitions of a sample, those with most counts, that tell of the scales and dispersion."""


def fit_parents(model: ModelSpecification, sums: Sums, sample: SeriesBlock) -> list[Parent]:
    """Fit the parents of a store.

    Parameters
    ----------
    model : ModelSpecification
    sums : Sums
        Of all partitions.
    sample : SeriesBlock
        Some of the partitions, of every family.

    Returns
    -------
    list of Parent
        Those with enough partitions, in the order of their names.
    """
    families = [
        (whole, [part for part in parts if _tells(part)])
        for whole, parts in sums.families()
        if _tells(whole) and 2 < len(whole.counts) <= MOST_WEEKS
    ]
    parents: list[Parent] = []
    for whole, parts in families:
        parents += _fit_family(model, sums, whole, parts, sample)
    return sorted(parents, key=lambda parent: parent.parent)


def _tells(table: Sum) -> bool:
    return table.partitions >= FEWEST_PARTITIONS and table.total > 0


def _fit_family(
    model: ModelSpecification, sums: Sums, whole: Sum, parts: Sequence[Sum], sample: SeriesBlock
) -> list[Parent]:
    structure = structure_of(model.configuration)
    top = fit_sum(model, structure, whole, np.zeros_like(whole.counts))
    if top is None:
        return []
    below = deviating_structure(structure, structure.centre, structure.pull, 3.0)
    offset = offset_of(top, whole)
    # kernels leave Python's lock, so that threads of one process fit side by side
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found_all = threads.map(lambda part: fit_sum(model, below, part, offset), parts)
        fitted = list(zip(parts, found_all, strict=True))
    kinds: dict[str, list[tuple[Sum, FittedSum]]] = {"": [(whole, top)]}
    for part, found in fitted:
        if found is not None:
            kinds.setdefault(part.column, []).append((part, found))
    events = model.calendar.effects
    parents = [each for members in kinds.values() for each in _parents_of(members, events)]
    family = Parents(sums.key, sums.overlapping, {each.parent: each for each in parents})
    chosen = _leaves_of(family, sample, whole)
    parents = _loaded(family, chosen)
    family = replace(family, by_name={each.parent: each for each in parents})
    return _with_hyperpriors(model, family, chosen, kinds, sample)


def _parents_of(members: Sequence[tuple[Sum, FittedSum]], events: tuple[str, ...]) -> list[Parent]:
    """Turn the fitted sums of one kind into parents, with the law of their weeks."""
    law = week_law(
        np.stack([fitted.week_seen for _, fitted in members]),
        np.stack([fitted.week_variance for _, fitted in members]),
    )
    return [
        Parent(
            parent=table.parent,
            column=table.column,
            partitions=table.partitions,
            counts=table.total,
            first_monday=table.first_monday,
            profile=fitted.profile,
            profile_variance=fitted.profile_variance,
            week=fitted.week,
            origin=float(law.origin[i]),
            event=events,
            event_mean=fitted.event_mean,
            event_sd=fitted.event_sd,
            level_sd=float(law.level_sd[i]),
            walk_sd=float(law.walk_sd[i]),
            week_sd=float(law.week_sd[i]),
            day_sd=0.0,
            hour_sd=0.0,
            hyper_centre=np.zeros(0),
            hyper_spread=np.zeros(0),
            deviation_sd=0.0,
        )
        for i, (table, fitted) in enumerate(members)
    ]


@dataclass(frozen=True)
class Leaf:
    """A sampled partition on its family's weeks.

    Parameters
    ----------
    place : int
        In the sample.
    counts, exposure : float64 arrays, shape (weeks, 168)
    parents : sequence of Parent
    """

    place: int
    counts: Floats
    exposure: Floats
    parents: Sequence[Parent]


def _leaves_of(family: Parents, sample: SeriesBlock, whole: Sum) -> list[Leaf]:
    """Lay out the sampled partitions of one family."""
    columns = {name: sample.keys.column(name).to_pylist() for name in family.key}
    leaves = []
    for i in range(len(sample)):
        values = {name: columns[name][i] for name in family.key}
        counts = sample.counts_of(i)
        found = family.of(values, float(counts[counts >= 0].sum()))
        if not found or found[0].parent != whole.parent or not len(counts):
            continue
        clock = local_hours(int(sample.first_hours[i]), len(counts), sample.timezones[i])
        monday = int(clock.day[0]) - int(clock.hour_of_week[0]) // 24
        begin = (monday - whole.first_monday) // 7
        table, exposure = np.zeros_like(whole.counts), np.zeros_like(whole.counts)
        add_series(
            np.array(counts, dtype=np.int32),
            np.array(sample.exposures_of(i), dtype=np.float32),
            1.0,
            np.array(clock.week),
            np.array(clock.hour_of_week),
            table[begin:],
            exposure[begin:],
        )
        if table.sum() > 0 and exposure.sum() > 0:
            leaves.append(Leaf(i, table, exposure, found))
    return leaves


def _loaded(family: Parents, leaves: Sequence[Leaf]) -> list[Parent]:
    """Scale what parents say by how much of it partitions take over, kind by kind."""
    kinds = sorted({parent.column for parent in family.by_name.values()})
    say = np.array([(1.0 - leaf.counts.sum() / leaf.parents[0].counts) ** 2 for leaf in leaves])
    zero = np.zeros(168)
    weeks = len(leaves[0].counts) if leaves else 0
    hourly, weekly = [], []
    for leaf in leaves:
        own = {parent.column: parent for parent in leaf.parents}
        hourly.append(np.stack([own[k].profile if k in own else zero for k in kinds], axis=1))
        weekly.append(
            np.stack([own[k].week if k in own else np.zeros(weeks) for k in kinds], axis=1)
        )
    if not leaves:
        return list(family.by_name.values())
    centred = [effect - effect.mean(axis=0) for effect in hourly]
    counts, exposure = ([getattr(leaf, name) for leaf in leaves] for name in ("counts", "exposure"))
    rates = [
        e * np.exp(effect.sum(axis=1))[:, None] for e, effect in zip(exposure, weekly, strict=True)
    ]
    of_hour = loadings(
        [y.sum(axis=0) for y in counts], [e.sum(axis=0) for e in rates], centred, say
    )
    rates = [e * np.exp(effect @ of_hour) for e, effect in zip(exposure, centred, strict=True)]
    of_week = loadings([y.sum(axis=1) for y in counts], [e.sum(axis=1) for e in rates], weekly, say)
    return [
        _scaled(parent, of_hour[kinds.index(parent.column)], of_week[kinds.index(parent.column)])
        for parent in family.by_name.values()
    ]


def _scaled(parent: Parent, of_hour: float, of_week: float) -> Parent:
    level = parent.profile.mean()
    return replace(
        parent,
        profile=level + of_hour * (parent.profile - level),
        profile_variance=of_hour**2 * parent.profile_variance,
        week=of_week * parent.week,
        origin=of_week * parent.origin,
        event_mean=of_week * parent.event_mean,
        event_sd=of_week * parent.event_sd,
        level_sd=of_week * parent.level_sd,
        walk_sd=of_week * parent.walk_sd,
        week_sd=of_week * parent.week_sd,
    )


def _with_hyperpriors(
    model: ModelSpecification,
    family: Parents,
    leaves: Sequence[Leaf],
    kinds: Mapping[str, Sequence[tuple[Sum, FittedSum]]],
    sample: SeriesBlock,
) -> list[Parent]:
    """Fit a pilot of leaves; let it tell of their scales, levels and what hours share."""
    away = []
    for leaf in leaves:
        week = np.sum([parent.week for parent in leaf.parents], axis=0)
        path = np.sum([parent.profile for parent in leaf.parents], axis=0)
        expected = float((leaf.exposure * np.exp(path + week[:, None])).sum())
        away.append(np.log((leaf.counts.sum() + 0.5) / (expected + 0.5)))
    level_sd = float(np.sqrt(np.mean(np.square(away)))) if away else 3.0
    top = next(parent for parent in family.by_name.values() if parent.column == "")
    top = replace(top, deviation_sd=min(max(level_sd, 0.2), 5.0))
    family = replace(family, by_name={**family.by_name, top.parent: top})
    order = sorted(leaves, key=lambda leaf: (-leaf.counts.sum(), leaf.place))[:PILOTS]
    block = sample.take([leaf.place for leaf in order])
    pilots = BlockFit(replace(model, parents=family), block)
    pilots.fit(0, len(pilots))
    ok = pilots.rows.status == OK
    typical = 0.0
    if ok.sum() >= FEWEST_PARTITIONS:
        theta = pilots.rows.hyper[:, ok]
        centre, spread = _population(theta[THETA_MEAN], theta[THETA_SD])
        top = replace(top, hyper_centre=centre, hyper_spread=spread)
        typical = float(centre[-1] ** 6)
    by_name = {**family.by_name, top.parent: top}
    return _with_shocks(by_name, kinds, typical)


def _population(mean: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Return mean and spread over partitions of what each knows with an error of its own."""
    centre = np.median(mean, axis=0)
    spread = np.full(mean.shape[1], 0.2)
    for _ in range(20):
        weight = 1.0 / (sd**2 + spread**2)
        centre = (weight * mean).sum(axis=0) / weight.sum(axis=0)
        beyond = (weight**2 * ((mean - centre) ** 2 - sd**2)).sum(axis=0) / (weight**2).sum(axis=0)
        spread = np.sqrt(np.maximum(beyond, SMALLEST_SPREAD**2))
    return centre, spread


def _with_shocks(
    by_name: Mapping[str, Parent],
    kinds: Mapping[str, Sequence[tuple[Sum, FittedSum]]],
    partition_inv_phi: float,
) -> list[Parent]:
    """Add the standard deviations of shocks of days and hours that partitions share."""
    if partition_inv_phi <= 0.0:
        return list(by_name.values())

    def summed(table: Sum, fitted: FittedSum) -> Summed:
        return Summed(fitted.inv_phi, table.total, table.squares)

    every, shared = common_variances(
        summed(*kinds[""][0]),
        {c: [summed(*each) for each in members] for c, members in kinds.items() if c},
        partition_inv_phi,
    )
    result = []
    for column, members in kinds.items():
        variances = shared[column] if column else [every]
        for (table, fitted), variance in zip(members, variances, strict=True):
            log_variance = np.log1p(variance)
            result.append(
                replace(
                    by_name[table.parent],
                    day_sd=float(np.sqrt(fitted.day_share * log_variance)),
                    hour_sd=float(np.sqrt((1.0 - fitted.day_share) * log_variance)),
                )
            )
    return result
