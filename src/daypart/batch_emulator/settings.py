"""The limits of Batch, and the behaviour of the emulated hosts and clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from daypart.errors import DaypartError, did_you_mean

SMALLEST_ARRAY = 2
LARGEST_ARRAY = 10_000
MOST_IDS_A_DESCRIBE = 100
LARGEST_PAGE = 1_000
LARGEST_FILTERED_PAGE = 100
LARGEST_JOB_DEFINITION = 24 * 1024
LARGEST_SUBMIT = 30 * 1024
MOST_ATTEMPTS = 10
MOST_RETRY_RULES = 5
SHORTEST_TIMEOUT = 60
MOST_DEPENDENCIES = 20
MOST_ENVIRONMENTS_A_QUEUE = 3


@dataclass(frozen=True)
class EmulatorSettings:
    """The behaviour of the emulated account, its hosts and its clocks.

    The limits that Batch fixes are constants of this module. These settings differ between
    accounts, regions and days, or are not published by Amazon.

    Parameters
    ----------
    seed : int
        Of all random draws: Spot losses, faults.
    calls_per_second : float
        Calls of the account beyond this rate are answered 429.
    overrides_bytes : int
        Limit of container overrides as JSON; documented as 8,192, reported to be 7,680.
    vcpus_per_second : float
        New capacity of each compute environment while jobs wait.
    host_vcpus, host_memory_mib : int
        Of every host; the memory is that available to containers.
    host_boot_seconds : float
        From the first waiting job to the first host.
    host_idle_seconds : float
        An idle host ends after this time.
    available_vcpus : int
        Capacity of Amazon for an environment, whatever its `maxvCpus`.
    spot_losses_per_hour : float
        Rate of loss of a Spot host, per hour.
    stop_grace_seconds : float
        Between SIGTERM and SIGKILL.
    starting_seconds : float
        From RUNNABLE with a host to RUNNING: pull of the image and start of the container.
    summary_lag_seconds : float
        Interval at which an array's `statusSummary` is updated.
    describe_lag_seconds, list_lag_seconds : float
        Time after its submit until DescribeJobs (ListJobs) knows a job.
    blocked_after_seconds : float
        A job at the head of a queue shows after this time why it can't start.
    kept_seconds : float
        Finished jobs are forgotten after this time.
    lost_answers, failed_calls : float
        Share of calls that are carried out without an answer, and that are answered 500 only.
    """

    seed: int = 0
    calls_per_second: float = 50.0
    overrides_bytes: int = 7_680
    vcpus_per_second: float = 14.0
    host_vcpus: int = 16
    host_memory_mib: int = 30_400
    host_boot_seconds: float = 60.0
    host_idle_seconds: float = 120.0
    available_vcpus: int = 1_000_000
    spot_losses_per_hour: float = 0.02
    stop_grace_seconds: float = 30.0
    starting_seconds: float = 10.0
    summary_lag_seconds: float = 10.0
    describe_lag_seconds: float = 1.0
    list_lag_seconds: float = 0.0
    blocked_after_seconds: float = 60.0
    kept_seconds: float = 7 * 86_400.0
    lost_answers: float = 0.0
    failed_calls: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise DaypartError(
                    f"batch emulator: {field.name} is {value!r}", hint="give a number, 0 or more"
                )
        for name in ("calls_per_second", "vcpus_per_second", "host_vcpus", "host_memory_mib"):
            if getattr(self, name) <= 0:
                raise DaypartError(f"batch emulator: {name} is 0", hint="give a number above 0")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> EmulatorSettings:
        """Return settings from names and values; the others have their defaults.

        Raises
        ------
        DaypartError
            For an unknown name, or a value below 0.

        Examples
        --------
        >>> EmulatorSettings.of({"host_vcpus": 4}).host_vcpus
        4
        """
        names = [field.name for field in fields(cls)]
        for name in given:
            if name not in names:
                raise DaypartError(
                    f"batch emulator: no setting {name!r}", hint=did_you_mean(name, names)
                )
        return cls(**given)


QUICK = {
    "vcpus_per_second": 10_000.0,
    "host_vcpus": 4,
    "host_memory_mib": 8_192,
    "host_boot_seconds": 0.0,
    "starting_seconds": 0.0,
    "summary_lag_seconds": 0.2,
    "describe_lag_seconds": 0.1,
    "spot_losses_per_hour": 0.0,
    "stop_grace_seconds": 5.0,
}
"""Fast hosts and clocks without losses, for trials and tests."""
