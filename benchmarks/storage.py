"""Objects a second, and listing the results of 200,000 fits, on disk and on an S3 server.

    python benchmarks/storage.py [--objects 400] [--parts 200] [--fits 200000]

The S3 server is the one that the tests start on this machine. A real S3 has other figures, but
similar ratios between the ways of using it.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import list_parts
from daypart.storage.conditional import create_json
from daypart.storage.files import make_folder, write_text
from daypart.storage.location import Location, location
from daypart.storage.tables import read_tables, write_table
from servers.seaweedfs import running_s3

THREADS = 16
BYTES = 20_000


def cpu_seconds() -> float:
    """Return the processor time of this process, without the server's."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(what: str, work: Callable[[], object], count: int) -> None:
    """Run some work and print its rate."""
    started, cpu = time.perf_counter(), cpu_seconds()
    work()
    seconds, cpu = time.perf_counter() - started, cpu_seconds() - cpu
    print(f"  {what:44} {count / seconds:10,.0f}/s {1e3 * cpu / count:8.3f} ms of CPU each")


def objects(base: Location, count: int) -> None:
    """Write, read and list objects of the size of a small part."""
    body = os.urandom(BYTES // 2).hex()
    folder = make_folder(base / "objects")
    files = [folder / f"{i:06d}" for i in range(count)]
    measure("write, one thread", lambda: [write_text(f, body) for f in files], count)
    measure("read, one thread", lambda: [f.read_bytes() for f in files], count)
    with ThreadPoolExecutor(THREADS) as pool:
        measure(
            f"write, {THREADS} threads",
            lambda: list(pool.map(lambda f: write_text(f, body), files)),
            count,
        )
        measure(
            f"read, {THREADS} threads",
            lambda: list(pool.map(lambda f: f.read_bytes(), files)),
            count,
        )
    claims = [folder / f"claim-{i:06d}" for i in range(count)]
    measure(
        "create if absent, one thread",
        lambda: [create_json(f, {"by": 1}) for f in claims],
        count,
    )


def results(base: Location, parts: int, fits: int) -> None:
    """List results kept in parts, and read their small columns."""
    run = RunFolder.at(base / "run")
    make_folder(run.parts)
    rows = fits // parts
    state = np.random.default_rng(0).random((rows, 40))

    def write(part: int) -> None:
        columns = {
            "unique_id": [f"501/network/{part:04d}-{i:05d}" for i in range(rows)],
            "status": ["ok"] * rows,
            "state": pa.FixedSizeListArray.from_arrays(state.ravel(), 40),
        }
        write_table(run.parts / f"{part:06d}-00000.parquet", pa.table(columns))

    with ThreadPoolExecutor(THREADS) as pool:
        measure("write results", lambda: list(pool.map(write, range(parts))), fits)
    measure(f"list results ({parts} parts)", lambda: list_parts(run), fits)
    files = [path for _, _, path in list_parts(run)]
    read: list[int] = []
    measure(
        "read their id and status",
        lambda: read.extend(len(t) for t in read_tables(files, ["unique_id", "status"])),
        fits,
    )
    if sum(read) != fits:
        raise RuntimeError(f"{sum(read)} results were read, not {fits}")


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--parts", type=int, default=200)
    parser.add_argument("--fits", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="daypart-bench-") as folder, running_s3() as server:
        os.environ |= server.environment()
        server.make_bucket("bench")
        for name, base in (("disk", Path(folder)), ("S3", location("s3://bench"))):
            print(name)
            objects(base, given.objects)
            results(base, given.parts, given.fits)


if __name__ == "__main__":
    main()
