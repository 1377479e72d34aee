"""The states of an array's children in Slurm, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from daypart.engine.executors.array.scheduler import OWN_EXITS, Cause
from daypart.errors import EXIT_OUT_OF_MEMORY

_FAILED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}
)
FINAL = _FAILED | {"COMPLETED", "REVOKED", "TIMEOUT"}
"""States in which a child will stay, unless it is being requeued just now."""

AT_WORK = frozenset({"RUNNING", "COMPLETING", "CONFIGURING"})
GONE = "GONE"
"""Our own word for a child that Slurm has forgotten, as it does minutes after the end."""

REQUEUED = frozenset({"BOOT_FAIL", "NODE_FAIL", "PREEMPTED"})
"""Ends after which Slurm may put a child into the queue again."""

_LOST = REQUEUED | {"REVOKED", GONE}
_COULD_NOT_START = 53
"""The signal that slurmstepd reports where it could not open a task's output or folder."""


@dataclass(frozen=True)
class ChildState:
    """One child as Slurm reports it.

    Parameters
    ----------
    state : str
    reason : str
        Why it waits, or `None`.
    """

    state: str
    reason: str = ""


def parse_indices(text: str) -> Iterator[int]:
    """Return the indices that squeue writes in one.

    Examples
    --------
    >>> list(parse_indices("0,3-5,8-12:2%4"))
    [0, 3, 4, 5, 8, 10, 12]
    """
    for piece in text.partition("%")[0].split(","):
        ends, _, step = piece.partition(":")
        first, _, last = ends.partition("-")
        yield from range(int(first), int(last or first) + 1, int(step or 1))


def parse_squeue(text: str) -> dict[str, dict[int, ChildState]]:
    r"""Read `squeue --Format=ArrayJobID:|,ArrayTaskID:|,State:|,Reason:|`.

    Returns
    -------
    dict of str to dict of int to ChildState
        By the array's job id and the child's index.

    Examples
    --------
    >>> parse_squeue("12|1-2|PENDING|Resources|\n12|0|RUNNING|None|")["12"][2]
    ChildState(state='PENDING', reason='Resources')
    """
    jobs: dict[str, dict[int, ChildState]] = {}
    for line in text.splitlines():
        fields = line.strip().split("|")
        if len(fields) < 4:
            continue
        job_id, indices, state, reason = fields[:4]
        children = jobs.setdefault(job_id, {})
        if indices != "N/A":
            # CANCELLED may carry who did it.
            child = ChildState(state.split(" ")[0].rstrip("+"), reason)
            children.update(dict.fromkeys(parse_indices(indices), child))
    return jobs


@dataclass(frozen=True)
class End:
    """How a child ended.

    Parameters
    ----------
    state : str
    exit_code, signal : int
    """

    state: str
    exit_code: int = 0
    signal: int = 0


def parse_scontrol(text: str) -> dict[int, End]:
    """Read `scontrol --oneliner show job ARRAY`.

    Examples
    --------
    >>> line = "JobId=14 ArrayJobId=13 ArrayTaskId=1 JobState=FAILED ExitCode=75:0 Reason=None"
    >>> parse_scontrol(line)
    {1: End(state='FAILED', exit_code=75, signal=0)}
    """
    ends = {}
    for line in text.splitlines():
        reported = dict(re.findall(r"(\w+)=(\S+)", line))
        if reported.get("ArrayTaskId", "").isdigit():
            ends[int(reported["ArrayTaskId"])] = _end(
                reported["JobState"], reported.get("ExitCode", "")
            )
    return ends


def parse_sacct(text: str) -> dict[int, End]:
    r"""Read `sacct --parsable2 --format=JobID,State,ExitCode` of an array.

    Examples
    --------
    >>> parse_sacct("13_0|CANCELLED by 1000|0:15\n13_[5-9]|PENDING|0:0")
    {0: End(state='CANCELLED', exit_code=0, signal=15)}
    """
    ends = {}
    for line in text.splitlines():
        job_id, _, rest = line.partition("|")
        state, _, code = rest.partition("|")
        child = job_id.partition("_")[2]
        if child.isdigit():
            ends[int(child)] = _end(state.split(" ")[0], code)
    return ends


def _end(state: str, code: str) -> End:
    exit_code, _, number = code.partition(":")
    return End(state, int(exit_code or 0), int(number or 0))


def cause_of(end: End) -> Cause:
    """Tell why a child failed.

    Examples
    --------
    >>> cause_of(End("OUT_OF_MEMORY", 0, 125)), cause_of(End("FAILED", 75)).value
    (<Cause.MEMORY: 'out of memory'>, 'lost')
    >>> cause_of(End("OUT_OF_MEMORY", 76)).value
    'a worker out of memory'
    """
    if end.exit_code in OWN_EXITS:
        return OWN_EXITS[end.exit_code]
    if end.state == "OUT_OF_MEMORY":
        return Cause.MEMORY
    if end.state in ("TIMEOUT", "DEADLINE"):
        return Cause.TIMEOUT
    if end.state == "CANCELLED":
        return Cause.ENDED_BY_USER
    if end.state in _LOST:
        return Cause.LOST
    if end.signal == _COULD_NOT_START:
        return Cause.FAULT
    return Cause.CRASH if end.signal or end.exit_code > 128 else Cause.FAULT


def describe(end: End) -> str:
    """Return how a child ended, for people.

    Examples
    --------
    >>> describe(End("FAILED", 2)), describe(End("NODE_FAIL"))
    ('exit code 2', 'NODE_FAIL')
    """
    if end.signal == _COULD_NOT_START:
        return "no start: its node can't write to the run's folder"
    if end.state == GONE:
        return "an end that Slurm has forgotten"
    if end.exit_code == EXIT_OUT_OF_MEMORY:
        return Cause.WORKER_MEMORY.value
    if end.state != "FAILED":
        return end.state
    return f"signal {end.signal}" if end.signal else f"exit code {end.exit_code}"
