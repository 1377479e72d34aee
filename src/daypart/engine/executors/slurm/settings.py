"""What can be set of the Slurm executor."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from daypart.errors import DaypartError

MEMORY_MIB_A_CPU = 2_000


@dataclass(frozen=True)
class SlurmSettings:
    """Partitions, sizes and manners of the Slurm executor."""

    partition: str = field(
        default="", metadata={"help": "Slurm partition", "default": "(the cluster's default)"}
    )
    account: str = field(default="", metadata={"help": "account that is charged; empty: yours"})
    time_limit_minutes: float = field(
        default=0.0, metadata={"help": "of a task; 0: the partition's default"}
    )
    cpus: int = field(default=4, metadata={"help": "of a task; it fits on all of them"})
    memory_mib: int = field(default=0, metadata={"help": "of a task; 0: 2,000 a CPU"})
    options: tuple[str, ...] = field(
        default=(), metadata={"help": "more options of sbatch: --qos=long, --constraint=..."}
    )
    setup: tuple[str, ...] = field(
        default=(), metadata={"help": "lines of shell before the task: module load ..."}
    )
    python: str = field(
        default=sys.executable,
        metadata={"help": "an interpreter on the nodes, with daypart", "default": "(this one)"},
    )
    task_minutes: float = field(default=10.0, metadata={"help": "how long a task should last"})
    least_task_minutes: float = field(
        default=3.0, metadata={"help": "no task is planned shorter, unless at_once has room"}
    )
    array_size: int = field(
        default=1_000, metadata={"help": "most tasks of an array; at most Slurm's MaxArraySize"}
    )
    at_once: int = field(
        default=0, metadata={"help": "most tasks of an array that run at once; 0: no limit"}
    )
    poll_seconds: float = field(default=30.0, metadata={"help": "longest pause between polls"})
    blocked_seconds: float = field(
        default=120.0,
        metadata={"help": "seconds without a running task until Slurm's reason is shown"},
    )
    leave_running: bool = field(
        default=False, metadata={"help": "Ctrl-C leaves the arrays running instead of ending them"}
    )
    shared_folder: bool = field(
        default=False, metadata={"help": "the nodes see the run's folder, although it is in /tmp"}
    )

    def __post_init__(self) -> None:
        for name in ("cpus", "task_minutes", "least_task_minutes", "array_size", "poll_seconds"):
            if getattr(self, name) <= 0:
                raise DaypartError(f"{name} is {getattr(self, name)}", hint="give more than 0")
        for name in ("memory_mib", "time_limit_minutes", "at_once"):
            if getattr(self, name) < 0:
                raise DaypartError(f"{name} is {getattr(self, name)}", hint="give 0 or more")
        for option in self.options:
            name = option.partition("=")[0]
            if not option.startswith("-"):
                raise DaypartError(f"option {option!r} does not begin with -", hint="--qos=long")
            if name in _OURS:
                raise DaypartError(
                    f"option {name} is set by daypart", hint=_OURS[name] or "leave it out"
                )

    @property
    def cores(self) -> int:
        """Of a child."""
        return self.cpus

    @property
    def memory(self) -> int:
        """MiB that a child requests at first."""
        return self.memory_mib or MEMORY_MIB_A_CPU * self.cpus

    @property
    def queues(self) -> tuple[tuple[str, float], ...]:
        """The one partition."""
        return ((self.partition, 1.0),)

    @property
    def largest_array(self) -> int:
        """Most children of an array."""
        return self.array_size


_OURS = {
    "--array": "use array_size and at_once",
    "--partition": "use partition",
    "--account": "use account",
    "--time": "use time_limit_minutes",
    "--cpus-per-task": "use cpus",
    "--mem": "use memory_mib",
    "-a": "use array_size and at_once",
    "-p": "use partition",
    "-A": "use account",
    "-t": "use time_limit_minutes",
    "-c": "use cpus",
    "--job-name": "",
    "--ntasks": "",
    "--wrap": "use setup",
    "--wait": "",
    "-J": "",
    "-n": "",
    "-W": "",
}
