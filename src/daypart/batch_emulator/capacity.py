"""Queues, compute environments and their hosts: where children find room."""

from __future__ import annotations

from collections import deque
from typing import Any

from daypart.batch_emulator.jobs import RUNNABLE, Child, JobRequest
from daypart.batch_emulator.settings import EmulatorSettings


class Host:
    """An instance with room for containers."""

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
        self.children: set[Child] = set()

    @property
    def instance(self) -> str:
        """An instance id of the form that EC2 gives."""
        return f"i-{self.number:017x}"

    def has_room_for(self, request: JobRequest) -> bool:
        """Tell whether a child of a job fits."""
        return self.free_vcpus >= request.vcpus and self.free_memory >= request.memory

    def take(self, child: Child) -> None:
        """Give a child its share."""
        self.free_vcpus -= child.job.request.vcpus
        self.free_memory -= child.job.request.memory
        self.children.add(child)
        child.host = self

    def give_back(self, child: Child) -> None:
        """Take the share back."""
        self.free_vcpus += child.job.request.vcpus
        self.free_memory += child.job.request.memory
        self.children.remove(child)
        child.host = None


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
        """Of the hosts that are there."""
        return len(self.hosts) * self.settings.host_vcpus

    def could_ever_hold(self, request: JobRequest) -> bool:
        """Tell whether an empty host has room for a child."""
        settings = self.settings
        return request.vcpus <= settings.host_vcpus and request.memory <= settings.host_memory_mib

    def can_grow(self) -> bool:
        """Tell whether one more host may come."""
        most = min(self.max_vcpus, self.settings.available_vcpus)
        return self.enabled and self.vcpus + self.settings.host_vcpus <= most

    def room_for(self, request: JobRequest) -> Host | None:
        """Find a host with room."""
        if not self.enabled:
            return None
        return next((host for host in self.hosts.values() if host.has_room_for(request)), None)

    def next_arrival(self, now: float) -> float:
        """Return when the next host comes, were it asked for now."""
        settings = self.settings
        step = settings.host_vcpus / settings.vcpus_per_second
        boot = 0.0 if self.hosts else settings.host_boot_seconds
        return max(now + boot, self.last_arrival + step)

    def add_host(self, now: float) -> Host:
        """Bring a host."""
        host = Host(self, self.hosts_ever, now)
        self.hosts_ever += 1
        self.hosts[host.number] = host
        self.last_arrival = now
        return host

    def remove_host(self, host: Host, now: float) -> None:
        """Let a host go; its children must be told apart from this."""
        del self.hosts[host.number]
        self.past_vcpu_seconds += (now - host.since) * self.settings.host_vcpus

    def vcpu_seconds(self, now: float) -> float:
        """Return what was paid for until now, in vCPU-seconds of hosts."""
        present = sum(now - host.since for host in self.hosts.values())
        return self.past_vcpu_seconds + present * self.settings.host_vcpus


class Queue:
    """A job queue: first in, first out over up to three environments in their order."""

    def __init__(
        self, name: str, request: dict[str, Any], environments: tuple[Environment, ...]
    ) -> None:
        self.name = name
        self.request = request
        self.environments = environments
        self.priority = int(request.get("priority", 1))
        self.enabled = request.get("state", "ENABLED") == "ENABLED"
        self.waiting: deque[Child] = deque()
        for environment in environments:
            environment.queues.append(self)
            environment.queues.sort(key=lambda queue: -queue.priority)

    def first_waiting(self) -> Child | None:
        """Return the child at the queue's head, past those that no longer wait."""
        while self.waiting and self.waiting[0].state != RUNNABLE:
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None

    def why_blocked(self, child: Child, now: float) -> str:
        """Return what holds the head of the queue up, in Batch's words; empty where nothing does.

        Only the child at the head is told, and only after it waited for a while.
        """
        since = child.runnable_at
        settings = self.environments[0].settings
        if child is not self.first_waiting() or since is None:
            return ""
        if now - since < settings.blocked_after_seconds:
            return ""
        request = child.job.request
        if not any(each.could_ever_hold(request) for each in self.environments):
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
