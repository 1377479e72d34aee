"""Fitting the surrogate to a panel: appetites shrunk, households clustered, mixes borrowed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from daypart.planning.arrays import Floats, Ints
from daypart.planning.panel.panel import Panel
from daypart.planning.solve.surrogate import Surrogate, own_exposures

HOUSEHOLDS_PER_CLUSTER = 60
MOST_CLUSTERS = 12
_CLUSTERING_ROUNDS = 12
_BORROWED = (0.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
_TRIAL_GRP = (30.0, 100.0, 300.0)
_TRIAL_CELLS = (0.05, 0.2, 1.0)


def fit_surrogate(panel: Panel, *, seed: int = 0) -> Surrogate:
    """Fit the two-level model to a panel, market by market.

    Parameters
    ----------
    panel : Panel
    seed : int
        Of the clusters' first centres.

    Returns
    -------
    Surrogate

    References
    ----------
    Morris, C. N. (1983). Parametric empirical Bayes inference. JASA 78(381). Rust, R. T. (1986).
    Advertising Media Models.
    """
    rng = np.random.default_rng(seed)
    per_market = len(panel.networks) * len(panel.dayparts)
    minutes_a_week = panel.minutes_of_cell() / max(panel.weeks, 1)
    shape, own, share = (np.empty(panel.households) for _ in range(3))
    cluster = np.empty(panel.households, dtype=np.int64)
    rates: list[Floats] = []
    cluster_market: list[int] = []
    for m in range(len(panel.markets)):
        rows = slice(*np.searchsorted(panel.market, [m, m + 1]))
        length = np.maximum(minutes_a_week[m * per_market : (m + 1) * per_market], 1e-9)
        entries, weekly = _entries(panel, m, rows), panel.weekly_minutes[rows]
        member, mix = _cluster_mixes(entries, rng)
        borrowed = _choose_borrowed(entries, weekly, member, length, panel.weight[rows], rng)
        appetite, shape[rows] = _shrink_appetite(weekly)
        own[rows] = _ratio(appetite, entries.by_household(entries.total) + borrowed)
        share[rows] = own[rows] * borrowed
        cluster[rows] = member + len(rates)
        rates.extend(mix / length)
        cluster_market.extend([m] * len(mix))
    rate = np.repeat(own, np.diff(panel.row_start))
    rate *= panel.minutes
    rate /= minutes_a_week[panel.cell]
    return Surrogate(
        weight=panel.weight,
        shape=shape,
        row_start=panel.row_start,
        cell=panel.cell,
        rate=_rate(rate),
        share=share,
        cluster=cluster,
        cluster_rate=np.array(rates),
        cluster_market=np.array(cluster_market),
        universe_estimate=float(panel.universe_estimate.sum()),
    )


@dataclass(frozen=True)
class _Entries:
    """One market's minutes by household and cell, by rows: in all, and in odd weeks."""

    row_start: Ints
    cell: Ints
    total: Floats
    odd: Floats
    cells: int

    @property
    def household(self) -> Ints:
        return np.repeat(np.arange(len(self.row_start) - 1), np.diff(self.row_start))

    def by_household(self, values: Floats) -> Floats:
        households = len(self.row_start) - 1
        return np.bincount(self.household, weights=values, minlength=households).astype(np.float64)

    def by_cell(self, values: Floats) -> Floats:
        return np.bincount(self.cell, weights=values, minlength=self.cells).astype(np.float64)

    def by_cluster(self, member: Ints, values: Floats) -> Floats:
        """Sum values of entries [clusters, cells]."""
        clusters = int(member.max()) + 1
        place = member[self.household] * self.cells + self.cell
        sums = np.bincount(place, weights=values, minlength=clusters * self.cells)
        return sums.reshape(clusters, self.cells).astype(np.float64)

    def exposures(self, rate: Floats, schedules: Floats) -> Floats:
        """Return rate . spots [households, schedules]."""
        parts = [own_exposures(self.row_start, self.cell, rate, spots) for spots in schedules]
        return np.array(parts).T


def _entries(panel: Panel, market: int, rows: slice) -> _Entries:
    per_market = len(panel.networks) * len(panel.dayparts)
    row_start = panel.row_start[rows.start : rows.stop + 1]
    entries = slice(row_start[0], row_start[-1])
    return _Entries(
        row_start - row_start[0],
        panel.cell[entries] - market * per_market,
        np.asarray(panel.minutes[entries], dtype=np.float64),
        np.asarray(panel.odd_minutes[entries], dtype=np.float64),
        per_market,
    )


