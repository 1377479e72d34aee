"""Runs that are killed, starved and lied to at random moments, and must end as if undisturbed.

    python tests/engine/chaos.py --seeds 200 [--first 0] [--s3] [--jobs 3]

Every process is forked from one that has imported everything, so that a run costs a fraction of
a second. A seed gives the same plan of faults always; faults come at the n-th change to the
run's files, or after a while. With `--s3` one run in five lies on an S3 server that throttles,
fails, dawdles and loses answers.
"""

from __future__ import annotations

import argparse
import errno
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
from counted_stores import make_store

import daypart.engine.executors.local
import daypart.engine.plan.take_over
import daypart.engine.results.compaction
import daypart.engine.results.lock
import daypart.engine.tasks.process as worker_processes
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import list_parts, list_tables, read_results
from daypart.engine.status import status
from daypart.engine.tasks import worker
from daypart.errors import DaypartError
from daypart.runs.fit import fit
from daypart.storage.location import location
from daypart.storage.tables import read_table

PARTITIONS = {"501": 120, "602": 100, "803": 80}
MODEL = "chaos:Total"
RATES = {"throttled": 0.03, "busy": 0.03, "done_but_failed": 0.03, "lost": 0.03, "slow": 0.01}
_LONGEST_RUN_SECONDS = 60.0
_MOST_FAULTS = 4


class Total:
    """Counts what was counted: trivial, and another number for every partition."""

    name = "total"
    version = "1"
    parameters: ClassVar[dict] = {}

    def fit(self, block):
        totals = np.add.reduceat(block.counts.astype(float), block.offsets[:-1])
        return pa.table(
            {
                "status": pa.array(["ok"] * len(block)),
                "reason": pa.nulls(len(block), pa.string()),
                "total": pa.array(totals),
            }
        )


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    `what` is killed (driver, child, machine: all processes at once), asked to stop, or full
    (disk); at the n-th change to the run's files if `change` is given, else after `seconds`.
    """

    what: str
    change: int | None
    seconds: float


def faults_of(seed: int, *, on_s3: bool) -> tuple[str, list[Fault]]:
    """Return a seed's executor and faults."""
    draw = random.Random(seed)
    executor = "inline" if on_s3 or draw.random() < 0.2 else "local"
    kinds = ["driver", "stop"] if on_s3 else ["driver", "machine", "stop", "full"]
    kinds += ["child"] * 2 if executor == "local" else []
    faults = []
    for _ in range(draw.randint(1, _MOST_FAULTS)):
        by_change = not on_s3 and draw.random() < 0.6
        # A run makes some forty changes; some faults come when it is over.
        change = draw.randint(1, 44) if by_change else None
        faults.append(Fault(draw.choice(kinds), change, draw.uniform(0.0, 2.0 if on_s3 else 0.5)))
    return executor, faults


class Changes:
    """Counts changes to a run's files over all its processes, and lets one of them go wrong."""

    def __init__(self, run: str, fault: Fault) -> None:
        self.run, self.fault = run, fault
        self.shared = mmap.mmap(-1, 4)
        self.driver = os.getpid()
        if fault.change is not None:
            sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return
        elif event in ("os.rename", "os.remove"):
            path = arguments[0]
        else:
            return
        if self.run in os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else False:
            number = struct.unpack("i", self.shared[:])[0] + 1
            self.shared[:] = struct.pack("i", number)
            self.meet(number, event)

    def meet(self, number: int, event: str) -> None:
        what, at = self.fault.what, self.fault.change
        if what == "full":
            if number >= at and event != "os.remove":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif number == at or (what == "child" and number >= at and os.getpid() != self.driver):
            if what == "child" and os.getpid() == self.driver:
                return
            if what == "child":
                if number > at + 8:  # the moment has passed; do not kill one after the other
                    return
                os.kill(os.getpid(), signal.SIGKILL)
            strike(what, self.driver)


