"""Work other than fitting, cut into pieces: planned once, done by any executor, read at the end."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from daypart._version import __version__
from daypart.engine.executors.protocol import Executor, Task
from daypart.engine.results.folder import RUN_SCHEMA_VERSION, RunFolder
from daypart.engine.results.parts import list_parts
from daypart.engine.results.printed import PrintedLog
from daypart.engine.tasks.callbacks import ProgressBar, tell_all
from daypart.engine.tasks.events import OnEvent
from daypart.engine.tasks.stopping import stop_on_signals
from daypart.engine.tasks.work import OTHER_WORK
from daypart.errors import DaypartError, Interrupted
from daypart.progress import Step
from daypart.storage.files import make_folder, read_json, write_json
from daypart.storage.location import Location
from daypart.storage.tables import read_tables, write_table


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


DoPiece = Callable[[Location, Mapping[str, Any], int], Any]
"""Does the piece of a row, given the folder and its content; returns its outcome, JSON."""


def piece(function: DoPiece) -> DoPiece:
    """Mark a function as one that a folder of tasks may name."""
    function.is_piece = True  # type: ignore[attr-defined]
    return function


def is_piece(found: Any) -> bool:
    """Tell whether something is a function that a folder of tasks may name."""
    return bool(getattr(found, "is_piece", False))


class PieceWork:
    """Does one piece at a time, whose row holds its outcome; a `Work`."""

    most_at_once = 1

    def __init__(self, folder: RunFolder, described: Mapping[str, Any], function: DoPiece) -> None:
        self.folder = folder
        self.content = described["content"]
        self.names = described["pieces"]
        self.function = function

    def check(self, regions: Sequence[str] | None = None) -> None:
        """Nothing: a piece looks at its own inputs."""

    def do(
        self,
        region: str,
        rows: Sequence[int],
        attempts: np.ndarray[Any, Any],
        log: PrintedLog | None = None,
    ) -> pa.Table:
        """Do one piece; what a user can mend fails it, with the reason in its row."""
        started = time.perf_counter()
        told: dict[str, Any] = {"status": "ok"}
        try:
            told["outcome"] = json.dumps(self.function(self.folder.path, self.content, rows[0]))
        except Interrupted:
            raise
        except DaypartError as error:
            told = {"status": "failed", "reason": error.message, "hint": error.hint}
        return self._row(rows[0], attempts[0], time.perf_counter() - started, **told)

    def give_up(
        self, region: str, rows: Sequence[int], attempts: np.ndarray[Any, Any], reason: str
    ) -> pa.Table:
        """Return the row of a piece whose process ended again and again."""
        why = f"{self.names[rows[0]]}: {reason}"
        return self._row(rows[0], attempts[0], 0.0, status="failed", reason=why)

    def _row(self, row: int, attempt: int, seconds: float, **told: str | None) -> pa.Table:
        texts = ("status", "reason", "hint", "outcome")
        return pa.table(
            {
                "unique_id": [self.names[row]],
                "seconds": [seconds],
                "attempt": pa.array([attempt], pa.int32()),
                **{name: pa.array([told.get(name)], pa.string()) for name in texts},
            }
        )


def plan_pieces(
    path: Location, does: str, content: Mapping[str, Any], pieces: Sequence[Piece]
) -> list[Task]:
    """Write what a folder's tasks do, unless the folder says so already; return the tasks.

    Parameters
    ----------
    path : Location
    does : str
        `module:function` of daypart's own, marked by `piece`.
    content : mapping
        JSON; with `pieces` it must say all that the result depends on.
    pieces : sequence of Piece

    Returns
    -------
    list of Task
        In the order of their numbers.
    """
    folder = RunFolder.at(path)
    wanted = {
        "kind": OTHER_WORK,
        "schema_version": RUN_SCHEMA_VERSION,
        "created_by": f"daypart {__version__}",
        "does": does,
        "content": dict(content),
        "pieces": [each.unique_id for each in pieces],
    }
    if not folder.holds_run() or read_json(path / "run.json") != wanted:
        make_folder(folder.parts)
        columns = {
            "unique_id": pa.array([each.unique_id for each in pieces], pa.string()),
            "region": pa.array([each.region for each in pieces], pa.string()),
            "row": pa.array(range(len(pieces)), pa.int32()),
            "task": pa.array([each.task for each in pieces], pa.int32()),
            "attempt": pa.array([1] * len(pieces), pa.int32()),
        }
        write_table(folder.plan, pa.table(columns))
        write_json(path / "run.json", wanted)
    sizes = Counter(each.task for each in pieces)
    first = {each.task: each.region for each in reversed(pieces)}
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
