"""Damage every kind of file that daypart reads, and run its verbs: no raw exception, no hang.

`python tests/attacks/fuzzing/fuzz.py --inputs 50000 --seed 1` (`make fuzz`). Any exception but
`DaypartError` is a failure; each is printed once, with the seed that makes it again
(`--seed SEED --inputs 1`). A child process does the work, so that a crash of it counts, too.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from fuzz_base import make_base
from fuzz_cases import CASES, Case
from fuzz_mutations import mutated

from daypart.errors import DaypartError

SECONDS = 60
"""A verb that takes longer hangs."""


class Hang(BaseException):
    """A verb took too long."""


class Base:
    """The base, and how to bring it back to what it was."""

    def __init__(self, root: Path) -> None:
        self.root = root
        files = (path for path in root.rglob("*") if path.is_file())
        self.content = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    def files(self, case: Case) -> list[Path]:
        """Return the files of one of a case's patterns after the other."""
        return [file for pattern in case.files for file in sorted(self.root.glob(pattern))]

    def restore(self) -> None:
        """Remove what was added, and write again what was changed."""
        for path in self.root.rglob("*"):
            if path.is_file() and path not in self.content:
                path.unlink()
        for path, (content, modified) in self.content.items():
            if not path.exists() or path.stat().st_mtime_ns != modified:
                path.write_bytes(content)
                os.utime(path, ns=(modified, modified))
        shutil.rmtree(self.root / "new", ignore_errors=True)
        (self.root / "new").mkdir()


def one_input(base: Base, seed: int, only: str | None = None) -> tuple[str, str | None, float]:
    """Run one input; return its case, what was wrong, and its seconds."""
    rng = random.Random(seed)
    cases = [case for case in CASES if only in (None, case.name)]
    (case,) = rng.choices(cases, [case.weight for case in cases])
    file = rng.choice(base.files(case))
    file.write_bytes(mutated(base.content[file][0], file.suffix, rng))
    started = time.perf_counter()
    signal.alarm(SECONDS)
    try:
        case.run(base.root, file)
        fault = None
    except DaypartError as error:
        fault = None if "\n" not in error.message else f"{case.name}: more than a line"
    except Hang:
        fault = f"{case.name}: {file.name}: hangs"
    except BaseException as error:
        fault = f"{case.name}: {file.relative_to(base.root)}: {_described(error)}"
    finally:
        signal.alarm(0)
    seconds = time.perf_counter() - started
    base.restore()
    return case.name, fault, seconds


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "src/daypart" in frame.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
    return f"{type(error).__name__} at {place}: {str(error)[:150]}"


def _hang(*_: object) -> None:
    raise Hang


def work(root: Path, seeds: range, only: str | None, results: object) -> None:
    """Run inputs in a child process, and send each result."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _hang)
    base = Base(root)
    base.restore()
    for seed in seeds:
        results.send((seed, None))
        results.send((seed, one_input(base, seed, only)))


def fuzz(root: Path, seeds: range, seconds: float, only: str | None = None) -> tuple[int, dict]:
    """Run inputs until they or the seconds end; return how many, and (seed, count) by fault."""
    ends = time.monotonic() + seconds
    faults: dict[str, tuple[int, int]] = {}
    took: dict[str, list[float]] = {}
    done, place = 0, seeds.start
    while place < seeds.stop and time.monotonic() < ends:
        here, there = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.get_context("fork").Process(
            target=work, args=(root, range(place, seeds.stop), only, there), daemon=True
        )
        child.start()
        there.close()
        try:
            while time.monotonic() < ends:
                if not here.poll(SECONDS * 2):
                    raise EOFError
                place, result = here.recv()
                if result is None:
                    continue
                done, place = done + 1, place + 1
                name, fault, lasted = result
                took.setdefault(name, []).append(lasted)
                if fault:
                    first, count = faults.get(fault, (place - 1, 0))
                    faults[fault] = (first, count + 1)
        except EOFError:
            if place < seeds.stop:
                faults[f"the process died or hung at seed {place}"] = (place, 1)
                done, place = done + 1, place + 1
        child.kill()
        child.join()
    for name, lasted in sorted(took.items()):
        print(f"{name:24} {len(lasted):7,} inputs {1000 * sum(lasted) / len(lasted):8.1f} ms each")
    return done, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--only", help="the name of one case")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="daypart-fuzz-") as folder:
        make_base(Path(folder))
        seeds = range(given.seed, given.seed + given.inputs)
        done, faults = fuzz(Path(folder), seeds, given.seconds, given.only)
    for fault, (seed, count) in sorted(faults.items(), key=lambda each: -each[1][1]):
        print(f"{count:5} x seed {seed}: {fault}")
    total = sum(count for _, count in faults.values())
    print(f"{done:,} inputs, {total:,} failures, {len(faults):,} different")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
