"""The worker process: reads tasks from one pipe, writes events to another.

Both speak lines of JSON, so that nothing is ever unpickled, and a script or a notebook that
calls `fit` is not imported a second time by its own workers.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import TextIO

from daypart.engine.results.folder import RunFolder
from daypart.engine.results.printed import PrintedLog
from daypart.engine.tasks.events import Event, TaskFailed, TaskFinished, TaskStarted, event_to_line
from daypart.engine.tasks.limits import end_this_process_when_stuck
from daypart.engine.tasks.stopping import Stop
from daypart.engine.tasks.task import Slice, run_task
from daypart.engine.tasks.work import describe_error, open_work
from daypart.errors import EXIT_INTERRUPTED, DaypartError, Interrupted
from daypart.storage.location import Location, location

GRACE_SECONDS = 20
"""How long a block may go on after SIGTERM before it is given up."""


def main() -> None:
    """Run slices until the driver closes its pipe; `argv` is run, name, two descriptors."""
    run, name = location(sys.argv[1]), sys.argv[2]
    faulthandler.enable()
    log = PrintedLog(f"{name}.log")
    with suppress(DaypartError):  # the first task reports what is wrong with its folder
        open_work(RunFolder.at(run)).prepare_process()
    pace: int | None = None
    commands: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    busy = threading.Event()
    stop = _stop_on_sigterm(busy)
    end_this_process_when_stuck()
    with os.fdopen(int(sys.argv[3]), "r") as source, os.fdopen(int(sys.argv[4]), "w") as sink:
        threading.Thread(target=_listen, args=(source, commands, busy), daemon=True).start()
        while (line := commands.get()) is not None and not stop.requested:
            busy.set()
            try:
                pace = _run_one(run, name, line, sink, stop, pace, log)
            except Interrupted:
                break
            finally:
                busy.clear()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(EXIT_INTERRUPTED if stop.requested else 0)


def _run_one(
    run: Location,
    name: str,
    line: str,
    sink: TextIO,
    stop: Stop,
    pace: int | None,
    log: PrintedLog,
) -> int | None:
    """Run one slice; return how many partitions the next slice's first block should have."""

    def tell(event: Event) -> None:
        print(event_to_line(event), file=sink, flush=True)

    command = json.loads(line)
    piece = Slice(*command["slice"])
    started = time.perf_counter()
    tell(TaskStarted(piece.task, name))
    try:
        done = run_task(
            run,
            piece,
            on_event=tell,
            stop=stop,
            one_by_one=int(command["one_by_one"]),
            first_block=pace,
            log=log,
        )
        tell(TaskFinished(piece.task, time.perf_counter() - started))
    except Interrupted:
        raise
    except DaypartError as error:
        tell(TaskFailed(piece.task, str(error), will_retry=False))
    except Exception as error:
        tell(TaskFailed(piece.task, describe_error(error), will_retry=False))
    else:
        return done.next_block
    return None


def _listen(source: TextIO, commands: queue.SimpleQueue[str | None], busy: threading.Event) -> None:
    """Pass commands on; when the driver is gone in the middle of a task, end at once."""
    for line in source:
        commands.put(line)
    if busy.is_set():
        os._exit(EXIT_INTERRUPTED)
    commands.put(None)


def _stop_on_sigterm(busy: threading.Event) -> Stop:
    """Stop after the block in hand, or in the midst of it when that takes too long."""
    stop = Stop()

    def end(_number: int, _frame: FrameType | None) -> None:
        if not busy.is_set():
            os._exit(EXIT_INTERRUPTED)
        stop.request("SIGTERM")
        signal.alarm(GRACE_SECONDS)

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted("the block took too long to finish")

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return stop
