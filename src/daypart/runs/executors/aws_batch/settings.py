"""What can be set of the AWS Batch executor."""

from __future__ import annotations

from dataclasses import dataclass, field

from daypart.errors import DaypartError

MEMORY_MIB_A_VCPU = 1_900
"""What a c-family host has for containers per vCPU; a request of all 2,048 fits nowhere."""

LARGEST_ARRAY = 10_000


@dataclass(frozen=True)
class AwsBatchSettings:
    """Queues, sizes and manners of the AWS Batch executor.

    Parameters
    ----------
    region, endpoint_url : str or None
        What boto3 finds by itself when left out.
    queue, arm64_queue : str
        Job queues for x86-64, and for Graviton beside it; either may be empty.
    arm64_price_ratio : float
        Price of a fit on the Graviton queue over that on the other.
    """

    region: str | None = field(
        default=None, metadata={"help": "AWS region", "default": "(as boto3 finds it)"}
    )
    endpoint_url: str | None = field(
        default=None,
        metadata={"help": "another endpoint, such as the emulator's", "default": "(Amazon's)"},
    )
    queue: str = field(default="daypart-spot", metadata={"help": "job queue (x86-64)"})
    arm64_queue: str = field(
        default="", metadata={"help": "second job queue (Graviton); empty: none"}
    )
    arm64_price_ratio: float = field(
        default=0.8, metadata={"help": "price of a fit on arm64_queue over that on queue"}
    )
    job_definition: str = field(default="daypart", metadata={"help": "name or name:revision"})
    vcpus: int = field(default=4, metadata={"help": "of a child; it fits on all of them"})
    memory_mib: int = field(default=0, metadata={"help": "of a child; 0: 1,900 a vCPU"})
    task_minutes: float = field(default=10.0, metadata={"help": "how long a child should last"})
    attempts: int = field(default=10, metadata={"help": "of a child, Spot losses included"})
    timeout_minutes: float = field(default=0.0, metadata={"help": "of an attempt; 0: none"})
    poll_seconds: float = field(default=30.0, metadata={"help": "longest pause between polls"})
    calls_per_second: float = field(default=10.0, metadata={"help": "most Batch calls"})
    blocked_seconds: float = field(
        default=120.0, metadata={"help": "nothing runs for so long: Batch's reason is shown"}
    )
    leave_running: bool = field(
        default=False, metadata={"help": "Ctrl-C leaves the arrays running instead of ending them"}
    )
    shared_folder: bool = field(
        default=False, metadata={"help": "the run's local path is mounted in the containers too"}
    )

    def __post_init__(self) -> None:
        if not self.queue and not self.arm64_queue:
            raise DaypartError("no queue", hint="give queue, arm64_queue or both")
        if not 1 <= self.attempts <= 10:
            raise DaypartError(f"attempts is {self.attempts}", hint="Batch takes 1 to 10")
        if self.timeout_minutes and self.timeout_minutes < 1:
            raise DaypartError(
                f"timeout_minutes is {self.timeout_minutes}", hint="Batch takes 1 or more, or 0"
            )
        for name in ("vcpus", "task_minutes", "calls_per_second", "poll_seconds"):
            if getattr(self, name) <= 0:
                raise DaypartError(f"{name} is {getattr(self, name)}", hint="give more than 0")
        if not 0 < self.arm64_price_ratio < 100:
            raise DaypartError(
                f"arm64_price_ratio is {self.arm64_price_ratio}", hint="give a ratio such as 0.8"
            )
        if self.memory_mib < 0:
            raise DaypartError(f"memory_mib is {self.memory_mib}", hint="give MiB, or 0")

    @property
    def cores(self) -> int:
        """Of a child."""
        return self.vcpus

    @property
    def largest_array(self) -> int:
        """Most children of an array."""
        return LARGEST_ARRAY

    @property
    def memory(self) -> int:
        """MiB that a child asks for at first."""
        return self.memory_mib or MEMORY_MIB_A_VCPU * self.vcpus

    @property
    def queues(self) -> tuple[tuple[str, float], ...]:
        """The queues with the share of the fits that each one gets.

        A queue's share is in inverse proportion to the price of a fit on it.
        """
        weights = {self.queue: 1.0, self.arm64_queue: 1.0 / self.arm64_price_ratio}
        weights.pop("", None)
        total = sum(weights.values())
        return tuple((queue, weight / total) for queue, weight in weights.items())
