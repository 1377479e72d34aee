"""Flip single bits in the tables of a store and a run, and count what the verbs make of them.

`python tests/attacks/flips.py DEMO --flips 300` takes a folder that `daypart demo` made.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from daypart.engine.results.parts import read_results
from daypart.engine.status import status
from daypart.errors import DaypartError
from daypart.planning.panel.reader import read_panel
from daypart.series.store import SeriesStore, content_hash
from daypart.viewing.market.viewers import viewers_at

HOUR_MS = 3_600_000


def regions_read(folder):
    store = SeriesStore.open(folder / "store")
    return [content_hash(store.read_region(region)) for region in store.regions]


def rows_read(folder):
    store = SeriesStore.open(folder / "store")
    return [content_hash(store.read_region(region, [0, 5])) for region in store.regions]


def panel_read(folder):
    panel = read_panel(folder / "store")
    return [panel.household.tolist(), panel.cell.tolist(), panel.minutes.tolist()]


def viewers_read(folder):
    store = SeriesStore.open(folder / "store")
    viewing = store.extra["viewing"]
    market, first = min(viewing["markets"]), viewing["window"]["first_hour"]
    hours = np.arange(first, first + viewing["window"]["hours"], 4, dtype=np.int64)
    networks = [viewing["networks"][0]] * len(hours)
    return viewers_at(folder / "store", market, networks, hours * HOUR_MS)


def results_read(folder):
    return read_results(folder / "run")


def plan_read(folder):
    found = status(folder / "run")
    return [found.ok, found.partitions, results_read(folder)]


READERS = {
    "series": ("store/series", regions_read),
    "rows of series": ("store/series", rows_read),
    "panel": ("store/panel", panel_read),
    "households": ("store", panel_read),
    "events": ("store/events", viewers_read),
    "results": ("run/results", results_read),
    "plan": ("run", plan_read),
}


def count_flips(folder, kind, flips, seed=0):
    """Return how many flips were found, were harmless, were believed or raised something else."""
    place, read = READERS[kind]
    names = {"households": "households-*.parquet", "plan": "plan.parquet"}
    file = min((folder / place).glob(names.get(kind, "*.parquet")))
    data, whole = file.read_bytes(), read(folder)
    outcomes = Counter()
    for bit in np.random.default_rng(seed).choice(8 * len(data), flips, replace=False).tolist():
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        outcomes[_outcome(folder, read, whole, file)] += 1
    file.write_bytes(data)
    return outcomes


def _outcome(folder, read, whole, file):
    try:
        found = read(folder)
    except DaypartError as error:
        return "found" if str(file) in error.message else f"not named: {error.message}"
    if any(str(file).endswith(name) for name in status(folder / "run").unreadable):
        return "found"  # its rows count as missing, and every verb that reads them says so
    same = found.equals(whole) if isinstance(whole, pa.Table) else found == whole
    return "harmless" if same else "believed"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path)
    parser.add_argument("--flips", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "demo"
        for name in ("store", "run"):
            shutil.copytree(given.demo / name, folder / name)
        for kind in READERS:
            print(f"{kind:16} {dict(count_flips(folder, kind, given.flips))}", flush=True)


if __name__ == "__main__":
    main()
