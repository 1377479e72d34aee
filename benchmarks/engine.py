"""The engine alone: 200,000 partitions, a model that fits nothing, plan to compacted table.

Run it as `python benchmarks/engine.py [--partitions 200000] [--hours 168] [--workers 2]`. It
measures wall and CPU seconds of one `fit` on the executor `local`, and the peak memory of the
driver and its workers together (their proportional set sizes, sampled every 50 ms).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

REGIONS = 210


class EmptyModel:
    """Fits nothing, so that only the engine takes time."""

    name = "empty"
    version = "1"
    parameters: ClassVar[dict[str, object]] = {}

    def fit(self, block):
        """Return a row with status `ok` per partition."""
        count = len(block)
        reason = pa.nulls(count, pa.string())
        return pa.table({"status": pa.array(["ok"] * count), "reason": reason})


def make_store(folder: Path, partitions: int, hours: int) -> None:
    """Write a store of counts; all regions but the last have equal size."""
    from daypart.series.block import block_from_arrays
    from daypart.series.store import SeriesStore

    rng = np.random.default_rng(1)
    counts = list(rng.poisson(3.0, (-(-partitions // REGIONS), hours)).astype(np.int32))

    def blocks():
        left = partitions
        for number in range(REGIONS):
            size = min(left, len(counts))
            left -= size
            region = str(500 + number)
            names = [f"n{i:04d}" for i in range(size)]
            ids = [f"{region}/{name}" for name in names]
            keys = pa.table({"market": [region] * size, "network": names, "unique_id": ids})
            zones = ["America/New_York"] * size
            yield region, block_from_arrays(keys, zones, [480_000] * size, counts[:size])

    SeriesStore.create(folder, key=["market", "network"]).replace_regions(blocks())


def peak_memory(process: subprocess.Popen) -> int:
    """Watch a process and its children until it ends; return their highest memory, in bytes."""
    highest = 0
    while process.poll() is None:
        highest = max(highest, sum(_proportional(pid) for pid in _family(process.pid)))
        time.sleep(0.05)
    return highest


def _family(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


FIT = """
import json, sys, time
from daypart.runs.fit import fit
started = time.perf_counter()
report = fit(sys.argv[1], run=sys.argv[2], model="engine:EmptyModel", workers=int(sys.argv[3]))
print(json.dumps({"seconds": time.perf_counter() - started, "ok": report.ok}))
"""


def measure(store: Path, run: Path, workers: int) -> dict[str, float]:
    """Fit once in a process of its own; return seconds and memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", FIT, str(store), str(run), str(workers)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.PIPE,
        text=True,
    )
    memory = peak_memory(process)
    wall = time.perf_counter() - started
    outcome = json.loads(process.communicate()[0])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**outcome, "wall": wall, "cpu": cpu, "memory_gb": memory / 1e9}


def main() -> None:
    """Measure a first fit, and a second one that has nothing to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=200_000)
    parser.add_argument("--hours", type=int, default=168)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        store = folder / f"store-{given.partitions}-{given.hours}"
        if not (store / "store.json").exists():
            make_store(store, given.partitions, given.hours)
        run = Path(temporary) / "run"
        for title in ("first fit", "same command again"):
            took = measure(store, run, given.workers)
            files = len(list((run / "parts").iterdir()))
            print(
                f"{title}: {took['ok']:,} partitions, {took['wall']:.1f} s wall, "
                f"{took['cpu']:.1f} s CPU, {took['memory_gb']:.2f} GB at the peak, "
                f"{files:,} files of results"
            )


if __name__ == "__main__":
    main()
