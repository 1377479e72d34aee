"""A run to forecast from: its settings, its model, and where every partition's posterior is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.engine.results.folder import RunFolder, read_plan_table
from daypart.engine.results.parts import ResultIndex, index_results, read_rows
from daypart.errors import DaypartError
from daypart.models.registry import PEERS, is_external_model
from daypart.models.trust import check_trusted
from daypart.runs.fitting.model_by_partition import RunModel
from daypart.runs.run.settings import RunSettings, check_fitted_to, read_settings, store_of
from daypart.series.store import SeriesStore
from daypart.storage.location import PathLike


@dataclass(frozen=True)
class FittedRun:
    """A run whose posteriors can be read and forecast from.

    Parameters
    ----------
    settings : RunSettings
    model : RunModel
    results : ResultIndex
        A row per partition; positions in it are what `states` takes.
    folder : RunFolder

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.models.protocol import Window
    >>> from daypart.runs.fit import fit
    >>> from daypart.series.store import SeriesStore
    >>> from daypart.series.block import block_from_arrays
    >>> folder = tempfile.mkdtemp()
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> _ = SeriesStore.create(f"{folder}/store", key=["shop"]).replace_regions([("a", block)])
    >>> _ = fit(f"{folder}/store", run=f"{folder}/run", model="seasonal_naive")
    >>> run = FittedRun.open(f"{folder}/run")
    >>> run.model.forecast(run.states(run.ok()), Window(400, 2), [0.5]).mean.shape
    (1, 2)
    """

    settings: RunSettings
    model: RunModel
    results: ResultIndex
    folder: RunFolder

    @classmethod
    def open(cls, run: PathLike) -> FittedRun:
        """Open a run.

        Raises
        ------
        DaypartError
            Where there is none, this daypart has another version of its model, or the model is
            code that nobody here named (see `models.trust`).
        """
        folder = RunFolder.open(run)
        settings = read_settings(folder)
        for name in (settings.model, settings.fallback):
            if name is not None and is_external_model(name) and name not in PEERS:
                check_trusted(name, folder.path)
        model = model_of(folder, settings)
        plan = read_plan_table(folder, settings.key)
        return cls(settings, model, index_results(folder, plan), folder)

    def store(self) -> SeriesStore:
        """Open the store that the run was fitted to.

        Raises
        ------
        DaypartError
            Where it is not there, or another store is in its place.
        """
        store = SeriesStore.open(store_of(self.folder, self.settings))
        check_fitted_to(self.folder, self.settings, store)
        return store

    def ok(self) -> NDArray[np.int64]:
        """Return the positions of the partitions with a posterior."""
        return np.flatnonzero(self.results.statuses() == "ok").astype(np.int64)

    def states(self, positions: Sequence[int] | NDArray[np.int64]) -> pa.Table:
        """Read the result rows of some partitions: what the model forecasts from."""
        return read_rows(self.results, positions)


def model_of(folder: RunFolder, settings: RunSettings) -> RunModel:
    """Return the model that a run was fitted with.

    Parameters
    ----------
    folder : RunFolder
    settings : RunSettings

    Raises
    ------
    DaypartError
        Where this daypart has another version of it.
    """
    model = RunModel.of_run(settings)
    if str(model.version) != settings.model_version:
        raise DaypartError(
            f"{folder.path}: fitted with version {settings.model_version} of {settings.model}, "
            f"this is version {model.version}",
            hint="fit a new run",
        )
    return model
