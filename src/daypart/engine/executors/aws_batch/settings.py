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
        What the tools of AWS find when left out.
    queue, arm64_queue : str
        Job queues for x86-64, and for Graviton beside it; either may be empty.
    arm64_price_ratio : float
        Price of a fit on the Graviton queue over that on the other; 0: by the table of prices.
    arm64_seconds_ratio : float
        Seconds of a fit there over those on the other queue.
    spot, families, arm64_families, max_vcpus, spot_losses_per_hour, vcpus_per_second
        What the queues' compute environments are, for `daypart estimate` and the bill.
    """

    region: str | None = field(
        default=None, metadata={"help": "AWS region", "default": "(as the AWS tools find it)"}
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
        default=0.0,
        metadata={"help": "price of a fit on arm64_queue over that on queue; 0: by daypart prices"},
    )
    arm64_seconds_ratio: float = field(
        default=1.0, metadata={"help": "seconds of a fit on arm64_queue over those on queue"}
    )
    spot: bool = field(default=True, metadata={"help": "the queues are of Spot (for the bill)"})
    families: tuple[str, ...] = field(
        default=("c7i", "c6i", "c6a", "m7i"), metadata={"help": "of queue (for the bill)"}
    )
    arm64_families: tuple[str, ...] = field(
        default=("c8g", "c7g", "c6g", "m7g"), metadata={"help": "of arm64_queue (for the bill)"}
    )
    max_vcpus: int = field(default=4_096, metadata={"help": "of a queue (for daypart estimate)"})
    spot_losses_per_hour: float = field(
        default=0.02, metadata={"help": "of a host: assumed by daypart estimate"}
    )
    vcpus_per_second: float = field(
        default=14.0, metadata={"help": "new ones while jobs wait: assumed by daypart estimate"}
    )
    job_definition: str = field(default="daypart", metadata={"help": "name or name:revision"})
    vcpus: int = field(default=4, metadata={"help": "of a child; it fits on all of them"})
    memory_mib: int = field(default=0, metadata={"help": "of a child; 0: 1,900 a vCPU"})
    task_minutes: float = field(default=10.0, metadata={"help": "how long a child should last"})
    least_task_minutes: float = field(default=3.0, metadata={"help": "no child is planned shorter"})
    attempts: int = field(default=10, metadata={"help": "of a child, Spot losses included"})
    timeout_minutes: float = field(default=0.0, metadata={"help": "of an attempt; 0: none"})
    poll_seconds: float = field(default=30.0, metadata={"help": "longest pause between polls"})
    calls_per_second: float = field(default=10.0, metadata={"help": "most Batch calls"})
    blocked_seconds: float = field(
        default=120.0,
        metadata={"help": "seconds without a running child until Batch's reason is shown"},
    )
    leave_running: bool = field(
        default=False, metadata={"help": "Ctrl-C leaves the arrays running instead of ending them"}
    )
    try_model: bool = field(
        default=True,
        metadata={"help": "a model of your own is tried in a container before arrays are made"},
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
        times = ("task_minutes", "least_task_minutes", "poll_seconds")
        above_zero = ("vcpus", "calls_per_second", *times)
        for name in (*above_zero, "arm64_seconds_ratio", "vcpus_per_second"):
            if getattr(self, name) <= 0:
                raise DaypartError(f"{name} is {getattr(self, name)}", hint="give more than 0")
        if not 0 <= self.arm64_price_ratio < 100:
            raise DaypartError(
                f"arm64_price_ratio is {self.arm64_price_ratio}",
                hint="give a ratio such as 0.8, or 0 for that of daypart prices",
            )
        if self.spot_losses_per_hour < 0:
            raise DaypartError(
                f"spot_losses_per_hour is {self.spot_losses_per_hour}", hint="give 0 or more"
            )
        if self.max_vcpus < self.vcpus:
            raise DaypartError(
                f"max_vcpus is {self.max_vcpus}, less than a child's {self.vcpus}",
                hint="give maxvCpus of the queue's compute environment",
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
        """MiB that a child requests at first."""
        return self.memory_mib or MEMORY_MIB_A_VCPU * self.vcpus

    @property
    def queues(self) -> tuple[tuple[str, float], ...]:
        """The queues with the share of the fits that each one gets.

        A queue's share is in inverse proportion to the price of a fit on it, and equal where no
        ratio is known (`pricing.with_price_ratio` looks it up).
        """
        weights = {self.queue: 1.0, self.arm64_queue: 1.0 / (self.arm64_price_ratio or 1.0)}
        weights.pop("", None)
        total = sum(weights.values())
        return tuple((queue, weight / total) for queue, weight in weights.items())
