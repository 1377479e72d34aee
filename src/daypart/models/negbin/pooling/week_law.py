"""How the weeks of parents move: a random walk that lasts, and shocks that do not.

    week[k] = level[k] + N(0, week_sd^2 + observation variance)
    level[k] = level[k - 1] + N(0, walk_sd^2)

The two standard deviations are integrated over a grid; the prior over the grid is what the
parents of one kind have in common (empirical Bayes by expectation and maximisation).

References
----------
Durbin and Koopman (2012), Time series analysis by state space methods, 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRID = np.array([0.0, 0.005, 0.01, 0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.19, 0.28, 0.4])
"""Standard deviations tried, in log households."""
_ROUNDS = 30
_PRIOR_PARENTS = 1.0
"""How many parents' worth the flat prior over the grid counts."""


@dataclass(frozen=True)
class WeekLaw:
    """What is known of each parent's weeks at the end, arrays of shape (parents,).

    Parameters
    ----------
    origin, level_sd : float64 array
        The walk's last level, and how unsure it is.
    walk_sd, week_sd : float64 array
        Of a week's step, and of what does not last.
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
    for _ in range(_ROUNDS):
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
