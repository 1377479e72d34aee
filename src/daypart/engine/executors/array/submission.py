"""From tasks to array jobs: their sizes, their memory, their names. Nothing is sent here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from daypart.engine.executors.protocol import Task

MOST_ESCALATIONS = 3
_MEBIBYTE = 1 << 20


class ArraySettings(Protocol):
    """What the settings of every executor of array jobs contain."""

    @property
    def cores(self) -> int:
        """Of a child; it fits on all of them."""

    @property
    def memory(self) -> int:
        """MiB that a child requests at first."""

    @property
    def queues(self) -> tuple[tuple[str, float], ...]:
        """The queues with the share of the fits that each one gets."""

    @property
    def largest_array(self) -> int:
        """Most children of an array."""

    @property
    def poll_seconds(self) -> float:
        """Longest pause between polls."""

    @property
    def blocked_seconds(self) -> float:
        """Seconds without any running child after which the scheduler's reason is shown."""

    @property
    def leave_running(self) -> bool:
        """Ctrl-C leaves the arrays running instead of ending them."""


@dataclass(frozen=True)
class Submission:
    """One job to submit.

    Parameters
    ----------
    name : str
        The job's, and the array's: the same tasks of the same round have the same name always.
    queue : str
    tasks : tuple of int
        Child 0 first.
    memory : int
        MiB of a child.
    round : int
        How often these tasks were submitted before.
    one_by_one : bool
        Fit partitions alone, after a process died of one of them.
    most_memory : bool
        No more memory is requested than this: a partition that a worker is killed on alone fails.
    """

    name: str
    queue: str
    tasks: tuple[int, ...]
    memory: int
    round: int = 0
    one_by_one: bool = False
    most_memory: bool = False


def plan_submissions(
    tasks: Sequence[Task],
    settings: ArraySettings,
    *,
    rounds: dict[int, int] | None = None,
    least_memory: dict[int, int] | None = None,
    one_by_one: Collection[int] = (),
) -> list[Submission]:
    """Cut tasks into as few jobs as the scheduler allows.

    Parameters
    ----------
    tasks : sequence of Task
        Of one run; their order is kept.
    settings : ArraySettings
    rounds : dict of int to int, optional
        Task to how often it was submitted before.
    least_memory : dict of int to int, optional
        Task to the MiB that it needs at least.
    one_by_one : collection of int
        Tasks whose partitions are to be fitted alone.

    Returns
    -------
    list of Submission
        Tasks of one need of memory together, split over the queues by their shares, in arrays of
        about one size.
    """
    groups: dict[tuple[int, int, bool, bool], list[Task]] = {}
    for task in tasks:
        memory = first_memory(task, settings)
        while memory < max((least_memory or {}).get(task.index, 0), task.least_memory_mib):
            memory *= 2
        alone = task.index in one_by_one
        most = alone and memory >= most_memory(task, settings)
        kind = (memory, (rounds or {}).get(task.index, 0), alone, most)
        groups.setdefault(kind, []).append(task)
    return [
        _submission(chunk, queue, *kind)
        for kind, members in groups.items()
        for queue, share in _by_queue(members, settings.queues)
        for chunk in _chunks(share, settings.largest_array)
    ]


def first_memory(task: Task, settings: ArraySettings) -> int:
    """Return the MiB to request at first: what is set, doubled until it holds what was measured.

    Parameters
    ----------
    task : Task
    settings : ArraySettings
    """
    measured = -(-(task.memory_bytes or 0) * settings.cores // _MEBIBYTE)
    memory = settings.memory
    while memory < measured:
        memory *= 2
    return memory


def most_memory(task: Task, settings: ArraySettings) -> int:
    """Return the MiB beyond which nothing more is requested.

    Parameters
    ----------
    task : Task
    settings : ArraySettings
    """
    return max(first_memory(task, settings) << MOST_ESCALATIONS, task.least_memory_mib)


def _by_queue(
    tasks: Sequence[Task], queues: Sequence[tuple[str, float]]
) -> list[tuple[str, list[Task]]]:
    """Deal tasks to the queues by their shares, so that each one gets long and short ones."""
    dealt: dict[str, list[Task]] = {queue: [] for queue, _ in queues}
    owed = dict.fromkeys(dealt, 0.0)
    for task in tasks:
        for queue, share in queues:
            owed[queue] += share
        chosen = max(owed, key=lambda queue: owed[queue])
        owed[chosen] -= 1.0
        dealt[chosen].append(task)
    return [(queue, share) for queue, share in dealt.items() if share]


def _chunks(tasks: Sequence[Task], most: int) -> list[Sequence[Task]]:
    """Cut into arrays of at most `most` tasks, of about one size."""
    count = -(-len(tasks) // most)
    size = -(-len(tasks) // count)
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]


def _submission(
    tasks: Sequence[Task], queue: str, memory: int, number: int, one_by_one: bool, most: bool
) -> Submission:
    indices = tuple(task.index for task in tasks)
    run = str(tasks[0].run.resolve())
    what = json.dumps([run, queue, indices, memory, number, one_by_one, most])
    digest = hashlib.blake2b(what.encode(), digest_size=6).hexdigest()
    name = f"daypart-{indices[0]}-{digest}"
    return Submission(name, queue, indices, memory, number, one_by_one, most)
