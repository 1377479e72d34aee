"""End the work on a run, from any machine."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from daypart.engine.execution import recorded_executor
from daypart.engine.results.folder import RunFolder
from daypart.errors import DaypartError
from daypart.storage.location import PathLike
from daypart.storage.shapes import Tested, has_shape


@dataclass(frozen=True)
class CancelReport:
    """What was requested to end.

    Parameters
    ----------
    driver : str or None
        The process that was requested to stop; it flushes its current blocks.
    tasks : int
        Tasks of a cluster that were ended.
    """

    driver: str | None
    tasks: int


@dataclass(frozen=True)
class _DriverDocument:
    """A lock of a driver; process 1, and groups of processes, are never one."""

    pid: Annotated[int, Tested(lambda pid: pid > 1, "a process")]
    host: str


def cancel(run: PathLike) -> CancelReport:
    """End the work on a run; what was flushed stays, and the same `fit` goes on later.

    Parameters
    ----------
    run : path

    Returns
    -------
    CancelReport

    Raises
    ------
    DaypartError
        Where there is no run, or its driver is on another machine and its tasks with it.
    """
    folder = RunFolder.at(run)
    driver = None
    locked = folder.is_locked()
    if not locked:  # else a new run may be without `run.json`: its pilot goes on
        folder = RunFolder.open(run)
    executor = recorded_executor(folder)
    if locked:
        holder = _holder(folder)
        driver = f"process {holder.get('pid')} on {holder.get('host')}"
        if holder.get("host") == socket.gethostname():
            with suppress(ProcessLookupError):
                os.kill(int(holder["pid"]), signal.SIGTERM)
        elif executor is None or executor.cores > 0:
            raise DaypartError(
                f"{folder.path}: {driver} is fitting this run", hint="run daypart cancel there"
            )
    return CancelReport(driver, executor.cancel(folder.path) if executor else 0)


def _holder(folder: RunFolder) -> dict[str, Any]:
    try:
        content = json.loads(folder.driver_lock.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if has_shape(content, _DriverDocument) else {}