def strike(what: str, driver: int) -> None:
    """Kill or stop a driver, one of its children, or its whole machine."""
    with suppress(ProcessLookupError, FileNotFoundError):
        if what == "machine":
            os.killpg(driver, signal.SIGKILL)
        elif what == "driver":
            os.kill(driver, signal.SIGKILL)
        elif what == "stop":
            os.kill(driver, signal.SIGTERM)
        elif what == "child":
            children = Path(f"/proc/{driver}/task/{driver}/children").read_text().split()
            if children:
                os.kill(int(children[-1]), signal.SIGKILL)


class ForkedWorker:
    """What `subprocess.Popen` is to the local executor, but forked: nothing is imported anew."""

    def __init__(self, command, *, pass_fds, stdin, stdout, stderr, env) -> None:
        self.returncode = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.dup2(stdout.fileno(), 1)
                os.dup2(stdout.fileno(), 2)
                kept = sorted(pass_fds)
                for first, last in zip([2, *kept], [*kept, 4096], strict=True):
                    os.closerange(first + 1, last)
                sys.argv = ["worker", *command[3:]]
                worker.main()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        ends = time.monotonic() + (timeout or 1e9)
        while self.returncode is None:
            pid, code = os.waitpid(self.pid, 0 if timeout is None else os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(code)
            elif time.monotonic() > ends:
                raise subprocess.TimeoutExpired("worker", timeout)
            else:
                time.sleep(0.002)
        return self.returncode


def start_driver(store: str, run: str, executor: str, fault: Fault | None, log: Path) -> int:
    """Fork a driver in a process group of its own, a machine; return its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        # Before `fit` is called nothing is begun, and after it nothing is left to do.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(75))
        os.setsid()
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        worker_processes.subprocess = FORKING
        daypart.engine.results.lock.Lease = partial(daypart.engine.results.lock.Lease, seconds=2.0)
        if fault is not None:
            Changes(run, fault)
        fit(store, run=run, model=MODEL, executor=executor, executor_settings=SETTINGS[executor])
        code = 0
    except DaypartError as error:
        print(f"{type(error).__name__}: {error}")
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


class FORKING:
    """Stands in for the module `subprocess` where workers are started."""

    Popen = ForkedWorker
    DEVNULL = subprocess.DEVNULL
    TimeoutExpired = subprocess.TimeoutExpired


SETTINGS = {"inline": {}, "local": {"workers": 2}}


def wait_for(pid: int, seconds: float) -> int | None:
    """Return a child's exit code, None where it still runs after so long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        done, code = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(code)
        time.sleep(0.003)
    return None


def drive(store: str, run: str, executor: str, fault: Fault | None, log: Path) -> int:
    """Run one driver under one fault to its end; return its exit code."""
    driver = start_driver(store, run, executor, fault, log)
    code = None
    if fault is not None and fault.change is None and fault.what != "full":
        code = wait_for(driver, fault.seconds)
        if code is None:
            strike(fault.what, driver)
    if code is None:
        code = wait_for(driver, _LONGEST_RUN_SECONDS)
    if code is None:
        os.killpg(driver, signal.SIGABRT)
        os.waitpid(driver, 0)
        raise AssertionError(f"the driver hung: {fault}")
    # Workers whose driver is dead end by themselves; a new driver comes at once all the same.
    return code


def run_seed(seed: int, store: str, expected: pa.Table, folder: str, *, on_s3: bool) -> None:
    """Run one seed; raise AssertionError where it does not end as if undisturbed."""
    executor, faults = faults_of(seed, on_s3=on_s3)
    run = f"{folder}/run-{seed:04d}"
    log = Path(tempfile.gettempdir() if on_s3 else folder) / f"seed-{seed:04d}-{os.getpid()}.log"
    codes = []
    try:
        for fault in faults:
            codes.append(drive(store, run, executor, fault, log))
            expected_codes = (0, 2, 75, -signal.SIGKILL)
            assert codes[-1] in expected_codes, f"exit code {codes[-1]} after {fault}"
            if codes[-1] == 2:
                assert fault.what == "full" or on_s3, f"refused after {fault}"
            if not on_s3 and RunFolder.at(run).holds_run():
                status(run)
        for _ in range(40 if on_s3 else 6):
            # A lease on S3, or a worker that outlives its driver for a moment, may be in the way.
            if (code := drive(store, run, executor, None, log)) == 0:
                break
            time.sleep(0.2)
        assert code == 0, f"exit code {code} at the end"
        if not on_s3:
            check(run, expected)
        else:
            pid = os.fork()
            if pid == 0:
                with suppress(BaseException):
                    check(run, expected)
                    os._exit(0)
                os._exit(1)
            assert wait_for(pid, 60) == 0, "other results than undisturbed"
    except AssertionError as error:
        told = log.read_text()[-3000:] if log.exists() else ""
        raise AssertionError(f"seed {seed} {executor} {faults} {codes}: {error}\n{told}") from None
    log.unlink(missing_ok=True)
    if not on_s3:
        shutil.rmtree(run)


def check(run: str, expected: pa.Table) -> None:
    """Raise unless results are those of an undisturbed run, with one good row a partition."""
    assert comparable(run).equals(expected), "other results than undisturbed"
    folder = RunFolder.at(run)
    files = [path for *_, path in [*list_parts(folder), *list_tables(folder)]]
    rows = Counter()
    for path in files:
        table = read_table(path, ["unique_id", "status"])
        rows.update(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
    assert set(rows.values()) == {1}, f"rows more than once: {Counter(rows.values())}"
    assert len(rows) == sum(PARTITIONS.values())
    if isinstance(folder.path, Path):
        left = list(folder.path.rglob(".writing-*"))
        assert not left, f"left behind: {left}"


def comparable(run: str) -> pa.Table:
    return read_results(run).drop_columns(["seconds", "attempt", "log"])


def isolated(work, *arguments, **named) -> int:
    """Run a function in a fork; return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(*arguments, **named)
            code = 0
        except AssertionError as error:
            print(error, flush=True)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return pid


def prepare(folder: str, results: Path) -> None:
    """Make the store, and the results of an undisturbed run."""
    make_store(location(f"{folder}/store"), PARTITIONS, hours=336)
    fit(f"{folder}/store", run=f"{folder}/undisturbed", model=MODEL, executor="inline")
    feather.write_feather(comparable(f"{folder}/undisturbed"), str(results), "uncompressed")


def main() -> int:
    """Run seeds, some at once; return how many failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--s3", action="store_true")
    chosen = parser.parse_args()
    started = time.monotonic()
    sys.modules["chaos"] = sys.modules["__main__"]  # the model's module, imported already
    places = {False: tempfile.mkdtemp(prefix="daypart-chaos-")}
    with ExitStack() as servers:
        if chosen.s3:
            from servers.faulty_proxy import faulty_proxy
            from servers.seaweedfs import running_s3

            server = servers.enter_context(running_s3())
            os.environ.update(server.environment())
            places[True] = server.make_bucket("chaos")
        expected = {}
        for on_s3, folder in places.items():
            results = Path(places[False]) / f"expected-{on_s3}.feather"
            assert wait_for(isolated(prepare, folder, results), 120) == 0
            expected[on_s3] = feather.read_table(str(results), memory_map=False)
        if chosen.s3:
            proxy = servers.enter_context(faulty_proxy(server.endpoint, RATES, seed=chosen.first))
            os.environ["AWS_ENDPOINT_URL"] = proxy.endpoint
        running: dict[int, int] = {}
        waiting = list(range(chosen.first, chosen.first + chosen.seeds))
        failed = []
        while waiting or running:
            while waiting and len(running) < chosen.jobs:
                seed = waiting.pop(0)
                on_s3 = chosen.s3 and seed % 5 == 4
                arguments = (seed, f"{places[on_s3]}/store", expected[on_s3], places[on_s3])
                running[isolated(run_seed, *arguments, on_s3=on_s3)] = seed
            pid, code = os.wait()
            if (seed := running.pop(pid, None)) is not None and code:
                failed.append(seed)
    cpu = sum(os.times()[:4])
    print(
        f"{chosen.seeds} runs of {sum(PARTITIONS.values())} partitions, {len(failed)} failed "
        f"{sorted(failed)}; {time.monotonic() - started:.0f} s, {cpu:.0f} s of CPU"
    )
    shutil.rmtree(places[False], ignore_errors=True)
    return min(len(failed), 1)


if __name__ == "__main__":
    sys.exit(main())
