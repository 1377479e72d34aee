"""Simulated tuning sessions: their lengths, and the Poisson process of their starts.

A household is an M/G/infinity station. Its sessions on a network start as a Poisson process
whose rate is constant within an hour, and their lengths do not depend on each other. By
Poisson splitting the number of its sessions that are long enough and touch a given hour is
Poisson; its mean is an exact function of `touch_probabilities` and the rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

SECONDS_PER_HOUR = 3600
LONGEST_SESSION = 12 * SECONDS_PER_HOUR
SHORTEST_SESSION = 2
MINIMUM_TUNE = 60
"""Seconds below which a session earns no credit under the default crediting rules."""
LATE_HOURS = (21, 22, 23)
"""Local hours in which a set may be left on all night."""

_TABLE_SIZE = 1 << 16
_ZAP_SHARE = 0.24
_LONG_SHARE = 0.12
_ALL_NIGHT_SHARE = 0.02
_BODY = (25 * 60.0, 0.85)
_LONG = (75 * 60.0, 0.7)
_ALL_NIGHT = (5 * 3600.0, 10 * 3600.0)
_MOST_DEVICES = 1024


@dataclass(frozen=True)
class Sessions:
    """Sessions of some households, ordered by household, then start.

    Parameters
    ----------
    household, network, device : integer arrays, shape (sessions,)
        Positions of the household and the network; the device counts from 0 in a household.
    start, end : int64 arrays, shape (sessions,)
        Seconds since the window began.
    """

    household: NDArray[np.int32]
    network: NDArray[np.int16]
    device: NDArray[np.int16]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)


def duration_tables() -> NDArray[np.int32]:
    """Return tables of equally likely session lengths, which define their distribution.

    Zaps of 2 to 60 seconds, a log-normal body around 25 minutes, a log-normal tail of films
    and evenings; among starts in the late evening a few sets stay on all night. Whole seconds,
    at most 12 hours.

    Returns
    -------
    int32 array, shape (2, 65536)
        Lengths in seconds, ascending: of ordinary starts, and of starts in `LATE_HOURS`.

    Examples
    --------
    >>> tables = duration_tables()
    >>> int(tables.min()), int(tables.max()), bool(tables[1].mean() > tables[0].mean())
    (2, 43200, True)
    """
    return np.stack([_duration_table(0.0), _duration_table(_ALL_NIGHT_SHARE)])


def _duration_table(all_night_share: float) -> NDArray[np.int32]:
    zaps, longs, nights = (
        round(share * _TABLE_SIZE) for share in (_ZAP_SHARE, _LONG_SHARE, all_night_share)
    )
    body = _TABLE_SIZE - zaps - longs - nights

    def levels(size: int) -> NDArray[np.float64]:
        return (np.arange(size) + 0.5) / max(size, 1)

    seconds = np.concatenate(
        [
            SHORTEST_SESSION + levels(zaps) * (MINIMUM_TUNE - SHORTEST_SESSION),
            _BODY[0] * np.exp(_BODY[1] * _normal_quantiles(levels(body))),
            _LONG[0] * np.exp(_LONG[1] * _normal_quantiles(levels(longs))),
            _ALL_NIGHT[0] + levels(nights) * (_ALL_NIGHT[1] - _ALL_NIGHT[0]),
        ]
    )
    whole = np.clip(np.rint(seconds), SHORTEST_SESSION, LONGEST_SESSION)
    return np.sort(whole).astype(np.int32)


def _normal_quantiles(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([NormalDist().inv_cdf(p) for p in probabilities.tolist()])


def touch_probabilities(durations: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the probability that a session is credited in its first hour and in each later one.

    Parameters
    ----------
    durations : int32 array
        Equally likely session lengths, seconds.

    Returns
    -------
    float64 array, shape (13,)
        At `j`: the probability that a session whose start is uniform over the seconds of an
        hour lasts at least 60 s and is still on at some instant `j` hours later.

    Examples
    --------
    >>> touch_probabilities(np.array([1800], dtype=np.int32))[:3].round(3).tolist()
    [1.0, 0.5, 0.0]
    """
    credited = durations[durations >= MINIMUM_TUNE].astype(np.int64)
    lags = np.arange(LONGEST_SESSION // SECONDS_PER_HOUR + 1)
    probabilities = np.empty(len(lags))
    for lag in lags:
        starts = np.clip(credited - 1 - SECONDS_PER_HOUR * (lag - 1), 0, SECONDS_PER_HOUR)
        probabilities[lag] = starts.sum() / SECONDS_PER_HOUR / len(durations)
    return probabilities


@numba.njit(cache=True)  # type: ignore[misc, unused-ignore]
def _next(state: Any) -> Any:
    """Step SplitMix64 (Steele, Lea and Flood 2014): the new state and 64 random bits."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    bits = state
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state, bits ^ (bits >> np.uint64(31))


@numba.njit(cache=True)  # type: ignore[misc, unused-ignore]
def _unit(bits: Any) -> Any:
    """Return a number strictly between 0 and 1 from 64 random bits."""
    return (np.float64(bits >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@numba.njit(cache=True)  # type: ignore[misc, unused-ignore]
def _draw(
    seeds: Any,
    tastes: Any,
    groups: Any,
    availability: Any,
    pull: Any,
    pull_by_hour: Any,
    late: Any,
    durations: Any,
    capacity: int,
) -> Any:
    networks, hours = pull.shape
    last_second = hours * 3600
    household = np.empty(capacity, np.int32)
    network = np.empty(capacity, np.int16)
    device = np.empty(capacity, np.int16)
    start = np.empty(capacity, np.int64)
    end = np.empty(capacity, np.int64)
    rate = np.empty(hours, np.float64)
    free_at = np.empty(_MOST_DEVICES, np.int64)
    made = 0
    for h in range(len(seeds)):
        rate[:] = 0.0
        for n in range(networks):
            taste = tastes[h, n]
            for t in range(hours):
                rate[t] += taste * pull[n, t]
        state = seeds[h]
        free_at[:] = 0
        state, bits = _next(state)
        waiting = -math.log(_unit(bits))
        for t in range(hours):
            available = availability[groups[h], t]
            whole = rate[t] * available
            left = whole
            while waiting < left:
                left -= waiting
                begin = t * 3600 + min(int((1.0 - left / whole) * 3600.0), 3599)
                state, bits = _next(state)
                target = _unit(bits) * rate[t]
                chosen = 0
                reached = tastes[h, 0] * pull_by_hour[t, 0]
                while reached <= target and chosen < networks - 1:
                    chosen += 1
                    reached += tastes[h, chosen] * pull_by_hour[t, chosen]
                state, bits = _next(state)
                length = durations[late[t], np.int64(bits >> np.uint64(48))]
                finish = min(begin + length, last_second)
                free = 0
                while free < _MOST_DEVICES and free_at[free] > begin:
                    free += 1
                if made == capacity or free == _MOST_DEVICES:
                    return household, network, device, start, end, -1
                free_at[free] = finish
                household[made] = h
                network[made] = chosen
                device[made] = free
                start[made] = begin
                end[made] = finish
                made += 1
                state, bits = _next(state)
                waiting = -math.log(_unit(bits))
            waiting -= left
    return household, network, device, start, end, made


def draw_sessions(
    seeds: NDArray[np.uint64],
    tastes: NDArray[np.float64],
    groups: NDArray[np.int64],
    availability: NDArray[np.float64],
    pull: NDArray[np.float64],
    late: NDArray[np.int64],
    durations: NDArray[np.int32],
) -> Sessions:
    """Simulate the sessions of some households; each depends on its own seed alone.

    A household `h` starts `tastes[h, n] * availability[groups[h], t] * pull[n, t]` sessions
    on network `n` in hour `t` in the mean. Sessions that overlap go to the first of its
    devices that is free. Sessions end with the window.

    Parameters
    ----------
    seeds : uint64 array, shape (households,)
    tastes : float64 array, shape (households, networks)
    groups : int64 array, shape (households,)
        Row of `availability`.
    availability : float64 array, shape (groups, hours)
    pull : float64 array, shape (networks, hours)
    late : int64 array, shape (hours,)
        1 where a set may be left on all night, else 0: the row of `durations`.
    durations : int32 array, shape (2, 65536)
        From `duration_tables`.

    Returns
    -------
    Sessions

    Examples
    --------
    >>> one = np.ones((1, 24))
    >>> sessions = draw_sessions(
    ...     np.array([7], np.uint64), np.ones((1, 1)), np.zeros(1, np.int64), one, one,
    ...     np.zeros(24, np.int64), duration_tables()
    ... )
    >>> bool((sessions.end > sessions.start).all()), bool(sessions.end.max() <= 24 * 3600)
    (True, True)
    """
    reach = availability @ pull.T
    expected = float((tastes * reach[groups]).sum())
    capacity = int(expected + 12 * math.sqrt(expected)) + 1000
    *columns, made = _draw(
        seeds,
        tastes,
        groups,
        availability,
        pull,
        np.ascontiguousarray(pull.T),
        late,
        durations,
        capacity,
    )
    if made < 0:
        raise RuntimeError("more sessions or devices than 12 standard deviations allow")
    return Sessions(*(column[:made] for column in columns))
