"""The queues and the job definition of a new emulated account, as the executor expects them."""

from __future__ import annotations

from daypart.batch_emulator.service import BatchService

JOB_DEFINITION = "daypart"
QUEUES = {
    "daypart-spot": ("SPOT", ("c7i", "c6i", "m7i")),
    "daypart-spot-arm64": ("SPOT", ("c7g", "c6g", "m7g")),
    "daypart-on-demand": ("EC2", ("c7i", "c6i", "m7i")),
    "daypart-on-demand-arm64": ("EC2", ("c7g", "c6g", "m7g")),
}


def create_starting_set(
    service: BatchService, max_vcpus: int = 1_000_000, image: str = "daypart"
) -> None:
    """Create an environment and a queue of each kind, and the job definition `daypart`.

    Parameters
    ----------
    service : BatchService
    max_vcpus : int
        Of each environment.
    image : str
        Of the job definition.
    """
    resources = service.resources
    for name, (kind, families) in QUEUES.items():
        resources.calls["CreateComputeEnvironment"](
            {
                "computeEnvironmentName": name,
                "type": "MANAGED",
                "computeResources": {
                    "type": kind,
                    "allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED"
                    if kind == "SPOT"
                    else "BEST_FIT_PROGRESSIVE",
                    "maxvCpus": max_vcpus,
                    "instanceTypes": list(families),
                    "subnets": [],
                },
            },
            0.0,
        )
        order = [{"order": 1, "computeEnvironment": name}]
        resources.calls["CreateJobQueue"](
            {"jobQueueName": name, "priority": 1, "computeEnvironmentOrder": order}, 0.0
        )
    resources.calls["RegisterJobDefinition"](
        {
            "jobDefinitionName": JOB_DEFINITION,
            "type": "container",
            "containerProperties": {
                "image": image,
                "resourceRequirements": [
                    {"type": "VCPU", "value": "1"},
                    {"type": "MEMORY", "value": "1900"},
                ],
            },
        },
        0.0,
    )
