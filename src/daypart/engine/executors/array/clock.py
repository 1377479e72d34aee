"""The driver's clock, so that a run of a day can be tried in seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

_SLICE_SECONDS = 0.2


class Clock(Protocol):
    """Seconds, and waiting for them to pass."""

    def now(self) -> float:
        """Return the seconds since some instant."""

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""


class WallClock:
    """The real one.

    Parameters
    ----------
    in_a_hurry : callable
        Looked at while sleeping; a sleep ends early when it says so.
    """

    def __init__(self, in_a_hurry: Callable[[], bool] = lambda: False) -> None:
        self.in_a_hurry = in_a_hurry

    def now(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep, a little at a time."""
        until = time.monotonic() + seconds
        hurried = self.in_a_hurry()
        while (left := until - time.monotonic()) > 0 and self.in_a_hurry() == hurried:
            time.sleep(min(left, _SLICE_SECONDS))
