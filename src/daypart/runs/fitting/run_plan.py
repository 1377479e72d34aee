"""The plan of a run: the partitions of its store with their content hashes, and its pilot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.engine.executors.protocol import BY_NUMBER, Executor, TaskSize
from daypart.engine.executors.registry import get_executor
from daypart.engine.plan.pilot import costs_of
from daypart.engine.plan.plan import Measure, TaskPlan, draw_plan
from daypart.engine.results.folder import RunFolder
from daypart.engine.results.parts import set_aside_damaged_parts
from daypart.models.protocol import HasKernels
from daypart.models.registry import get_model, is_external_model
from daypart.progress import SILENT, Progress
from daypart.runs.fitting.parents import parents_file, prepare_parents
from daypart.runs.run.identity import fit_hashes
from daypart.runs.run.settings import RunSettings, read_settings, write_settings
from daypart.series.store import SeriesStore
from daypart.storage.files import make_folder, remove_unfinished
from daypart.storage.links import refuse_links
from daypart.storage.location import relative_location
from daypart.storage.tables import read_table, write_table

SMALL_PLAN = 512
"""Up to this number of partitions, a model of daypart is fitted faster than workers start."""


def quickest(runner: Executor, pending: int, settings: RunSettings) -> Executor:
    """Return the executor itself, or in place of a local one that in this process.

    Parameters
    ----------
    runner : Executor
    pending : int
        Partitions to fit. A few of a model of daypart are fitted before workers have started;
        own models, and sampling, may take long.
    settings : RunSettings
    """
    sets = [settings.parameters, *(override.parameters for override in settings.overrides)]
    takes_long = is_external_model(settings.model) or any(
        each.get("inference") == "nuts" for each in sets
    )
    few = runner.name == "local" and pending <= SMALL_PLAN and not takes_long
    return get_executor("inline") if few else runner


@dataclass(frozen=True)
class FitPlanning:
    """A run to be planned; `Measurable` by a pilot.

    Parameters
    ----------
    folder : RunFolder
    store : SeriesStore
    settings : RunSettings
    """

    folder: RunFolder
    store: SeriesStore
    settings: RunSettings

    def draw(
        self,
        *,
        retry_failed: bool = False,
        active: frozenset[int] = frozenset(),
        size: TaskSize = BY_NUMBER,
        measure: Measure | None = None,
    ) -> TaskPlan:
        """Plan what has no good row yet; nothing is written. See `engine.plan.plan.draw_plan`.

        Parameters
        ----------
        retry_failed : bool
        active : frozenset of int
        size : TaskSize
        measure : callable, optional
            A pilot when left out.
        """
        return draw_plan(
            self.folder,
            self._with_expected_hashes(self._partitions()),
            retry_failed=retry_failed,
            active=active,
            size=size,
            measure=measure or partial(costs_of, self),
        )

    def write(
        self,
        *,
        retry_failed: bool = False,
        active: frozenset[int] = frozenset(),
        size: TaskSize = BY_NUMBER,
        progress: Progress = SILENT,
    ) -> TaskPlan:
        """Fit the parents, draw a plan, write it, then `run.json`.

        The next call repairs what a crash between them leaves. The caller holds the run's lock.

        Parameters
        ----------
        retry_failed : bool
        active : frozenset of int
        size : TaskSize
        progress : Progress
        """
        folder = self.folder
        refuse_links(folder.written[1:])
        make_folder(folder.parts)
        if not active:  # else a task that is running somewhere may be writing just now
            for each in folder.written:
                remove_unfinished(each)
            set_aside_damaged_parts(folder)
        prepare_parents(folder, self.store, self.settings, progress)
        pilot = progress.step("measuring a pilot") if size.minutes else nullcontext()
        with pilot:
            plan = self.draw(retry_failed=retry_failed, active=active, size=size)
        write_table(folder.plan, plan.table)
        write_settings(folder, self.settings)
        return plan

    def hash_rows(self, region: str, rows: Sequence[int]) -> list[tuple[str, str]]:
        """Return the `unique_id` and the content hash of some partitions of a region.

        Parameters
        ----------
        region : str
        rows : sequence of int
        """
        block = self.store.read_region(region, rows)
        return list(zip(block.unique_ids, fit_hashes(block, self.settings), strict=True))

    def sizes(self, rows: pa.Table) -> NDArray[np.int64]:
        """Return the hours of partitions, reading no more than the lengths of their counts."""
        regions = rows.column("region").to_numpy(zero_copy_only=False).astype(str)
        place = rows.column("row").to_numpy()
        hours = np.zeros(len(rows), np.int64)
        for region in np.unique(regions).tolist():
            own = regions == region
            hours[own] = self.store.read_hours(region)[place[own]]
        return hours

    def write_copy(self, folder: RunFolder) -> None:
        """Make the tasks of another folder fit partitions of this run."""
        settings = self.settings
        model = get_model(settings.model, **settings.parameters)
        if isinstance(model, HasKernels):
            model.compile_kernels()  # once for all workers, and not out of the pilot's minute
        parents = parents_file(self.folder)
        if parents.exists():
            write_table(parents_file(folder), read_table(parents))
        else:  # nothing was fitted yet: their prior takes no longer, whatever it holds
            settings = replace(settings, parents=None)
        store = relative_location(self.store.folder, folder.path)
        write_settings(folder, replace(settings, store=store))

    def _partitions(self) -> pa.Table:
        """Return every partition of the store with its region and its row, by `unique_id`."""
        names = [*self.store.key, "unique_id"]
        texts = [(name, pa.string()) for name in [*names, "region"]]
        schema = pa.schema([*texts, ("row", pa.int32())])
        tables = [schema.empty_table()]
        for region in self.store.regions:
            keys = self.store.read_keys(region)
            keys = keys.append_column("region", pa.array([region] * len(keys), pa.string()))
            rows = pa.array(np.arange(len(keys), dtype=np.int32))
            tables.append(keys.append_column("row", rows).cast(schema))
        return pa.concat_tables(tables).sort_by("unique_id").combine_chunks()

    def _with_expected_hashes(self, partitions: pa.Table) -> pa.Table:
        """Add `content_hash`: what a good row must bear.

        It is the hash of the partition's data and model where its region changed since it was
        last planned, so that planning has to read the data; null (any) elsewhere.
        """
        folder, known = self.folder, {}
        expected: dict[str, str | None] = {}
        if folder.plan.exists():
            former = read_table(folder.plan, ["unique_id", "content_hash"]).to_pylist()
            expected = {row["unique_id"]: row["content_hash"] for row in former}
        if folder.holds_run():
            planned = read_settings(folder)
            known = dict(planned.regions)
            if planned.parents != self.settings.parents:
                known = dict.fromkeys(known, "")  # the prior of every partition is another
        for region, now in self.store.regions.items():
            if region in known and known[region] != now["content_hash"]:
                block = self.store.read_region(region)
                hashes = fit_hashes(block, self.settings)
                expected |= dict(zip(block.unique_ids, hashes, strict=True))
        names = partitions.column("unique_id").to_pylist()
        return partitions.append_column(
            "content_hash", pa.array([expected.get(name) for name in names], pa.string())
        )
