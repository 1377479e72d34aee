"""Job definitions, queues and compute environments: registering, describing and finding them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from daypart.batch_emulator.answers import arn
from daypart.batch_emulator.capacity import Environment, Queue
from daypart.batch_emulator.faults import ClientFault
from daypart.batch_emulator.machine import BatchMachine
from daypart.batch_emulator.pages import page_of
from daypart.batch_emulator.retry import RetryStrategy
from daypart.batch_emulator.settings import LARGEST_JOB_DEFINITION, MOST_ENVIRONMENTS_A_QUEUE
from daypart.batch_emulator.submission import NAME, check_environment, check_timeout, payload_bytes

_LARGEST_PAGE = 100
_GRAVITON = re.compile(r"^(a1|[a-z]+\d+g[a-z]*)(\.|$)")


class Resources:
    """The job definitions, queues and compute environments of an account.

    Attributes
    ----------
    calls : dict of str to callable
        The API's operations on them, by name.
    """

    def __init__(self, machine: BatchMachine, region: str) -> None:
        self.machine = machine
        self.region = region
        self.definitions: dict[str, list[dict[str, Any]]] = {}
        self.calls: dict[str, Callable[[Mapping[str, Any], float], dict[str, Any]]] = {
            "RegisterJobDefinition": self._register_definition,
            "DeregisterJobDefinition": self._deregister_definition,
            "DescribeJobDefinitions": self._describe_definitions,
            "CreateComputeEnvironment": self._create_environment,
            "DescribeComputeEnvironments": self._describe_environments,
            "CreateJobQueue": self._create_queue,
            "DescribeJobQueues": self._describe_queues,
        }

    def queue(self, name: str) -> Queue:
        """Return a queue by its name or its ARN."""
        queue = self.machine.queues.get(_short(name))
        if queue is None:
            raise ClientFault(f"JobQueue {_short(name)} does not exist.")
        return queue

    def definition(self, name: str) -> dict[str, Any]:
        """Return a definition by `name` (the newest active revision), `name:revision` or ARN."""
        short, _, revision = _short(name).partition(":")
        found = [
            each
            for each in self.definitions.get(short, ())
            if each["status"] == "ACTIVE" and (not revision or str(each["revision"]) == revision)
        ]
        if not found:
            raise ClientFault(f"JobDefinition {_short(name)} does not exist.")
        return found[-1]

    def _register_definition(self, request: Mapping[str, Any], _now: float) -> dict[str, Any]:
        name = request["jobDefinitionName"]
        container = request.get("containerProperties")
        if not NAME.fullmatch(name):
            raise ClientFault(f"Job definition name {name!r} should match valid pattern")
        if payload_bytes(request) > LARGEST_JOB_DEFINITION:
            raise ClientFault(f"Job definition is over {LARGEST_JOB_DEFINITION} bytes")
        if request["type"] != "container" or not container or not container.get("image"):
            raise ClientFault("the emulator runs definitions of type container with an image")
        check_environment(container)
        check_timeout(request.get("timeout"))
        RetryStrategy.of(request.get("retryStrategy"))
        revisions = self.definitions.setdefault(name, [])
        number = len(revisions) + 1
        identity = {
            "jobDefinitionName": name,
            "jobDefinitionArn": arn(self.region, "job-definition", f"{name}:{number}"),
            "revision": number,
        }
        revisions.append({**request, **identity, "status": "ACTIVE"})
        return identity

    def _deregister_definition(self, request: Mapping[str, Any], _now: float) -> dict[str, Any]:
        self.definition(request["jobDefinition"])["status"] = "INACTIVE"
        return {}

    def _describe_definitions(self, request: Mapping[str, Any], _now: float) -> dict[str, Any]:
        found = [each for revisions in self.definitions.values() for each in revisions]
        if request.get("jobDefinitionName"):
            found = [e for e in found if e["jobDefinitionName"] == request["jobDefinitionName"]]
        if request.get("jobDefinitions"):
            named = {_short(name) for name in request["jobDefinitions"]}
            found = [
                each
                for each in found
                if {each["jobDefinitionName"], _short(each["jobDefinitionArn"])} & named
            ]
        if request.get("status"):
            found = [each for each in found if each["status"] == request["status"]]
        return page_of("jobDefinitions", found, request, _LARGEST_PAGE)

    def _create_environment(self, request: Mapping[str, Any], _now: float) -> dict[str, Any]:
        name = request["computeEnvironmentName"]
        resources = request.get("computeResources", {})
        if not NAME.fullmatch(name) or name in self.machine.environments:
            raise ClientFault(f"compute environment name {name!r} is taken or not valid")
        if request["type"] != "MANAGED" or resources.get("type") not in {"EC2", "SPOT"}:
            raise ClientFault("the emulator has MANAGED environments of type EC2 or SPOT")
        images = [each.get("imageType", "") for each in resources.get("ec2Configuration", ())]
        if any(re.fullmatch(r"ECS_AL2(_.*)?", image) for image in images):
            raise ClientFault("Amazon Linux 2 environments are closed: use ECS_AL2023")
        environment = Environment(
            name, dict(request), _architecture(resources), self.machine.settings
        )
        self.machine.environments[name] = environment
        return {
            "computeEnvironmentName": name,
            "computeEnvironmentArn": arn(self.region, "compute-environment", name),
        }

    def _describe_environments(self, request: Mapping[str, Any], _now: float) -> dict[str, Any]:
        wanted = [_short(name) for name in request.get("computeEnvironments", ())]
        found = [
            {
                "computeEnvironmentName": each.name,
                "computeEnvironmentArn": arn(self.region, "compute-environment", each.name),
                "ecsClusterArn": f"arn:aws:ecs:{self.region}:000000000000:cluster/{each.name}",
                "type": "MANAGED",
                "state": "ENABLED" if each.enabled else "DISABLED",
                "status": "VALID",
                "computeResources": {
                    **each.request.get("computeResources", {}),
                    "desiredvCpus": each.vcpus,
                },
            }
            for each in self.machine.environments.values()
            if not wanted or each.name in wanted
        ]
        return page_of("computeEnvironments", found, request, _LARGEST_PAGE)

    def _create_queue(self, request: Mapping[str, Any], _now: float) -> dict[str, Any]:
        name = request["jobQueueName"]
        if not NAME.fullmatch(name) or name in self.machine.queues:
            raise ClientFault(f"job queue name {name!r} is taken or not valid")
        order = sorted(request.get("computeEnvironmentOrder", ()), key=lambda each: each["order"])
        if not 1 <= len(order) <= MOST_ENVIRONMENTS_A_QUEUE:
            raise ClientFault(f"a queue has 1 to {MOST_ENVIRONMENTS_A_QUEUE} compute environments")
        environments = []
        for each in order:
            short = _short(each["computeEnvironment"])
            if short not in self.machine.environments:
                raise ClientFault(f"{short} does not exist")
            environments.append(self.machine.environments[short])
        if len({each.architecture for each in environments}) > 1:
            raise ClientFault("a queue's compute environments must be of one architecture")
        self.machine.queues[name] = Queue(name, dict(request), tuple(environments))
        return {"jobQueueName": name, "jobQueueArn": arn(self.region, "job-queue", name)}

    def _describe_queues(self, request: Mapping[str, Any], _now: float) -> dict[str, Any]:
        wanted = [_short(name) for name in request.get("jobQueues", ())]
        found = [
            {
                "jobQueueName": queue.name,
                "jobQueueArn": arn(self.region, "job-queue", queue.name),
                "state": "ENABLED" if queue.enabled else "DISABLED",
                "status": "VALID",
                "priority": queue.priority,
                "computeEnvironmentOrder": [
                    {
                        "order": order,
                        "computeEnvironment": arn(self.region, "compute-environment", each.name),
                    }
                    for order, each in enumerate(queue.environments, start=1)
                ],
            }
            for queue in self.machine.queues.values()
            if not wanted or queue.name in wanted
        ]
        return page_of("jobQueues", found, request, _LARGEST_PAGE)


def _short(name: str) -> str:
    """Return the name in an ARN; return a plain name unchanged."""
    return name.rsplit("/", 1)[-1]


def _architecture(resources: Mapping[str, Any]) -> str:
    """Return the one architecture of an environment's instance types."""
    types = resources.get("instanceTypes") or ["optimal"]
    found = {"arm64" if _GRAVITON.match(each) else "x86_64" for each in types}
    if len(found) > 1:
        raise ClientFault("a compute environment's instance types must be of one architecture")
    return found.pop()
