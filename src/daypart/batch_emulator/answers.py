"""The answers of DescribeJobs and ListJobs on a job or a child."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daypart.batch_emulator.jobs import Attempt, Job, JobChild
from daypart.batch_emulator.machine import BatchMachine
from daypart.batch_emulator.retry import RetryStrategy


def milliseconds(seconds: float) -> int:
    """Return a time as the API writes it."""
    return int(seconds * 1000)


def arn(region: str, kind: str, name: str) -> str:
    """Return an Amazon resource name.

    Parameters
    ----------
    region, kind, name : str
    """
    return f"arn:aws:batch:{region}:000000000000:{kind}/{name}"


@dataclass(frozen=True)
class JobAnswers:
    """The answers of an account on its jobs and their children.

    Parameters
    ----------
    machine : BatchMachine
    region : str
    """

    machine: BatchMachine
    region: str

    def detail(self, found: Job | JobChild, now: float) -> dict[str, Any]:
        """Return the JobDetail of an array's parent, of a plain job or of a child.

        Parameters
        ----------
        found : Job or JobChild
        now : float
            Seconds, as the machine's clock.
        """
        if isinstance(found, Job) and found.request.size is not None:
            found.renew_summary(now, self.machine.settings.summary_lag_seconds)
            detail = _head(found, self.region, found.id) | {
                "status": found.status,
                "arrayProperties": {
                    "size": found.request.size,
                    "statusSummary": dict(found.shown_counts),
                    "statusSummaryLastUpdatedAt": milliseconds(found.shown_at),
                },
            }
            return detail | _ends(found.status_reason, None, found.stopped_at)
        child = found.children[0] if isinstance(found, Job) else found
        detail = _head(child.job, self.region, child.id) | {
            "status": child.state,
            "attempts": [_attempt(each) for each in child.attempts],
        }
        if child.job.request.size is not None:
            detail["arrayProperties"] = {"index": child.index}
        if child.attempts:
            detail["container"] |= _ending(child.attempts[-1])
        reason = self.machine.status_reason(child, now)
        return detail | _ends(reason, child.started_at, child.stopped_at)

    def summary(self, found: Job | JobChild, now: float) -> dict[str, Any]:
        """Return the JobSummary of an array's parent, of a plain job or of a child.

        Parameters
        ----------
        found : Job or JobChild
        now : float
            Seconds, as the machine's clock.
        """
        if isinstance(found, Job) and found.request.size is not None:
            summary = _summary_head(found, self.region, found.id) | {"status": found.status}
            summary["arrayProperties"] = {"size": found.request.size}
            return summary | _ends(found.status_reason, None, found.stopped_at)
        child = found.children[0] if isinstance(found, Job) else found
        summary = _summary_head(child.job, self.region, child.id) | {"status": child.state}
        if child.job.request.size is not None:
            summary["arrayProperties"] = {"index": child.index}
        if child.attempts:
            summary["container"] = _ending(child.attempts[-1])
        reason = self.machine.status_reason(child, now)
        return summary | _ends(reason, child.started_at, child.stopped_at)


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
