"""A sample of partitions beside their parents, and how much of these they take over.

A loading between 0 and 1, learnt on the sample, is how much of a profile, and of the weeks,
partitions take over from a kind of parent. Parents of unrelated partitions get a loading near 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daypart.models.negbin.pooling.parents import Parent, Parents
from daypart.models.negbin.pooling.sums import Sum, add_series
from daypart.series.local_time import local_hours

if TYPE_CHECKING:
    from daypart.series.block import SeriesBlock

Floats = NDArray[np.float64]

INFORMED = 200.0
"""Counts beyond which a partition's weight does not grow: its own deviations then dominate."""
_STEPS = 8
_RIDGE = 1.0


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

    def effects_of(self, kinds: Sequence[str], name: str) -> Floats:
        """Return its parents' `profile` or `week`, shape (cells, kinds); 0 without a parent.

        Parameters
        ----------
        kinds : sequence of str
            Columns that parents hold fixed.
        name : str
        """
        cells = {"profile": self.counts.shape[1], "week": self.counts.shape[0]}[name]
        own = {each.column: {"profile": each.profile, "week": each.week} for each in self.parents}
        columns = [own[kind][name] if kind in own else np.zeros(cells) for kind in kinds]
        return np.stack(columns, axis=1)


def leaves_of(family: Parents, sample: SeriesBlock, whole: Sum) -> list[Leaf]:
    """Return the sampled partitions of one family on its weeks.

    Parameters
    ----------
    family : Parents
    sample : SeriesBlock
    whole : Sum
        Of all partitions of the family.
    """
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


def loaded(family: Parents, leaves: Sequence[Leaf]) -> list[Parent]:
    """Return the parents, each scaled by what partitions take over from its kind.

    Parameters
    ----------
    family : Parents
    leaves : sequence of Leaf
    """
    if not leaves:
        return list(family.by_name.values())
    kinds = sorted({parent.column for parent in family.by_name.values()})
    weight = np.array([(1.0 - leaf.counts.sum() / leaf.parents[0].counts) ** 2 for leaf in leaves])
    profiles = [leaf.effects_of(kinds, "profile") for leaf in leaves]
    profiles = [profile - profile.mean(axis=0) for profile in profiles]
    weeks = [leaf.effects_of(kinds, "week") for leaf in leaves]
    expected = [
        leaf.exposure * np.exp(week.sum(axis=1))[:, None]
        for leaf, week in zip(leaves, weeks, strict=True)
    ]
    of_hour = loadings(
        [leaf.counts.sum(axis=0) for leaf in leaves],
        [each.sum(axis=0) for each in expected],
        profiles,
        weight,
    )
    expected = [
        leaf.exposure * np.exp(profile @ of_hour)
        for leaf, profile in zip(leaves, profiles, strict=True)
    ]
    of_week = loadings(
        [leaf.counts.sum(axis=1) for leaf in leaves],
        [each.sum(axis=1) for each in expected],
        weeks,
        weight,
    )
    return [
        _scaled(parent, of_hour[kinds.index(parent.column)], of_week[kinds.index(parent.column)])
        for parent in family.by_name.values()
    ]


def loadings(
    counts: Sequence[Floats], expected: Sequence[Floats], effects: Sequence[Floats], weight: Floats
) -> Floats:
    """Return the loading of each of several effects, the same for all partitions.

    Maximises the sum over partitions of the multinomial log likelihood of their counts, given
    their sums, with probabilities proportional to `expected * exp(effects @ loading)`.

    Parameters
    ----------
    counts, expected : sequence of float64 arrays, shape (cells,)
        One for each partition.
    effects : sequence of float64 arrays, shape (cells, kinds)
    weight : float64 array, shape (partitions,)
        Of each partition, at most 1.

    Returns
    -------
    float64 array, shape (kinds,)
        In [0, 1]; near 0 where the counts contain no information on it.

    Examples
    --------
    >>> effect = np.array([[0.0], [1.0]])
    >>> counts = np.array([100.0, 100.0 * np.e])
    >>> loadings([counts] * 9, [np.ones(2)] * 9, [effect] * 9, np.ones(9)).round(2).tolist()
    [1.0]
    """
    kinds = effects[0].shape[1] if effects else 0
    loading = np.full(kinds, 0.5)
    for _ in range(_STEPS):
        slope, curvature = -_RIDGE * loading, _RIDGE * np.eye(kinds)
        for y, e, effect, each in zip(counts, expected, effects, weight, strict=True):
            total = y.sum()
            scale = each * min(1.0, INFORMED / max(total, 1.0))
            rate = e * np.exp(effect @ loading)
            share = rate / max(rate.sum(), 1e-300)
            mean = share @ effect
            slope += scale * (y @ effect - total * mean)
            spread = (effect * share[:, None]).T @ effect - np.outer(mean, mean)
            curvature += scale * total * spread
        free = ~(((loading <= 0.0) & (slope < 0.0)) | ((loading >= 1.0) & (slope > 0.0)))
        step = np.zeros(kinds)
        if free.any():
            step[free] = np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
        loading = np.clip(loading + step, 0.0, 1.0)
    return loading


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
