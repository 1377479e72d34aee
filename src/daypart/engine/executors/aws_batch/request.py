"""A submission as a SubmitJob request. Nothing is sent here."""

from __future__ import annotations

import json
from typing import Any

from daypart.engine.executors.array.submission import Submission
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.errors import EXIT_INTERRUPTED, DaypartError
from daypart.storage.location import Location

LARGEST_OVERRIDES = 1_024

RETRY_RULES = (
    {"onStatusReason": "Host EC2*", "action": "RETRY"},
    {"onStatusReason": "Task failed to start*", "action": "RETRY"},
    {"onReason": "CannotPullContainer*", "action": "RETRY"},
    {"onExitCode": str(EXIT_INTERRUPTED), "action": "RETRY"},
    {"onReason": "*", "action": "EXIT"},
)
"""What no partition is to blame for is tried again; everything else ends the child."""


def submit_request(
    submission: Submission, run: Location, settings: AwsBatchSettings
) -> dict[str, Any]:
    """Return the parameters of SubmitJob.

    Parameters
    ----------
    submission : Submission
    run : Location
    settings : AwsBatchSettings

    Raises
    ------
    DaypartError
        Where the run's path makes the overrides longer than Batch takes safely.
    """
    command = ["daypart", "task", str(run.resolve())]
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
    command += [
        *(["--one-by-one"] if submission.one_by_one else []),
        *(["--most-memory"] if submission.most_memory else []),
    ]
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
