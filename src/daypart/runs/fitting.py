"""Fitting one block: a partition that its model fails on never takes the others with it."""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from daypart.errors import DaypartError, Interrupted
from daypart.runs.rows import ENGINE_COLUMNS, STATUSES, failed_rows
from daypart.series import SeriesBlock

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models.protocol import Model

_LONGEST_REASON = 400


class ModelTableError(Exception):
    """What a model returned is not what its protocol asks for."""


def fit_block(model: Model, stored: SeriesBlock, *, until_hour: int | None = None) -> pa.Table:
    """Fit a block, and divide it where the model raises, down to single partitions.

    Parameters
    ----------
    model : Model
    stored : SeriesBlock
    until_hour : int, optional
        Show the model only the hours before this one (UTC hours since 1970).

    Returns
    -------
    pyarrow.Table
        A row per partition, in order: `status`, `reason`, `seconds` (each partition's share of
        the call that fitted it), then the model's columns.

    Raises
    ------
    DaypartError
        Where the model lacks a module: no partition is at fault for that.
    """
    shown = stored if until_hour is None else stored.before(until_hour)
    return _fit(model, shown).combine_chunks()


def _fit(model: Model, block: SeriesBlock) -> pa.Table:
    import pyarrow as pa

    started = time.perf_counter()
    try:
        table = model.fit(block)
        _check(table, len(block))
        return _with_seconds(table, time.perf_counter() - started)
    except Interrupted:
        raise
    except ImportError as error:
        raise DaypartError(
            f"model {model.name} can't run here ({describe_error(error)})"
        ) from error
    except Exception as error:
        if len(block) == 1:
            return failed_rows(1, describe_error(error), time.perf_counter() - started)
    middle = len(block) // 2
    halves = np.arange(middle), np.arange(middle, len(block))
    tables = [_fit(model, block.take(half)) for half in halves]
    return pa.concat_tables(tables, promote_options="default")


def _check(table: Any, partitions: int) -> None:
    """Hold what a model returned against the protocol."""
    import pyarrow as pa

    if not isinstance(table, pa.Table):
        raise ModelTableError(f"fit returned a {type(table).__name__}, not a pyarrow.Table")
    if len(table) != partitions:
        raise ModelTableError(f"fit returned {len(table)} rows for {partitions} partitions")
    for name in ("status", "reason"):
        if name not in table.column_names:
            raise ModelTableError(f"fit returned no column {name!r}")
    unknown = set(table.column("status").unique().to_pylist()) - set(STATUSES)
    if unknown:
        raise ModelTableError(f"fit returned the status {sorted(map(str, unknown))[0]!r}")
    clash = set(table.column_names) & set(ENGINE_COLUMNS) - {"status", "reason"}
    if clash:
        raise ModelTableError(f"fit returned a column {min(clash)!r}, which is the engine's")


def _with_seconds(table: pa.Table, seconds: float) -> pa.Table:
    import pyarrow as pa

    share = np.full(len(table), seconds / max(len(table), 1))
    return table.append_column("seconds", pa.array(share))


def describe_error(error: BaseException) -> str:
    """Return an error in one line: its kind, its text and where it was raised.

    Examples
    --------
    >>> describe_error(ValueError("no data"))
    'ValueError: no data'
    """
    text = " ".join(str(error).split())[:_LONGEST_REASON]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"
