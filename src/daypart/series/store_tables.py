"""The columns of a store's tables, which every reader checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

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
