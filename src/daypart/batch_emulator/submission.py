"""SubmitJob: a request is checked against Batch's limits and combined with its job definition."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from daypart.batch_emulator.faults import ClientFault
from daypart.batch_emulator.jobs import JobRequest
from daypart.batch_emulator.retry import RetryStrategy
from daypart.batch_emulator.settings import (
    LARGEST_ARRAY,
    LARGEST_SUBMIT,
    MOST_DEPENDENCIES,
    SHORTEST_TIMEOUT,
    SMALLEST_ARRAY,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_RESERVED = "AWS_BATCH"


def payload_bytes(request: Mapping[str, Any]) -> int:
    """Return the size of a request as JSON."""
    return len(json.dumps(request, separators=(",", ":")).encode())


def read_submission(
    request: Mapping[str, Any], definition: Mapping[str, Any], *, queue: str, overrides_bytes: int
) -> JobRequest:
    """Turn a SubmitJob request into a `JobRequest`.

    Parameters
    ----------
    request, definition : mapping
        As in the API.
    queue : str
    overrides_bytes : int
        Largest container overrides as JSON.

    Raises
    ------
    ClientFault
        For a value beyond a limit, or a reserved name.
    """
    if payload_bytes(request) > LARGEST_SUBMIT:
        raise ClientFault(f"SubmitJob payload is over {LARGEST_SUBMIT} bytes")
    if not NAME.fullmatch(request["jobName"]):
        raise ClientFault(f"Job name {request['jobName']!r} should match valid pattern")
    size = _array_size(request)
    overrides = request.get("containerOverrides", {})
    if payload_bytes(overrides) > overrides_bytes:
        raise ClientFault(f"Container Overrides length must be at most {overrides_bytes}")
    container = definition["containerProperties"]
    parameters = {**definition.get("parameters", {}), **request.get("parameters", {})}
    resources = {**_resources(container), **_resources(overrides)}
    return JobRequest(
        name=request["jobName"],
        queue=queue,
        definition=definition["jobDefinitionArn"],
        size=size,
        vcpus=_whole(resources.get("VCPU", "1"), "VCPU"),
        memory=_whole(resources.get("MEMORY", "2048"), "MEMORY"),
        command=_command(overrides.get("command") or container.get("command", ()), parameters),
        environment={**check_environment(container), **check_environment(overrides)},
        strategy=RetryStrategy.of(request.get("retryStrategy", definition.get("retryStrategy"))),
        timeout=check_timeout(request.get("timeout", definition.get("timeout"))),
        dependencies=_dependencies(request, size),
        parameters=parameters,
        image=container["image"],
    )


def check_environment(container: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of a definition or of overrides; refuse Batch's own names."""
    environment = {
        each.get("name", ""): each.get("value", "") for each in container.get("environment", ())
    }
    for name in environment:
        if name.startswith(_RESERVED):
            raise ClientFault(
                f"Environment variable {name}: names that begin with {_RESERVED} are reserved"
            )
    return environment


def check_timeout(timeout: Mapping[str, Any] | None) -> float | None:
    """Return the longest duration of an attempt, seconds."""
    if not timeout or timeout.get("attemptDurationSeconds") is None:
        return None
    seconds = timeout["attemptDurationSeconds"]
    if seconds < SHORTEST_TIMEOUT:
        raise ClientFault(f"attemptDurationSeconds must be at least {SHORTEST_TIMEOUT}")
    return float(seconds)


def _array_size(request: Mapping[str, Any]) -> int | None:
    size: int | None = request.get("arrayProperties", {}).get("size")
    if size is not None and not SMALLEST_ARRAY <= size <= LARGEST_ARRAY:
        raise ClientFault(
            f"Invalid array size {size}, should be between {SMALLEST_ARRAY} and {LARGEST_ARRAY}"
        )
    return size


def _resources(container: Mapping[str, Any]) -> dict[str, str]:
    old = {"VCPU": container.get("vcpus"), "MEMORY": container.get("memory")}
    given = {name: str(value) for name, value in old.items() if value is not None}
    needed = container.get("resourceRequirements", ())
    return given | {each["type"]: each["value"] for each in needed}


def _whole(text: str, name: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ClientFault(f"{name} {text!r} is not a whole number above 0")
    return int(text)


def _command(words: Any, parameters: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        parameters.get(word.removeprefix("Ref::"), word) if word.startswith("Ref::") else word
        for word in words
    )


def _dependencies(request: Mapping[str, Any], size: int | None) -> tuple[tuple[str, str], ...]:
    given = request.get("dependsOn", ())
    if len(given) > MOST_DEPENDENCIES:
        raise ClientFault(f"dependsOn has {len(given)} jobs, at most {MOST_DEPENDENCIES}")
    for each in given:
        if each.get("type") and size is None:
            raise ClientFault(f"dependsOn: {each['type']} needs an array job")
        if each.get("type") != "SEQUENTIAL" and not each.get("jobId"):
            raise ClientFault("dependsOn: jobId is missing")
    return tuple((each.get("jobId", ""), each.get("type", "")) for each in given)
