"""Result rows: what the engine says of every partition, before the model's own columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daypart.errors import DaypartError
from daypart.runs.run.identity import fit_hashes
from daypart.runs.run.settings import RunSettings
from daypart.series.block import SeriesBlock, exposure_periods

STATUSES = ("ok", "failed", "skipped")
ENGINE_COLUMNS = (
    "unique_id",
    "timezone",
    "first_hour",
    "hours",
    "exposure",
    "status",
    "reason",
    "traceback",
    "seconds",
    "attempt",
    "model",
    "content_hash",
    "log",
)
_HOUR_US = 3_600_000_000
_PERIODS_PER_WEEK = 7


def result_rows(
    stored: SeriesBlock,
    fitted: pa.Table,
    settings: RunSettings,
    attempts: np.ndarray[Any, Any],
) -> pa.Table:
    """Join what the engine knows of a block with what the model made of it.

    Parameters
    ----------
    stored : SeriesBlock
        As it is in the store.
    fitted : pyarrow.Table
        `status`, `reason`, `traceback`, `seconds`, `log`, then the model's columns.
    settings : RunSettings
    attempts : int array, shape (partitions,)

    Returns
    -------
    pyarrow.Table
        A row per partition, as described in docs/explanation/architecture.md.

    Raises
    ------
    DaypartError
        For a column of the model's that has the name of a key column.
    """
    hours = fitted_hours(stored, settings.until_hour)
    columns: dict[str, Any] = {name: stored.keys.column(name) for name in settings.key}
    columns["unique_id"] = stored.keys.column("unique_id")
    columns["timezone"] = pa.array(stored.timezones, pa.string())
    columns["first_hour"] = pa.array(stored.first_hours * _HOUR_US, pa.timestamp("us", tz="UTC"))
    columns["hours"] = pa.array(hours, pa.int32())
    columns["exposure"] = _last_week_exposure(stored, hours)
    columns["status"] = fitted.column("status").cast(pa.string())
    columns["reason"] = fitted.column("reason").cast(pa.string())
    columns["traceback"] = _text_or_null(fitted, "traceback")
    columns["seconds"] = fitted.column("seconds")
    columns["attempt"] = pa.array(attempts, pa.int32())
    columns["model"] = pa.array([settings.model] * len(stored), pa.string())
    if "model" in fitted.column_names:  # of a fallback, null where it did not stand in
        columns["model"] = pc.coalesce(fitted.column("model"), columns["model"])
    columns["content_hash"] = pa.array(fit_hashes(stored, settings), pa.string())
    columns["log"] = _text_or_null(fitted, "log")
    for name in fitted.column_names:
        if name in settings.key:
            raise DaypartError(
                f"model {settings.model} returns a column {name!r}, which is a key column",
                hint="give the model's column another name",
            )
        if name not in columns:
            columns[name] = fitted.column(name)
    return pa.table(columns)


def _text_or_null(table: pa.Table, name: str) -> pa.Array | pa.ChunkedArray:
    if name in table.column_names:
        return table.column(name).cast(pa.string())
    return pa.nulls(len(table), pa.string())


def failed_rows(
    partitions: int, reason: str, seconds: float = 0.0, traceback: str | None = None
) -> pa.Table:
    """Return rows in place of a model's table where it failed.

    Parameters
    ----------
    partitions : int
        How many rows.
    reason : str
    seconds : float
    traceback : str, optional
    """
    return pa.table(
        {
            "status": pa.array(["failed"] * partitions, pa.string()),
            "reason": pa.array([reason] * partitions, pa.string()),
            "traceback": pa.array([traceback] * partitions, pa.string()),
            "seconds": pa.array([seconds] * partitions, pa.float64()),
        }
    )


def fitted_hours(stored: SeriesBlock, until_hour: int | None) -> np.ndarray[Any, Any]:
    """Return how many hours of each partition are before `until_hour` (None: all).

    Parameters
    ----------
    stored : SeriesBlock
        As it is in the store.
    until_hour : int or None
        UTC hours since 1970.
    """
    hours = np.diff(stored.offsets)
    if until_hour is None:
        return hours
    return np.clip(until_hour - stored.first_hours, 0, hours)


def _last_week_exposure(stored: SeriesBlock, hours: np.ndarray[Any, Any]) -> pa.Array:
    """Return each partition's mean exposure over its last seven periods of 24 hours."""
    periods = np.array([exposure_periods(int(count)) for count in hours], np.int64)
    last = stored.exposure_offsets[:-1] + periods
    total = np.zeros(len(stored))
    used = np.minimum(periods, _PERIODS_PER_WEEK)
    for back in range(1, _PERIODS_PER_WEEK + 1):
        there = used >= back
        total[there] += stored.exposures[last[there] - back]
    return pa.array(np.where(used > 0, total / np.maximum(used, 1), 0.0), mask=used == 0)
