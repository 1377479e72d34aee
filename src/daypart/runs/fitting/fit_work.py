"""The work of a run's tasks: a model is fitted to the partitions of a store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.engine.results.folder import RunFolder, RunSettings
from daypart.engine.results.printed import PrintedLog
from daypart.errors import DaypartError
from daypart.runs.fitting.block_fit import fit_block, stand_in
from daypart.runs.fitting.model_by_partition import RunModel
from daypart.runs.fitting.parents import model_to_fit
from daypart.runs.fitting.result_rows import failed_rows, result_rows
from daypart.series.store import SeriesStore


class FitWork:
    """Fits blocks of partitions; a `Work`."""

    most_at_once = 1 << 30

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.settings = folder.read_settings()

    @cached_property
    def store(self) -> SeriesStore:
        """The run's store."""
        return SeriesStore.open(self.folder.store_of(self.settings))

    @cached_property
    def model(self) -> RunModel:
        """The run's model, with the prior of its partitions."""
        return model_to_fit(self.folder, self.settings)

    def check(self, regions: Sequence[str] | None = None) -> None:
        """Raise unless regions hold what they held at planning; None: all, and the model too."""
        chosen = sorted(self.settings.regions) if regions is None else regions
        self.store = store_as_planned(self.folder, self.settings, chosen)
        if regions is None:
            RunModel.of_run(self.settings)

    def do(
        self,
        region: str,
        rows: Sequence[int],
        attempts: np.ndarray[Any, Any],
        log: PrintedLog | None = None,
    ) -> pa.Table:
        """Fit partitions of a region; return their result rows."""
        stored = self.store.read_region(region, list(rows))
        fitted = fit_block(
            self.model,
            stored,
            until_hour=self.settings.until_hour,
            limits=self.settings.limits,
            fallback=self.model.fallback,
            log=log,
        )
        return result_rows(stored, fitted, self.settings, attempts)

    def give_up(
        self, region: str, rows: Sequence[int], attempts: np.ndarray[Any, Any], reason: str
    ) -> pa.Table:
        """Return the rows of partitions that failed, or as the fallback fits them."""
        stored = self.store.read_region(region, list(rows))
        fitted = failed_rows(len(stored), reason)
        fallback = RunModel.of_run(self.settings).fallback
        if fallback is not None:
            until = self.settings.until_hour
            fitted = stand_in(fallback, stored if until is None else stored.before(until), fitted)
        return result_rows(stored, fitted, self.settings, attempts)


def store_as_planned(
    folder: RunFolder, settings: RunSettings, regions: Sequence[str]
) -> SeriesStore:
    """Open a run's store, whose regions must hold what they held when the run was planned.

    Raises
    ------
    DaypartError
        Where the store is gone or a region changed.
    """
    store = SeriesStore.open(folder.store_of(settings))
    for region in regions:
        now = store.regions.get(region, {}).get("content_hash")
        if now != settings.regions.get(region):
            raise DaypartError(
                f"{store.folder}: region {region!r} changed since the run was planned",
                hint="run the same daypart fit again",
            )
    return store
