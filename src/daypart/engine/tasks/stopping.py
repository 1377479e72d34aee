"""Stopping on request: a flag that signals set, looked at between blocks and fits."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from daypart.errors import Interrupted


class Stop:
    """Whether a stop was requested, and by what.

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

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.requested:
            raise Interrupted("stopped without waiting for the blocks in hand")
        stop.request(signal.Signals(number).name)

    with _handled_by(handle):
        yield stop


class _BrokenOffError(KeyboardInterrupt):
    """A signal came. Nobody takes it for a fault that can be lived with."""


@contextmanager
def interruptible(work: str) -> Iterator[None]:
    """Raise `Interrupted` from the block at once on Ctrl-C and SIGTERM.

    For work that may be interrupted anywhere, because it writes each file whole or not at all.
    Within it `stop_on_signals` takes precedence.

    Parameters
    ----------
    work : str
        What was interrupted, for the message.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        raise _BrokenOffError

    try:
        with _handled_by(handle):
            yield
    except _BrokenOffError:
        hint = "run the same command again to go on"
        raise Interrupted(f"{work}: interrupted", hint=hint) from None


@contextmanager
def _handled_by(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a function handle Ctrl-C and SIGTERM; in other threads than the main one nothing can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
