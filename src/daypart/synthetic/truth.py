"""The truth of a simulated market: the expected households per partition and hour.

A household `h` starts `taste[h, n] * availability[group, t] * pull[n, t]` sessions an hour, so
the number of its credited sessions that touch hour `t` is Poisson with mean
`taste[h, n] * touching[group, n, t]`, and it is credited with probability one less the
exponential of minus that mean. The sum over households is what the truth table holds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from daypart.synthetic.demand import Demand
from daypart.synthetic.households import GROUPS, Households
from daypart.synthetic.sessions import MINIMUM_TUNE, SECONDS_PER_HOUR, touch_probabilities

_NODES = 64
"""Chebyshev nodes: the interpolated sum of exponentials is exact to rounding."""


def touching_sessions(
    demand: Demand, durations: NDArray[np.int32], networks: slice = slice(None)
) -> NDArray[np.float64]:
    """Return the credited sessions that touch each hour, for a household of taste 1.

    Parameters
    ----------
    demand : Demand
    durations : int32 array, shape (2, 65536)
    networks : slice
        Which networks; all by default.

    Returns
    -------
    float64 array, shape (groups, networks, hours)
    """
    pull = demand.pull[networks]
    hours = demand.window.hours
    touching = np.zeros((len(demand.availability), len(pull), hours))
    probabilities = [touch_probabilities(table) for table in durations]
    for group, availability in enumerate(demand.availability):
        starts = pull * availability
        for kind, by_lag in enumerate(probabilities):
            of_kind = np.where(demand.late == kind, starts, 0.0)
            for lag, probability in enumerate(by_lag[:hours]):
                touching[group, :, lag:] += probability * of_kind[:, : hours - lag]
        # Sessions end with the window, so those of its last 59 seconds stay too short.
        long_enough = probabilities[demand.late[-1]][0]
        too_short = long_enough * (MINIMUM_TUNE - 1) / SECONDS_PER_HOUR
        touching[group, :, -1] -= too_short * starts[:, -1]
    return touching


def expected_households(
    households: Households,
    members: NDArray[np.bool_],
    touching: NDArray[np.float64],
    networks: slice = slice(None),
) -> NDArray[np.float64]:
    """Return the expected credited households by network, segment and hour.

    Within a group and network the sum over households is a smooth function of `touching`
    alone; it is interpolated between Chebyshev nodes, to rounding, which spares an
    exponential for every household and hour.

    Parameters
    ----------
    households : Households
    members : bool array, shape (segments, households)
    touching : float64 array, shape (groups, networks, hours)
    networks : slice
        The networks of `touching`; all by default.

    Returns
    -------
    float64 array, shape (networks, segments, hours)
    """
    tastes = households.tastes[:, networks]
    expected = np.zeros((tastes.shape[1], len(members), touching.shape[2]))
    for group in range(GROUPS):
        inside = np.flatnonzero(households.group == group)
        if len(inside):
            segments = members[:, inside].astype(np.float64)
            for n in range(len(expected)):
                expected[n] += _credited(tastes[inside, n], segments, touching[group, n])
    return np.maximum(expected, 0.0)


def _credited(
    tastes: NDArray[np.float64], segments: NDArray[np.float64], touching: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sums over households of 1 - exp(-taste * touching), shape (segments, hours)."""
    highest = float(touching.max()) or 1.0
    angles = (np.arange(_NODES) + 0.5) * (np.pi / _NODES)
    nodes = (np.cos(angles) + 1) * (highest / 2)
    at_nodes = segments @ -np.expm1(-np.outer(tastes, nodes))
    transform = np.cos(np.outer(np.arange(_NODES), angles)) * (2 / _NODES)
    transform[0] /= 2
    coefficients = at_nodes @ transform.T
    points = np.clip(2 * touching / highest - 1, -1.0, 1.0)
    return np.asarray(np.polynomial.chebyshev.chebval(points, coefficients.T), dtype=np.float64)
