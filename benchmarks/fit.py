"""Partitions a second, processor time and memory of `daypart fit`, from store to Parquet.

Simulates hourly counts (`daypart simulate-counts`), fits them in a process of its own per case,
and reads processor seconds and peak memory of that process and its workers. Kernels are compiled
before. Run with `python benchmarks/fit.py [--markets 4] [--weeks 13] [--json]`; 210 markets are
the whole grid of 207,900 partitions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from daypart.models import compile_kernels
from daypart.synthetic import simulate_counts

CASES = (("negbin", "auto"), ("crossed", "fast"), ("crossed", "auto"), ("crossed", "full"))


def timed_fit(store: Path, run: Path, model: str, inference: str, workers: int) -> dict[str, float]:
    """Fit in a process of its own; return its seconds and the sum of its processes' peaks."""
    command = [sys.executable, "-m", "daypart", "fit", str(store), "--run", str(run), "-q"]
    command += ["--model", model, "--set", f"inference={inference}", "--workers", str(workers)]
    started = time.perf_counter()
    process = subprocess.Popen(command)
    peaks: dict[int, int] = {}
    while process.poll() is None:
        for pid in [process.pid, *_children(process.pid)]:
            peaks[pid] = max(peaks.get(pid, 0), _resident_kilobytes(pid))
        time.sleep(0.25)
    if process.returncode != 0:
        raise SystemExit(f"daypart fit ended with {process.returncode}")
    wall = time.perf_counter() - started
    return {"wall_seconds": wall, "peak_megabytes": sum(peaks.values()) / 1024}


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return found + [grandchild for child in found for grandchild in _children(child)]


def _resident_kilobytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmHWM:")[1].split()[0]) if "VmHWM:" in status else 0


def measure(markets: int, weeks: int, workers: int) -> list[dict[str, object]]:
    """Fit a slice of the grid in every case."""
    compile_kernels()
    found: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = simulate_counts(Path(folder) / "store", markets=markets, weeks=weeks)
        for model, inference in CASES:
            before = os.times()
            run = Path(folder) / f"{model}-{inference}"
            taken = timed_fit(store.folder, run, model, inference, workers)
            after = os.times()
            cpu = after.children_user + after.children_system
            cpu -= before.children_user + before.children_system
            found.append(
                {"model": model, "inference": inference, "partitions": store.partitions}
                | {"cpu_milliseconds_a_partition": 1000 * cpu / store.partitions}
                | {"partitions_a_second": store.partitions / taken["wall_seconds"]}
                | taken
            )
    return found


def main() -> None:
    """Measure, and print a line per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=4)
    parser.add_argument("--weeks", type=int, default=13)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.markets, arguments.weeks, arguments.workers)
    if arguments.json:
        print(json.dumps(found))
        return
    for case in found:
        print(
            f"{case['model']} {case['inference']}: {case['partitions']:,} partitions, "
            f"{case['cpu_milliseconds_a_partition']:.2f} ms of processor each, "
            f"{case['partitions_a_second']:,.0f} a second, {case['peak_megabytes']:,.0f} MB"
        )


if __name__ == "__main__":
    main()
