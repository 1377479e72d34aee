"""Children as real processes or containers: started, stopped, and limited in memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from daypart.batch_emulator.containers import PASSED_ON, Containers
from daypart.batch_emulator.jobs import JobChild
from daypart.batch_emulator.machine import BatchMachine, Kill, Order, Start, Terminate

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
CANNOT_START = "CannotStartContainerError"
_MEBIBYTE = 1 << 20
_MEMORY_EVERY_SECONDS = 0.1
_OF_THE_MACHINE = (
    *("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ"),
    *("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "NUMBA_CACHE_DIR"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
)


@dataclass
class _Running:
    child: JobChild
    attempt: int
    process: subprocess.Popen[bytes]
    log: BinaryIO
    out_of_memory: bool = False


class ProcessChildren:
    """The containers of a machine, as processes in sessions of their own.

    Parameters
    ----------
    machine : BatchMachine
        Receives the end of every process.
    logs : Path
        A folder for the output of children, one file per attempt.
    containers : Containers, optional
        Each child's process is then a `docker run` of its image.
    """

    def __init__(
        self, machine: BatchMachine, logs: Path, containers: Containers | None = None
    ) -> None:
        self.machine = machine
        self.logs = logs
        self.containers = containers
        self.running: dict[JobChild, _Running] = {}
        self._memory_at = 0.0

    def turn(self, now: float) -> None:
        """Report ended processes, advance the machine, and carry out its orders."""
        for each in list(self.running.values()):
            code = each.process.poll()
            if code is not None:
                self._note_end(each, code, now)
        if now >= self._memory_at:
            self._memory_at = now + _MEMORY_EVERY_SECONDS
            self._watch_memory()
        self.machine.advance(now)
        while self.machine.orders:
            self._obey(self.machine.orders.popleft(), now)

    def end_all(self) -> None:
        """Kill all running children."""
        for each in self.running.values():
            if self.containers:
                self.containers.signal(each.child, each.attempt, "KILL")
            else:
                _signal_group(each.process.pid, signal.SIGKILL)
            each.process.wait()
            if self.containers:
                self.containers.ending(each.child, each.attempt, each.process.returncode)
            each.log.close()
        self.running.clear()

    def _obey(self, order: Order, now: float) -> None:
        if isinstance(order, Start):
            self._start(order.child, order.attempt, now)
            return
        each = self.running.get(order.child)
        if each is None or each.attempt != order.attempt:
            return
        if self.containers:
            name = "TERM" if isinstance(order, Terminate) else "KILL"
            self.containers.signal(each.child, each.attempt, name)
        elif isinstance(order, Terminate):
            with suppress(ProcessLookupError):
                each.process.send_signal(signal.SIGTERM)
        elif isinstance(order, Kill):
            _signal_group(each.process.pid, signal.SIGKILL)

    def _start(self, child: JobChild, attempt: int, now: float) -> None:
        host = self.machine.host_of.get(child)
        own = {
            **child.job.request.environment,
            **_batch_variables(child, attempt, host.environment.name if host else ""),
        }
        command = list(child.job.request.command or ("true",))
        if self.containers:
            command = self.containers.command(child, attempt, own)
        log = (self.logs / f"{child.id.replace(':', '-')}-{attempt}.log").open("wb")
        try:
            process = subprocess.Popen(  # noqa: S603 - the job's own command, as in Batch
                command,
                env={**_inherited_environment(), **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            log.close()
            reason = f"{CANNOT_START}: {error.strerror}"
            self.machine.ended(child, attempt, 127, now, reason=reason)
            return
        self.running[child] = _Running(child, attempt, process, log)

    def _note_end(self, each: _Running, code: int, now: float) -> None:
        if self.containers:
            self._note_end_of_container(self.containers, each, code, now)
            return
        _signal_group(each.process.pid, signal.SIGKILL)
        each.log.close()
        del self.running[each.child]
        self.machine.ended(
            each.child,
            each.attempt,
            code if code >= 0 else 128 - code,
            now,
            reason=OUT_OF_MEMORY if each.out_of_memory else "",
            killed=code < 0 and not each.out_of_memory,
        )

    def _note_end_of_container(
        self, containers: Containers, each: _Running, code: int, now: float
    ) -> None:
        each.log.close()
        del self.running[each.child]
        ending = containers.ending(each.child, each.attempt, code)
        reason = OUT_OF_MEMORY if ending.out_of_memory else ending.reason
        self.machine.ended(
            each.child, each.attempt, ending.exit_code, now, reason=reason, killed=ending.killed
        )

    def _watch_memory(self) -> None:
        """Kill the largest process of a child that uses more than requested, as the kernel does."""
        if not self.running or self.containers:
            return
        used: dict[int, list[tuple[int, int]]] = {}
        for session, process, size in _resident_by_session():
            used.setdefault(session, []).append((size, process))
        for each in self.running.values():
            processes = used.get(each.process.pid, [])
            if sum(size for size, _ in processes) > each.child.job.request.memory * _MEBIBYTE:
                each.out_of_memory = True
                with suppress(ProcessLookupError):
                    os.kill(max(processes)[1], signal.SIGKILL)


def _inherited_environment() -> dict[str, str]:
    """Return the few variables that children need, with the folder of this Python on the PATH.

    The PATH of an image has `daypart` on it; here this folder replaces it.
    """
    own = {name: os.environ[name] for name in (*PASSED_ON, *_OF_THE_MACHINE) if name in os.environ}
    own["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), own.get("PATH", os.defpath)])
    return own


def _batch_variables(child: JobChild, attempt: int, environment_name: str) -> dict[str, str]:
    """Return the variables that Batch itself sets."""
    batch = {
        "AWS_BATCH_JOB_ID": child.id,
        "AWS_BATCH_JOB_ATTEMPT": str(attempt),
        "AWS_BATCH_JQ_NAME": child.job.request.queue,
        "AWS_BATCH_CE_NAME": environment_name,
    }
    if child.job.request.size is not None:
        batch["AWS_BATCH_JOB_ARRAY_INDEX"] = str(child.index)
        batch["AWS_BATCH_JOB_ARRAY_SIZE"] = str(child.job.request.size)
    return batch


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _resident_by_session() -> Iterator[tuple[int, int, int]]:
    """Yield the session, the id and the resident bytes of every process that can be read."""
    page = os.sysconf("SC_PAGE_SIZE")
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            yield int(fields[3]), int(folder.name), int(fields[21]) * page
