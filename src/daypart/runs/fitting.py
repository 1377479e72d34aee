"""Fitting one block: a partition that its model fails on never takes the others with it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from daypart.errors import DaypartError, Interrupted
from daypart.runs.limits import NO_LIMITS, Limits, TookTooLongError, within
from daypart.runs.registry import is_own_model
from daypart.runs.rows import ENGINE_COLUMNS, STATUSES, failed_rows
from daypart.series import SeriesBlock

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models.protocol import Model

_LONGEST_REASON = 400
FALLBACK = "fallback_"
"""Before the names of the columns of a model that stood in for another."""


class ModelTableError(Exception):
    """What a model returned is not what its protocol asks for."""


def fit_block(
    model: Model,
    stored: SeriesBlock,
    *,
    until_hour: int | None = None,
    limits: Limits = NO_LIMITS,
    fallback: Model | None = None,
) -> pa.Table:
    """Fit a block, and divide it where the model raises, down to single partitions.

    Parameters
    ----------
    model : Model
        Where it has a true attribute `one_by_one`, blocks of one partition are fitted.
    stored : SeriesBlock
    until_hour : int, optional
        Show the model only the hours before this one (UTC hours since 1970).
    limits : Limits
        Of each partition's fit.
    fallback : Model, optional
        Fits the partitions on which `model` failed; its columns are named `fallback_...`.

    Returns
    -------
    pyarrow.Table
        A row per partition, in order: `status`, `reason`, `seconds` (each partition's share of
        the call that fitted it), then the model's columns. With a fallback also `model`, the
        name of the one that fitted it (null: `model`), whose `reason` says why it stood in.

    Raises
    ------
    DaypartError
        Where the model lacks a module: no partition is at fault for that.
    """
    shown = stored if until_hour is None else stored.before(until_hour)
    fitted = _fit(model, shown, limits)
    if fallback is not None:
        fitted = stand_in(fallback, shown, fitted)
    return fitted.combine_chunks()


def stand_in(fallback: Model, shown: SeriesBlock, fitted: pa.Table) -> pa.Table:
    """Fit the failed partitions of a block with another model, as `fit_block` tells."""
    import pyarrow as pa

    failed = np.array([status == "failed" for status in fitted.column("status").to_pylist()])
    name = pa.array([fallback.name if each else None for each in failed], pa.string())
    if not failed.any():
        return fitted.append_column("model", name)
    places = np.flatnonzero(failed)
    second = _fit(fallback, shown.take(places), NO_LIMITS)
    first = fitted.take(places)
    why = [
        one if again == "ok" else f"{one}; {fallback.name}: {other}"
        for one, again, other in zip(
            *(first.column("reason").to_pylist(), second.column("status").to_pylist()),
            second.column("reason").to_pylist(),
            strict=True,
        )
    ]
    spent = np.add(first.column("seconds").to_numpy(), second.column("seconds").to_numpy())
    second = second.rename_columns(
        [
            n if n in ("status", "reason", "seconds") else f"{FALLBACK}{n}"
            for n in second.column_names
        ]
    )
    for column, values in (("reason", pa.array(why, pa.string())), ("seconds", pa.array(spent))):
        second = second.set_column(second.column_names.index(column), column, values)
    whole = pa.concat_tables(
        [fitted.take(np.flatnonzero(~failed)), second], promote_options="default"
    )
    order = np.argsort(np.concatenate([np.flatnonzero(~failed), places]))
    return whole.take(order).append_column("model", name)


def _fit(model: Model, block: SeriesBlock, limits: Limits) -> pa.Table:
    """Fit a block within limits; where it can't be, each partition or each half by itself."""
    started = time.perf_counter()
    alone = len(block) == 1
    try:
        if getattr(model, "one_by_one", False) and not alone:
            return _fit_parts(
                model, block, limits, np.array_split(np.arange(len(block)), len(block))
            )
        with within(limits):
            table = model.fit(block)
        _check(table, len(block))
        if is_own_model(model.name):
            table = _without_nan(table)
        return _with_seconds(table, time.perf_counter() - started)
    except Interrupted:
        raise
    except TookTooLongError:
        if alone:
            reason = f"took longer than {limits.timeout:g} s"
            return failed_rows(1, reason, time.perf_counter() - started)
        parts = len(block)
    except ImportError as error:
        raise DaypartError(
            f"model {model.name} can't run here ({describe_error(error)})"
        ) from error
    except Exception as error:
        if alone:
            return failed_rows(1, describe_error(error), time.perf_counter() - started)
        parts = 2
    return _fit_parts(model, block, limits, np.array_split(np.arange(len(block)), parts))


def _fit_parts(
    model: Model, block: SeriesBlock, limits: Limits, parts: Sequence[np.ndarray[Any, Any]]
) -> pa.Table:
    import pyarrow as pa

    tables = [_fit(model, block.take(rows), limits) for rows in parts]
    return pa.concat_tables(tables, promote_options="default")


def _without_nan(table: pa.Table) -> pa.Table:
    """Fail the rows in which a model of others said `ok` and NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ok = np.array([status == "ok" for status in table.column("status").to_pylist()])
    found: dict[int, str] = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        rows: Any = np.arange(len(column))
        while pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
            rows, column = rows[pc.list_parent_indices(column).to_numpy()], pc.list_flatten(column)
        if pa.types.is_floating(column.type):
            nan = pc.fill_null(pc.is_nan(column), False).to_numpy(zero_copy_only=False)
            found |= {int(row): name for row in np.unique(rows[nan]) if ok[row]}
    if not found:
        return table
    bad = np.isin(np.arange(len(table)), list(found))
    reasons = [f"NaN in column {found[row]}" for row in sorted(found)]
    failed = failed_rows(len(found), "").select(["status"]).append_column("reason", [reasons])
    whole = pa.concat_tables([table.filter(~bad), failed], promote_options="default")
    return whole.take(np.argsort(np.concatenate([np.flatnonzero(~bad), sorted(found)])))


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
