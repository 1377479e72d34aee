"""One attempt of a task on a machine of a cluster: on all its cores, with a history of its own."""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter
from dataclasses import dataclass

from daypart.engine.executors.workers import WorkerPool
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.history import recorded
from daypart.engine.tasks.callbacks import call_all
from daypart.engine.tasks.events import BlockFinished, Event, TaskFailed, TaskFinished, TaskStarted
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.task import TaskResult, TaskWork, lanes_of
from daypart.engine.tasks.threads import usable_cores
from daypart.progress import SILENT, Progress
from daypart.storage.location import PathLike
from daypart.wording import counted

LANES_PER_CORE = 4
"""A task is divided so finely, so that its cores end at about the same time."""


@dataclass
class _Tally:
    """Counts partitions by status."""

    counts: Counter[str]

    def __call__(self, event: Event) -> None:
        if isinstance(event, BlockFinished):
            self.counts.update(ok=event.ok, failed=event.failed, skipped=event.skipped)


def attempt_name(task: int) -> str:
    """Return what the logs of a task's workers begin with.

    Examples
    --------
    >>> attempt_name(7)
    'task-000007'
    """
    return f"task-{task:06d}"


def attempt_task(
    run: PathLike,
    index: int,
    *,
    cores: int | None = None,
    stop: Stop | None = None,
    one_by_one: bool = False,
    most_memory: bool = False,
    progress: Progress = SILENT,
) -> TaskResult:
    """Fit one task of a run's plan with a worker process on each core.

    What models print goes to logs beside the results; a partition that kills its worker is
    recorded as failed, and the others go on.

    Parameters
    ----------
    run : path
    index : int
        The task's number in `plan.parquet`.
    cores : int, optional
        All that this process may use when left out.
    stop : Stop, optional
    one_by_one : bool
        Fit partitions alone: in blocks of one, by one worker, with all of the memory.
    most_memory : bool
        More memory than this is not to be had: a partition whose worker is killed on it alone
        fails, and the others go on.
    progress : Progress
        Told once, at the start: what a scheduler keeps of a task's output is short.

    Returns
    -------
    TaskResult
        What this attempt fitted.

    Raises
    ------
    Interrupted
        After a request to stop, with finished blocks saved.
    OutOfMemory
        When workers are killed again and again though they fit one partition alone, unless this
        is the most memory; what the others can fit is fitted before.
    DaypartError
        As `run_task`.
    """
    folder = RunFolder.open(run)
    work = TaskWork.open(run, index)
    count = cores or usable_cores()
    tally = _Tally(Counter())
    workers = 1 if one_by_one else count
    lanes = 1 if workers == 1 else LANES_PER_CORE * workers
    pieces = lanes_of(index, len(work.rows), lanes) if len(work.rows) else []
    with progress.step(f"task {index} starts") as step:
        number = os.environ.get("AWS_BATCH_JOB_ATTEMPT", "")
        step.summarise(
            f"{counted(len(work.rows), 'partition')} to fit, {work.already_done:,} done before, "
            f"{counted(count, 'core')} of {socket.gethostname()}"
            + (f", attempt {number}" if number else "")
        )
    with recorded(folder, "task", count) as history:
        history(TaskStarted(index, history.file.name))

        def tell(event: Event) -> None:
            """Pass on the events of blocks; lanes start and end many times."""
            if isinstance(event, BlockFinished | TaskFailed):
                call_all([tally, history])(event)

        WorkerPool(
            folder.path,
            pieces,
            workers,
            tell,
            stop or Stop(),
            name=attempt_name(index),
            one_by_one=sys.maxsize if one_by_one else 0,
            escalates=not most_memory,
        ).work()
        history(TaskFinished(index, 0.0))
    return TaskResult(
        **{name: tally.counts[name] for name in ("ok", "failed", "skipped")},
        already_done=work.already_done,
    )
