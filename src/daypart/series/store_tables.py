"""The columns of a store's tables, which every reader checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daypart.errors import DamagedFile

_STAMP = pa.timestamp("us", tz="UTC")


def _whole(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return a schema of columns that have a value in every row."""
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


HOUSEHOLD_COLUMNS = _whole(
    {
        "household": pa.int64(),
        "market": pa.string(),
        "weight": pa.float64(),
        "in_panel": pa.bool_(),
        "segments": pa.list_(pa.string()),
    }
)
UNIVERSE_COLUMNS = _whole(
    {
        "market": pa.string(),
        "segment": pa.string(),
        "in_tab_households": pa.int64(),
        "universe_estimate": pa.float64(),
    }
)
PANEL_COLUMNS = _whole(
    {
        "household": pa.int64(),
        "week": pa.date32(),
        "network": pa.string(),
        "daypart": pa.string(),
        "minutes": pa.float32(),
    }
)
HUT_COLUMNS = _whole(
    {
        "market": pa.string(),
        "segment": pa.string(),
        "first_hour": _STAMP,
        "counts": pa.list_(pa.int32()),
        "minutes": pa.list_(pa.float32()),
    }
)
EVENT_COLUMNS = _whole(
    {
        "household": pa.int64(),
        "network": pa.string(),
        "device": pa.int64(),
        "segment": pa.string(),
        "start": _STAMP,
        "end": _STAMP,
    }
)
QUARANTINE_COLUMNS = pa.schema(
    {
        "source_file": pa.string(),
        "source_row": pa.int64(),
        "reason": pa.string(),
        "household": pa.int64(),
        "device": pa.int64(),
        "market": pa.string(),
        "network": pa.string(),
        "start": pa.string(),
        "end": pa.string(),
    }
)


def series_columns(key: Sequence[str], measures: Sequence[str]) -> pa.Schema:
    """Return the columns of a region's partitions.

    Parameters
    ----------
    key, measures : sequence of str
        As of the store.
    """
    lists = dict.fromkeys(measures, pa.list_(pa.float32()))
    return _whole(
        {
            **dict.fromkeys([*key, "unique_id", "timezone"], pa.string()),
            "first_hour": _STAMP,
            "counts": pa.list_(pa.int32()),
            "exposure": pa.list_(pa.float32()),
            **lists,
        }
    )


def positions_of(
    names: Sequence[str] | pa.ChunkedArray, values: pa.ChunkedArray
) -> NDArray[np.int64]:
    """Return the position of each value of a store's table among the names that it may have.

    Parameters
    ----------
    names : sequence of str, or pyarrow.ChunkedArray
    values : pyarrow.ChunkedArray

    Raises
    ------
    DamagedFile
        For a value that is not among them.

    Examples
    --------
    >>> positions_of(["ABC", "CNN"], pa.chunked_array([["CNN", "ABC"]])).tolist()
    [1, 0]
    """
    known = pa.array(names, pa.string()) if isinstance(names, Sequence) else names
    if isinstance(known, pa.ChunkedArray):
        known = known.combine_chunks()
    found = pc.index_in(values, value_set=known)
    if found.null_count:
        # A household's id is never shown.
        is_text = pa.types.is_string(known.type)
        first = values.filter(pc.is_null(found))[0].as_py() if is_text else None
        raise DamagedFile(
            f"the store's tables have {repr(first) if is_text else 'a household'} that the store "
            "does not list",
            hint="restore the store from a copy, or ingest again",
        )
    return np.asarray(found.to_numpy(), np.int64)
