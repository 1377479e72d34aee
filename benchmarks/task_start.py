"""The start of a task: from the start of `daypart task` to its first row on disk.

Run it as `python benchmarks/task_start.py [--repeats 5]`. Every repeat is a task of four
partitions in a run of its own, with kernels compiled before. It measures wall seconds until the
first part exists, and processor seconds of the task and its worker until they end.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa


def main() -> None:
    """Measure each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store")
        for model in ("seasonal_naive", "negbin"):
            run = Path(folder) / model
            starts = [start_once(store, run / str(number), model) for number in range(repeats + 1)]
            wall, cpu = (statistics.median(each) for each in zip(*starts[1:], strict=True))
            print(f"{model}: first row after {wall:.2f} s; {cpu:.2f} s of processor (medians)")


def make_store(folder: Path) -> Path:
    """Write four partitions of eight weeks."""
    from daypart.series.block import block_from_arrays
    from daypart.series.store import SeriesStore

    names = [f"n{i}" for i in range(4)]
    keys = pa.table({"shop": names, "unique_id": names})
    counts = list(np.random.default_rng(1).poisson(9.0, (4, 1344)).astype(np.int32))
    block = block_from_arrays(keys, ["UTC"] * 4, [480_000] * 4, counts)
    return SeriesStore.create(folder, key=["shop"]).replace_regions([("all", block)]).folder


def start_once(store: Path, run: Path, model: str) -> tuple[float, float]:
    """Plan a run, then run its one task; return wall and processor seconds."""
    from daypart.engine.results.folder import RunFolder
    from daypart.runs.fitting.options import FitOptions, check_options
    from daypart.runs.fitting.run_plan import FitPlanning
    from daypart.series.store import SeriesStore

    opened, folder = SeriesStore.open(store), RunFolder.at(run)
    settings = check_options(folder, opened, FitOptions(model))
    FitPlanning(folder, opened, settings).write()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.time()
    command = [sys.executable, "-m", "daypart", "task", str(run), "0", "--cores", "1"]
    subprocess.run(command, check=True, capture_output=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    part = next((run / "parts").glob("*.parquet"))
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return part.stat().st_mtime - started, cpu


if __name__ == "__main__":
    main()
