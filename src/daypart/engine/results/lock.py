"""The lock of a run: one driver at a time, whether the run is on disk or on S3."""

from __future__ import annotations

import errno
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
from daypart.storage.links import open_own
from daypart.storage.location import Location

_SHARED = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "lustre", "beegfs"),
        *("gpfs", "glusterfs", "orangefs", "pvfs2", "afs", "gfs2", "ocfs2"),
    }
)
"""File systems of several machines. Mounted without locks, `flock` holds on one of them alone."""

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL})


@contextmanager
def driver_lock(file: Location) -> Iterator[None]:
    """Hold a run as its only driver.

    On a disk of this machine the lock goes with the process that holds it, however that one ends.
    On S3, and on a file system that other machines share, where `flock` may hold on one machine
    only or fail, it is a lease, renewed while the driver lives: it lapses half a minute after a
    driver's death, and at once where that driver ran on this machine. A driver that lost it stops
    as on SIGTERM.

    Raises
    ------
    DaypartError
        Where another driver holds it.
    """
    make_folder(file.parent)
    with _by_flock(file) if isinstance(file, Path) and _honours_flock(file) else _by_lease(file):
        yield


def _honours_flock(file: Path) -> bool:
    """Tell whether a lock of a file keeps out the processes of all machines that see it."""
    try:
        kind = _file_system_of(file.resolve().parent)
        if kind in _SHARED or kind.startswith("fuse."):
            return False
        with open_own(file, "ab") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        return error.errno not in _NO_LOCKS
    return True


def _file_system_of(folder: Path) -> str:
    """Return the kind of file system that a folder is on, by the longest mount point above it."""
    found = (0, "")
    with suppress(OSError):
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
            place, kind = line.split()[1:3]
            mounted = Path(place.replace("\\040", " "))
            if folder.is_relative_to(mounted):
                found = max(found, (len(mounted.parts), kind))
    return found[1]


def is_held(file: Location) -> bool:
    """Tell whether a driver holds the lock right now (for a run on disk: on this machine)."""
    if not isinstance(file, Path) or (file.exists() and not _honours_flock(file)):
        return holder_of(file) is not None
    with suppress(FileNotFoundError), open_own(file, "rb") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def _by_flock(path: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            file = held.enter_context(open_own(path, "a+b", buffering=0))
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
def _by_lease(file: Location) -> Iterator[None]:
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
    except (ValueError, KeyError, TypeError, RecursionError, OSError):
        return "another process"
