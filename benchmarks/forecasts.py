"""Measure forecasts of held-out weeks: with and without pooling, against simple forecasts.

One store has several origins: at each the models see the hours before and forecast the weeks
after. Scores are those of `daypart backtest`, joined over the origins.

    python benchmarks/forecasts.py                          a simulated market, made first
    python benchmarks/forecasts.py STORE --weeks 4 --origins 5

and how long a year of hourly forecasts takes:

    python benchmarks/forecasts.py --year 1000
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from daypart.models.protocol import Window
from daypart.progress import SILENT
from daypart.runs.backtest import SIZES
from daypart.runs.fit import fit
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.scoring.held_out import score_runs
from daypart.runs.scoring.hour_scores import LEVELS
from daypart.runs.scoring.metrics import Scores
from daypart.series.local_time import HOURS_PER_WEEK
from daypart.series.store import SeriesStore

MODELS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "pooled": ("negbin", {}),
    "unpooled": ("negbin", {"pooling": False}),
    "seasonal_naive": ("seasonal_naive", {}),
    "four_week_mean": ("four_week_mean", {}),
}
DRAWS = 200


def simulated_market(folder: Path) -> Path:
    """Simulate a market of many sparse partitions, and ingest it."""
    from daypart import ingest
    from daypart.synthetic.simulation import simulate

    made = simulate(
        folder / "market", markets=8, networks=40, households=4800, weeks=13, segments=3, seed=11
    )
    ingest(
        made.events,
        households=made.households,
        into=folder / "store",
        markets=made.markets,
        networks=made.networks,
        segments=made.segments,
        key=b"a key for a simulation, 32 bytes",
    )
    return folder / "store"


def measure(store: Path, weeks: int, origins: int, folder: Path) -> list[dict[str, Any]]:
    """Score every model at every origin; return a row per group of series and model."""
    opened = SeriesStore.open(store)
    blocks = [opened.read_region(region) for region in opened.regions]
    end = max(int((block.first_hours + np.diff(block.offsets)).max()) for block in blocks)
    gathered: dict[tuple[str, str], list[Scores]] = {}
    seconds = dict.fromkeys(MODELS, 0.0)
    for origin in range(origins):
        until = end - (origin + 1) * weeks * HOURS_PER_WEEK
        runs = {}
        for name, (model, parameters) in MODELS.items():
            runs[name] = folder / f"{name}-{origin}"
            started = time.process_time()
            fit(
                store,
                run=runs[name],
                model=model,
                parameters=parameters,
                executor="inline",
                until_hour=until,
            )
            seconds[name] += time.process_time() - started
        window = Window(until, weeks * HOURS_PER_WEEK)
        found = score_runs(opened, runs, window, DRAWS, 0, None, SILENT)
        means = found.mean_before[found.scored]
        for name in MODELS:
            for level in found.horizons[name]:
                gathered.setdefault((level, name), []).append(found.of_level(name, level))
            for size, low, high in SIZES:
                some = found.of_level(name, "partition").take((low <= means) & (means < high))
                gathered.setdefault((size, name), []).append(some)
    print("CPU seconds of fits", {name: round(value, 1) for name, value in seconds.items()})
    return [
        {"of": of, "model": name, **Scores.join(scores).summary()}
        for (of, name), scores in gathered.items()
    ]


def year_of_forecasts(partitions: int, folder: Path) -> None:
    """Time mean and quantiles of every hour of a year."""
    from daypart.synthetic.counts import simulate_counts

    markets = -(-partitions // 100)
    store = simulate_counts(folder / "store", markets=markets, networks=50, segments=2, weeks=13)
    fit(store.folder, run=folder / "run", executor="inline")
    run = FittedRun.open(folder / "run")
    state = run.states(run.ok()[:partitions])
    last = store.read_region(next(iter(store.regions)))
    window = Window(int(last.first_hours[0]) + last.hours_of(0), 52 * HOURS_PER_WEEK)
    run.model.forecast(state.slice(0, 2), window, (0.5,))
    for probabilities in ((), (0.1, 0.5, 0.9), (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)):
        wall, cpu = time.perf_counter(), time.process_time()
        for first in range(0, state.num_rows, 100):  # a market at a time, as `predict` does
            run.model.forecast(state.slice(first, 100), window, probabilities)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"{state.num_rows} partitions x {window.hours} hours, mean, sd and "
            f"{len(probabilities)} quantiles: {cpu:.2f} s CPU, {wall:.2f} s"
        )


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows as a Markdown table."""
    print("| of | model | series | CRPS | WAPE | 50 / 80 / 95 % | where the mean is over 1 |")
    print("|---|---|---:|---:|---:|---|---|")
    for row in rows:
        if not row["series"]:
            continue
        covered = " / ".join(f"{100 * row[f'coverage_{level}']:.1f}" for level in LEVELS)
        over = [row[f"coverage_{level}_over_one"] for level in LEVELS]
        covered_over_one = (
            " / ".join(f"{100 * each:.1f}" for each in over) if over[0] is not None else ""
        )
        print(
            f"| {row['of']} | {row['model']} | {row['series']} | {row['crps']:.4f} "
            f"| {row['wape'] or 0:.1%} | {covered} | {covered_over_one} |"
        )


def main() -> None:
    """Measure forecasts, or with `--year` their speed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("store", nargs="?", type=Path)
    parser.add_argument("--weeks", type=int, default=2)
    parser.add_argument("--origins", type=int, default=2)
    parser.add_argument("--year", type=int, metavar="PARTITIONS")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if chosen.year:
            year_of_forecasts(chosen.year, folder)
            return
        store = chosen.store or simulated_market(folder)
        rows = measure(store, chosen.weeks, chosen.origins, folder)
    show(rows)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
