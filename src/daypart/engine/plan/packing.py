"""Packing partitions into tasks: longest first into the least loaded, region by region.

Pure functions of measured seconds; where seconds come from is `runs.pilot`'s matter.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_MINUTES = 3.0
"""A task on a cluster is not planned shorter by default: starting it costs up to a minute."""

IDLE_MINUTES = 0.5
"""The same where tasks could run at once on cores that would stand idle."""

TARGET_MINUTES = 10.0
MEMORY_HEAD_ROOM = 1.3
_MEMORY_STEP = 64 * 2**20


@dataclass(frozen=True)
class Packing:
    """Partitions in tasks.

    Parameters
    ----------
    task : int64 array, shape (partitions,)
        From 0; no task is empty.
    seconds : float64 array, shape (tasks,)
        What each task is expected to take on one core.
    """

    task: NDArray[np.int64]
    seconds: NDArray[np.float64]


def tasks_wanted(
    seconds: float,
    *,
    minutes: float = TARGET_MINUTES,
    cores: int = 1,
    least_minutes: float = LEAST_MINUTES,
    at_once: int = 0,
) -> int:
    """Return how many tasks work should be cut into.

    Parameters
    ----------
    seconds : float
        Of all partitions together, on one core.
    minutes : float
        How long a task should last on its cores.
    cores : int
        Of a task.
    least_minutes : float
        No task should last less, on average.
    at_once : int
        Tasks that can run at once; with fewer, cores stand idle. 0 where it is not known.

    Examples
    --------
    >>> tasks_wanted(36_000), tasks_wanted(36_000, cores=4), tasks_wanted(100)
    (60, 15, 1)
    >>> tasks_wanted(600), tasks_wanted(600, at_once=4)
    (1, 4)
    """
    wanted = round(seconds / (60 * minutes * cores))
    most = int(seconds / (60 * least_minutes * cores))
    idle = min(at_once, int(seconds / (60 * min(IDLE_MINUTES, least_minutes) * cores)))
    return max(1, min(wanted, most), idle)


def pack(
    seconds: NDArray[np.floating[Any]], regions: Sequence[str] | NDArray[Any], tasks: int
) -> Packing:
    """Put partitions into tasks of about the same length, region by region.

    The regions follow each other; each fills the tasks that its share of the whole covers, the
    longest partition first, each into the task with the most time left. So a task reads one
    region, or the end of one and the beginning of the next, and only a partition that is longer
    than its task makes that longer than the others.

    Parameters
    ----------
    seconds : float array, shape (partitions,)
        Expected, on one core; 0 or more.
    regions : sequence of str, shape (partitions,)
    tasks : int
        Wanted; there are fewer where there is less to put in them.

    Returns
    -------
    Packing

    References
    ----------
    Graham (1969), Bounds on multiprocessing timing anomalies (longest processing time first).

    Examples
    --------
    >>> packed = pack(np.array([5.0, 1.0, 1.0, 3.0]), ["a"] * 4, 2)
    >>> packed.task.tolist(), packed.seconds.tolist()
    ([0, 1, 1, 1], [5.0, 5.0])
    """
    cost = np.asarray(seconds, np.float64)
    task = np.zeros(len(cost), np.int64)
    total = float(cost.sum())
    if total <= 0:
        return _numbered(np.arange(len(cost)) * tasks // max(len(cost), 1), cost)
    room = np.full(tasks, total / tasks)
    names, region_of = np.unique(np.asarray(regions), return_inverse=True)
    by_region = np.argsort(region_of, kind="stable")
    ends = np.cumsum(np.bincount(region_of, minlength=len(names)))
    begin = 0.0
    for own in np.split(by_region, ends[:-1]):
        end = begin + float(cost[own].sum())
        first = min(int(begin / total * tasks), tasks - 1)
        last = min(max(first, int(np.ceil(end / total * tasks - 1e-9)) - 1), tasks - 1)
        # What the next regions will put into the last task is not available to this one.
        reserved = max(0.0, (last + 1) * total / tasks - end)
        _fill(cost, own, task, room, range(first, last + 1), reserved)
        begin = end
    return _numbered(task, cost)


def _fill(
    cost: NDArray[np.float64],
    own: NDArray[np.int64],
    task: NDArray[np.int64],
    room: NDArray[np.float64],
    over: range,
    reserved: float,
) -> None:
    """Put a region's partitions, longest first, each into the task with the most time left."""
    heap = [(-(room[t] - (reserved if t == over[-1] else 0.0)), t) for t in over]
    heapq.heapify(heap)
    for place in own[np.argsort(-cost[own], kind="stable")].tolist():
        taken, chosen = heap[0]
        heapq.heapreplace(heap, (taken + cost[place], chosen))
        task[place] = chosen
        room[chosen] -= cost[place]


def _numbered(task: NDArray[np.int64], cost: NDArray[np.float64]) -> Packing:
    """Return the tasks that hold something, longest first."""
    _, dense = np.unique(task, return_inverse=True)
    dense = dense.reshape(-1)
    seconds = np.bincount(dense, cost).astype(np.float64)
    order = np.argsort(-seconds, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Packing(rank[dense].astype(np.int64), seconds[order])


def memory_request(
    peaks: Iterable[float], *, base: float, workers: int, head_room: float = MEMORY_HEAD_ROOM
) -> int:
    """Return the memory to request, in bytes.

    Parameters
    ----------
    peaks : iterable of float
        Measured peaks of one worker, in bytes; the largest counts.
    base : float
        What the task holds beside its workers, in bytes.
    workers : int
        At work at once.
    head_room : float
        Asked for over what was measured.

    Examples
    --------
    >>> memory_request([300e6, 400e6], base=100e6, workers=2) / 2**20
    1152.0
    """
    needed = (base + workers * max(peaks, default=0.0)) * head_room
    return int(-(-needed // _MEMORY_STEP) * _MEMORY_STEP)
