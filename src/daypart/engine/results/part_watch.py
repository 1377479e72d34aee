"""Events of tasks that run elsewhere, told from the result parts that they flush."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from daypart.engine.executors.protocol import Task
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import list_parts
from daypart.engine.tasks.events import BlockFinished, Event, TaskFinished, TaskStarted
from daypart.engine.tasks.task import unfinished_partitions
from daypart.storage.tables import read_table


class PartWatch:
    """Looks for new parts of some tasks of one run.

    Parts are the truth of a run, so an executor whose tasks run on other machines needs no word
    from them: every new part is a finished block, and a task is finished when its parts hold a
    row for every partition of its slice.

    Parameters
    ----------
    tasks : sequence of Task
        Of one run, not empty. Parts that are there already are counted but not told.
    worker : str
        The name that `TaskStarted` gives.
    """

    def __init__(self, tasks: Iterable[Task], worker: str) -> None:
        chosen = list(tasks)
        self.folder = RunFolder.at(chosen[0].run)
        self.worker = worker
        self.rows_left = {task.index: task.partitions for task in chosen}
        self._known = self._parts_there()
        while True:
            for task in {task for task, _ in self._known}:
                self.rows_left[task] = unfinished_partitions(self.folder.path, task)
            counted, self._known = self._known, self._parts_there()
            if counted == self._known:  # else a part came in between, and may be counted or not
                break
        self.seconds = dict.fromkeys(self.rows_left, 0.0)
        self.started: set[int] = set()

    @property
    def unfinished(self) -> frozenset[int]:
        """Tasks of which rows are missing."""
        return frozenset(task for task, left in self.rows_left.items() if left > 0)

    def events(self) -> list[Event]:
        """Return what happened since the last call."""
        told: list[Event] = []
        for block in self._new_blocks():
            told += self.start(block.task)
            told.append(block)
            self.seconds[block.task] += block.seconds
            if self.rows_left[block.task] <= 0:
                told.append(TaskFinished(block.task, self.seconds[block.task]))
        return told

    def start(self, task: int) -> list[Event]:
        """Return the event of a task's start, the first time."""
        if task in self.started:
            return []
        self.started.add(task)
        return [TaskStarted(task, self.worker)]

    def finish_without_blocks(self) -> list[Event]:
        """Return the events of tasks that were finished before they were watched."""
        told: list[Event] = []
        for task, left in self.rows_left.items():
            if left <= 0 and task not in self.started:
                told += [*self.start(task), TaskFinished(task, 0.0)]
        return told

    def _parts_there(self) -> set[tuple[int, int]]:
        parts = list_parts(self.folder)
        return {(task, block) for task, block, _ in parts if task in self.rows_left}

    def _new_blocks(self) -> Iterable[BlockFinished]:
        for task, block, path in list_parts(self.folder):
            if task not in self.rows_left or (task, block) in self._known:
                continue
            self._known.add((task, block))
            rows = read_table(path, ["status", "seconds"])
            status = rows.column("status").to_pylist()
            counts = {name: status.count(name) for name in ("ok", "failed", "skipped")}
            self.rows_left[task] -= len(status)
            seconds = float(np.nansum(rows.column("seconds").to_numpy()))
            yield BlockFinished(task, **counts, seconds=seconds)
