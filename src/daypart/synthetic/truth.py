"""The truth of a simulated market: the expected households per partition and hour.

A household `h` starts `taste[h, n] * availability[group, t] * pull[n, t]` sessions an hour, so
the number of its credited sessions that touch hour `t` is Poisson with mean
`taste[h, n] * touching[group, n, t]`, and it is credited with probability one less the
exponential of minus that mean. The truth table holds the sum over households.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from daypart.synthetic.demand import Demand
from daypart.synthetic.households import GROUPS, Households
from daypart.synthetic.sessions import MINIMUM_TUNE, SECONDS_PER_HOUR, touch_probabilities


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
    by_kind = np.array([touch_probabilities(table) for table in durations])
    by_start = by_kind[demand.late]
    # Sessions end with the window, so those of its last 59 seconds stay too short.
    by_start[-1] *= 1 - (MINIMUM_TUNE - 1) / SECONDS_PER_HOUR
    pull = np.ascontiguousarray(demand.pull[networks])
    touching: NDArray[np.float64] = _touching(
        demand.availability, pull, np.ascontiguousarray(by_start.T)
    )
    return touching


@numba.njit(cache=True)  # type: ignore[misc, unused-ignore]
def _touching(availability: Any, pull: Any, by_lag: Any) -> Any:
    hours = pull.shape[1]
    touching = np.zeros((len(availability), len(pull), hours))
    starts = np.empty(hours)
    for group in range(len(availability)):
        for n in range(len(pull)):
            into = touching[group, n]
            for t in range(hours):
                starts[t] = availability[group, t] * pull[n, t]
            for lag in range(min(len(by_lag), hours)):
                for t in range(hours - lag):
                    into[t + lag] += by_lag[lag, t] * starts[t]
    return touching


def expected_households(
    households: Households,
    members: NDArray[np.bool_],
    touching: NDArray[np.float64],
    networks: slice = slice(None),
) -> NDArray[np.float64]:
    """Return the expected credited households by network, segment and hour.

    Within a group and network the sum over households is a smooth function of `touching`
    alone; it is interpolated between Chebyshev nodes, to rounding, which avoids an
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
        if len(inside) == 0:
            continue
        # Most segments hold all of a group or none of it: compute each distinct one once.
        distinct, position = np.unique(members[:, inside], axis=0, return_inverse=True)
        of_group = np.zeros((len(expected), len(distinct), touching.shape[2]))
        _add_credited(
            np.ascontiguousarray(tastes[inside]),
            distinct.astype(np.float64),
            np.ascontiguousarray(touching[group]),
            of_group,
        )
        expected += of_group[:, position.ravel()]
    return np.maximum(expected, 0.0)


@numba.njit(cache=True)  # type: ignore[misc, unused-ignore]
def _add_credited(tastes: Any, members: Any, touching: Any, expected: Any) -> None:
    """Add the sums over households of 1 - exp(-taste * touching), by network and segment."""
    networks, hours = touching.shape
    points = np.empty(hours)
    newer = np.empty(hours)
    older = np.empty(hours)
    for n in range(networks):
        highest = max(touching[n].max(), 1e-300)
        # Coefficient k of exp(-2 z x) falls as exp(-k**2 / 2 z): enough for 1e-15.
        nodes = int(12 + 7.5 * math.sqrt(tastes[:, n].max() * highest / 2))
        at_nodes = np.zeros((len(members), nodes))
        for node in range(nodes):
            x = (math.cos((node + 0.5) * math.pi / nodes) + 1) * (highest / 2)
            for h in range(len(tastes)):
                credited = -math.expm1(-tastes[h, n] * x)
                for s in range(len(members)):
                    at_nodes[s, node] += members[s, h] * credited
        cosines = np.empty((nodes, nodes))
        for k in range(nodes):
            for node in range(nodes):
                cosines[k, node] = math.cos(k * (node + 0.5) * math.pi / nodes) * 2 / nodes
        for t in range(hours):
            points[t] = 2 * touching[n, t] / highest - 1
        for s in range(len(members)):
            newer[:] = 0.0
            older[:] = 0.0
            for k in range(nodes - 1, 0, -1):
                coefficient = 0.0
                for node in range(nodes):
                    coefficient += cosines[k, node] * at_nodes[s, node]
                for t in range(hours):
                    newest = 2 * points[t] * newer[t] - older[t] + coefficient
                    older[t] = newer[t]
                    newer[t] = newest
            mean = at_nodes[s].mean()
            for t in range(hours):
                expected[n, s, t] += points[t] * newer[t] - older[t] + mean
