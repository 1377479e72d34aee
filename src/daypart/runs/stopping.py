"""Stopping on request: a flag that signals set, looked at between blocks."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from daypart.errors import Interrupted


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

    def request(self, reason: str) -> None:
        """Ask for a stop at the next safe place."""
        self.requested = True
        self.reason = self.reason or reason


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into a request to stop, while the block lasts.

    The first lets the blocks in hand finish; a second one raises `Interrupted` at once. Outside
    the main thread, where Python can't set handlers, the flag is never set by signals.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            raise Interrupted("stopped without waiting for the blocks in hand")
        stop.request(signal.Signals(number).name)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
