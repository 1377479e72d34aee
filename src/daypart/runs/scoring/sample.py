"""A store of some of the partitions of another, for models that take long."""

from __future__ import annotations

from collections.abc import Iterator

from daypart.models.seeds import number_of
from daypart.series.block import SeriesBlock
from daypart.series.store import SeriesStore
from daypart.storage.location import Location


def sampled_store(store: SeriesStore, sample: int, folder: Location) -> SeriesStore:
    """Write a sample of a store's partitions as a store, unless the folder holds it already.

    Partitions are chosen by a hash of their names: the same ones in every call, and those of a
    smaller sample among those of a larger one.

    Parameters
    ----------
    store : SeriesStore
    sample : int
        Partitions.
    folder : Location

    Returns
    -------
    SeriesStore
    """
    ranked = sorted(
        (number_of(name), region, row)
        for region in store.regions
        for row, name in enumerate(store.read_keys(region).column("unique_id").to_pylist())
    )
    rows: dict[str, list[int]] = {}
    for _, region, row in sorted(ranked[:sample], key=lambda each: each[1:]):
        rows.setdefault(region, []).append(row)

    def blocks() -> Iterator[tuple[str, SeriesBlock]]:
        for region, own in rows.items():
            yield region, store.read_region(region, own)

    target = folder / f"{sample}"
    opened = (
        SeriesStore.open(target)
        if (target / "store.json").exists()
        else SeriesStore.create(
            target,
            key=store.key,
            overlapping=store.overlapping,
            measures=store.measures,
            hour_groups=store.hour_groups,
        )
    )
    return opened.replace_regions(blocks())


def partition_names(store: SeriesStore) -> frozenset[str]:
    """Return the `unique_id` of every partition of a store."""
    return frozenset(
        name
        for region in store.regions
        for name in store.read_keys(region).column("unique_id").to_pylist()
    )
