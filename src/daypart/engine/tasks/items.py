"""Work whose rows are items with an outcome each: planned once, done anywhere, read at the end."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.engine.executors.protocol import Executor, Task
from daypart.engine.results.folder import RunFolder, description_of
from daypart.engine.results.parts import list_parts
from daypart.engine.results.printed import PrintedLog
from daypart.engine.tasks.callbacks import ProgressBar, call_all
from daypart.engine.tasks.events import OnEvent
from daypart.engine.tasks.stopping import stop_on_signals
from daypart.engine.tasks.work import Enough, never
from daypart.errors import DaypartError, Interrupted
from daypart.progress import Step
from daypart.storage.files import make_folder
from daypart.storage.location import Location
from daypart.storage.tables import read_tables, write_table


@dataclass(frozen=True)
class WorkItem:
    """One unit of work; it ends with one result row.

    Parameters
    ----------
    unique_id : str
        The name of its row.
    task : int
        Items of one task are done by one process, one after the other.
    region : str
    """

    unique_id: str
    task: int
    region: str = ""


DoItem = Callable[[Location, Mapping[str, Any], int], Any]
"""Does the item of a row, given the folder and its content; returns its outcome, JSON."""


class ItemWork:
    """Does one item at a time, whose row holds its outcome; a `Work`.

    Parameters
    ----------
    folder : RunFolder
        Planned by `plan_items`.
    do_item : callable
        Does one item.
    """

    most_at_once = 1
    has_user_code = False

    def __init__(self, folder: RunFolder, do_item: DoItem) -> None:
        description = folder.read_description()
        self.folder = folder
        self.content = description["content"]
        self.names = description["items"]
        self.do_item = do_item

    def prepare_process(self) -> None:
        """Import nothing more: the entry point has imported what the items need."""

    def check(self, regions: Sequence[str] | None = None) -> None:
        """Check nothing: an item checks its own inputs."""

    def do(
        self,
        region: str,
        rows: Sequence[int],
        attempts: np.ndarray[Any, Any],
        log: PrintedLog | None = None,
        enough: Enough = never,
    ) -> pa.Table:
        """Do one item; an error that a user can fix fails it, with the reason in its row.

        Parameters
        ----------
        region : str
        rows : sequence of int
            The one row to do.
        attempts : int array, shape (rows,)
        log : PrintedLog, optional
            Not used.
        enough : callable
            Not used: one item is the least that is done.
        """
        started = time.perf_counter()
        values: dict[str, Any] = {"status": "ok"}
        try:
            values["outcome"] = json.dumps(self.do_item(self.folder.path, self.content, rows[0]))
        except Interrupted:
            raise
        except DaypartError as error:
            values = {"status": "failed", "reason": error.message, "hint": error.hint}
        return self._row(rows[0], attempts[0], time.perf_counter() - started, **values)

    def give_up(
        self, region: str, rows: Sequence[int], attempts: np.ndarray[Any, Any], reason: str
    ) -> pa.Table:
        """Return the row of an item whose process ended again and again.

        Parameters
        ----------
        region : str
        rows : sequence of int
            The one row.
        attempts : int array, shape (rows,)
        reason : str
        """
        why = f"{self.names[rows[0]]}: {reason}"
        return self._row(rows[0], attempts[0], 0.0, status="failed", reason=why)

    def _row(self, row: int, attempt: int, seconds: float, **values: str | None) -> pa.Table:
        texts = ("status", "reason", "hint", "outcome")
        return pa.table(
            {
                "unique_id": [self.names[row]],
                "seconds": [seconds],
                "attempt": pa.array([attempt], pa.int32()),
                **{name: pa.array([values.get(name)], pa.string()) for name in texts},
            }
        )


def plan_items(
    path: Location, kind: str, content: Mapping[str, Any], items: Sequence[WorkItem]
) -> list[Task]:
    """Write the plan of a folder of items, unless the folder holds just that plan.

    Parameters
    ----------
    path : Location
    kind : str
        The name of an entry point in the group `daypart.work` that returns an `ItemWork`.
    content : mapping
        JSON; with `items` it must hold all that the outcomes depend on.
    items : sequence of WorkItem

    Returns
    -------
    list of Task
        In the order of their numbers.
    """
    folder = RunFolder.at(path)
    wanted = {"content": dict(content), "items": [each.unique_id for each in items]}
    if not folder.holds_run() or folder.read_description() != description_of(kind, wanted):
        make_folder(folder.parts)
        columns = {
            "unique_id": pa.array([each.unique_id for each in items], pa.string()),
            "region": pa.array([each.region for each in items], pa.string()),
            "row": pa.array(range(len(items)), pa.int32()),
            "task": pa.array([each.task for each in items], pa.int32()),
            "attempt": pa.array([1] * len(items), pa.int32()),
        }
        write_table(folder.plan, pa.table(columns))
        folder.write_description(kind, wanted)
    sizes = Counter(each.task for each in items)
    first = {each.task: each.region for each in reversed(items)}
    return [Task(path, task, first[task], count) for task, count in sorted(sizes.items())]


def do_items(
    executor: Executor, tasks: Sequence[Task], step: Step, on_event: OnEvent = lambda event: None
) -> dict[str, dict[str, Any]]:
    """Run tasks on an executor, and return the result row of every item.

    Parameters
    ----------
    executor : Executor
    tasks : sequence of Task
        Those that `plan_items` returned.
    step : Step
        Advances with every item.
    on_event : callable
        Called with every event too.

    Returns
    -------
    dict of str to dict
        Each row by its `unique_id`.

    Raises
    ------
    Interrupted
        After Ctrl-C or SIGTERM; the same call goes on with what is missing.
    DaypartError
        With the reason of the first item that failed.
    """
    path = tasks[0].run
    with stop_on_signals() as stop:
        try:
            executor.execute(tasks, call_all([ProgressBar(step), on_event]), stop)
        except Interrupted as error:
            raise Interrupted(error.message, hint="run the same command again to go on") from None
    rows: dict[str, dict[str, Any]] = {}
    for table in read_tables([part for _, _, part in list_parts(RunFolder.at(path))]):
        for row in table.to_pylist():
            rows.setdefault(row["unique_id"], row)
    for _, row in sorted(rows.items()):
        if row["status"] == "failed":
            raise DaypartError(row["reason"], hint=row.get("hint"))
    return rows
