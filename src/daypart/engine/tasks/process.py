"""A worker process, as its driver sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.events import BlockFinished, Event
from daypart.engine.tasks.task import Slice
from daypart.storage.conditional import read_versioned
from daypart.storage.files import make_folder, write_text
from daypart.storage.links import open_own
from daypart.storage.location import Location

_ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SECONDS_TO_END = 5.0
_READ_BYTES = 1 << 16


@dataclass
class WorkerProcess:
    """A process that runs `daypart.engine.tasks.worker`, and the pipes to it.

    Parameters
    ----------
    process : subprocess.Popen
    commands, events : int
        Descriptors to write tasks to and to read events from.
    log : Location
        What the task prints, in the end; it is written to the local file `output` first.
    piece : Slice or None
        The slice that it does now.
    one_by_one_left : int
        How many more rows of that slice are done in blocks of one.
    has_reported : bool
        Whether any event has arrived.
    """

    process: subprocess.Popen[bytes]
    commands: int
    events: int
    log: Location
    output: Path
    piece: Slice | None = None
    one_by_one_left: int = 0
    has_reported: bool = False
    _buffer: bytes = b""

    @classmethod
    def start(cls, run: Location, name: str) -> WorkerProcess:
        """Start a worker of a run; its numeric libraries use one thread each.

        Parameters
        ----------
        run : Location
        name : str
            Of the worker and its log.
        """
        command_end, commands = os.pipe()
        events, event_end = os.pipe()
        log = make_folder(RunFolder.at(run).logs) / f"{name}.log"
        output = log if isinstance(log, Path) else _temporary_file(log.name)
        with open_own(output, "ab") as printed:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [*worker_command(run, name), str(command_end), str(event_end)],
                pass_fds=(command_end, event_end),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                env=_environment(),
            )
        os.close(command_end)
        os.close(event_end)
        return cls(process, commands, events, log, output)

    def assign(self, piece: Slice, one_by_one: int) -> None:
        """Send a slice; a worker that has ended is noticed when its events end.

        Parameters
        ----------
        piece : Slice
        one_by_one : int
            How many rows are done in blocks of one.
        """
        self.piece, self.one_by_one_left = piece, one_by_one
        line = json.dumps({"slice": astuple(piece), "one_by_one": one_by_one})
        with suppress(BrokenPipeError):
            os.write(self.commands, line.encode() + b"\n")

    def note(self, event: Event) -> None:
        """Update the state by an event of the worker."""
        self.has_reported = True
        if isinstance(event, BlockFinished):
            self.one_by_one_left = max(0, self.one_by_one_left - event.partitions)

    def read_lines(self) -> tuple[list[str], bool]:
        """Return the complete lines that arrived, and whether the worker has ended."""
        arrived = os.read(self.events, _READ_BYTES)
        *lines, self._buffer = (self._buffer + arrived).split(b"\n")
        return [line.decode() for line in lines], not arrived

    def request_stop(self) -> None:
        """Request the worker to flush its block and to end."""
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
        self._keep_log()
        return exit_code

    def _keep_log(self) -> None:
        """Remove an empty log; append one of a run on S3 to what is there."""
        if self.output.exists() and self.output.stat().st_size == 0:
            self.output.unlink()
        elif self.output != self.log and self.output.exists():
            former = read_versioned(self.log)
            printed = self.output.read_text(encoding="utf-8", errors="replace")
            write_text(self.log, (former[0] if former else "") + printed)
            self.output.unlink()


def _temporary_file(name: str) -> Path:
    descriptor, path = tempfile.mkstemp(prefix="daypart-", suffix=f"-{name}")
    os.close(descriptor)
    return Path(path)


def worker_command(run: Location, name: str) -> list[str]:
    """Return a worker's command, but for the descriptors of its two pipes.

    Parameters
    ----------
    run : Location
    name : str
        Of the worker and its log.
    """
    code = "from daypart.engine.tasks.worker import main; main()"
    return [sys.executable, "-c", code, str(run), name]


def _environment() -> dict[str, str]:
    """Return this process's environment with its import path, and one thread a library."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path}
