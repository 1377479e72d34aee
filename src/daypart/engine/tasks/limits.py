"""What one partition's fit may take: seconds, and memory of the process that fits it.

A fit that takes too long is broken off by an exception; one that is stuck in compiled code and
does not come back to Python ends with its process, where that is a worker. Memory is held by
the system's own limit on private memory, so that a fit that allocates too much raises
`MemoryError`. Both then fail that partition alone.
"""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType

from daypart.engine.tasks.process_memory import process_memory
from daypart.errors import DaypartError
from daypart.storage.sizes import parse_size

_GRACE_SECONDS = 2.0
"""How much longer than allowed a fit may take until its process is ended."""


@dataclass(frozen=True)
class ResourceLimits:
    """ResourceLimits of each fit; None for none.

    Parameters
    ----------
    timeout : float or None
        Seconds a partition.
    memory : int or None
        Bytes that the process may take beyond what it had before its first fit.
    """

    timeout: float | None = None
    memory: int | None = None

    @classmethod
    def of(cls, timeout: float | None, memory: int | str | None) -> ResourceLimits:
        """Check limits as a user gave them; memory may be a size such as `2GB`.

        Parameters
        ----------
        timeout : float or None
            Seconds.
        memory : int, str or None
            Bytes, or a size such as `2GB`.

        Raises
        ------
        DaypartError
            For limits that nothing can keep.

        Examples
        --------
        >>> ResourceLimits.of(60, "2GB")
        ResourceLimits(timeout=60.0, memory=2000000000)
        """
        if timeout is not None and not timeout > 0:
            raise DaypartError(f"timeout is {timeout:g}", hint="give seconds above 0")
        found = parse_size(memory) if isinstance(memory, str) else memory
        if found is not None and found <= 0:
            raise DaypartError(f"memory is {memory}", hint="give a size such as 2GB")
        return cls(None if timeout is None else float(timeout), found)


NO_LIMITS = ResourceLimits()


class TookTooLongError(BaseException):
    """A fit was broken off; no `Exception`, so that a model's own `except` does not hold it up."""


_may_end_process = False


def end_this_process_when_stuck() -> None:
    """Let the process end where a fit is stuck in compiled code; for workers."""
    global _may_end_process
    _may_end_process = True


@contextmanager
def within(limits: ResourceLimits) -> Iterator[None]:
    """Hold what this block does to limits.

    Raises
    ------
    TookTooLongError
        When the time is over.
    MemoryError
        When more memory is allocated than allowed (raised by the code that allocates).
    """
    with _seconds(limits.timeout), _memory(limits.memory):
        yield


@contextmanager
def _seconds(timeout: float | None) -> Iterator[None]:
    if timeout is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    main, over = threading.get_ident(), threading.Event()

    def tell() -> None:
        if not over.wait(timeout):
            with suppress(ProcessLookupError):
                signal.pthread_kill(main, signal.SIGUSR1)

    def break_off(_number: int, _frame: FrameType | None) -> None:
        if not over.is_set():
            raise TookTooLongError

    before = signal.signal(signal.SIGUSR1, break_off)
    alarm = signal.signal(signal.SIGALRM, signal.SIG_DFL) if _may_end_process else None
    if _may_end_process:
        signal.setitimer(signal.ITIMER_REAL, timeout + _GRACE_SECONDS)
    watcher = threading.Thread(target=tell, daemon=True)
    try:
        try:
            watcher.start()
            yield
        finally:
            over.set()
    finally:  # also when the signal came just before `over` was set
        if _may_end_process:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, alarm)
        watcher.join()
        signal.signal(signal.SIGUSR1, before)


@contextmanager
def _memory(limit: int | None) -> Iterator[None]:
    if limit is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _memory_at_first() + limit
    allowed = [each for each in (soft, hard) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *allowed]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@lru_cache(maxsize=1)
def _memory_at_first() -> int:
    """Return the private memory of this process at the first call (0 where it is not known)."""
    return process_memory("VmData")
