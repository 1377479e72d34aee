"""Queues, compute environments and their hosts: the capacity for children."""

from __future__ import annotations

from collections import deque
from typing import Any

from daypart.batch_emulator.jobs import RUNNABLE, JobChild, JobRequest
from daypart.batch_emulator.settings import EmulatorSettings


class Host:
    """An instance that runs containers."""

    __slots__ = (
        "children",
        "environment",
        "free_memory",
        "free_vcpus",
        "leaves_at",
        "number",
        "since",
    )

    def __init__(self, environment: Environment, number: int, now: float) -> None:
        self.environment = environment
        self.number = number
        self.since = now
        self.leaves_at = float("inf")
        self.free_vcpus = environment.settings.host_vcpus
        self.free_memory = environment.settings.host_memory_mib
        self.children: set[JobChild] = set()

    @property
    def instance(self) -> str:
        """An instance id in the form of EC2."""
        return f"i-{self.number:017x}"

    def fits(self, request: JobRequest) -> bool:
        """Return whether a child of a job fits into the free capacity."""
        return self.free_vcpus >= request.vcpus and self.free_memory >= request.memory

    def add(self, child: JobChild) -> None:
        """Reserve the capacity of a child."""
        self.free_vcpus -= child.job.request.vcpus
        self.free_memory -= child.job.request.memory
        self.children.add(child)

    def remove(self, child: JobChild) -> None:
        """Free the capacity of a child."""
        self.free_vcpus += child.job.request.vcpus
        self.free_memory += child.job.request.memory
        self.children.remove(child)


class Environment:
    """A compute environment: one architecture, Spot or on demand, from zero to `maxvCpus`."""

    def __init__(
        self, name: str, request: dict[str, Any], architecture: str, settings: EmulatorSettings
    ) -> None:
        resources = request.get("computeResources", {})
        self.name = name
        self.request = request
        self.architecture = architecture
        self.settings = settings
        self.spot = resources.get("type") == "SPOT"
        self.max_vcpus = int(resources.get("maxvCpus", 0))
        self.enabled = request.get("state", "ENABLED") == "ENABLED"
        self.hosts: dict[int, Host] = {}
        self.queues: list[Queue] = []
        self.hosts_ever = 0
        self.last_arrival = float("-inf")
        self.awaits_host = False
        self.past_vcpu_seconds = 0.0

    @property
    def vcpus(self) -> int:
        """The vCPUs of the present hosts."""
        return len(self.hosts) * self.settings.host_vcpus

    def can_ever_fit(self, request: JobRequest) -> bool:
        """Return whether a child fits on an empty host."""
        settings = self.settings
        return request.vcpus <= settings.host_vcpus and request.memory <= settings.host_memory_mib

    def can_grow(self) -> bool:
        """Return whether one more host may start."""
        most = min(self.max_vcpus, self.settings.available_vcpus)
        return self.enabled and self.vcpus + self.settings.host_vcpus <= most

    def host_for(self, request: JobRequest) -> Host | None:
        """Return a host with enough free capacity, or None."""
        if not self.enabled:
            return None
        return next((host for host in self.hosts.values() if host.fits(request)), None)

    def next_arrival(self, now: float) -> float:
        """Return the time at which a host that is requested now starts."""
        settings = self.settings
        step = settings.host_vcpus / settings.vcpus_per_second
        boot = 0.0 if self.hosts else settings.host_boot_seconds
        return max(now + boot, self.last_arrival + step)

    def add_host(self, now: float) -> Host:
        """Start a host."""
        host = Host(self, self.hosts_ever, now)
        self.hosts_ever += 1
        self.hosts[host.number] = host
        self.last_arrival = now
        return host

    def remove_host(self, host: Host, now: float) -> None:
        """End a host; the caller ends its children.

        Parameters
        ----------
        host : Host
        now : float
        """
        del self.hosts[host.number]
        self.past_vcpu_seconds += (now - host.since) * self.settings.host_vcpus

    def vcpu_seconds(self, now: float) -> float:
        """Return the vCPU-seconds of hosts paid for until now."""
        present = sum(now - host.since for host in self.hosts.values())
        return self.past_vcpu_seconds + present * self.settings.host_vcpus


class Queue:
    """A job queue: first in, first out, over up to three environments in order."""

    def __init__(
        self, name: str, request: dict[str, Any], environments: tuple[Environment, ...]
    ) -> None:
        self.name = name
        self.request = request
        self.environments = environments
        self.priority = int(request.get("priority", 1))
        self.enabled = request.get("state", "ENABLED") == "ENABLED"
        self.waiting: deque[JobChild] = deque()
        for environment in environments:
            environment.queues.append(self)
            environment.queues.sort(key=lambda queue: -queue.priority)

    def first_waiting(self) -> JobChild | None:
        """Return the first child that still waits."""
        while self.waiting and self.waiting[0].state != RUNNABLE:
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None

    def why_blocked(self, child: JobChild, now: float) -> str:
        """Return why the first child of the queue can't start, in Batch's words.

        Empty for every other child, before `blocked_after_seconds`, and if nothing blocks it.

        Parameters
        ----------
        child : JobChild
        now : float
        """
        since = child.runnable_at
        settings = self.environments[0].settings
        if child is not self.first_waiting() or since is None:
            return ""
        if now - since < settings.blocked_after_seconds:
            return ""
        request = child.job.request
        if not any(each.can_ever_fit(request) for each in self.environments):
            return (
                "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement "
                "(vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the "
                "job queue."
            )
        if not any(e.enabled and e.max_vcpus >= settings.host_vcpus for e in self.environments):
            return (
                "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - The CE(s) attached to the "
                "job queue can't meet the job's requirements: disabled, or maxvCpus too low."
            )
        if settings.available_vcpus < settings.host_vcpus:
            return (
                "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity "
                "requested for instance type [optimal]"
            )
        return ""
