"""What one partition printed, wherever it was fitted."""

from __future__ import annotations

from dataclasses import dataclass

from daypart.engine.results.folder import RunFolder, read_plan_table
from daypart.engine.results.parts import index_results, read_rows
from daypart.engine.results.printed import parse_place
from daypart.errors import DaypartError, did_you_mean
from daypart.storage.location import PathLike


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
    """Return what one partition printed, wherever it ran.

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
    results = index_results(folder, read_plan_table(folder))
    names = results.rows.column("unique_id").to_pylist()
    if partition not in names:
        raise DaypartError(
            f"{folder.path}: no partition {partition!r}", hint=did_you_mean(partition, names)
        )
    place = names.index(partition)
    status = str(results.rows.column("status")[place].as_py())
    if status == "missing":
        return PartitionLog(partition, status, "not fitted yet", None, None, None, "")
    row = read_rows(results, [place]).to_pylist()[0]
    log = row.get("log")
    printed = _text_at(folder, log) if log else ""
    reported = {name: row.get(name) for name in ("reason", "traceback", "seconds")}
    return PartitionLog(partition, status, log=log, printed=printed, **reported)


def _text_at(folder: RunFolder, place: str) -> str:
    name, start, end = parse_place(place)
    try:
        text = (folder.logs / name).read_bytes()[start:end]
    except OSError:
        return f"(the log {name} is not there, or not yet)"
    return text.decode("utf-8", errors="replace")
