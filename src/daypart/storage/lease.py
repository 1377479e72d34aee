"""A lock between machines: a small JSON file that its holder renews until it releases it or dies.

Taking the lease is a conditional write, so one of two processes succeeds. A holder that another
process wrongly considered dead learns of its loss at its next renewal.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError
from daypart.storage.conditional import create_json, read_versioned, replace_json
from daypart.storage.location import Location
from daypart.storage.shapes import has_shape

LEASE_SECONDS = 30.0
"""A holder that has not renewed its lease for this long is considered dead."""

_RENEWALS_A_LEASE = 5


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    Parameters
    ----------
    token : str
        Different each time a lease is taken.
    pid : int
    host : str
    namespace : str
        Boot and process namespace in which `pid` is valid.
    renewed : float
        Seconds since 1970 by the holder's clock; 0 after the release.
    seconds : float
        Time after a renewal at which the holder is considered dead.
    """

    token: str
    pid: int
    host: str
    namespace: str
    renewed: float
    seconds: float

    @classmethod
    def this_process(cls, seconds: float) -> Holder:
        """Return a new holder: this process, now."""
        return cls(
            secrets.token_hex(8),
            os.getpid(),
            socket.gethostname(),
            _process_namespace(),
            time.time(),
            seconds,
        )

    @classmethod
    def parse(cls, text: str) -> Holder | None:
        """Read the holder from the text of a lease; None if the text is not one."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return cls(**content) if has_shape(content, cls) and len(content) == 6 else None

    def seconds_left(self) -> float:
        """Return the seconds until the lease ends; 0 or less if it has ended."""
        if self.renewed == 0.0 or (self.namespace == _process_namespace() and self._is_gone()):
            return 0.0
        return self.renewed + self.seconds - time.time()

    def _is_gone(self) -> bool:
        return self.pid != os.getpid() and not Path(f"/proc/{self.pid}").exists()

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lease:
    """A lease that this process holds, renewed by a thread of its own.

    Parameters
    ----------
    file : Location
    on_lost : callable, optional
        Called once, when another process has taken the lease.
    seconds : float
        Time after a renewal at which the lease ends.
    """

    def __init__(
        self,
        file: Location,
        on_lost: Callable[[], None] | None = None,
        *,
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self.file = file
        self.holder = Holder.this_process(seconds)
        self.lost = False
        self._on_lost = on_lost
        self._version = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def take(self) -> Holder | None:
        """Take the lease and return None, or return its present holder."""
        content = _content(self.holder)
        while True:
            found = read_versioned(self.file)
            if found is None:
                if create_json(self.file, content):
                    break
                continue
            text, version = found
            holder = Holder.parse(text)
            if holder and holder.token != self.holder.token and holder.seconds_left() > 0:
                return holder
            if replace_json(self.file, content, version) is not None:
                break
        self._version = self._own_version()
        self._thread.start()
        return None

    def release(self) -> None:
        """Release the lease, unless another process has taken it."""
        self._ended.set()
        self._thread.join()
        if not self.lost:
            with suppress(DaypartError):  # the lease ends by itself
                content = _content(self.holder, renewed=0.0)
                replace_json(self.file, content, self._version)

    def _own_version(self) -> str:
        found = read_versioned(self.file)
        holder = Holder.parse(found[0]) if found is not None else None
        if found is None or holder is None or holder.token != self.holder.token:
            raise DaypartError(f"{self.file}: was taken by another process at the same moment")
        return found[1]

    def _renew(self) -> None:
        while not self._ended.wait(self.holder.seconds / _RENEWALS_A_LEASE):
            with suppress(DaypartError, OSError):  # unreachable for a while: try again
                content = _content(self.holder, renewed=time.time())
                version = replace_json(self.file, content, self._version)
                if version is None:
                    self.lost = True
                    if self._on_lost is not None:
                        self._on_lost()
                    return
                self._version = version


def holder_of(file: Location) -> Holder | None:
    """Return the present holder of a lease, or None."""
    found = read_versioned(file)
    holder = Holder.parse(found[0]) if found is not None else None
    return holder if holder is not None and holder.seconds_left() > 0 else None


def _content(holder: Holder, **changes: Any) -> dict[str, Any]:
    return {**holder.__dict__, **changes}


def _process_namespace() -> str:
    """Return a name that distinguishes equal process numbers on other machines and containers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - not a link to a file
    except OSError:
        return f"{socket.gethostname()} {secrets.token_hex(8)}"
