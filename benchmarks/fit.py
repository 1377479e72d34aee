"""Partitions a second, processor time and memory of `daypart fit`, from store to Parquet.

Simulates hourly counts (`daypart simulate-counts`), fits them in a process of its own per case,
and measures processor seconds of that process and its workers, and the highest sum of their
memory (proportional set sizes). Kernels are compiled before. Run it as

    python benchmarks/fit.py [--grid slice|year|full] [--markets N] [--nutpie 4] [--json FILE]

`slice` fits a few markets of 13 weeks in every case, `year` a few of 52 weeks, `full` all 207,900
partitions of 13 weeks. `--nutpie N` also samples N partitions by NUTS on one core, and prints the
ratio of its processor time to that of FULL, and the difference between the two.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from daypart.models.negbin.block.fit_block import BlockFit, fitted_of
from daypart.models.negbin.model import compile_kernels
from daypart.models.negbin.nuts.sampler import Density, draw_points, summarise_draws
from daypart.models.registry import get_model
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore
from daypart.synthetic.counts import simulate_counts

DEFAULT = ("negbin:auto", "crossed:auto")
SLICE = ("negbin:auto", "crossed:fast", "crossed:auto", "crossed:full")


@dataclass(frozen=True)
class Grid:
    """How many markets and weeks to simulate, and the models to fit to them."""

    markets: int
    weeks: int
    cases: tuple[str, ...]


GRIDS = {
    "slice": Grid(4, 13, SLICE),
    "year": Grid(2, 52, DEFAULT),
    "full": Grid(210, 13, DEFAULT),
}
_SAMPLING_SECONDS = 0.25
_CHAINS = 4
_COPIES = 50
"""FULL fits a partition this often, since one fit is too short to be timed."""


@dataclass(frozen=True)
class Fit:
    """Time and memory of one run of `daypart fit`."""

    model: str
    inference: str
    weeks: int
    partitions: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def row(self) -> str:
        """A line of a Markdown table."""
        rate, each = self.partitions / self.seconds, 1000 * self.cpu_seconds / self.partitions
        return (
            f"| {self.model}, {self.inference} | {self.weeks} | {self.partitions:,} "
            f"| {self.seconds:.1f} | {rate:,.0f} | {each:.2f} | {self.peak_mb:,.0f} |"
        )


@dataclass(frozen=True)
class AgainstNuts:
    """One partition by FULL and by NUTS; differences are the largest over its hours, in sd."""

    mean: float
    full_ms: float
    nuts_seconds: float
    ratio: float
    difference: float
    noise: float
    rhat: float

    @property
    def row(self) -> str:
        """A line of a Markdown table."""
        return (
            f"| {self.mean:,.2f} | {self.full_ms:.2f} | {self.nuts_seconds:.1f} "
            f"| {self.ratio:,.0f} | {self.difference:.3f} | {self.noise:.3f} | {self.rhat:.3f} |"
        )


class _Peak(threading.Thread):
    """Samples the memory of a process and its descendants until `stop`."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._ended, self.kilobytes = pid, threading.Event(), 0

    def run(self) -> None:
        while not self._ended.wait(_SAMPLING_SECONDS):
            self.kilobytes = max(self.kilobytes, sum(map(_kilobytes, _family(self._pid))))

    def stop(self) -> int:
        self._ended.set()
        self.join()
        return self.kilobytes


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = " ".join((task / "children").read_text() for task in tasks).split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _kilobytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def timed_fit(store: SeriesStore, run: Path, case: str, weeks: int, workers: int) -> Fit:
    """Fit in a process of its own, which shows its progress."""
    model, inference = case.split(":")
    command = [sys.executable, "-m", "daypart", "fit", str(store.folder), "--run", str(run)]
    command += ["--model", model, "--set", f"inference={inference}", "--workers", str(workers)]
    before, started = os.times(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watcher = _Peak(process.pid)
    watcher.start()
    code = process.wait()
    seconds, after = time.perf_counter() - started, os.times()
    peak = watcher.stop()
    if code != 0:
        raise SystemExit(f"daypart fit ended with {code}")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return Fit(model, inference, weeks, store.partitions, seconds, cpu, 1024 * peak / 1e6)


def measure_fits(store: SeriesStore, runs: Path, grid: Grid, workers: int) -> list[Fit]:
    """Fit a store in every case of a grid."""
    compile_kernels()
    found = []
    for case in grid.cases:
        run = Path(tempfile.mkdtemp(prefix=case.replace(":", "-"), dir=runs)) / "run"
        found.append(timed_fit(store, run, case, grid.weeks, workers))
        print(found[-1].row, file=sys.stderr)
    return found


def measure_nuts(store: SeriesStore, partitions: int, draws: int) -> list[AgainstNuts]:
    """Sample partitions of evenly spread sizes of one region, and fit them in FULL."""
    block = store.read_region(next(iter(store.regions)))
    starts = block.offsets[:-1]
    means = np.add.reduceat(np.maximum(block.counts, 0), starts) / np.diff(block.offsets)
    order = np.argsort(means)
    chosen = order[(np.linspace(0.1, 0.9, partitions) * len(order)).astype(int)]
    return [_against_nuts(block, int(i), float(means[i]), draws) for i in chosen]


def _against_nuts(block: SeriesBlock, i: int, mean: float, draws: int) -> AgainstNuts:
    model = get_model("crossed", inference="full")
    copies = block.take([i] * _COPIES)
    model.fit(copies)
    begun = time.process_time()
    model.fit(copies)
    full = (time.process_time() - begun) / _COPIES
    alone = BlockFit(model.specification, block.take([i]), fitted=True)
    alone.fit(0, 1)
    fitted = fitted_of(alone, 0)
    log_mu = fitted.log_mu_mean.copy()
    density = Density(fitted.structure, fitted.table, alone.rows.hyper[2, 0, :-1].copy())
    draw_points(density, draws=10, tune=10, chains=1)  # loads and compiles
    begun = time.process_time()
    drawn = draw_points(density, draws=draws, tune=draws, chains=_CHAINS)
    nuts = time.process_time() - begun
    summary = summarise_draws(density, drawn)
    away = np.nanmax(np.abs(log_mu - summary.log_mu_mean) / summary.log_mu_sd)
    noise = float(np.nanmax(summary.noise))
    found = AgainstNuts(mean, 1000 * full, nuts, nuts / full, float(away), noise, summary.rhat)
    print(found.row, file=sys.stderr)
    return found


def main() -> None:
    """Measure the chosen cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", choices=GRIDS, default="slice")
    parser.add_argument("--markets", type=int, help="Default: those of the grid.")
    parser.add_argument("--case", action="append", help="MODEL:INFERENCE, instead of the grid's.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--nutpie", type=int, default=0, help="Partitions to sample by NUTS.")
    parser.add_argument(
        "--draws", type=int, default=1000, help="Draws of each of NUTS's four chains."
    )
    parser.add_argument("--keep", type=Path, help="Folder in which to keep store and runs.")
    parser.add_argument("--json", type=Path, help="Also write the figures to this file.")
    options = parser.parse_args()
    grid = GRIDS[options.grid]
    grid = Grid(options.markets or grid.markets, grid.weeks, tuple(options.case or grid.cases))
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    with nullcontext(options.keep) if options.keep else tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"store-{grid.markets}-{grid.weeks}"
        print(f"{grid.markets} markets of {grid.weeks} weeks in {path}", file=sys.stderr)
        exists = path.exists()
        store = (
            SeriesStore.open(path)
            if exists
            else simulate_counts(path, markets=grid.markets, weeks=grid.weeks)
        )
        load = os.getloadavg()[0]
        fits = measure_fits(store, Path(folder), grid, options.workers)
        nuts = measure_nuts(store, options.nutpie, options.draws) if options.nutpie else []
    print(f"{options.workers} workers; load before {load:.1f}, after {os.getloadavg()[0]:.1f}\n")
    print("| model, inference | weeks | partitions | seconds | a second | CPU ms each | peak MB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    print("\n".join(fit.row for fit in fits))
    if nuts:
        print("\n| mean | FULL, CPU ms | NUTS, CPU s | ratio | apart | NUTS's noise | R-hat |")
        print("|---:|---:|---:|---:|---:|---:|---:|")
        print("\n".join(each.row for each in nuts))
    if options.json:
        figures = {"fits": [asdict(each) for each in fits], "nuts": [asdict(each) for each in nuts]}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