def _rate(chance: Floats) -> Floats:
    """Turn the chance of one spot into the Poisson rate that misses it as often."""
    return np.asarray(-np.log1p(-np.minimum(chance, 0.99)))


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _shrink_appetite(weekly: Floats) -> tuple[Floats, Floats]:
    """Return each household's posterior mean minutes a week, and the posterior's shape."""
    weeks = weekly.shape[1]
    mean = weekly.mean(axis=1)
    level = float(mean.mean())
    if level <= 0:
        return mean, np.ones(len(mean))
    noise = float(weekly.var(axis=1, ddof=1).mean()) if weeks > 1 else level
    clump = max(noise / level, 1.0)
    spread = max(float(mean.var()) - noise / weeks, 1e-3 * level**2)
    prior_shape = level**2 / spread
    prior_rate = prior_shape * clump / level
    shape = prior_shape + weekly.sum(axis=1) / clump
    return clump * shape / (prior_rate + weeks), shape


def _cluster_mixes(entries: _Entries, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Group households whose minutes spread alike; return their cluster and each cluster's mix."""
    totals = entries.by_household(entries.total)
    overall = entries.by_cell(entries.total) / max(float(totals.sum()), 1e-9)
    count = int(np.clip(len(totals) // HOUSEHOLDS_PER_CLUSTER, 1, MOST_CLUSTERS))
    root = np.zeros((len(totals), entries.cells))
    root[entries.household, entries.cell] = np.sqrt(entries.total / totals[entries.household])
    root[totals <= 0] = np.sqrt(overall)
    centre = root[rng.choice(len(root), count, replace=False)]
    member = np.zeros(len(root), dtype=np.int64)
    for _ in range(_CLUSTERING_ROUNDS):
        member = np.argmax(root @ centre.T - 0.5 * (centre**2).sum(axis=1), axis=1)
        households = np.bincount(member, minlength=count)[:, None]
        sums = (member == np.arange(count)[:, None]).astype(np.float64) @ root
        centre = np.where(households > 0, sums / np.maximum(households, 1), centre)
    _, member = np.unique(member, return_inverse=True)
    mix = entries.by_cluster(member, entries.total)
    sums = mix.sum(axis=1, keepdims=True)
    mix = np.divide(mix, sums, out=np.tile(overall, (len(mix), 1)), where=sums > 0)
    return member.astype(np.int64), mix


def _choose_borrowed(
    entries: _Entries,
    weekly: Floats,
    member: Ints,
    length: Floats,
    weight: Floats,
    rng: np.random.Generator,
) -> float:
    """Choose how many minutes of its cluster's mix each household borrows.

    The size with which the model of the even weeks comes closest to the reach that trial
    schedules really had in the odd ones: schedules of several weights, on few cells and on many.
    """
    weeks = weekly.shape[1]
    if weeks < 2 or not entries.odd.any():
        return _BORROWED[0]
    appetite, shape = _shrink_appetite(weekly[:, 0::2])
    even, household = entries.total - entries.odd, entries.household
    watched = entries.by_household(even)
    mix = entries.by_cluster(member, even)
    mix = _ratio(mix, np.repeat(mix.sum(axis=1, keepdims=True), mix.shape[1], axis=1))
    seen = entries.odd / (length[entries.cell] * (weeks // 2))
    rating = 100.0 * entries.by_cell(seen * weight[household]) / weight.sum()
    schedules = _trial_schedules(rating, rng)
    reached = weight @ (1.0 - np.exp(-entries.exposures(_rate(seen), schedules)))
    of_mix = (mix / length @ schedules.T)[member]
    best, best_error = _BORROWED[0], np.inf
    for size in _BORROWED:
        own = _ratio(appetite, watched + size)
        rate = _rate(own[household] * even / length[entries.cell])
        exposures = entries.exposures(rate, schedules) + (size * own)[:, None] * of_mix
        missed = np.exp(-shape[:, None] * np.log1p(exposures / shape[:, None]))
        error = float((((weight @ (1.0 - missed)) / reached - 1.0) ** 2).sum())
        if error < best_error:
            best, best_error = size, error
    return best


def _trial_schedules(rating: Floats, rng: np.random.Generator) -> Floats:
    """Draw schedules of several GRP on few and on many cells [schedules, cells]."""
    sold = np.flatnonzero(rating > 0)
    schedules = []
    for grp in _TRIAL_GRP:
        for part in _TRIAL_CELLS:
            chosen = rng.choice(sold, max(1, int(part * len(sold))), replace=False)
            spots = np.zeros(len(rating))
            spots[chosen] = grp / len(chosen) / rating[chosen]
            schedules.append(spots)
    return np.array(schedules)
