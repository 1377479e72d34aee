"""From tasks to SubmitJob requests: arrays, their memory, their names. Nothing is sent here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from daypart.errors import EXIT_INTERRUPTED, DaypartError
from daypart.runs.executor import Task
from daypart.runs.executors.aws_batch.settings import LARGEST_ARRAY, AwsBatchSettings
from daypart.storage import Location

LARGEST_OVERRIDES = 1_024
MOST_ESCALATIONS = 3
_MEBIBYTE = 1 << 20

RETRY_RULES = (
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onStatusReason": "Task failed to start*", "action": "RETRY"},
    {"onReason": "CannotPullContainer*", "action": "RETRY"},
    {"onExitCode": str(EXIT_INTERRUPTED), "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
)
"""What no partition is to blame for is tried again; everything else ends the child."""


@dataclass(frozen=True)
class Submission:
    """One job to submit: an array, or a plain job where there is a single task.

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
    """

    name: str
    queue: str
    tasks: tuple[int, ...]
    memory: int
    round: int = 0
    one_by_one: bool = False


def plan_submissions(
    tasks: Sequence[Task],
    settings: AwsBatchSettings,
    *,
    rounds: dict[int, int] | None = None,
    least_memory: dict[int, int] | None = None,
    one_by_one: Collection[int] = (),
) -> list[Submission]:
    """Cut tasks into as few jobs as Batch allows.

    Parameters
    ----------
    tasks : sequence of Task
        Of one run; their order is kept.
    settings : AwsBatchSettings
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
        2 to 10,000 of about one size.
    """
    groups: dict[tuple[int, int, bool], list[Task]] = {}
    for task in tasks:
        memory = first_memory(task, settings)
        while memory < (least_memory or {}).get(task.index, 0):
            memory *= 2
        kind = (memory, (rounds or {}).get(task.index, 0), task.index in one_by_one)
        groups.setdefault(kind, []).append(task)
    return [
        _submission(chunk, queue, *kind)
        for kind, members in groups.items()
        for queue, share in _by_queue(members, settings.queues)
        for chunk in _chunks(share)
    ]


def submit_request(
    submission: Submission, run: Location, settings: AwsBatchSettings
) -> dict[str, Any]:
    """Return the parameters of SubmitJob.

    Raises
    ------
    DaypartError
        Where the run's path makes the overrides longer than Batch takes safely.
    """
    command = ["daypart", "task", str(run.resolve()), "--quiet"]
    request: dict[str, Any] = {
        "jobName": submission.name,
        "jobQueue": submission.queue,
        "jobDefinition": settings.job_definition,
        "retryStrategy": {
            "attempts": settings.attempts,
            "evaluateOnExit": [dict(rule) for rule in RETRY_RULES],
        },
    }
    if len(submission.tasks) > 1:
        request["arrayProperties"] = {"size": len(submission.tasks)}
        command += ["--array", submission.name]
    else:
        command.insert(3, str(submission.tasks[0]))
    command += ["--cores", str(settings.vcpus)]
    if submission.one_by_one:
        command.append("--one-by-one")
    if settings.timeout_minutes:
        request["timeout"] = {"attemptDurationSeconds": round(settings.timeout_minutes * 60)}
    overrides = {
        "command": command,
        "resourceRequirements": [
            {"type": "VCPU", "value": str(settings.vcpus)},
            {"type": "MEMORY", "value": str(submission.memory)},
        ],
    }
    if len(json.dumps(overrides).encode()) > LARGEST_OVERRIDES:
        raise DaypartError(
            f"{run}: too long a path for a job's overrides ({LARGEST_OVERRIDES} bytes)",
            hint="name a shorter one",
        )
    return request | {"containerOverrides": overrides}


def first_memory(task: Task, settings: AwsBatchSettings) -> int:
    """Return the MiB to ask for at first: what is set, doubled until it holds what was measured."""
    measured = -(-(task.memory_bytes or 0) * settings.vcpus // _MEBIBYTE)
    memory = settings.memory
    while memory < measured:
        memory *= 2
    return memory


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


def _chunks(tasks: Sequence[Task]) -> list[Sequence[Task]]:
    """Cut into arrays of at most 10,000, of about one size."""
    count = -(-len(tasks) // LARGEST_ARRAY)
    size = -(-len(tasks) // count)
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]


def _submission(
    tasks: Sequence[Task], queue: str, memory: int, number: int, one_by_one: bool
) -> Submission:
    indices = tuple(task.index for task in tasks)
    what = json.dumps([str(tasks[0].run.resolve()), queue, indices, memory, number, one_by_one])
    digest = hashlib.blake2b(what.encode(), digest_size=6).hexdigest()
    name = f"daypart-{indices[0]}-{digest}"
    return Submission(name, queue, indices, memory, number, one_by_one)
