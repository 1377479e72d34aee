"""The surrogate: a concave model of reach for the optimiser, two-level Gamma-Poisson.

Upper level: a household's appetite (minutes a week) is Gamma distributed within its market, and
is shrunk as a whole, by the counts' own overdispersion. Lower level: how the appetite spreads over
cells is the household's own mix, shrunk towards the mix of the cluster it belongs to. A
household then misses a schedule x with the chance (1 + r.x / a) ** -a, where r is its exposure
rate per spot and a the shape of its appetite: the exponential of a convex function of x, so that
reach is concave in x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np

from daypart.planning.arrays import Floats, Ints, Numbers


@dataclass(frozen=True)
class Surrogate:
    """Exposure rates of panel households, and the clusters that the optimiser bounds.

    Parameters
    ----------
    weight : float array [households]
    shape : float array [households]
        Of the Gamma posterior of appetite.
    row_start, cell, rate : arrays
        Sparse part of the exposure rates per spot, by rows.
    share : float array [households]
        How much of its cluster's rates a household has besides.
    cluster : int array [households]
        Clusters never straddle markets; numbered from 0.
    cluster_rate : float array [clusters, cells of a market]
    cluster_market : int array [clusters]
    universe_estimate : float
    """

    weight: Floats
    shape: Floats
    row_start: Ints
    cell: Ints
    rate: Floats
    share: Floats
    cluster: Ints
    cluster_rate: Floats
    cluster_market: Ints
    universe_estimate: float

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return len(self.cluster_market)

    @property
    def markets(self) -> int:
        """How many markets there are."""
        return int(self.cluster_market.max()) + 1

    def exposures(self, spots: Floats) -> Floats:
        """Return the expected exposures of each household [households]."""
        by_market = spots.reshape(self.markets, -1)[self.cluster_market]
        of_cluster = (self.cluster_rate * by_market).sum(axis=1)
        own = own_exposures(*self._entries, spots)
        return np.asarray(own + self.share * of_cluster[self.cluster], dtype=np.float64)

    def exposure_chances(self, spots: Numbers, top: int) -> Floats:
        """Return each household's chances of 0 .. top - 1 and of top or more exposures.

        Parameters
        ----------
        spots : array [cells]
        top : int

        Returns
        -------
        float array [households, top + 1]
            Negative binomial: Poisson exposures at a Gamma distributed rate.
        """
        exposures = self.exposures(np.asarray(spots, dtype=np.float64))
        odds = exposures / (self.shape + exposures)
        chances = np.empty((len(exposures), top + 1))
        chances[:, 0] = self._missed(exposures)
        for n in range(1, top):
            chances[:, n] = chances[:, n - 1] * odds * (self.shape + n - 1) / n
        chances[:, top] = np.maximum(0.0, 1.0 - chances[:, :top].sum(axis=1))
        return chances

    def reached(self, spots: Floats) -> Floats:
        """Return the projected households reached in each cluster [clusters]."""
        return self.by_cluster(self.weight * (1.0 - self._missed(self.exposures(spots))))

    def slopes_by_cluster(self, slope: Floats) -> Floats:
        """Carry each household's slope in its exposures over to cells, summed by cluster.

        Parameters
        ----------
        slope : float array [households]
            Weighted.

        Returns
        -------
        float array [clusters, cells of a market]
        """
        common = self.by_cluster(slope * self.share)
        return self._own_slopes(slope, 0, len(slope)) + common[:, None] * self.cluster_rate

    def slopes_by_cell(self, slope: Floats) -> Floats:
        """Carry each household's slope in its exposures over to cells [cells]."""
        by_cluster = self.slopes_by_cluster(slope)
        by_cell = np.zeros((self.markets, by_cluster.shape[1]))
        np.add.at(by_cell, self.cluster_market, by_cluster)
        return np.asarray(by_cell.ravel())

    def bend(self, market: int, curvature: Floats, cells: Ints) -> Floats:
        """Carry each household's curvature in its exposures over to some cells of a market.

        Parameters
        ----------
        market : int
        curvature : float array [households]
            Weighted, none below 0.
        cells : int array [n]
            Numbered within the market.

        Returns
        -------
        float array [n, n]
            Sum of curvature x rate x rate', of which the lower triangle is filled.
        """
        place = np.full(self.cluster_rate.shape[1], -1, dtype=np.int64)
        place[cells] = np.arange(len(cells))
        first, last = self._household_start[market : market + 2]
        matrix = np.zeros((len(cells), len(cells)))
        add_own_bend(*self._entries, curvature, first, last, place, matrix)
        if self.share[first:last].any():
            clusters = np.flatnonzero(self.cluster_market == market)
            common = self.cluster_rate[np.ix_(clusters, cells)]
            mixed = self._own_slopes(curvature * self.share, first, last)[np.ix_(clusters, cells)]
            squares = self.by_cluster(curvature * self.share**2)[clusters]
            half = common.T @ (mixed + 0.5 * squares[:, None] * common)
            matrix += half + half.T
        return matrix

    def reach_percent(self, spots: Floats) -> float:
        """Return reach 1+ in percent of the universe estimate."""
        return 100.0 * float(self.reached(spots).sum()) / self.universe_estimate

    def households_of_cluster(self) -> Floats:
        """Return the projected households of each cluster [clusters]."""
        return self.by_cluster(self.weight)

    def by_cluster(self, values: Floats) -> Floats:
        """Sum values of households over clusters [clusters]."""
        sums = np.bincount(self.cluster, weights=values, minlength=self.clusters)
        return sums.astype(np.float64)

    @property
    def _entries(self) -> tuple[Ints, Ints, Floats]:
        return self.row_start, self.cell, self.rate

    @cached_property
    def _household_start(self) -> Ints:
        """Where each market's households begin [markets + 1]."""
        market = self.cluster_market[self.cluster]
        return np.searchsorted(market, np.arange(self.markets + 1))

    def _own_slopes(self, slope: Floats, first: int, last: int) -> Floats:
        slopes = np.zeros((self.clusters, self.cluster_rate.shape[1]))
        add_own_slopes(*self._entries, slope, self.cluster, first, last, slopes)
        return slopes

    def _missed(self, exposures: Floats) -> Floats:
        return np.asarray(np.exp(-self.shape * np.log1p(exposures / self.shape)))


