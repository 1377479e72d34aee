"""The work of a run's tasks: a model is fitted to the partitions of a store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.engine.results.folder import RunFolder
from daypart.engine.results.printed import PrintedLog
from daypart.engine.tasks.bare_imports import import_numba_alone, import_pyarrow_alone
from daypart.engine.tasks.work import Enough, never
from daypart.errors import DaypartError
from daypart.models.protocol import HasKernels
from daypart.models.registry import get_model, is_external_model
from daypart.runs.fitting.block_fit import fit_block, stand_in
from daypart.runs.fitting.model_by_partition import RunModel
from daypart.runs.fitting.parents import model_to_fit
from daypart.runs.fitting.result_rows import failed_rows, result_rows
from daypart.runs.run.settings import RunSettings, read_settings, store_of
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore


class FitWork:
    """Fits blocks of partitions; a `Work`."""

    most_at_once = 1 << 30

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.settings = read_settings(folder)

    @cached_property
    def store(self) -> SeriesStore:
        """The run's store."""
        return SeriesStore.open(store_of(self.folder, self.settings))

    @cached_property
    def model(self) -> RunModel:
        """The run's model, with the prior of its partitions."""
        return model_to_fit(self.folder, self.settings)

    @property
    def has_user_code(self) -> bool:
        """Whether the model is not one of daypart's own."""
        return is_external_model(self.settings.model)

    def prepare_process(self) -> None:
        """Import what the models need, and nothing that those of daypart do without."""
        models = [name for name in (self.settings.model, self.settings.fallback) if name]
        if not any(map(is_external_model, models)):
            import_pyarrow_alone()
            if any(isinstance(get_model(name), HasKernels) for name in models):
                import_numba_alone()

    def check(self, regions: Sequence[str] | None = None) -> None:
        """Raise unless regions hold what they held at planning; None: all, and the model too."""
        chosen = sorted(self.settings.regions) if regions is None else regions
        self.store = store_as_planned(self.folder, self.settings, chosen)
        if regions is None:
            get_model(self.settings.model, **self.settings.parameters)
            if self.settings.fallback is not None:
                get_model(self.settings.fallback)

    def do(
        self,
        region: str,
        rows: Sequence[int],
        attempts: np.ndarray[Any, Any],
        log: PrintedLog | None = None,
        enough: Enough = never,
    ) -> pa.Table:
        """Fit partitions of a region; return their result rows.

        Parameters
        ----------
        region : str
        rows : sequence of int
            Their places in the region.
        attempts : int array, shape (rows,)
        log : PrintedLog, optional
            Where what is printed meanwhile goes.
        enough : callable
            Called between two calls of a model; True leaves the rest for the next call.
        """
        stored = self._read(region, rows)
        fitted = fit_block(
            self.model,
            stored,
            until_hour=self.settings.until_hour,
            limits=self.settings.limits,
            fallback=self.model.fallback,
            log=log,
            enough=enough,
        )
        if len(fitted) < len(stored):
            stored, attempts = stored.take(np.arange(len(fitted))), attempts[: len(fitted)]
        return result_rows(stored, fitted, self.settings, attempts)

    def _read(self, region: str, rows: Sequence[int]) -> SeriesBlock:
        try:
            return self.store.read_region(region, list(rows))
        except DaypartError:
            store_as_planned(self.folder, self.settings, [region])  # it may have been replaced
            raise

    def give_up(
        self, region: str, rows: Sequence[int], attempts: np.ndarray[Any, Any], reason: str
    ) -> pa.Table:
        """Return the rows of partitions that failed, or as the fallback fits them.

        Parameters
        ----------
        region : str
        rows : sequence of int
            Their places in the region.
        attempts : int array, shape (rows,)
        reason : str
        """
        stored = self._read(region, rows)
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

    Parameters
    ----------
    folder : RunFolder
    settings : RunSettings
    regions : sequence of str

    Raises
    ------
    DaypartError
        Where the store is gone or a region changed.
    """
    store = SeriesStore.open(store_of(folder, settings))
    for region in regions:
        now = store.regions.get(region, {}).get("content_hash")
        if now != settings.regions.get(region):
            raise DaypartError(
                f"{store.folder}: region {region!r} changed since the run was planned",
                hint="run the same daypart fit again",
            )
    return store
