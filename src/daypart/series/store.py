"""The store of partitions: one Parquet file per region, and `store.json`, which commits them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daypart._version import __version__
from daypart.errors import DaypartError, did_you_mean
from daypart.series.block import MISSING, SeriesBlock
from daypart.series.local_time import HOURS_PER_WEEK
from daypart.series.store_document import (
    SCHEMA_VERSION,
    STORE_FILE,
    STORE_KIND,
    read_store_document,
)
from daypart.series.store_tables import series_columns
from daypart.storage.columns import check_columns
from daypart.storage.files import (
    delete_files,
    make_folder,
    remove_unfinished,
    write_json,
)
from daypart.storage.links import refuse_links
from daypart.storage.location import Location, PathLike, file_name_of, location
from daypart.storage.row_groups import read_some_rows
from daypart.storage.tables import read_table, write_table

_ROW_GROUP_ROWS = 256
_HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class SeriesStore:
    """A folder of partitions, as described by its `store.json`.

    The object is a snapshot: after `replace_regions`, use the store that it returns.

    Parameters
    ----------
    folder : Location
    key : tuple of str
        The columns that name a partition; the first is the region.
    regions : mapping
        Region to its file, number of partitions, time zone and content hash.
    overlapping : mapping of str to str
        Key columns whose values overlap, with the value that includes all others.
    measures : tuple of str
        Hourly list columns beside `counts`.
    hour_groups : mapping of str to sequence of str
        Named divisions of the week, such as dayparts: a name for each of the 168 local hours,
        Monday 00:00 first. Forecasts can be summed by them.
    generation : int
        Counts the commits.
    extra : mapping
        The other content of `store.json`, such as `viewing`.
    """

    folder: Location
    key: tuple[str, ...]
    regions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overlapping: Mapping[str, str] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    hour_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    generation: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        folder: PathLike,
        *,
        key: Sequence[str],
        overlapping: Mapping[str, str] | None = None,
        measures: Sequence[str] = (),
        hour_groups: Mapping[str, Sequence[str]] | None = None,
    ) -> SeriesStore:
        """Describe a new, empty store; `replace_regions` is the first to write.

        Parameters
        ----------
        folder : path-like
        key : sequence of str
        overlapping : mapping of str to str, optional
        measures : sequence of str
        hour_groups : mapping of str to sequence of str, optional
            As the attributes of the store.

        Raises
        ------
        DaypartError
            When the folder holds a store already, the key is empty or lists a column twice, or
            a group of hours has the name of a key column or not 168 hours.
        """
        path = location(folder)
        if (path / STORE_FILE).exists():
            raise DaypartError(f"{path}: holds a store already", hint="choose a new folder")
        if not key or len(set(key)) != len(key):
            raise DaypartError(f"key {','.join(key)!r}: needs one or more different columns")
        groups = {name: list(hours) for name, hours in (hour_groups or {}).items()}
        for name, hours in groups.items():
            if name in key or len(hours) != HOURS_PER_WEEK:
                raise DaypartError(
                    f"hour group {name!r}: has {len(hours)} hours",
                    hint="give a name other than the key's, and 168 hours",
                )
        return cls(path, tuple(key), {}, dict(overlapping or {}), tuple(measures), groups)

    @classmethod
    def open(cls, folder: PathLike) -> SeriesStore:
        """Open a store.

        Raises
        ------
        DaypartError
            When there is no store, one of a newer schema version, or a damaged `store.json`.
        """
        path = location(folder)
        if not (path / STORE_FILE).exists():
            raise DaypartError(
                f"{path}: no store here", hint="create one with daypart ingest or daypart import"
            )
        content = read_store_document(path)
        for name in ("kind", "schema_version", "created_by", "grain"):
            content.pop(name, None)
        return cls(
            path,
            tuple(content.pop("key")),
            content.pop("regions"),
            content.pop("overlapping", {}),
            tuple(content.pop("measures", ())),
            content.pop("hour_groups", {}),
            int(content.pop("generation", 0)),
            content,
        )

    @property
    def partitions(self) -> int:
        """The number of partitions in the store."""
        return sum(int(region["partitions"]) for region in self.regions.values())

    def read_keys(self, region: str) -> pa.Table:
        """Return the key columns and `unique_id` of a region's partitions, in file order."""
        return read_table(self._file(region), _columns(self, [*self.key, "unique_id"]))

    def read_hours(self, region: str) -> np.ndarray[Any, Any]:
        """Return the number of hours of each of a region's partitions, in file order."""
        counts = read_table(self._file(region), _columns(self, ["counts"])).column(0)
        lengths = pc.list_value_length(counts)
        hours: np.ndarray[Any, Any] = lengths.to_numpy().astype(np.int64)
        return hours

    def read_region(self, region: str, rows: Sequence[int] | None = None) -> SeriesBlock:
        """Read a region's partitions.

        Parameters
        ----------
        region : str
        rows : sequence of int, optional
            Positions in file order; all by default.

        Raises
        ------
        DaypartError
            For an unknown region, an unreadable file, or, of all partitions, a content of another
            hash than `store.json` records.
        """
        path = self._file(region)
        if rows is None:
            block = _block_of(read_table(path, _columns(self)), self.key, self.measures)
            if content_hash(block) != self.regions[region]["content_hash"]:
                raise DaypartError(
                    f"{path}: its content is not what {STORE_FILE} records",
                    hint="restore the file from a copy, or make the store again",
                )
            return block
        table = read_some_rows(path, rows)
        check_columns(table, _columns(self), path)
        return _block_of(table, self.key, self.measures)

    def replace_regions(
        self,
        blocks: Iterable[tuple[str, SeriesBlock]],
        *,
        extra: Mapping[str, Any] | None = None,
        before_commit: Iterable[tuple[str, pa.Table]] = (),
    ) -> SeriesStore:
        """Write regions, then commit them by replacing `store.json` once.

        Other regions do not change. A crash before the commit leaves the old store; a crash after
        it leaves files that the next commit removes.

        Parameters
        ----------
        blocks : iterable of (region, SeriesBlock)
            Consumed one by one: memory holds one region.
        extra : mapping, optional
            Replaces `extra`; must be JSON.
        before_commit : iterable of (relative path, pyarrow.Table)
            Further Parquet files that belong to the same commit.

        Returns
        -------
        SeriesStore
            The store as committed.
        """
        refuse_links([self.folder / "series"])
        make_folder(self.folder / "series")
        generation = self.generation + 1
        regions = {name: dict(region) for name, region in self.regions.items()}
        for region, block in blocks:
            name = f"series/{file_name_of(region)}-{generation}.parquet"
            table = _table_of(block, self.key, self.measures)
            write_table(self.folder / name, table, row_group_rows=_ROW_GROUP_ROWS)
            regions[region] = {
                "file": name,
                "partitions": len(block),
                "timezone": block.timezones[0] if len(block) else "UTC",
                "content_hash": content_hash(block),
            }
        for relative, table in before_commit:
            make_folder((self.folder / relative).parent)
            write_table(self.folder / relative, table)
        committed = SeriesStore(
            self.folder,
            self.key,
            dict(sorted(regions.items())),
            self.overlapping,
            self.measures,
            self.hour_groups,
            generation,
            dict(self.extra if extra is None else extra),
        )
        write_json(self.folder / STORE_FILE, committed._as_json())
        committed._remove_superseded()
        return committed

    def _as_json(self) -> dict[str, Any]:
        return {
            "kind": STORE_KIND,
            "schema_version": SCHEMA_VERSION,
            "created_by": f"daypart {__version__}",
            "grain": "hour",
            "generation": self.generation,
            "key": list(self.key),
            "overlapping": dict(self.overlapping),
            "measures": list(self.measures),
            "hour_groups": {name: list(hours) for name, hours in self.hour_groups.items()},
            "regions": {name: dict(region) for name, region in self.regions.items()},
            **self.extra,
        }

    def _file(self, region: str) -> Location:
        if region not in self.regions:
            raise DaypartError(
                f"{self.folder}: no region {region!r}", hint=did_you_mean(region, self.regions)
            )
        return self.folder / str(self.regions[region]["file"])

    def _remove_superseded(self) -> None:
        kept = {str(region["file"]) for region in self.regions.values()}
        remove_unfinished(self.folder)
        remove_unfinished(self.folder / "series")
        files = (self.folder / "series").glob("*.parquet")
        delete_files([file for file in files if f"series/{file.name}" not in kept])


