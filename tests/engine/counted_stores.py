"""Stores of Poisson counts for testing the engine."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.task import LARGEST_BLOCK, run_task
from daypart.runs.fitting.options import FitOptions, check_options
from daypart.runs.fitting.run_plan import FitPlanning
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore

FIRST_HOUR = 483_432  # 2025-02-24T00:00Z, a Monday
ZONES = ("America/New_York", "America/Los_Angeles")
POISSON = "poisson_model:HourOfWeekPoisson"


def make_block(region, names, *, hours=504, timezone="UTC", mean=3.0, seed=0, first=FIRST_HOUR):
    rng = np.random.default_rng([seed, *region.encode()])
    keys = pa.table(
        {
            "market": pa.array([region] * len(names), pa.string()),
            "network": pa.array(names, pa.string()),
            "unique_id": pa.array([f"{region}/{name}" for name in names], pa.string()),
        }
    )
    daily = 1 + np.sin(np.arange(hours) / 24 * 2 * np.pi)
    counts = [rng.poisson(mean * daily).astype(np.int32) for _ in names]
    return block_from_arrays(keys, [timezone] * len(names), [first] * len(names), counts)


def make_store(folder, partitions_by_region, **settings):
    """Write a store of market x network."""
    store = SeriesStore.create(folder, key=["market", "network"])
    blocks = []
    for place, (region, count) in enumerate(partitions_by_region.items()):
        names = [f"n{i:04d}" for i in range(count)]
        blocks.append((region, make_block(region, names, timezone=ZONES[place % 2], **settings)))
    return store.replace_regions(blocks)


def planned(store, run, model=POISSON, parameters=None, **options):
    """Write a run's plan and settings, and return its tasks."""
    folder = RunFolder.at(run)
    opened = SeriesStore.open(store)
    planning = planning_of(folder, opened, model=model, parameters=parameters, **options)
    return planning.write().tasks


def planning_of(folder, store, **options):
    """Return what plans a run of a store."""
    return FitPlanning(folder, store, check_options(folder, store, FitOptions(**options)))


def fit_in_parts(store, run, model=POISSON, parameters=None):
    """Fit a run and leave it as it is before its parts are compacted; return the parts."""
    for task in planned(store, run, model, parameters):
        run_task(run, task.index, first_block=LARGEST_BLOCK)
    return sorted(run.glob("parts/*.parquet"))
