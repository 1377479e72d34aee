"""Reach and frequency of households, projected to the universe with their standard errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from daypart.planning.arrays import Floats, Ints

TOP = 10
"""Exposures from here on are counted together."""

JACKKNIFE_GROUPS = 20
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
        """Households of the universe in each market [markets]."""


@dataclass(frozen=True)
class Frequency:
    """How often the households of a panel are exposed to a schedule.

    Parameters
    ----------
    probability : float array [households, 11]
        Chance of 0, 1, ... 9 and of 10 or more exposures, per raw panel household.
    households : float array [11]
        Projected households with 0, 1, ... 9 and with 10 or more exposures.
    standard_error : float array [11]
        Of the projected households with k or more exposures (0 at k = 0).
    universe_estimate : float
    raw : float array [11]
        Expected raw panel households with 0, 1, ... 9 and with 10 or more exposures.
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
        NaN where a market has a single household, which gives no error.

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
