"""What the partitions of one parent have in common beyond its posterior: weeks, and shocks.

Weeks. A random walk that lasts, and shocks that do not:

    week[k] = level[k] + N(0, week_sd^2 + observation variance)
    level[k] = level[k - 1] + N(0, walk_sd^2)

The two standard deviations are integrated over a grid; the prior over the grid is what the
parents of one kind have in common (empirical Bayes by expectation and maximisation).

Shocks of days and hours. The dispersion of sums shows them. If the sum of partitions with
dispersions r_own each, and weights w of the sum, had nothing in common, its dispersion would be
r_own sum w^2. What it has beyond is shared: by all partitions, or by those of one parent. Method
of moments, with v the variances of common factors of mean 1:

    sum of all      r = v_all + sum over columns c of H_c v_c + H r_own
    one parent      r = v_all + v_parent + H (v of the other columns + r_own)
    a partition     r = v_all + v of its parents + r_own

where H is the sum of squared weights of the summed partitions.

References
----------
Durbin and Koopman (2012), Time series analysis by state space methods, 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRID = np.array([0.0, 0.005, 0.01, 0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.19, 0.28, 0.4])
"""Standard deviations of the grid, in log households."""
_GRID_ROUNDS = 30
_PRIOR_PARENTS = 1.0
"""Weight of the flat prior over the grid, in parents."""
_MOMENT_ROUNDS = 60


@dataclass(frozen=True)
class WeekLaw:
    """Each parent's weeks at their end, arrays of shape (parents,).

    Parameters
    ----------
    origin, level_sd : float64 array
        The walk's last level, and its standard deviation.
    walk_sd, week_sd : float64 array
        Standard deviation of a week's step, and of its shock.
    """

    origin: Floats
    level_sd: Floats
    walk_sd: Floats
    week_sd: Floats


def week_law(week: Floats, variance: Floats) -> WeekLaw:
    """Learn the law of the weeks of several parents of one kind.

    Parameters
    ----------
    week, variance : float64 array, shape (parents, weeks)
        Posterior mean and variance of each week's effect.

    Returns
    -------
    WeekLaw

    Examples
    --------
    Shocks that do not last leave the level at their mean:

    >>> law = week_law(0.1 * np.array([[1.0, -1.0] * 10]), np.full((1, 20), 1e-4))
    >>> bool(abs(law.origin[0]) < 0.03), bool(law.walk_sd[0] < law.week_sd[0])
    (True, True)
    """
    walk, shock = (part.ravel() for part in np.meshgrid(GRID**2, GRID**2, indexing="ij"))
    log_density, level, spread = _filter(week, variance, walk, shock)
    likelihood = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    prior = np.full(len(walk), 1.0 / len(walk))
    for _ in range(_GRID_ROUNDS):
        posterior = likelihood * prior
        posterior /= posterior.sum(axis=1, keepdims=True)
        prior = posterior.sum(axis=0) + _PRIOR_PARENTS / len(walk)
        prior /= prior.sum()
    origin = (posterior * level).sum(axis=1)
    away = level - origin[:, None]
    return WeekLaw(
        origin,
        np.sqrt((posterior * (spread + away**2)).sum(axis=1)),
        np.sqrt(posterior @ walk),
        np.sqrt(posterior @ shock),
    )


def _filter(
    week: Floats, variance: Floats, walk: Floats, shock: Floats
) -> tuple[Floats, Floats, Floats]:
    """Run the Kalman filter; arrays of shape (parents, grid): log density, level, its variance."""
    level = np.repeat(week[:, :1], len(walk), axis=1)
    spread = variance[:, :1] + shock
    log_density = np.zeros_like(level)
    for k in range(1, week.shape[1]):
        spread = spread + walk
        total = np.maximum(spread + shock + variance[:, k : k + 1], 1e-10)
        error = week[:, k : k + 1] - level
        log_density -= 0.5 * (np.log(total) + error**2 / total)
        gain = spread / total
        level = level + gain * error
        spread = spread * (1.0 - gain)
    return log_density, level, spread


@dataclass(frozen=True)
class Summed:
    """A sum's dispersion, and the sizes of its partitions.

    Parameters
    ----------
    inv_phi : float
        Its variance beyond Poisson's is `inv_phi * mean ** 2`.
    total : float
        Sum of its counts.
    squares : float
        Sum over its partitions of their squared sums of counts.
    """

    inv_phi: float
    total: float
    squares: float

    @property
    def concentration(self) -> float:
        """Sum of squared weights of the partitions."""
        return self.squares / self.total**2


def common_variances(
    whole: Summed, parts: Mapping[str, Sequence[Summed]], partition_inv_phi: float
) -> tuple[float, dict[str, Floats]]:
    """Return the variances of factors that all partitions, or those of one parent, share.

    Parameters
    ----------
    whole : Summed
        The sum of all.
    parts : mapping of str to sequence of Summed
        By key column, the sums that hold it fixed.
    partition_inv_phi : float
        Dispersion of a single partition.

    Returns
    -------
    tuple of float and dict of str to float64 array

    Examples
    --------
    Ten equal partitions that share nothing, whose sum is ten times less dispersed:

    >>> sum_of_ten = Summed(inv_phi=0.02, total=10.0, squares=10.0)
    >>> round(common_variances(sum_of_ten, {}, 0.2)[0], 6)
    0.0
    """
    every, own = 0.0, partition_inv_phi
    shared = {column: np.zeros(len(sums)) for column, sums in parts.items()}
    weights = {c: np.array([each.total for each in sums]) for c, sums in parts.items()}
    for _ in range(_MOMENT_ROUNDS):
        typical = {
            c: float(np.average(shared[c], weights=weights[c])) if len(shared[c]) else 0.0
            for c in parts
        }
        across = sum(float((weights[c] ** 2).sum()) / whole.total**2 * typical[c] for c in parts)
        wanted = whole.inv_phi - across - whole.concentration * own
        every += 0.5 * (max(wanted, 0.0) - every)
        for column, sums in parts.items():
            others = own + sum(value for c, value in typical.items() if c != column)
            left = np.array([each.inv_phi - each.concentration * others for each in sums])
            shared[column] += 0.5 * (np.maximum(left - every, 0.0) - shared[column])
        left_over = partition_inv_phi - every - sum(typical.values())
        own += 0.5 * (max(left_over, 0.0) - own)
    return every, shared
