"""Jobs and their children: their requests, attempts and states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from daypart.batch_emulator.retry import Ending, RetryStrategy

SUBMITTED, PENDING, RUNNABLE = "SUBMITTED", "PENDING", "RUNNABLE"
STARTING, RUNNING, SUCCEEDED, FAILED = "STARTING", "RUNNING", "SUCCEEDED", "FAILED"
STATES = (SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED)
ENDED = frozenset({SUCCEEDED, FAILED})
ON_A_HOST = frozenset({STARTING, RUNNING})


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that ended; times in seconds, `started_at` None if no container started."""

    started_at: float | None
    stopped_at: float
    ending: Ending


@dataclass(frozen=True)
class JobRequest:
    """The request of a job: its definition with the overrides applied.

    Parameters
    ----------
    name, queue, definition : str
        `definition` is the ARN with its revision.
    size : int or None
        Children of an array; None for a plain job.
    vcpus, memory : int
        Of every child; memory in MiB.
    command : tuple of str
    environment : mapping of str to str
    strategy : RetryStrategy
    timeout : float or None
        Seconds of an attempt.
    dependencies : tuple of (job id, type)
        Type `N_TO_N`, `SEQUENTIAL` or empty.
    """

    name: str
    queue: str
    definition: str
    size: int | None = None
    vcpus: int = 1
    memory: int = 2_048
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    strategy: RetryStrategy = field(default_factory=RetryStrategy)
    timeout: float | None = None
    dependencies: tuple[tuple[str, str], ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    image: str = ""


class JobChild:
    """A plain job, or one index of an array."""

    __slots__ = (
        "attempts",
        "epoch",
        "index",
        "job",
        "runnable_at",
        "started_at",
        "state",
        "status_reason",
        "stopped_at",
        "stopping",
    )

    def __init__(self, job: Job, index: int) -> None:
        self.job = job
        self.index = index
        self.state = SUBMITTED
        self.attempts: Sequence[Attempt] = ()
        self.epoch = 0
        self.stopping = ""
        self.status_reason = ""
        self.runnable_at: float | None = None
        self.started_at: float | None = None
        self.stopped_at: float | None = None

    @property
    def id(self) -> str:
        """`PARENT:INDEX`, or the job's id."""
        return self.job.id if self.job.request.size is None else f"{self.job.id}:{self.index}"

    @property
    def attempt(self) -> int:
        """The number of the attempt that is running or comes next, from 1."""
        return len(self.attempts) + 1


class Job:
    """A submitted job with its children (a plain job has one)."""

    def __init__(self, identity: str, request: JobRequest, now: float) -> None:
        self.id = identity
        self.request = request
        self.created_at = now
        self.stopped_at: float | None = None
        self.is_cancelled = False
        self.is_terminated = False
        self.children = [JobChild(self, index) for index in range(request.size or 1)]
        self.counts = dict.fromkeys(STATES, 0) | {SUBMITTED: len(self.children)}
        self.shown_counts = dict(self.counts)
        self.shown_at = now

    @property
    def ended(self) -> bool:
        """Whether every child has ended."""
        return self.counts[SUCCEEDED] + self.counts[FAILED] == len(self.children)

    @property
    def status(self) -> str:
        """The state of the job; a parent is PENDING from its first RUNNABLE child to its end."""
        if self.request.size is None:
            return self.children[0].state
        if self.ended:
            return FAILED if self.counts[FAILED] else SUCCEEDED
        return SUBMITTED if self.counts[SUBMITTED] == len(self.children) else PENDING

    @property
    def status_reason(self) -> str:
        """The reason for the job's state."""
        if self.request.size is None:
            return self.children[0].status_reason
        return "Array Child Job failed" if self.status == FAILED else ""

    def move(self, child: JobChild, state: str, now: float, lag: float) -> None:
        """Move a child to a state, and update the counts.

        Parameters
        ----------
        child : JobChild
        state : str
        now, lag : float
            Seconds.
        """
        self.renew_summary(now, lag)
        self.counts[child.state] -= 1
        self.counts[state] += 1
        child.state = state
        if state in ENDED and self.ended:
            self.stopped_at = now

    def renew_summary(self, now: float, lag: float) -> None:
        """Show the counts as they were after the last whole number of `lag` seconds.

        Parameters
        ----------
        now, lag : float
            Seconds.
        """
        if lag <= 0:
            self.shown_counts, self.shown_at = self.counts, now
        elif now // lag > self.shown_at // lag:
            self.shown_counts, self.shown_at = dict(self.counts), now // lag * lag
