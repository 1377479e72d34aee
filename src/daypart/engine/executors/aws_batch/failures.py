"""What a failed child means for the partitions that it left."""

from __future__ import annotations

from dataclasses import dataclass

from daypart.engine.executors.array.scheduler import OWN_EXITS, Cause
from daypart.errors import EXIT_OUT_OF_MEMORY

_MEMORY = "OutOfMemoryError"


@dataclass(frozen=True)
class EndedChild:
    """What Batch reports of a child that it has given up.

    Parameters
    ----------
    exit_code : int or None
    reason : str
        The container's.
    status_reason : str
        The job's.
    """

    exit_code: int | None
    reason: str
    status_reason: str


def cause_of(child: EndedChild) -> Cause:
    """Tell a failed child's cause.

    The exit codes of our own task come first: where the kernel killed one worker of a container,
    Docker reports the container out of memory, whatever its task made of that. That the task
    itself was killed for its memory is in the reason, its own or the job's, never in the code.

    Examples
    --------
    >>> oom = "OutOfMemoryError: Container killed due to memory usage"
    >>> cause_of(EndedChild(137, oom, "Essential container in task exited"))
    <Cause.MEMORY: 'out of memory'>
    >>> cause_of(EndedChild(137, "", oom))
    <Cause.MEMORY: 'out of memory'>
    >>> cause_of(EndedChild(76, oom, "Essential container in task exited")).value
    'a worker out of memory'
    >>> cause_of(EndedChild(None, "", "Host EC2 (instance i-1) terminated."))
    <Cause.LOST: 'lost'>
    """
    if child.exit_code in OWN_EXITS:
        return OWN_EXITS[child.exit_code]
    if child.reason.startswith(_MEMORY) or child.status_reason.startswith(_MEMORY):
        return Cause.MEMORY
    if "exceeded timeout" in child.status_reason:
        return Cause.TIMEOUT
    lost = ("Host EC2", "Task failed to start")
    if child.status_reason.startswith(lost):
        return Cause.LOST
    if child.exit_code is not None and child.exit_code > 128:
        return Cause.CRASH
    return Cause.FAULT


def describe(child: EndedChild) -> str:
    """Return how a child ended, for people.

    Examples
    --------
    >>> describe(EndedChild(2, "", "Essential container in task exited"))
    'exit code 2'
    >>> describe(EndedChild(None, "CannotPullContainerError: no such image", "Task failed"))
    'CannotPullContainerError: no such image'
    """
    if child.exit_code == EXIT_OUT_OF_MEMORY:
        return Cause.WORKER_MEMORY.value
    if child.reason:
        return child.reason
    return f"exit code {child.exit_code}" if child.exit_code is not None else child.status_reason
