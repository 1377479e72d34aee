"""What listens to an executor: each is called with every event."""

from __future__ import annotations

from collections.abc import Sequence

from daypart.engine.tasks.events import BlockFinished, Event, OnEvent, Waiting
from daypart.progress import Progress, Step


def call_all(callbacks: Sequence[OnEvent]) -> OnEvent:
    """Return one callback that calls all of them, in their order.

    Examples
    --------
    >>> from daypart.engine.tasks.events import TaskFinished
    >>> heard = []
    >>> call_all([heard.append, heard.append])(TaskFinished(3, 1.5))
    >>> len(heard)
    2
    """

    def tell(event: Event) -> None:
        for callback in callbacks:
            callback(event)

    return tell


class ProgressBar:
    """Advances a step of `Progress` by the partitions of each block.

    Parameters
    ----------
    step : Step

    Attributes
    ----------
    partitions : int
        Heard of so far.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.partitions = 0

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, BlockFinished):
            self.partitions += event.partitions
            self.step.advance(event.partitions, event.failed)


def report_waiting(progress: Progress) -> OnEvent:
    """Return a callback that shows why nothing runs, as a step that is over at once.

    Parameters
    ----------
    progress : Progress
    """

    def tell(event: Event) -> None:
        if isinstance(event, Waiting):
            with progress.step(f"nothing runs: {event.reason}"):
                pass

    return tell
