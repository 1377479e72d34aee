"""Reach and frequency counted on the household panel, without bias.

A spot is one minute placed at random within its cell. A household that watched k of the T
minutes of a cell misses x spots there with the chance C(T-k, x) / C(T, x), which is the
unbiased (U-statistic) estimate of (1-p)^x; the exposures to those spots are hypergeometric, and
those to a schedule are their convolution over cells.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Floats, Ints
from daypart.planning.panel.panel import Panel

TOP = 10
"""Exposures from here on are counted together."""

JACKKNIFE_GROUPS = 20
_MANY_HOUSEHOLDS = 20_000
Z_80 = 1.2815515655446004


class Sample(Protocol):
    """Households with projection weights: a panel, or those that were measured."""

    @property
    def market(self) -> Ints:
        """Index of each household's market [households]."""

    @property
    def weight(self) -> Floats:
        """Projection weights; each market's sum to its universe estimate [households]."""

    @property
    def universe_estimate(self) -> Floats:
        """Households that each market stands for [markets]."""


@dataclass(frozen=True)
class Frequency:
    """How often the households of a panel are exposed to a schedule.

    Parameters
    ----------
    probability : float array [households, 11]
        Chance of 0, 1, ... 9 and of 10 or more exposures, per raw panel household.
    households : float array [11]
        Projected households with so many exposures.
    standard_error : float array [11]
        Of the projected households with k or more exposures (0 at k = 0).
    universe_estimate : float
    raw : float array [11]
        Expected raw panel households with so many exposures.
    """

    probability: Floats
    households: Floats
    standard_error: Floats
    universe_estimate: float
    raw: Floats

    def reach(self, k: int = 1) -> float:
        """Return the projected households with k or more exposures."""
        return float(self.households[k:].sum())

    def reach_percent(self, k: int = 1) -> float:
        """Return reach k+ in percent of the universe estimate."""
        return 100.0 * self.reach(k) / self.universe_estimate

    def error_percent(self, k: int = 1) -> float:
        """Return the standard error of reach k+, in points."""
        return 100.0 * float(self.standard_error[k]) / self.universe_estimate


def exposure_chances(panel: Panel, spots: Ints) -> Floats:
    """Return each panel household's chances of 0 to 9 and of 10 or more exposures.

    Parameters
    ----------
    panel : Panel
    spots : int array [cells]
        Spots in each cell, over the whole flight.

    Returns
    -------
    float array [households, 11]

    Raises
    ------
    DaypartError
        Where a cell has more spots than minutes of history: the estimate is undefined there.

    References
    ----------
    Hoeffding, W. (1948). A class of statistics with asymptotically normal distribution.
    Annals of Mathematical Statistics 19(3).
    """
    from daypart.planning.reach.exposure_kernels import household_chances

    minutes, spots, history = _checked(panel, spots)
    place, places = _places(panel, spots)
    return _over_households(household_chances, panel, minutes, spots, history, place, places)


def misses_by_group(panel: Panel, spots: Ints, group: Ints, groups: int) -> Floats:
    """Return each household's chance to miss all spots in each group of cells.

    Parameters
    ----------
    panel : Panel
    spots, group : int array [cells]
    groups : int

    Returns
    -------
    float array [households, groups]

    Raises
    ------
    DaypartError
        As `exposure_chances`.
    """
    from daypart.planning.reach.exposure_kernels import group_misses

    return _over_households(group_misses, panel, *_checked(panel, spots), group, groups)


