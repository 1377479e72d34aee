"""Single rows of a Parquet file: only their row groups are read, and a few are kept."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from daypart.storage.location import Location
from daypart.storage.tables import open_parquet


def read_some_rows(path: Location, rows: ArrayLike) -> pa.Table:
    """Read rows of a file; on S3, the content of a path must never change.

    Parameters
    ----------
    path : Location
    rows : int array, shape (rows,)
        Positions in the file, in any order.

    Returns
    -------
    pyarrow.Table
        In the order given.

    Raises
    ------
    DaypartError
        When the file is missing or not readable.
    """
    wanted = np.asarray(rows, dtype=np.int64)
    stamp = _stamp_of(path)
    schema, starts = _read_shape(path, stamp)
    if len(wanted) == 0:
        return schema.empty_table()
    groups = np.searchsorted(starts, wanted, side="right") - 1
    present = np.unique(groups)
    chosen = [
        _read_group(path, stamp, int(group)).take(wanted[groups == group] - starts[group])
        for group in present
    ]
    table = pa.concat_tables(chosen)
    if np.all(groups[1:] >= groups[:-1]):
        return table
    return table.take(np.argsort(np.argsort(groups, kind="stable")))


def read_schema(path: Location) -> pa.Schema:
    """Return the columns of a Parquet file, read once."""
    return _read_shape(path, _stamp_of(path))[0]


_Stamp = tuple[int, ...] | None


def _stamp_of(path: Location) -> _Stamp:
    """Return a value that differs between a local file and a former one of the same path."""
    if not isinstance(path, Path) or not path.exists():
        return None
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=4096)
def _read_shape(path: Location, stamp: _Stamp) -> tuple[pa.Schema, np.ndarray[Any, Any]]:
    """Return a file's columns, and the first row of each of its row groups."""
    with open_parquet(path) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        return file.schema_arrow, np.cumsum([0, *sizes])[:-1]


@lru_cache(maxsize=6)
def _read_group(path: Location, stamp: _Stamp, group: int) -> pa.Table:
    """Read a row group; a few are kept, because callers read a few rows at a time."""
    with open_parquet(path) as file:
        return file.read_row_group(group)
