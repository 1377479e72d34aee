"""One worker process, as its driver sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daypart.runs.events import BlockFinished, Event
from daypart.runs.folder import RunFolder
from daypart.storage import make_folder

_ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SECONDS_TO_END = 5.0
_READ_BYTES = 1 << 16


@dataclass
class WorkerProcess:
    """A process that runs `daypart.runs.worker`, and the pipes to it.

    Parameters
    ----------
    process : subprocess.Popen
    commands, events : int
        Descriptors to write tasks to and to read events from.
    log : Path
        What the model prints.
    task : int or None
        The task in hand.
    one_by_one_left : int
        How many partitions the task in hand will still fit alone.
    heard : bool
        Whether any event came.
    """

    process: subprocess.Popen[bytes]
    commands: int
    events: int
    log: Path
    task: int | None = None
    one_by_one_left: int = 0
    heard: bool = False
    _buffer: bytes = b""

    @classmethod
    def start(cls, run: Path, name: str) -> WorkerProcess:
        """Start a worker of a run; its numeric libraries use one thread each."""
        command_end, commands = os.pipe()
        events, event_end = os.pipe()
        log = make_folder(RunFolder.at(run).logs) / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [*worker_command(run, name), str(command_end), str(event_end)],
                pass_fds=(command_end, event_end),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
            )
        os.close(command_end)
        os.close(event_end)
        return cls(process, commands, events, log)

    def give(self, task: int, one_by_one: int) -> None:
        """Hand over a task; a worker that is gone is noticed when its events end."""
        self.task, self.one_by_one_left = task, one_by_one
        line = json.dumps({"task": task, "one_by_one": one_by_one})
        with suppress(BrokenPipeError):
            os.write(self.commands, line.encode() + b"\n")

    def note(self, event: Event) -> None:
        """Take in what the worker told."""
        self.heard = True
        if isinstance(event, BlockFinished):
            self.one_by_one_left = max(0, self.one_by_one_left - event.partitions)

    def read_lines(self) -> tuple[list[str], bool]:
        """Return the whole lines that came, and whether the worker has ended."""
        arrived = os.read(self.events, _READ_BYTES)
        *lines, self._buffer = (self._buffer + arrived).split(b"\n")
        return [line.decode() for line in lines], not arrived

    def ask_to_stop(self) -> None:
        """Ask the worker to flush its block and end."""
        self.process.terminate()

    def end(self, *, kill: bool = False) -> int:
        """Close the pipes and wait for the end; return the exit code (-signal when killed)."""
        os.close(self.commands)
        os.close(self.events)
        if kill:
            self.process.kill()
        try:
            exit_code = self.process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            exit_code = self.process.wait()
        if self.log.exists() and self.log.stat().st_size == 0:
            self.log.unlink()
        return exit_code


def worker_command(run: Path, name: str) -> list[str]:
    """Return a worker's command, but for the descriptors of its two pipes."""
    code = "from daypart.runs.worker import main; main()"
    return [sys.executable, "-c", code, str(run), name]


def _environment() -> dict[str, str]:
    """Return this process's environment with its import path, and one thread a library."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path}
