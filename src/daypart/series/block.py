"""Partitions in memory: ragged hourly series as flat NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MISSING = -1
"""The count of an hour without data."""

HOURS_PER_EXPOSURE = 24
"""Exposure holds for this many hours, counted from a series' first hour."""


@dataclass(frozen=True)
class SeriesBlock:
    """Some partitions of one store, in the order of their `unique_id`.

    Partition `i` has the hourly counts `counts[offsets[i]:offsets[i + 1]]` and the exposures
    `exposures[exposure_offsets[i]:exposure_offsets[i + 1]]`, one for every 24 hours.

    Parameters
    ----------
    keys : pyarrow.Table
        A row per partition: the key columns and `unique_id`, all strings.
    timezones : sequence of str
        IANA names, one per partition.
    first_hours : int64 array, shape (partitions,)
        First hour as whole hours since 1970-01-01T00:00Z.
    offsets, exposure_offsets : int64 array, shape (partitions + 1,)
    counts : int32 array
        -1 marks a missing hour.
    exposures : float32 array
        In-tab households behind the counts; 1 for series without households.
    measures : mapping of str to float32 array
        Further hourly values, laid out as `counts`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> block = block_from_arrays(
    ...     pa.table({"shop": ["a"], "unique_id": ["a"]}), ["UTC"], [0], [np.array([1, 2, 3])]
    ... )
    >>> len(block), block.counts_of(0).tolist(), block.hourly_exposure_of(0).tolist()
    (1, [1, 2, 3], [1.0, 1.0, 1.0])
    """

    keys: pa.Table
    timezones: Sequence[str]
    first_hours: NDArray[np.int64]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int32]
    exposure_offsets: NDArray[np.int64]
    exposures: NDArray[np.float32]
    measures: Mapping[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.first_hours)

    @property
    def unique_ids(self) -> list[str]:
        """The partitions' names."""
        ids: list[str] = self.keys.column("unique_id").to_pylist()
        return ids

    def hours_of(self, partition: int) -> int:
        """Return the number of hours of one partition."""
        return int(self.offsets[partition + 1] - self.offsets[partition])

    def counts_of(self, partition: int) -> NDArray[np.int32]:
        """Return one partition's counts, -1 where missing (a view)."""
        return self.counts[self.offsets[partition] : self.offsets[partition + 1]]

    def exposures_of(self, partition: int) -> NDArray[np.float32]:
        """Return one partition's exposures, one for every 24 hours (a view)."""
        return self.exposures[
            self.exposure_offsets[partition] : self.exposure_offsets[partition + 1]
        ]

    def hourly_exposure_of(self, partition: int) -> NDArray[np.float32]:
        """Return one partition's exposure hour by hour."""
        repeated = np.repeat(self.exposures_of(partition), HOURS_PER_EXPOSURE)
        return repeated[: self.hours_of(partition)]

    def measure_of(self, name: str, partition: int) -> NDArray[np.float32]:
        """Return one partition's values of a further measure (a view).

        Parameters
        ----------
        name : str
        partition : int
        """
        return self.measures[name][self.offsets[partition] : self.offsets[partition + 1]]

    def take(self, partitions: Sequence[int] | NDArray[np.integer]) -> SeriesBlock:
        """Return some of the partitions, in the order given."""
        rows = np.asarray(partitions, dtype=np.int64)
        return block_from_arrays(
            self.keys.take(rows),
            [self.timezones[row] for row in rows],
            self.first_hours[rows],
            [self.counts_of(row) for row in rows],
            [self.exposures_of(row) for row in rows],
            {name: [self.measure_of(name, row) for row in rows] for name in self.measures},
        )

    def before(self, hour: int) -> SeriesBlock:
        """Return the block without the hours from `hour` (UTC hours since 1970) on."""
        kept = np.clip(hour - self.first_hours, 0, np.diff(self.offsets))
        return block_from_arrays(
            self.keys,
            self.timezones,
            self.first_hours,
            [self.counts_of(i)[: kept[i]] for i in range(len(self))],
            [self.exposures_of(i)[: exposure_periods(int(kept[i]))] for i in range(len(self))],
            {
                name: [self.measure_of(name, i)[: kept[i]] for i in range(len(self))]
                for name in self.measures
            },
        )


def exposure_periods(hours: int) -> int:
    """Return the number of exposure values of a series with a number of hours.

    Examples
    --------
    >>> exposure_periods(0), exposure_periods(24), exposure_periods(25)
    (0, 1, 2)
    """
    return -(-hours // HOURS_PER_EXPOSURE)


def block_from_arrays(
    keys: pa.Table,
    timezones: Sequence[str],
    first_hours: Sequence[int] | NDArray[np.int64],
    counts: Sequence[NDArray[np.integer]],
    exposures: Sequence[NDArray[np.floating]] | None = None,
    measures: Mapping[str, Sequence[NDArray[np.floating]]] | None = None,
) -> SeriesBlock:
    """Join one array per partition into a block.

    Parameters
    ----------
    keys : pyarrow.Table
        The key columns and `unique_id`.
    timezones : sequence of str
    first_hours : sequence of int
        UTC hours since 1970.
    counts : sequence of integer arrays
        One per partition, -1 where missing.
    exposures : sequence of float arrays, optional
        One value for every 24 hours; 1 by default.
    measures : mapping of str to sequence of float arrays, optional

    Returns
    -------
    SeriesBlock
    """
    lengths = [len(series) for series in counts]
    if exposures is None:
        exposures = [np.ones(exposure_periods(length), np.float32) for length in lengths]
    return SeriesBlock(
        keys=keys,
        timezones=list(timezones),
        first_hours=np.asarray(first_hours, dtype=np.int64),
        offsets=_offsets(lengths),
        counts=_joined(counts, np.int32),
        exposure_offsets=_offsets([len(values) for values in exposures]),
        exposures=_joined(exposures, np.float32),
        measures={name: _joined(values, np.float32) for name, values in (measures or {}).items()},
    )


def _offsets(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def _joined(arrays: Sequence[NDArray], dtype: type) -> NDArray:  # type: ignore[type-arg]
    return np.concatenate([*arrays, np.empty(0, dtype)]).astype(dtype, copy=False)