def _over_households(kernel: Callable[..., Any], panel: Panel, *settings: Any) -> Floats:
    """Run a kernel over all households, on two threads where there are many of them.

    Each household's row is its own, so that the threads change no bit of it.
    """
    if panel.households < _MANY_HOUSEHOLDS:
        rows: Floats = kernel(panel.row_start, panel.cell, *settings)
        return rows
    middle = int(np.searchsorted(panel.row_start, panel.row_start[-1] // 2))
    halves = (panel.row_start[: middle + 1], panel.row_start[middle:])
    with ThreadPoolExecutor(2) as threads:
        return np.concatenate(
            list(threads.map(lambda half: kernel(half, panel.cell, *settings), halves))
        )


def _places(panel: Panel, spots: Ints) -> tuple[Ints, int]:
    """Return each bought cell's number within its market, else -1, and the most cells of one."""
    bought = spots.reshape(len(panel.markets), -1) > 0
    number = bought.cumsum(axis=1)
    return np.where(bought, number - 1, -1).ravel(), int(number[:, -1].max(initial=0))


def _checked(panel: Panel, spots: Ints) -> tuple[Floats, Ints, Floats]:
    """Return minutes [entries], spots and history [cells], where no cell has too few."""
    spots = np.asarray(spots, dtype=np.int64)
    history = panel.minutes_of_cell()
    short = np.flatnonzero(spots > history)
    if len(short):
        m, n, d = (int(i) for i in np.unravel_index(short[0], panel.shape))
        raise DaypartError(
            f"{panel.markets[m].code}, {panel.networks[n]}, {panel.dayparts[d]}: "
            f"{spots[short[0]]} spots, but only {history[short[0]]:.0f} minutes of history "
            f"({len(short)} such cells)",
            hint='ingest more weeks, or take method="surrogate"',
        )
    return panel.minutes, spots, history


def count_frequency(panel: Panel, spots: Ints, *, seed: int = 0) -> Frequency:
    """Project the frequency distribution of a schedule to the universe, with its standard error.

    Parameters
    ----------
    panel : Panel
    spots : int array [cells]
    seed : int
        Of the jackknife's groups.

    Returns
    -------
    Frequency

    Raises
    ------
    DaypartError
        As `exposure_chances`.
    """
    return project(panel, exposure_chances(panel, spots), seed=seed)


def project(panel: Sample, chances: Floats, *, seed: int = 0) -> Frequency:
    """Project households' chances of exposure to the universe.

    Parameters
    ----------
    panel : Panel or another sample of households
    chances : float array [households, n]
        Chance of 0, 1, ... exposures.
    seed : int

    Returns
    -------
    Frequency
    """
    at_least = chances.copy()
    for k in range(chances.shape[1] - 2, -1, -1):
        at_least[:, k] += at_least[:, k + 1]
    return Frequency(
        probability=chances,
        households=panel.weight @ chances,
        standard_error=jackknife_error(panel, at_least, seed=seed),
        universe_estimate=float(panel.universe_estimate.sum()),
        raw=chances.sum(axis=0),
    )


def jackknife_error(panel: Sample, values: Floats, *, seed: int = 0) -> Floats:
    """Return the standard errors of projected totals by a stratified delete-a-group jackknife.

    Each market is a stratum; its households are dealt into at most 20 groups; each group in
    turn is left out and the rest reweighted to the market's universe estimate.

    Parameters
    ----------
    panel : Panel or another sample of households
    values : float array [households, columns]
        What is summed with the weights.
    seed : int
        Of the deal.

    Returns
    -------
    float array [columns]
        NaN where a market has a single household, and so no error can be told.

    References
    ----------
    Kott, P. S. (2001). The delete-a-group jackknife. Journal of Official Statistics 17(4).
    """
    variances = jackknife_variances(panel, lambda rows: values[rows], seed=seed)
    return np.asarray(np.sqrt(variances.sum(axis=0)))


def jackknife_variances(
    panel: Sample, values_of: Callable[[slice], Floats], *, seed: int = 0
) -> Floats:
    """Return the jackknife's variances of projected totals, market by market.

    Parameters
    ----------
    panel : Panel or another sample of households
    values_of : function
        From the rows of a market's households to their values [households of it, columns].
    seed : int
        Of the deal into groups.

    Returns
    -------
    float array [markets, columns]
        NaN in a market with a single household. Totals over markets have the sum as variance.
    """
    variances = []
    rng = np.random.default_rng(seed)
    starts = np.searchsorted(panel.market, np.arange(len(panel.universe_estimate) + 1))
    for start, stop, estimate in zip(starts, starts[1:], panel.universe_estimate, strict=False):
        values, weight = values_of(slice(start, stop)), panel.weight[start:stop]
        if len(weight) < 2:
            variances.append(np.full(values.shape[1], np.nan))
            continue
        groups = min(JACKKNIFE_GROUPS, len(weight))
        dealt = rng.permutation(len(weight))
        members = [dealt[g::groups] for g in range(groups)]
        totals = np.array([weight[group] @ values[group] for group in members])
        weights = np.array([weight[group].sum() for group in members])
        left = (totals.sum(axis=0) - totals) / (weights.sum() - weights)[:, None]
        spread = ((left - left.mean(axis=0)) ** 2).sum(axis=0)
        variances.append(estimate**2 * (groups - 1) / groups * spread)
    return np.array(variances)
