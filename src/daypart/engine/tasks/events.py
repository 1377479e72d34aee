"""The events of an executor while tasks run, and their form as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class TaskStarted:
    """A task was given to a worker."""

    task: int
    worker: str


@dataclass(frozen=True)
class BlockFinished:
    """A block of partitions was fitted and its rows are on disk."""

    task: int
    ok: int
    failed: int
    skipped: int
    seconds: float
    peak_bytes: int = 0
    """The highest memory so far of the process that fitted it; 0 where not known."""

    @property
    def partitions(self) -> int:
        """How many partitions the block had."""
        return self.ok + self.failed + self.skipped


@dataclass(frozen=True)
class TaskFinished:
    """All partitions of a task have a row."""

    task: int
    seconds: float


@dataclass(frozen=True)
class TaskFailed:
    """A task ended before its end; what it flushed stays."""

    task: int
    reason: str
    will_retry: bool


@dataclass(frozen=True)
class Submitted:
    """Tasks were handed to a scheduler that starts them by itself."""

    request: str
    tasks: int


@dataclass(frozen=True)
class Waiting:
    """Nothing runs, for a reason that the scheduler gives."""

    reason: str


Event = TaskStarted | BlockFinished | TaskFinished | TaskFailed | Submitted | Waiting
OnEvent = Callable[[Event], None]

_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (TaskStarted, BlockFinished, TaskFinished, TaskFailed, Submitted, Waiting)
}


def event_to_line(event: Event) -> str:
    """Write an event as one line of JSON.

    Examples
    --------
    >>> event_to_line(TaskFinished(task=3, seconds=1.5))
    '{"event": "TaskFinished", "task": 3, "seconds": 1.5}'
    """
    return json.dumps({"event": type(event).__name__, **asdict(event)})


def event_from_line(line: str) -> Event:
    """Read what `event_to_line` wrote.

    Examples
    --------
    >>> event_from_line('{"event": "TaskStarted", "task": 3, "worker": "local-0"}')
    TaskStarted(task=3, worker='local-0')
    """
    fields = json.loads(line)
    return _KINDS[fields.pop("event")](**fields)
