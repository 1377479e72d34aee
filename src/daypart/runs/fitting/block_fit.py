"""Fitting one block: a partition that its model fails on never takes the others with it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daypart.engine.results.printed import PrintedLog
from daypart.engine.tasks.limits import NO_LIMITS, ResourceLimits, TookTooLongError, within
from daypart.engine.tasks.work import Enough, describe_error, never
from daypart.errors import DaypartError, Interrupted
from daypart.models.protocol import Model, fits_one_by_one
from daypart.models.registry import is_external_model
from daypart.runs.fitting.result_rows import ENGINE_COLUMNS, STATUSES, failed_rows
from daypart.series.block import SeriesBlock

_LONGEST_TRACEBACK = 8000
_SHARED = ("status", "reason", "traceback", "seconds", "log")
FALLBACK = "fallback_"
"""Before the names of the columns of a model that stood in for another."""


class ModelTableError(Exception):
    """What a model returned is not what its protocol requires."""


def fit_block(
    model: Model,
    stored: SeriesBlock,
    *,
    until_hour: int | None = None,
    limits: ResourceLimits = NO_LIMITS,
    fallback: Model | None = None,
    log: PrintedLog | None = None,
    enough: Enough = never,
) -> pa.Table:
    """Fit a block, and divide it where the model raises, down to single partitions.

    Parameters
    ----------
    model : Model
        Blocks of one partition are fitted where it is `FitsOneByOne`.
    stored : SeriesBlock
    until_hour : int, optional
        Show the model only the hours before this one (UTC hours since 1970).
    limits : ResourceLimits
        Of each partition's fit.
    fallback : Model, optional
        Fits the partitions on which `model` failed; its columns are named `fallback_...`.
    log : PrintedLog, optional
        Where what the model prints goes.
    enough : callable
        Called between two calls of a model; True ends the block after what is fitted.

    Returns
    -------
    pyarrow.Table
        A row per partition, of all or of the first of them, in order: `status`, `reason`,
        `traceback`, `seconds` (each partition's share of the call that fitted it), `log` (where
        what it printed is), then the model's columns. With a fallback also `model`, the name of
        the one that fitted it (null: `model`), whose `reason` says why it stood in.

    Raises
    ------
    DaypartError
        Where the model lacks a module: no partition is at fault for that.
    """
    shown = stored if until_hour is None else stored.before(until_hour)
    fitted = _fit(model, shown, limits, log, enough)
    if fallback is not None:
        fitted = stand_in(fallback, shown, fitted, log, enough)
    return fitted.combine_chunks()


def stand_in(
    fallback: Model,
    shown: SeriesBlock,
    fitted: pa.Table,
    log: PrintedLog | None = None,
    enough: Enough = never,
) -> pa.Table:
    """Fit the failed partitions of a block with another model, as `fit_block` describes.

    Parameters
    ----------
    fallback : Model
    shown : SeriesBlock
        The hours that the models are shown.
    fitted : pyarrow.Table
        The rows of the first model.
    log : PrintedLog, optional
        Where what is printed meanwhile goes.
    enough : callable
        As in `fit_block`.
    """
    failed = np.array([status == "failed" for status in fitted.column("status").to_pylist()])
    name = pa.array([fallback.name if each else None for each in failed], pa.string())
    if not failed.any():
        return fitted.append_column("model", name)
    places = np.flatnonzero(failed)
    second = _fit(fallback, shown.take(places), NO_LIMITS, log, enough)
    if len(second) < len(places):  # the rows before the first that is still to be fitted
        first_left = int(places[len(second)])
        fitted, failed, name = fitted[:first_left], failed[:first_left], name[:first_left]
        places = places[: len(second)]
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
        [n if n in _SHARED else f"{FALLBACK}{n}" for n in second.column_names]
    )
    reported = {
        "reason": pa.array(why, pa.string()),
        "traceback": pc.coalesce(second.column("traceback"), first.column("traceback")),
        "seconds": pa.array(spent),
    }
    for column, values in reported.items():
        second = second.set_column(second.column_names.index(column), column, values)
    whole = pa.concat_tables(
        [fitted.take(np.flatnonzero(~failed)), second], promote_options="default"
    )
    order = np.argsort(np.concatenate([np.flatnonzero(~failed), places]))
    return whole.take(order).append_column("model", name)


def _fit(
    model: Model,
    block: SeriesBlock,
    limits: ResourceLimits,
    log: PrintedLog | None,
    enough: Enough,
) -> pa.Table:
    """Fit a block within limits; where it can't be, each partition or each half by itself."""
    alone = len(block) == 1
    if fits_one_by_one(model) and not alone:
        return _fit_parts(model, block, limits, log, enough, len(block))
    started = time.perf_counter()
    printed = log.size() if log else 0
    try:
        table = _fit_in_one_piece(model, block, limits)
        divided_into = 1
    except (TookTooLongError, Exception) as error:
        if isinstance(error, Interrupted):
            raise
        if isinstance(error, ImportError):
            why = f"model {model.name} can't run here ({describe_error(error)})"
            raise DaypartError(why) from error
        divided_into = len(block) if isinstance(error, TookTooLongError) else 2
        table = _failed(error, limits)
    if divided_into > 1 and not alone:
        return _fit_parts(model, block, limits, log, enough, divided_into)
    seconds = np.full(len(table), (time.perf_counter() - started) / max(len(table), 1))
    place = log.since(printed) if log else None
    return _told(table, {"seconds": pa.array(seconds), "log": [place] * len(table)})


def _fit_in_one_piece(model: Model, block: SeriesBlock, limits: ResourceLimits) -> pa.Table:
    """Fit a block with one call of its model, and hold what that returned to the protocol."""
    with within(limits):
        table = model.fit(block)
    _check(table, len(block))
    return _without_nan(table) if is_external_model(model.name) else table


def _failed(error: BaseException, limits: ResourceLimits) -> pa.Table:
    """Return the row of a partition whose fit raised."""
    if isinstance(error, TookTooLongError):
        return failed_rows(1, f"took longer than {limits.timeout:g} s")
    text = "".join(traceback.format_exception(error))[-_LONGEST_TRACEBACK:]
    return failed_rows(1, describe_error(error), traceback=text)


def _fit_parts(
    model: Model,
    block: SeriesBlock,
    limits: ResourceLimits,
    log: PrintedLog | None,
    enough: Enough,
    parts: int,
) -> pa.Table:
    """Fit the parts of a block one after the other, until that is enough."""
    tables: list[pa.Table] = []
    for rows in np.array_split(np.arange(len(block)), parts):
        tables.append(_fit(model, block.take(rows), limits, log, enough))
        if len(tables[-1]) < len(rows) or enough():
            break
    return pa.concat_tables(tables, promote_options="default")


def _told(table: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    """Return a table with what the engine says of its rows, before the model's columns."""
    kinds = {"traceback": pa.string(), "seconds": pa.float64(), "log": pa.string()}
    for name, kind in kinds.items():
        values = pa.array(columns.get(name, [None] * len(table)), kind)
        if name not in table.column_names:
            table = table.append_column(name, values)
        elif name in columns:
            table = table.set_column(table.column_names.index(name), name, values)
    return table


def _without_nan(table: pa.Table) -> pa.Table:
    """Fail the rows in which a model of others said `ok` and NaN."""
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
