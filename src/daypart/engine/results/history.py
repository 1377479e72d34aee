"""The history of a run: what its executions and task attempts did, and when.

One file of JSON lines for each execution of a driver and each attempt of a task on a cluster,
written whole from time to time; a compaction folds those that have ended into one. It is a
record, never the truth of what is done: that is the plan and the results.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.events import BlockFinished, Event, TaskFailed, TaskFinished, TaskStarted
from daypart.errors import DaypartError, Interrupted
from daypart.storage.files import delete_files, is_temporary, make_folder, write_text
from daypart.storage.location import Location

QUEUE_VARIABLE = "AWS_BATCH_JQ_NAME"
_WRITE_SECONDS = 10.0
_ALIVE_SECONDS = 60.0
"""While nothing else is recorded, that it is alive: a host that is lost can't say when it was."""

_GONE_SECONDS = 3 * _ALIVE_SECONDS
ATTEMPT = "task"
"""The executor of attempts, each of one task."""

_READ_AT_ONCE = 16
_FOLDED = ".folded"
_SURELY_OVER_SECONDS = 3600.0
"""An execution that wrote nothing for as long was killed; if it lives, its file comes back."""


class History:
    """A callback that records events with the time at which they came.

    Parameters
    ----------
    folder : RunFolder
    executor : str
    cores : int
        That the execution holds; 0 where its tasks keep a history of their own.
    """

    def __init__(self, folder: RunFolder, executor: str, cores: int) -> None:
        self.file = folder.history / f"{time.time_ns():020d}-{secrets.token_hex(3)}.jsonl"
        head = {
            "executor": executor,
            "cores": cores,
            "host": socket.gethostname(),
            "machine": platform.machine(),
            "queue": os.environ.get(QUEUE_VARIABLE, ""),
        }
        self.lines = [json.dumps({**head, "pid": os.getpid(), "at": time.time()})]
        self._written = 0.0
        self._over = threading.Event()
        self._lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        """Record an event."""
        line = {"at": round(time.time(), 3), "event": type(event).__name__, **asdict(event)}
        with self._lock:
            self.lines.append(json.dumps(line))
            if time.monotonic() > self._written + _WRITE_SECONDS:
                self.write()

    def end(self, outcome: str) -> None:
        """Record how it ended: `finished`, `interrupted` or `failed`."""
        self._over.set()
        with self._lock:
            self.lines.append(json.dumps({"at": round(time.time(), 3), "ended": outcome}))
            self.write()

    def write(self) -> None:
        """Write what was recorded so far."""
        with self._lock:
            make_folder(self.file.parent)
            write_text(self.file, "\n".join(self.lines) + "\n")
            self._written = time.monotonic()

    def stay_alive(self) -> None:
        """Record from time to time that it is alive."""
        while not self._over.wait(_ALIVE_SECONDS):
            with self._lock, suppress(OSError, DaypartError):
                if self._over.is_set():
                    return
                if "alive" in json.loads(self.lines[-1]):
                    self.lines.pop()
                self.lines.append(json.dumps({"at": round(time.time(), 3), "alive": True}))
                self.write()


@contextmanager
def recorded(folder: RunFolder, executor: str, cores: int) -> Iterator[History]:
    """Record what happens in the block, and how it ends.

    Parameters
    ----------
    folder : RunFolder
    executor : str
        Its name.
    cores : int
        Cores that the execution holds; 0 where its tasks record theirs.
    """
    history = History(folder, executor, cores)
    if cores > 0:
        threading.Thread(target=history.stay_alive, name="history", daemon=True).start()
    try:
        yield history
    except Interrupted:
        history.end("interrupted")
        raise
    except BaseException:
        history.end("failed")
        raise
    history.end("finished")


