"""Following a run from anywhere: what a partition printed, and ending the work on it."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from daypart.engine.costs.cost import RATES
from daypart.engine.costs.outlook import Priced
from daypart.engine.entry_points import EXECUTORS, installed
from daypart.engine.executors.protocol import Executor
from daypart.engine.executors.registry import get_executor
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import read_rows, standing_of
from daypart.engine.results.printed import parse_place
from daypart.errors import DaypartError, did_you_mean
from daypart.storage.files import read_json, write_json
from daypart.storage.location import PathLike
from daypart.storage.tables import read_table


@dataclass(frozen=True)
class PartitionLog:
    """What is known of one partition's fit.

    Parameters
    ----------
    unique_id : str
    status : str
        `ok`, `failed`, `skipped` or `missing`.
    reason, traceback : str or None
        Of a failure.
    seconds : float or None
    log : str or None
        Where its text is: file in the run's `logs`, and bytes.
    printed : str
        What was printed while it was fitted, on standard output and error. A model that is
        fitted in blocks prints for its block.
    """

    unique_id: str
    status: str
    reason: str | None
    traceback: str | None
    seconds: float | None
    log: str | None
    printed: str


def logs(run: PathLike, partition: str) -> PartitionLog:
    """Tell what one partition printed, wherever it ran.

    Parameters
    ----------
    run : path
    partition : str
        Its `unique_id`.

    Returns
    -------
    PartitionLog

    Raises
    ------
    DaypartError
        Where there is no such run or partition.
    """
    folder = RunFolder.open(run)
    standing = standing_of(folder, read_table(folder.plan))
    names = standing.rows.column("unique_id").to_pylist()
    if partition not in names:
        raise DaypartError(
            f"{folder.path}: no partition {partition!r}", hint=did_you_mean(partition, names)
        )
    place = names.index(partition)
    status = str(standing.rows.column("status")[place].as_py())
    if status == "missing":
        return PartitionLog(partition, status, "not fitted yet", None, None, None, "")
    row = read_rows(standing, [place]).to_pylist()[0]
    log = row.get("log")
    printed = _text_at(folder, log) if log else ""
    told = {name: row.get(name) for name in ("reason", "traceback", "seconds")}
    return PartitionLog(partition, status, log=log, printed=printed, **told)


def _text_at(folder: RunFolder, place: str) -> str:
    name, start, end = parse_place(place)
    try:
        text = (folder.logs / name).read_bytes()[start:end]
    except OSError:
        return f"(the log {name} is not there, or not yet)"
    return text.decode("utf-8", errors="replace")


def note_executor(folder: RunFolder, executor: Executor) -> None:
    """Write which executor a run's tasks are given to, and at what price.

    `cancel` finds the tasks by it, `cost` the dollars.
    """
    noted = {"executor": executor.name, "settings": asdict(executor.settings)}
    if isinstance(executor, Priced):
        before = read_json(folder.execution).get(RATES, {}) if folder.execution.exists() else {}
        noted[RATES] = {**before, **executor.dollars_per_vcpu_hour()}
    write_json(folder.execution, noted)


@dataclass(frozen=True)
class CancelReport:
    """What was asked to end.

    Parameters
    ----------
    driver : str or None
        The process that was asked to stop; it flushes what is in hand.
    tasks : int
        Tasks of a cluster that were ended.
    """

    driver: str | None
    tasks: int


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
    folder = RunFolder.open(run)
    executor = _executor_of(folder)
    driver = None
    if folder.is_locked():
        holder = _holder(folder)
        driver = f"process {holder.get('pid')} on {holder.get('host')}"
        if holder.get("host") == socket.gethostname():
            with suppress(ProcessLookupError):
                os.kill(int(holder["pid"]), signal.SIGTERM)
        elif executor is None or executor.name in ("inline", "local"):
            raise DaypartError(
                f"{folder.path}: {driver} is fitting this run", hint="run daypart cancel there"
            )
    return CancelReport(driver, executor.cancel(folder.path) if executor else 0)


def _executor_of(folder: RunFolder) -> Executor | None:
    """Return the executor that the last driver used."""
    if not folder.execution.exists():
        return None
    noted = read_json(folder.execution)
    if noted.get("executor") not in installed(EXECUTORS):
        return None
    given = {name: value for name, value in noted["settings"].items() if value is not None}
    return get_executor(noted["executor"], given, source=str(folder.execution))


def _holder(folder: RunFolder) -> dict[str, Any]:
    try:
        content = json.loads(folder.driver_lock.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
