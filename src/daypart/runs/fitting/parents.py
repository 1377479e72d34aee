"""The parents of a run: sums over its store's partitions, fitted before the partitions.

`RUN/parents.parquet` holds their posteriors under a hash of all that they follow from; a call
that finds that hash there fits nothing again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import pyarrow as pa

from daypart.engine.results.folder import RunFolder
from daypart.engine.tasks.threads import in_order
from daypart.errors import DaypartError
from daypart.models.protocol import Pools
from daypart.models.registry import get_model
from daypart.progress import SILENT, Progress
from daypart.runs.fitting.model_by_partition import RunModel
from daypart.runs.run.settings import RunSettings
from daypart.series.block import SeriesBlock, block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.files import make_folder
from daypart.storage.location import Location
from daypart.storage.tables import read_table, write_table
from daypart.wording import counted

SAMPLE = 128
"""Partitions of each family of parents by which their deviations are measured."""

_MEASURED = 20_000
"""Partitions of the regions whose parents are fitted to know what all take."""

_HASH = b"daypart.content_hash"


def parents_file(folder: RunFolder) -> Location:
    """Return where the posteriors of a run's parents are."""
    return folder.path / "parents.parquet"


def parents_hash(settings: RunSettings) -> str | None:
    """Return a hash of all that a run's parents follow from, None for a model without parents."""
    if _pooling_model(settings) is None:
        return None
    content = [
        [settings.model, settings.model_version, settings.parameters, settings.until_hour],
        [settings.key, settings.overlapping, sorted(settings.regions.items())],
    ]
    text = json.dumps(content, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _pooling_model(settings: RunSettings) -> Pools | None:
    """Return a run's model if it gives its partitions a prior from parents."""
    model = get_model(settings.model, **settings.parameters)
    return model if isinstance(model, Pools) and model.pools else None


def prepare_parents(
    folder: RunFolder, store: SeriesStore, settings: RunSettings, progress: Progress = SILENT
) -> None:
    """Fit the parents of a run's partitions, unless they are there.

    Parameters
    ----------
    folder : RunFolder
    store : SeriesStore
    settings : RunSettings
    progress : Progress
    """
    if settings.parents is None:
        return
    there = _parents_at(folder)
    if there is not None and _hash_of(there) == settings.parents:
        return
    parents = _fit_parents(store, settings, sorted(store.regions), progress)
    metadata = {_HASH: settings.parents.encode()}
    make_folder(folder.path)
    write_table(parents_file(folder), parents.replace_schema_metadata(metadata))


def parents_seconds(
    folder: RunFolder, store: SeriesStore, settings: RunSettings, progress: Progress = SILENT
) -> float:
    """Return what a run's parents take: those of some regions are fitted, for all of them.

    Parameters
    ----------
    folder : RunFolder
        Where all are fitted they are kept there, for the pilot.
    store : SeriesStore
    settings : RunSettings
    progress : Progress
    """
    if settings.parents is None:
        return 0.0
    began = time.monotonic()
    if store.partitions <= _MEASURED:
        prepare_parents(folder, store, settings, progress)
        return time.monotonic() - began
    some, partitions = [], 0
    for region in sorted(store.regions):
        if partitions < _MEASURED:
            some.append(region)
            partitions += int(store.regions[region]["partitions"])
    _fit_parents(store, settings, some, progress)
    return (time.monotonic() - began) * store.partitions / partitions


def _fit_parents(
    store: SeriesStore, settings: RunSettings, regions: Sequence[str], progress: Progress
) -> pa.Table:
    """Fit the parents of the partitions of some regions."""
    model = _pooling_model(settings)
    assert model is not None  # else there is no hash of parents
    with progress.step("fitting parents", total=len(regions), unit="regions") as step:
        sums = model.sums(store.key, store.overlapping)
        sample = _sample_of(store, regions)

        def read(region: str) -> tuple[SeriesBlock, SeriesBlock]:
            block = store.read_region(region)
            if settings.until_hour is not None:
                block = block.before(settings.until_hour)
            return block, block.take(sample.get(region, []))

        sampled = []
        for block, some in in_order(read, regions):
            sums.add_block(block)
            sampled.append(some)
            step.advance()
        parents = model.fit_parents(sums, _joined(store, sampled))
        partitions = sum(int(store.regions[region]["partitions"]) for region in regions)
        step.summarise(f"{counted(len(parents), 'parent')} of {counted(partitions, 'partition')}")
    return parents


def model_to_fit(folder: RunFolder, settings: RunSettings) -> RunModel:
    """Return a run's model as its tasks fit it: bound to the parents, where it has them.

    Parameters
    ----------
    folder : RunFolder
    settings : RunSettings

    Raises
    ------
    DaypartError
        Where the parents are not those of the settings.
    """
    model = RunModel.of_run(settings)
    if settings.parents is None:
        return model
    parents = _parents_at(folder)
    if parents is None or _hash_of(parents) != settings.parents:
        raise DaypartError(
            f"{parents_file(folder)}: not the parents that the run was planned with",
            hint="run the same daypart fit again",
        )
    if len(parents) == 0:
        return model
    prior = parents, settings.key, settings.overlapping
    return replace(model, prior=prior, _models={})


def _parents_at(folder: RunFolder) -> pa.Table | None:
    if not parents_file(folder).exists():
        return None
    return _read_parents(parents_file(folder), parents_file(folder).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read_parents(path: Location, _modified: int) -> pa.Table:
    """Read the parents; kept, because a worker runs many slices of one plan."""
    return read_table(path)


def _hash_of(parents: pa.Table) -> str | None:
    found = (parents.schema.metadata or {}).get(_HASH)
    return found.decode() if found is not None else None


def _sample_of(store: SeriesStore, regions: Sequence[str]) -> dict[str, list[int]]:
    """Choose partitions of each family by a hash of their names: rows by region."""
    families: dict[tuple[str, ...], list[tuple[bytes, str, int]]] = {}
    for region in regions:
        keys = store.read_keys(region)
        names = keys.column("unique_id").to_pylist()
        apart = [keys.column(column).to_pylist() for column in store.overlapping]
        for row, name in enumerate(names):
            family = tuple(column[row] for column in apart)
            rank = hashlib.blake2b(name.encode(), digest_size=8).digest()
            families.setdefault(family, []).append((rank, region, row))
    chosen: dict[str, list[int]] = {}
    for members in families.values():
        for _, region, row in sorted(members)[:SAMPLE]:
            chosen.setdefault(region, []).append(row)
    return {region: sorted(rows) for region, rows in chosen.items()}


def _joined(store: SeriesStore, blocks: Sequence[SeriesBlock]) -> SeriesBlock:
    """Put blocks one after the other, without their further measures."""
    names = [*store.key, "unique_id"]
    empty = pa.schema([(name, pa.string()) for name in names]).empty_table()
    return block_from_arrays(
        pa.concat_tables([empty, *(block.keys.select(names) for block in blocks)]),
        [zone for block in blocks for zone in block.timezones],
        [hour for block in blocks for hour in block.first_hours.tolist()],
        [block.counts_of(i) for block in blocks for i in range(len(block))],
        [block.exposures_of(i) for block in blocks for i in range(len(block))],
    )
