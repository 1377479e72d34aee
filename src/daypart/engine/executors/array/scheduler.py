"""What the driver needs of a scheduler: to make array jobs, to return their states, to end them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from daypart.engine.executors.array.records import Record, Records
from daypart.engine.executors.array.submission import Submission
from daypart.errors import EXIT_INTERRUPTED, EXIT_OUT_OF_MEMORY


class Cause(Enum):
    """Why a child failed."""

    MEMORY = "out of memory"
    WORKER_MEMORY = "a worker out of memory"
    LOST = "lost"
    TIMEOUT = "timeout"
    CRASH = "crash"
    ENDED_BY_USER = "ended by a user"
    FAULT = "fault"


OWN_EXITS = {EXIT_OUT_OF_MEMORY: Cause.WORKER_MEMORY, EXIT_INTERRUPTED: Cause.LOST}
"""What the exit codes of our own task mean; they are judged before what a scheduler reports."""


@dataclass(frozen=True)
class FailedChild:
    """A child that its scheduler has given up.

    Parameters
    ----------
    index : int
    cause : Cause
    description : str
        How it ended, for people.
    """

    index: int
    cause: Cause
    description: str


@dataclass(frozen=True)
class JobState:
    """The state of a job.

    Parameters
    ----------
    ended : bool
        Whether nothing of it runs or waits any more.
    at_work : int
        Children that have a host.
    failed : int
        Children that were given up, or may have been; more of them make the driver look closer.
    terminated : bool
        Whether somebody ended it.
    counts : dict of str to int
        Children by state, as the scheduler calls them; a change is a sign of life.
    reason : str
        What the scheduler says of it as a whole.
    """

    ended: bool
    at_work: int
    failed: int = 0
    terminated: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    reason: str = ""


class Scheduler(Protocol):
    """The jobs of one run, at one scheduler."""

    title: str
    """What people call it."""
    records: Records

    def submit(self, submission: Submission) -> Record:
        """Make a job once: where it is not known whether it was made, look before trying again."""

    def recover(self) -> list[Record]:
        """Return the submissions of earlier drivers that have not ended; note those that have."""

    def job_states(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        """Return the states of jobs, by few calls; without those that it does not know (yet)."""

    def failed_children(self, record: Record) -> list[FailedChild]:
        """Return the children that were given up."""

    def why_waiting(self, record: Record, state: JobState | None) -> str:
        """Return what holds a job up.

        Parameters
        ----------
        record : Record
        state : JobState or None
            None where the scheduler does not know the job.
        """

    def terminate(self, job_id: str, reason: str) -> None:
        """End a job with all its children.

        Parameters
        ----------
        job_id : str
        reason : str
        """

    def output_hint(self, record: Record, child: int) -> str:
        """Return where to look for what a child printed.

        Parameters
        ----------
        record : Record
        child : int
            Counted from 0.
        """
