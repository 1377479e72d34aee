"""The lock of a run: one driver at a time, whether the run is on disk or on S3."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from daypart.errors import DaypartError
from daypart.storage.files import make_folder
from daypart.storage.lease import Lease, holder_of
from daypart.storage.location import Location


@contextmanager
def driver_lock(file: Location) -> Iterator[None]:
    """Hold a run as its only driver.

    On disk the lock goes with the process that holds it, however that one ends. On S3 it is a
    lease, renewed while the driver lives: it lapses half a minute after a driver's death, and at
    once where that driver ran on this machine. A driver that lost it stops as on SIGTERM.

    Raises
    ------
    DaypartError
        Where another driver holds it.
    """
    make_folder(file.parent)
    with _on_disk(file) if isinstance(file, Path) else _on_s3(file):
        yield


def is_held(file: Location) -> bool:
    """Tell whether a driver holds the lock right now (for a run on disk: on this machine)."""
    if not isinstance(file, Path):
        return holder_of(file) is not None
    with suppress(FileNotFoundError), file.open("rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            file = held.enter_context(path.open("a+b", buffering=0))
            if taken := _try_to_lock(file.fileno()):
                file.truncate(0)
                holder = {"pid": os.getpid(), "host": socket.gethostname()}
                file.write(json.dumps(holder).encode())
        except OSError as error:
            raise DaypartError(
                f"{path}: can't be written ({error.strerror})", hint="is the disk full?"
            ) from None
        if not taken:
            raise DaypartError(
                f"{path.parent}: {_holder(path)} is fitting this run",
                hint="wait for it or stop it, then run the same command again",
            )
        yield


@contextmanager
def _on_s3(file: Location) -> Iterator[None]:
    lease = Lease(file, on_lost=lambda: os.kill(os.getpid(), signal.SIGTERM))
    holder = lease.take()
    if holder is not None:
        raise DaypartError(
            f"{file.parent}: {holder} is fitting this run",
            hint="wait for it or stop it, then run the same command again; if it died, its lock "
            f"lapses in {holder.seconds_left():.0f} s",
        )
    try:
        yield
    finally:
        lease.release()
    if lease.lost:
        raise DaypartError(
            f"{file.parent}: another driver took over this run",
            hint="what was fitted is saved; look with daypart status",
        )


def _try_to_lock(descriptor: int) -> bool:
    """Take the lock; a `status` that looks at this moment holds it for an instant only."""
    for wait in (0.05, 0.1, 0.2, 0.0):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(wait)
    return False


def _holder(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']}"
    except (ValueError, KeyError, OSError):
        return "another process"
