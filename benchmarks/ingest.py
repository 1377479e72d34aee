"""Events a second of `daypart ingest`, against one DuckDB query written by hand.

The query gives the same counts and minutes by market, network, segment and hour, which this
script checks. It neither hashes ids nor keeps events, quarantine, panel or HUT. Run it with
`python benchmarks/ingest.py [--households 20000] [--weeks 4] [--json]`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from daypart.series.store import SeriesStore
from daypart.synthetic.simulation import simulate
from daypart.viewing.ingest import ingest
from daypart.viewing.reading.segments import read_segments, segment_condition


def hand_written_query(market: Path, segments: dict[str, Any], threads: int) -> Any:
    """Credit the clean events of a simulated market in one query; return an Arrow table."""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    described = connection.sql(f"DESCRIBE FROM '{market}/households.parquet'").fetchall()
    types = {row[0]: row[1] for row in described}
    tests, values = [], []
    for name, predicate in segments.items():
        test, bound = segment_condition("households", name, predicate, types)
        tests.append(f"CASE WHEN {test} THEN '{name}' END")
        values += bound
    query = f"""
        WITH homes AS (
            SELECT household_id, market, weight,
                   list_filter([{", ".join(tests)}], lambda name: name IS NOT NULL) AS segments
            FROM '{market}/households.parquet'
        ),
        rows AS (
            SELECT DISTINCT household_id, device_id, network, epoch_ms("start") AS a,
                   epoch_ms("end") AS b
            FROM '{market}/events/*.parquet' SEMI JOIN homes USING (household_id)
            WHERE "end" >= "start"
        ),
        cut AS (
            SELECT household_id, network, a,
                   least(b, coalesce(lead(a) OVER (PARTITION BY household_id, device_id
                                                   ORDER BY a, b, network), b)) AS b
            FROM rows
        ),
        alone AS (
            SELECT *, max(b) OVER (PARTITION BY household_id, network ORDER BY a, b
                                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
            FROM cut WHERE b - a >= 60000
        ),
        hours AS (
            SELECT household_id, network, unnest(range(a // 3600000, (b - 1) // 3600000 + 1)) AS h,
                   a, b
            FROM (SELECT household_id, network, greatest(a, coalesce(reached, a)) AS a, b
                  FROM alone WHERE b > coalesce(reached, a))
        ),
        credited AS (
            SELECT household_id, network, h,
                   sum(least(b, (h + 1) * 3600000) - greatest(a, h * 3600000)) / 60000.0 AS minutes
            FROM hours GROUP BY household_id, network, h
        )
        SELECT market, network, segment, h AS hour, count(*) AS households,
               sum(weight * minutes) AS minutes
        FROM (SELECT *, unnest(segments) AS segment FROM credited JOIN homes USING (household_id))
        GROUP BY ALL
    """
    return connection.sql(query, params=values).to_arrow_table()


def assert_same(store: Path, table: Any) -> int:
    """Check that the store has the counts and minutes of the table; return its cells."""
    opened = SeriesStore.open(store)
    cells = table.to_pydict()
    index = {
        key: (count, minutes)
        for key, count, minutes in zip(
            zip(*(cells[n] for n in ("market", "network", "segment", "hour")), strict=True),
            cells["households"],
            cells["minutes"],
            strict=True,
        )
    }
    seen = 0
    for region in opened.regions:
        block = opened.read_region(region)
        names = [block.keys.column(name).to_pylist() for name in opened.key]
        for row, key in enumerate(zip(*names, strict=True)):
            counts, minutes = block.counts_of(row), block.measure_of("minutes", row)
            first = int(block.first_hours[row])
            watched = np.flatnonzero(counts)
            expected = [index[*key, first + int(hour)] for hour in watched]
            assert counts[watched].tolist() == [count for count, _ in expected], key
            np.testing.assert_allclose(minutes[watched], [m for _, m in expected], rtol=1e-5)
            seen += len(watched)
    bounds = opened.extra["viewing"]["markets"]
    inside = sum(
        bounds[key[0]]["first_hour"]
        <= key[3]
        < bounds[key[0]]["first_hour"] + bounds[key[0]]["hours"]
        for key in index
    )
    assert seen == inside, f"{seen} cells in the store, {inside} by the query"
    return seen


def timed(work: Any) -> tuple[Any, float, float]:
    """Return the result of `work`, and its seconds of wall clock and of processor."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result, seconds, cpu


def _peak_megabytes() -> float:
    """Return this process's own peak (ru_maxrss starts from the peak of the parent)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(households: int, weeks: int, threads: int, folder: Path) -> dict[str, Any]:
    """Simulate a market, ingest it both ways, and compare."""
    made = simulate(folder / "market", households=households, weeks=weeks, dirty_share=0.0)
    market = made.folder
    report, wall, cpu = timed(
        lambda: ingest(
            made.events,
            households=made.households,
            into=folder / "store",
            markets=made.markets,
            segments=made.segments,
            key=b"a key for the benchmark",
            threads=threads,
        )
    )
    peak = _peak_megabytes()
    segments = read_segments(made.segments)
    table, query_wall, query_cpu = timed(lambda: hand_written_query(market, segments, threads))
    return {
        "events": report.rows.read,
        "megabytes": sum(p.stat().st_size for p in made.events.iterdir()) / 1e6,
        "partitions": report.partitions,
        "threads": threads,
        "ingest_seconds": wall,
        "ingest_cpu_seconds": cpu,
        "ingest_events_a_second": report.rows.read / wall,
        "peak_megabytes": peak,
        "query_seconds": query_wall,
        "query_cpu_seconds": query_cpu,
        "factor_wall": wall / query_wall,
        "factor_cpu": cpu / query_cpu,
        "equal_cells": assert_same(folder / "store", table),
    }


def main() -> None:
    """Measure, print a table or JSON, and fail where ingest takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--households", type=int, default=20_000)
    parser.add_argument("--weeks", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--most", type=float, default=2.0, help="Fail above this ratio of CPU times."
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="daypart-benchmark-"))
    try:
        found = measure(given.households, given.weeks, given.threads, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if given.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(
                f"{name:24s} {value:>16,.2f}"
                if isinstance(value, float)
                else f"{name:24s} {value:>16,}"
            )
    if found["factor_cpu"] > given.most:
        raise SystemExit(f"over {given.most} times the processor time of the query")


if __name__ == "__main__":
    main()
