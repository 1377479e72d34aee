"""Work other than fitting, cut into pieces: planned once, done by any executor, read at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import daypart
from daypart.errors import DaypartError, Interrupted
from daypart.progress import Step
from daypart.runs.callbacks import ProgressBar, tell_all
from daypart.runs.events import OnEvent
from daypart.runs.executor import Executor, Task
from daypart.runs.folder import RUN_SCHEMA_VERSION, RunFolder
from daypart.runs.parts import list_parts
from daypart.runs.stopping import stop_on_signals
from daypart.runs.work import OTHER_WORK
from daypart.storage import Location, make_folder, read_json, read_tables, write_json, write_table


@dataclass(frozen=True)
class Piece:
    """One piece of work; it ends with one result row.

    Parameters
    ----------
    unique_id : str
        What its row is called.
    task : int
        Pieces of one task are done by one process, one after the other.
    region : str
    """

    unique_id: str
    task: int
    region: str = ""


def plan_pieces(
    path: Location, does: str, content: Mapping[str, Any], pieces: Sequence[Piece]
) -> list[Task]:
    """Write what a folder's tasks do, unless the folder says so already; return the tasks.

    Parameters
    ----------
    path : Location
    does : str
        `module:class` of a `Work` of daypart's own; it is made with the folder and `content`.
    content : mapping
        JSON; with `pieces` it must say all that the result depends on.
    pieces : sequence of Piece

    Returns
    -------
    list of Task
        In the order of their numbers.
    """
    import pyarrow as pa

    folder = RunFolder.at(path)
    wanted = {
        "kind": OTHER_WORK,
        "schema_version": RUN_SCHEMA_VERSION,
        "created_by": f"daypart {daypart.__version__}",
        "does": does,
        "content": dict(content),
    }
    if not folder.holds_run() or read_json(path / "run.json") != wanted:
        make_folder(folder.parts)
        columns = {
            "unique_id": pa.array([piece.unique_id for piece in pieces], pa.string()),
            "region": pa.array([piece.region for piece in pieces], pa.string()),
            "row": pa.array(range(len(pieces)), pa.int32()),
            "task": pa.array([piece.task for piece in pieces], pa.int32()),
            "attempt": pa.array([1] * len(pieces), pa.int32()),
        }
        write_table(folder.plan, pa.table(columns))
        write_json(path / "run.json", wanted)
    sizes = Counter(piece.task for piece in pieces)
    first = {piece.task: piece.region for piece in reversed(pieces)}
    return [Task(path, task, first[task], count) for task, count in sorted(sizes.items())]


def do_pieces(
    executor: Executor, tasks: Sequence[Task], step: Step, on_event: OnEvent = lambda event: None
) -> dict[str, dict[str, Any]]:
    """Have tasks done; return the result row of every piece by its `unique_id`.

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM; the same call goes on with what is missing.
    DaypartError
        With the reason of the first piece that failed.
    """
    path = tasks[0].run
    with stop_on_signals() as stop:
        try:
            executor.execute(tasks, tell_all([ProgressBar(step), on_event]), stop)
        except Interrupted as told:
            raise Interrupted(told.message, hint="run the same command again to go on") from None
    rows: dict[str, dict[str, Any]] = {}
    for table in read_tables([part for _, _, part in list_parts(RunFolder.at(path))]):
        for row in table.to_pylist():
            rows.setdefault(row["unique_id"], row)
    for _, row in sorted(rows.items()):
        if row["status"] == "failed":
            raise DaypartError(row["reason"], hint=row.get("hint"))
    return rows