@numba.njit(cache=True)
def own_exposures(row_start: Ints, cell: Ints, rate: Floats, spots: Floats) -> Floats:
    """Return R x, the exposures of each household to its own rates [households].

    Parameters
    ----------
    row_start : int array [households + 1], cell : int array [entries], rate : float array [entries]
        The sparse matrix R of exposure rates a spot [households, cells], by rows.
    spots : float array [cells]
        x.
    """
    exposures = np.zeros(len(row_start) - 1)
    for h in range(len(exposures)):
        total = 0.0
        for entry in range(row_start[h], row_start[h + 1]):
            total += rate[entry] * spots[cell[entry]]
        exposures[h] = total
    return exposures


@numba.njit(cache=True)
def add_own_slopes(
    row_start: Ints,
    cell: Ints,
    rate: Floats,
    slope: Floats,
    cluster: Ints,
    first: int,
    last: int,
    slopes: Floats,
) -> None:
    """Add s_h R_hc of households h = first .. last - 1 to cluster and cell of the market.

    Parameters
    ----------
    row_start : int array [households + 1], cell : int array [entries], rate : float array [entries]
        The sparse matrix R of exposure rates a spot [households, cells], by rows.
    slope : float array [households]
        s, weighted.
    cluster : int array [households]
    first, last : int
    slopes : float array [clusters, cells of a market]
        Changed in place.
    """
    cells = slopes.shape[1]
    for h in range(first, last):
        row = slopes[cluster[h]]
        for entry in range(row_start[h], row_start[h + 1]):
            row[cell[entry] % cells] += slope[h] * rate[entry]


@numba.njit(cache=True)
def add_own_bend(
    row_start: Ints,
    cell: Ints,
    rate: Floats,
    weight: Floats,
    first: int,
    last: int,
    place: Ints,
    matrix: Floats,
) -> None:
    """Add the sum of w_h R_h R_h' over households h = first .. last - 1 to a lower triangle.

    Parameters
    ----------
    row_start : int array [households + 1], cell : int array [entries], rate : float array [entries]
        The sparse matrix R of exposure rates a spot [households, cells], by rows.
    weight : float array [households]
        w, none below 0.
    first, last : int
    place : int array [cells of a market]
        A cell's row in the matrix; -1 leaves the cell out.
    matrix : float array [n, n]
        Its lower triangle is changed in place.
    """
    cells = len(place)
    at = np.empty(cells, dtype=np.int64)
    value = np.empty(cells)
    for h in range(first, last):
        if weight[h] == 0.0:
            continue
        count = 0
        for entry in range(row_start[h], row_start[h + 1]):
            where = place[cell[entry] % cells]
            if where >= 0:
                at[count] = where
                value[count] = rate[entry]
                count += 1
        for i in range(count):
            row, part = matrix[at[i]], weight[h] * value[i]
            for j in range(i + 1):
                row[at[j]] += part * value[j]
