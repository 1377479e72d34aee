"""Fit parents before their partitions: the sum of all, then what deviates from it.

Three steps for each family of sums (one for each value of overlapping key columns):

1. the sum of all is fitted as a partition of its own;
2. the sums that hold one key column fixed are fitted as deviations from it;
3. a sample of partitions is fitted as deviations from both: it gives the prior of the scales and
   the dispersion of all partitions.

How much partitions take over from a kind of parent is learnt on the same sample; see `leaves`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daypart.models.negbin.block.fit_block import BlockFit, deviating_structure, structure_of
from daypart.models.negbin.block.outputs import OK, THETA_MEAN, THETA_SD
from daypart.models.negbin.configuration import MOST_WEEKS
from daypart.models.negbin.pooling.fit_sum import FittedSum, fit_sum, offset_of
from daypart.models.negbin.pooling.leaves import Leaf, leaves_of, loaded
from daypart.models.negbin.pooling.parents import Parent, Parents
from daypart.models.negbin.pooling.shared_variation import Summed, common_variances, week_law
from daypart.models.negbin.pooling.sums import Sum, Sums

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import ModelSpecification
    from daypart.series.block import SeriesBlock

Floats = NDArray[np.float64]

FEWEST_PARTITIONS = 4
"""Fewest partitions that a parent is fitted to."""
SMALLEST_SPREAD = 0.04
"""Smallest standard deviation of theta over partitions."""
PILOTS = 64
"""Partitions of the sample, those with most counts, to which the prior of theta is fitted."""


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
        (whole, [part for part in parts if _is_large_enough(part)])
        for whole, parts in sums.families()
        if _is_large_enough(whole) and 2 < len(whole.counts) <= MOST_WEEKS
    ]
    parents: list[Parent] = []
    for whole, parts in families:
        parents += _fit_family(model, sums, whole, parts, sample)
    return sorted(parents, key=lambda parent: parent.parent)


def _is_large_enough(table: Sum) -> bool:
    return table.partitions >= FEWEST_PARTITIONS and table.total > 0


def _fit_family(
    model: ModelSpecification, sums: Sums, whole: Sum, parts: Sequence[Sum], sample: SeriesBlock
) -> list[Parent]:
    structure = structure_of(model.configuration, model.calendar.effects)
    top = fit_sum(model, structure, whole, np.zeros_like(whole.counts))
    if top is None:
        return []
    below = deviating_structure(structure, structure.centre, structure.pull, 3.0)
    offset = offset_of(top, whole)
    # kernels release the GIL, so that threads of one process fit side by side
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
    chosen = leaves_of(family, sample, whole)
    parents = loaded(family, chosen)
    family = replace(family, by_name={each.parent: each for each in parents})
    return _with_hyperpriors(model, family, chosen, kinds, sample)


def _parents_of(members: Sequence[tuple[Sum, FittedSum]], events: tuple[str, ...]) -> list[Parent]:
    """Return the fitted sums of one kind as parents, with the law of their weeks."""
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


def _with_hyperpriors(
    model: ModelSpecification,
    family: Parents,
    leaves: Sequence[Leaf],
    kinds: Mapping[str, Sequence[tuple[Sum, FittedSum]]],
    sample: SeriesBlock,
) -> list[Parent]:
    """Add what a fit of some leaves shows: the law of levels and theta, and shared shocks."""
    level_sd = _spread_of_levels(leaves)
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


def _spread_of_levels(leaves: Sequence[Leaf]) -> float:
    """Return the root mean square of log counts over what the parents expect."""
    away = []
    for leaf in leaves:
        week = np.sum([parent.week for parent in leaf.parents], axis=0)
        path = np.sum([parent.profile for parent in leaf.parents], axis=0)
        expected = float((leaf.exposure * np.exp(path + week[:, None])).sum())
        away.append(np.log((leaf.counts.sum() + 0.5) / (expected + 0.5)))
    return float(np.sqrt(np.mean(np.square(away)))) if away else 3.0


def _population(mean: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Return mean and spread over partitions of what each estimates with an error of its own.

    By method of moments, with weights 1 / (own variance + spread^2).
    """
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
    """Return the parents with standard deviations of the shocks of days and hours they share."""
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