@dataclass(frozen=True)
class Execution:
    """What one file of the history says.

    Parameters
    ----------
    executor : str
    cores : int
    host : str
    started, last : float
        Seconds since 1970: its start, and the last thing recorded.
    outcome : str or None
        None where it was killed, or goes on.
    used : float
        Core-seconds of blocks whose rows were kept.
    lost : float
        Core-seconds of what was broken off: all that a lost attempt held beside its kept blocks.
    partitions : int
        In the blocks kept.
    queue : str
        The job queue of AWS Batch that it came from; empty elsewhere.
    finished : tuple of (float, int)
        When each block was kept, and its partitions.
    """

    executor: str
    cores: int
    host: str
    started: float
    last: float
    outcome: str | None
    used: float
    lost: float
    partitions: int
    queue: str = ""
    finished: tuple[tuple[float, int], ...] = ()

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended, as far as is known: it recorded something not long ago."""
        return self.outcome is None and self.last > time.time() - _GONE_SECONDS

    @property
    def held(self) -> float:
        """Core-seconds from its start to its end."""
        return self.cores * (self.last - self.started)

    @property
    def idle(self) -> float:
        """Core-seconds held that were neither used nor lost."""
        return max(0.0, self.held - self.used - self.lost)


def read_history(folder: RunFolder) -> tuple[list[Execution], tuple[str, ...]]:
    """Return what a run's history holds, the oldest first, and its files that can't be read."""
    folded, folded_damaged = _read(_files(folder, _FOLDED))
    loose, loose_damaged = _read(_files(folder, ".jsonl"))
    kept = folded | loose
    names = sorted(kept)
    newest = {_task_of_attempt(kept[name]): name for name in names}
    found = [
        _execution(kept[name], is_replaced=newest[_task_of_attempt(kept[name])] != name)
        for name in names
    ]
    return found, (*folded_damaged, *loose_damaged)


def _task_of_attempt(lines: Sequence[str]) -> object:
    """Return the task of an attempt, and of other executions what no other has."""
    head, first = json.loads(lines[0]), json.loads(lines[1]) if len(lines) > 1 else {}
    return first.get("task") if head["executor"] == ATTEMPT and "task" in first else id(lines)


def fold_history(folder: RunFolder) -> int:
    """Write the files of executions and attempts that have ended as one; return how many.

    Each stays under its name in the new file, so that one that is there twice, because this
    was killed before it had removed the old files, counts once.
    """
    folded, loose = _files(folder, _FOLDED), _files(folder, ".jsonl")
    kept, damaged = _read(folded)
    new, _ = _read(loose)
    folded = [file for file in folded if short_name(file) not in damaged]
    over = {name: lines for name, lines in new.items() if _is_over(lines)}
    if not over or len(loose) + len(folded) < 2:
        return 0
    kept |= over
    text = "".join(json.dumps({"name": name, "lines": kept[name]}) + "\n" for name in sorted(kept))
    write_text(folder.history / f"{time.time_ns():020d}-{secrets.token_hex(3)}{_FOLDED}", text)
    delete_files([*folded, *(file for file in loose if file.name in over)])
    return len(over)


def _files(folder: RunFolder, suffix: str) -> list[Location]:
    whole = (file for file in folder.history.glob(f"*{suffix}") if not is_temporary(file))
    return sorted(whole, key=lambda file: file.name)


def _read(files: Sequence[Location]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the lines of each execution and attempt, by the name that its file had.

    And the files that are damaged: a disk that was full, or a change from outside.
    """
    with ThreadPoolExecutor(_READ_AT_ONCE) as readers:  # a run on S3 has one a task and attempt
        contents = list(readers.map(lambda file: file.read_bytes(), files))
    kept: dict[str, list[str]] = {}
    damaged = []
    for file, content in zip(files, contents, strict=True):
        try:
            lines = content.decode("utf-8").splitlines()
            found = {file.name: lines}
            if file.name.endswith(_FOLDED):
                found = {each["name"]: each["lines"] for each in map(json.loads, lines)}
            for own in found.values():
                _execution(own, is_replaced=True)
        except (ValueError, LookupError, TypeError, AttributeError):
            damaged.append(short_name(file))
        else:
            kept |= found
    return kept, damaged


def short_name(file: Location) -> str:
    """Return the name of a file of a run, with its folder's."""
    return f"{file.parent.name}/{file.name}"


def _is_over(lines: Sequence[str]) -> bool:
    last = json.loads(lines[-1])
    return "ended" in last or last["at"] < time.time() - _SURELY_OVER_SECONDS


def _execution(lines: Sequence[str], *, is_replaced: bool) -> Execution:
    """Read an execution; one that is replaced by another attempt at its task has ended."""
    head, *records = map(json.loads, lines)
    used = lost = 0.0
    outcome, finished = None, []
    since: dict[int, float] = {}
    for record in records:
        kind, task = record.get("event"), record.get("task", -1)
        if kind in (TaskStarted.__name__, BlockFinished.__name__):
            since[task] = record["at"]
        if kind == BlockFinished.__name__:
            used += record["seconds"]
            count = record["ok"] + record["failed"] + record["skipped"]
            finished.append((record["at"], count))
        if kind in (TaskFailed.__name__, TaskFinished.__name__) and task in since:
            began = since.pop(task)
            if kind == TaskFailed.__name__:
                lost += record["at"] - began
                since |= {task: record["at"]} if head["executor"] == ATTEMPT else {}
        outcome = record.get("ended", outcome)
    last = records[-1]["at"] if records else head["at"]
    goes_on = outcome is None and last > time.time() - _GONE_SECONDS and not is_replaced
    if outcome != "finished" and not goes_on:
        lost += sum(last - began for began in since.values())
        if head["executor"] == ATTEMPT:  # on all its cores, and its start is to be paid again
            lost = max(0.0, head["cores"] * (last - head["at"]) - used)
    return Execution(
        **_head(head),
        last=last,
        outcome=outcome,
        used=used,
        lost=lost,
        partitions=sum(count for _, count in finished),
        finished=tuple(finished),
    )


def _head(head: Mapping[str, Any]) -> dict[str, Any]:
    names = ("executor", "cores", "host")
    reported = {name: head[name] for name in names}
    return {**reported, "started": head["at"], "queue": head.get("queue", "")}