def _columns(store: SeriesStore, names: Sequence[str] | None = None) -> pa.Schema:
    every = series_columns(store.key, store.measures)
    return pa.schema([every.field(name) for name in names or every.names])


def content_hash(block: SeriesBlock) -> str:
    """Return a hash of the content of a block: keys, time, counts, exposure and measures."""
    digest = hashlib.blake2b(digest_size=16)
    for name in block.keys.column_names:
        digest.update("\0".join([name, *block.keys.column(name).to_pylist()]).encode())
    digest.update("\0".join(block.timezones).encode())
    arrays = [block.first_hours, block.offsets, block.counts, block.exposure_offsets]
    for array in [*arrays, block.exposures, *block.measures.values()]:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def partition_hash(block: SeriesBlock, partition: int) -> str:
    """Return the hash of one partition's data, to which its model is fitted.

    Parameters
    ----------
    block : SeriesBlock
    partition : int
        Its position in the block.
    """
    return content_hash(block.take([partition]))


def _table_of(block: SeriesBlock, key: Sequence[str], measures: Sequence[str]) -> pa.Table:
    counts = pa.array(block.counts, mask=block.counts == MISSING)
    columns: dict[str, Any] = {name: block.keys.column(name) for name in [*key, "unique_id"]}
    columns["timezone"] = pa.array(block.timezones, pa.string())
    columns["first_hour"] = pa.array(block.first_hours * _HOUR_US, pa.timestamp("us", tz="UTC"))
    columns["counts"] = _lists(block.offsets, counts)
    columns["exposure"] = _lists(block.exposure_offsets, pa.array(block.exposures))
    for name in measures:
        columns[name] = _lists(block.offsets, pa.array(block.measures[name]))
    return pa.table(columns)


def _lists(offsets: np.ndarray[Any, Any], values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)


def _block_of(table: pa.Table, key: Sequence[str], measures: Sequence[str]) -> SeriesBlock:
    table = table.combine_chunks()
    offsets, counts = _flat(table.column("counts"))
    exposure_offsets, exposures = _flat(table.column("exposure"))
    microseconds = table.column("first_hour").cast("int64").to_numpy()
    return SeriesBlock(
        keys=table.select([*key, "unique_id"]),
        timezones=table.column("timezone").to_pylist(),
        first_hours=microseconds // _HOUR_US,
        offsets=offsets,
        counts=counts.fill_null(MISSING).to_numpy(zero_copy_only=False).astype(np.int32),
        exposure_offsets=exposure_offsets,
        exposures=exposures.to_numpy(zero_copy_only=False).astype(np.float32),
        measures={
            name: _flat(table.column(name))[1].to_numpy(zero_copy_only=False) for name in measures
        },
    )


def _flat(column: pa.ChunkedArray) -> tuple[np.ndarray[Any, Any], pa.Array]:
    """Return a list column's offsets (from 0) and its flat values."""
    if len(column) == 0:
        return np.zeros(1, np.int64), pa.array([], column.type.value_type)
    lists = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], lists.flatten()
