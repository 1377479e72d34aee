"""What is looked at before anything is submitted; each fault is a line with what to do."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from daypart.engine.executors.aws_batch.calls import BatchCalls
from daypart.engine.executors.aws_batch.image_check import check_image
from daypart.engine.executors.aws_batch.pricing import ARM64, X86_64
from daypart.engine.executors.aws_batch.settings import AwsBatchSettings
from daypart.errors import DaypartError, did_you_mean
from daypart.storage.location import Location

_GRAVITON = re.compile(r"a1\b|[a-z]+\d+g")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def check_account(run: Location, calls: BatchCalls, settings: AwsBatchSettings) -> None:
    """Look at Batch: that the queues are there and work, and the job definition too.

    Parameters
    ----------
    run : Location
    calls : BatchCalls
    settings : AwsBatchSettings

    Raises
    ------
    DaypartError
        For a run that containers can't see, a queue or job definition that is not there, and a
        queue or compute environment that is disabled or invalid.
    """
    meta = getattr(calls.client, "meta", None)
    endpoint = str(getattr(meta, "endpoint_url", "")) or settings.endpoint_url or ""
    here = urlsplit(endpoint).hostname in _LOOPBACK
    if "://" not in str(run) and not here and not settings.shared_folder:
        raise DaypartError(
            f"{run}: containers of AWS Batch can't see this machine's folders",
            hint="put store and run under s3://, or mount the path and set shared_folder = true",
        )
    region = str(getattr(meta, "region_name", settings.region))
    hosts = {queue: _check_queue(queue, region, calls) for queue, _ in settings.queues}
    for queue, wanted in ((settings.queue, X86_64), (settings.arm64_queue, ARM64)):
        if queue and hosts[queue] not in (None, wanted):
            raise DaypartError(
                f"hosts of job queue {queue!r} are {hosts[queue]}",
                hint="queue is for x86_64, arm64_queue for Graviton: exchange them, or empty one",
            )
    image = _check_definition(settings.job_definition, region, calls)
    check_image(image, {queue: each for queue, each in hosts.items() if each}, _ecr)


def _ecr(region: str) -> Any:
    import boto3

    return boto3.client("ecr", region_name=region)


def _check_queue(name: str, region: str, calls: BatchCalls) -> str | None:
    """Look at a queue; return its hosts' architecture, None where it is not known."""
    found = calls.read("describe_job_queues", jobQueues=[name])["jobQueues"]
    if not found:
        there = [queue["jobQueueName"] for queue in calls.read("describe_job_queues")["jobQueues"]]
        raise DaypartError(
            f"no job queue {name!r} in region {region}",
            hint=did_you_mean(name, there)
            if there
            else "set region, or make the queue in AWS Batch",
        )
    _check_state(f"job queue {name!r}", found[0])
    order = found[0].get("computeEnvironmentOrder", [])
    names = [each["computeEnvironment"] for each in order]
    if names:
        answer = calls.read("describe_compute_environments", computeEnvironments=names)
        environments = answer["computeEnvironments"]
        usable = [each for each in environments if _is_usable(each)]
        if environments and not usable:
            first = environments[0]
            _check_state(f"compute environment {first['computeEnvironmentName']!r}", first)
        return _architecture(usable)
    return None


def _architecture(environments: list[dict[str, Any]]) -> str | None:
    """Return the architecture of hosts, by their instance types."""
    types = [
        name
        for each in environments
        for name in each.get("computeResources", {}).get("instanceTypes", [])
    ]
    found = {ARM64 if _GRAVITON.match(name) else X86_64 for name in types}
    return found.pop() if len(found) == 1 else None


def _is_usable(each: dict[str, Any]) -> bool:
    return each.get("state") == "ENABLED" and each.get("status", "VALID") in {"VALID", "UPDATING"}


def _check_state(what: str, each: dict[str, Any]) -> None:
    if each.get("state") != "ENABLED":
        raise DaypartError(f"{what} is disabled", hint="enable it in AWS Batch")
    if not _is_usable(each):
        raise DaypartError(
            f"{what} is {each.get('status')}: {each.get('statusReason', 'no reason given')}",
            hint="fix it in AWS Batch, or name another queue",
        )


def _check_definition(name: str, region: str, calls: BatchCalls) -> str:
    """Look at a job definition; return the image of the revision that will be used."""
    short, _, revision = name.rsplit("/", 1)[-1].partition(":")
    found = calls.read("describe_job_definitions", jobDefinitionName=short, status="ACTIVE")
    revisions = {str(each["revision"]) for each in found["jobDefinitions"]}
    if not revisions or (revision and revision not in revisions):
        raise DaypartError(
            f"no active job definition {name!r} in region {region}",
            hint=f"active revisions: {', '.join(sorted(revisions))}"
            if revisions
            else "set job_definition, or register it in AWS Batch",
        )
    used = max(
        (each for each in found["jobDefinitions"] if str(each["revision"]) == revision),
        key=lambda each: int(each["revision"]),
        default=max(found["jobDefinitions"], key=lambda each: int(each["revision"])),
    )
    return str(used.get("containerProperties", {}).get("image", ""))
