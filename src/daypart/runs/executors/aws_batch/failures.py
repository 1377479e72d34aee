"""What a failed child means for the partitions that it left."""

from __future__ import annotations

from enum import Enum

from daypart.errors import EXIT_INTERRUPTED
from daypart.runs.executors.aws_batch.jobs import FailedChild


class Cause(Enum):
    """Why a child failed."""

    MEMORY = "out of memory"
    LOST = "lost"
    TIMEOUT = "timeout"
    CRASH = "crash"
    ENDED_BY_USER = "ended by a user"
    FAULT = "fault"


def cause_of(child: FailedChild, *, terminated: bool) -> Cause:
    """Tell a failed child's cause.

    Out of memory is told by the reason, never by the exit code.

    Examples
    --------
    >>> oom = "OutOfMemoryError: Container killed due to memory usage"
    >>> cause_of(FailedChild(0, 137, oom, "Essential container in task exited"), terminated=False)
    <Cause.MEMORY: 'out of memory'>
    >>> cause_of(FailedChild(0, None, "", "Host EC2 (instance i-1) terminated."), terminated=False)
    <Cause.LOST: 'lost'>
    """
    if child.reason.startswith("OutOfMemoryError"):
        return Cause.MEMORY
    if "exceeded timeout" in child.status_reason:
        return Cause.TIMEOUT
    if terminated:
        return Cause.ENDED_BY_USER
    lost = ("Host EC2", "Task failed to start")
    if child.status_reason.startswith(lost) or child.exit_code == EXIT_INTERRUPTED:
        return Cause.LOST
    if child.exit_code is not None and child.exit_code > 128:
        return Cause.CRASH
    return Cause.FAULT


def describe(child: FailedChild) -> str:
    """Return how a child ended, for people.

    Examples
    --------
    >>> describe(FailedChild(3, 2, "", "Essential container in task exited"))
    'exit code 2'
    >>> describe(FailedChild(3, None, "CannotPullContainerError: no such image", "Task failed"))
    'CannotPullContainerError: no such image'
    """
    if child.reason:
        return child.reason
    return f"exit code {child.exit_code}" if child.exit_code is not None else child.status_reason
