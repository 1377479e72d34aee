"""Stopping on request: a flag that signals set, looked at between blocks."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether work was asked to stop, and by what.

    Examples
    --------
    >>> stop = Stop()
    >>> stop.request("cancelled")
    >>> stop.requested, stop.reason
    (True, 'cancelled')
    """

    def __init__(self) -> None:
        self.requested = False
        self.reason = ""
        self.times = 0

    def request(self, reason: str) -> None:
        """Ask for a stop at the next safe place."""
        self.requested = True
        self.reason = self.reason or reason
        self.times += 1


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into a request to stop, while the block lasts.

    Outside the main thread, where Python can't set handlers, the flag is never set by signals.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.request(signal.Signals(number).name)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
