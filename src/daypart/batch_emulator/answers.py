"""What DescribeJobs and ListJobs answer of a job or of a child."""

from __future__ import annotations

from typing import Any

from daypart.batch_emulator.jobs import RUNNABLE, Attempt, Child, Job
from daypart.batch_emulator.retry import RetryStrategy


def milliseconds(seconds: float) -> int:
    """Return an instant as the API writes it."""
    return int(seconds * 1000)


def arn(region: str, kind: str, name: str) -> str:
    """Return a name of the form that Amazon gives."""
    return f"arn:aws:batch:{region}:000000000000:{kind}/{name}"


def describe_job(job: Job, region: str, now: float, lag: float) -> dict[str, Any]:
    """Return the JobDetail of an array's parent or of a plain job."""
    if job.request.size is None:
        return describe_child(job.children[0], region, now)
    job.renew_summary(now, lag)
    detail = _head(job, region, job.id) | {
        "status": job.status,
        "arrayProperties": {
            "size": job.request.size,
            "statusSummary": dict(job.shown_counts),
            "statusSummaryLastUpdatedAt": milliseconds(job.shown_at),
        },
    }
    return detail | _ends(job.status_reason, None, job.stopped_at)


def describe_child(child: Child, region: str, now: float) -> dict[str, Any]:
    """Return the JobDetail of a child, or of a plain job."""
    job = child.job
    detail = _head(job, region, child.id) | {
        "status": child.state,
        "attempts": [_attempt(each) for each in child.attempts],
    }
    if job.request.size is not None:
        detail["arrayProperties"] = {"index": child.index}
    if child.attempts:
        detail["container"] |= _ending(child.attempts[-1])
    return detail | _ends(status_reason(child, now), child.started_at, child.stopped_at)


def summarise_job(job: Job, region: str, now: float) -> dict[str, Any]:
    """Return the JobSummary of an array's parent or of a plain job."""
    if job.request.size is None:
        return summarise_child(job.children[0], region, now)
    summary = _summary_head(job, region, job.id) | {"status": job.status}
    summary["arrayProperties"] = {"size": job.request.size}
    return summary | _ends(job.status_reason, None, job.stopped_at)


def summarise_child(child: Child, region: str, now: float) -> dict[str, Any]:
    """Return the JobSummary of a child, or of a plain job."""
    summary = _summary_head(child.job, region, child.id) | {"status": child.state}
    if child.job.request.size is not None:
        summary["arrayProperties"] = {"index": child.index}
    if child.attempts:
        summary["container"] = _ending(child.attempts[-1])
    return summary | _ends(status_reason(child, now), child.started_at, child.stopped_at)


def status_reason(child: Child, now: float) -> str:
    """Return why a child stands where it does; for the head of a queue, what blocks it."""
    if child.state == RUNNABLE:
        return child.job.queue.why_blocked(child, now)
    return child.status_reason


def _head(job: Job, region: str, identity: str) -> dict[str, Any]:
    request = job.request
    return {
        "jobArn": arn(region, "job", identity),
        "jobId": identity,
        "jobName": request.name,
        "jobQueue": arn(region, "job-queue", request.queue),
        "jobDefinition": request.definition,
        "createdAt": milliseconds(job.created_at),
        "retryStrategy": _strategy(request.strategy),
        "dependsOn": [
            {name: value for name, value in (("jobId", on), ("type", kind)) if value}
            for on, kind in request.dependencies
        ],
        "parameters": dict(request.parameters),
        "isCancelled": job.is_cancelled,
        "isTerminated": job.is_terminated,
        "tags": {},
        "container": {
            "image": request.image,
            "command": list(request.command),
            "environment": [
                {"name": name, "value": value} for name, value in request.environment.items()
            ],
            "resourceRequirements": [
                {"type": "VCPU", "value": str(request.vcpus)},
                {"type": "MEMORY", "value": str(request.memory)},
            ],
        },
    } | ({"timeout": {"attemptDurationSeconds": int(request.timeout)}} if request.timeout else {})


def _summary_head(job: Job, region: str, identity: str) -> dict[str, Any]:
    return {
        "jobArn": arn(region, "job", identity),
        "jobId": identity,
        "jobName": job.request.name,
        "jobDefinition": job.request.definition,
        "createdAt": milliseconds(job.created_at),
    }


def _strategy(strategy: RetryStrategy) -> dict[str, Any]:
    return {
        "attempts": strategy.attempts,
        "evaluateOnExit": [dict(rule) for rule in strategy.rules],
    }


def _ends(reason: str, started_at: float | None, stopped_at: float | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if reason:
        found["statusReason"] = reason
    if started_at is not None:
        found["startedAt"] = milliseconds(started_at)
    if stopped_at is not None:
        found["stoppedAt"] = milliseconds(stopped_at)
    return found


def _ending(attempt: Attempt) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if attempt.ending.exit_code is not None:
        found["exitCode"] = attempt.ending.exit_code
    if attempt.ending.reason:
        found["reason"] = attempt.ending.reason
    return found


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return _ends(attempt.ending.status_reason, attempt.started_at, attempt.stopped_at) | {
        "container": _ending(attempt)
    }
