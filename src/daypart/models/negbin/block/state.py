"""The state of a model: a block's rows as Arrow, from the arrays that the kernel filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.models.negbin.block import layout
from daypart.models.negbin.block import outputs as rows
from daypart.models.negbin.changes.dead_runs import CLOSURE, OPENING, OUTAGE, STEP
from daypart.models.negbin.checks.khat import UNRELIABLE
from daypart.models.negbin.checks.pit import PIT_COLUMNS
from daypart.models.negbin.configuration import FEWEST_WEEKS

if TYPE_CHECKING:
    from daypart.models.negbin.block.inputs import Placed
    from daypart.models.negbin.configuration import ModelSpecification

Bools = NDArray[np.bool_]

_KINDS = ("opening", "outage", "closure", "step")
"""Names of the kinds of `changes.dead_runs`."""
_CHANGE = {
    "kind": pa.string(),
    "from": pa.timestamp("s"),
    "to": pa.timestamp("s"),
    "size": pa.float32(),
}
"""A change in a series: its first hour and its end on the local clock (null where it lasts), and
how far it moved the level, in log households."""


def state_schema(model: ModelSpecification) -> pa.Schema:
    """Return the columns of a model's state."""
    vector = pa.list_(pa.float32())
    fields = {"status": pa.string(), "reason": pa.string()}
    fields |= {"hour_of_week_mean": vector, "hour_of_week_sd": vector, "level_sd": pa.float32()}
    fields |= {"week_mean": vector, "event": pa.list_(pa.string())}
    fields |= {"event_mean": vector, "event_sd": vector}
    nodes = ("node_weight", "node_week_scale", "node_walk_scale", "node_inv_phi")
    fields |= dict.fromkeys(nodes, vector)
    for name in model.configuration.hyperparameters:
        fields |= {f"{name}_mean": pa.float32(), f"{name}_sd": pa.float32()}
    fields |= {"observed_hours": pa.int32(), "mean_count": pa.float32()}
    fields |= {"newton_steps": pa.int32(), "evaluations": pa.int32()}
    fields |= {"gradient": pa.float32(), "skewness": pa.float32(), "inference": pa.string()}
    fields |= {"flags": pa.string(), **dict.fromkeys(PIT_COLUMNS, pa.float32())}
    fields |= {"change": pa.list_(pa.struct(list(_CHANGE.items())))}
    fields |= {"unusual_days": pa.int32(), "history_weeks": pa.int32()}
    if model.reports_khat:
        fields |= {"khat": pa.float32()}
    if model.pooling:
        names = pa.list_(pa.string())
        fields |= {"parents": names, "shared_sd": vector, "shared_event_sd": vector}
    return pa.schema(list(fields.items()))


def state_table(
    model: ModelSpecification,
    found: rows.Rows,
    outcomes: Sequence[tuple[str, str | None]],
    event_sd: NDArray[np.float64],
    placed: Placed,
) -> pa.Table:
    """Return a block's rows as a table; the model's columns are null unless `ok`.

    Parameters
    ----------
    model : ModelSpecification
    found : Rows
        What the kernel wrote, a row per partition.
    outcomes : sequence of (str, str or None)
        Status and reason of each partition.
    event_sd : float64 array, shape (parents, effects)
        How far partitions deviate from their parents in each event.
    placed : Placed
        The block as it was laid out.

    Returns
    -------
    pyarrow.Table
    """
    ok = found.status == rows.OK
    columns: dict[str, Any] = {
        "status": [status for status, _ in outcomes],
        "reason": [reason for _, reason in outcomes],
    }
    columns |= _field_columns(model, found, ok)
    columns |= _scale_columns(model, found, ok)
    columns |= _diagnostic_columns(found, ok)
    columns["change"] = _changes(found, placed.mondays, ok)
    columns |= {"unusual_days": placed.unusual, "history_weeks": found.history}
    if model.reports_khat:
        columns["khat"] = found.checks[:, 3]
    if model.pooling:
        columns |= _parent_columns(model, found, event_sd, ok)
    schema = state_schema(model)
    arrays = []
    for field in schema:
        values = columns[field.name]
        if isinstance(values, np.ndarray):
            values = pa.array(values, mask=~ok)
        elif isinstance(values, list):
            values = pa.array(values)
        arrays.append(values.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _lists(values: pa.Array, lengths: NDArray[np.int64], ok: Bools) -> pa.Array:
    """Return lists of the lengths given where `ok`, null elsewhere; `values` holds the former."""
    offsets = np.concatenate([[0], np.cumsum(np.where(ok, lengths, 0))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~ok))


def _led(table: NDArray[Any], lengths: NDArray[np.int64], ok: Bools) -> pa.Array:
    """Return the leading values of each row of a table as lists."""
    there = (np.arange(table.shape[1]) < lengths[:, None]) & ok[:, None]
    return _lists(pa.array(table[there]), lengths, ok)


def _field_columns(model: ModelSpecification, found: rows.Rows, ok: Bools) -> dict[str, Any]:
    hours, weeks = np.full(len(ok), 168), np.diff(found.week_start)
    names = pa.array(model.calendar.effects, pa.string())
    effect = _led(found.effect, found.effects, ok)
    return {
        "hour_of_week_mean": _led(found.hour_mean, hours, ok),
        "hour_of_week_sd": _led(found.hour_sd, hours, ok),
        "level_sd": found.level_sd,
        "week_mean": _lists(pa.array(found.week_mean[np.repeat(ok, weeks)]), weeks, ok),
        "event": _lists(names.take(effect.values), found.effects, ok),
        "event_mean": _led(found.event_mean, found.effects, ok),
        "event_sd": _led(found.event_sd, found.effects, ok),
    }


def _scale_columns(model: ModelSpecification, found: rows.Rows, ok: Bools) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "node_weight": _led(found.node[rows.WEIGHT], found.nodes, ok),
        "node_week_scale": _led(found.node[rows.WEEK_SCALE], found.nodes, ok),
        "node_walk_scale": _led(found.node[rows.WALK_SCALE], found.nodes, ok),
        "node_inv_phi": _led(found.node[rows.INV_PHI], found.nodes, ok),
    }
    for j, name in enumerate(model.configuration.hyperparameters):
        columns[f"{name}_mean"] = found.hyper[rows.NATURAL_MEAN, :, j]
        columns[f"{name}_sd"] = found.hyper[rows.NATURAL_SD, :, j]
    return columns


def _diagnostic_columns(found: rows.Rows, ok: Bools) -> dict[str, Any]:
    observed = found.report[:, layout.OBSERVED]
    inference = np.where(found.checks[:, 2] > 0.0, "full", "fast")
    return {
        "observed_hours": observed,
        "mean_count": found.report[:, layout.TOTAL] / np.maximum(observed, 1),
        "newton_steps": found.steps[:, 0],
        "evaluations": found.steps[:, 1],
        "gradient": found.checks[:, 0],
        "skewness": found.checks[:, 1],
        "inference": inference.astype(object),
        "flags": _flags(found),
    } | {name: found.pit[:, j] for j, name in enumerate(PIT_COLUMNS)}


def _changes(found: rows.Rows, mondays: NDArray[np.int64], ok: Bools) -> pa.Array:
    """Return what `_CHANGE` describes, in the order of time."""
    number = np.where(ok, found.changes, 0)
    row, place = np.nonzero(np.arange(found.change.shape[1]) < number[:, None])
    kind, begin, end, size = found.change[row, place].T
    order = np.lexsort([begin, row])
    seconds = mondays[row] * 86400
    columns = (
        pa.array(np.array(_KINDS, object)[kind.astype(np.int64)[order]], pa.string()),
        *(_local_stamps(seconds[order], hour[order]) for hour in (begin, end)),
        pa.array(size[order], from_pandas=True),
    )
    fields = [pa.field(name, kind) for name, kind in _CHANGE.items()]
    cast = [column.cast(field.type) for column, field in zip(columns, fields, strict=True)]
    return _lists(pa.StructArray.from_arrays(cast, fields=fields), number, ok)


def _local_stamps(seconds: NDArray[np.int64], hours: NDArray[np.float64]) -> pa.Array:
    """Return seconds plus hours as stamps without a zone, null where hours are NaN."""
    some = np.nan_to_num(hours).astype(np.int64)
    return pa.array(seconds + 3600 * some, pa.timestamp("s"), mask=np.isnan(hours))


def _flags(found: rows.Rows) -> NDArray[np.object_]:
    """Return the names of what is unusual about each partition, joined by commas."""
    observed, total, largest = (
        found.report[:, place] for place in (layout.OBSERVED, layout.TOTAL, layout.LARGEST)
    )
    there = np.arange(found.change.shape[1]) < found.changes[:, None]
    kinds = np.where(there, found.change[:, :, 0], -1)
    raised = {
        "all_zero": total == 0,
        "short": observed < FEWEST_WEEKS * 168,
        "spike": (total > 0) & (2 * largest > total),
        "sparse": (total > 0) & (total < 0.3 * observed),
        "gradient": found.checks[:, 0] > 0.3,
        "skewed": found.checks[:, 1] > 1.0,
        "khat": found.checks[:, 3] > UNRELIABLE,
        "outage": (kinds == OUTAGE).any(axis=1),
        "changed": np.isin(kinds, (OPENING, CLOSURE, STEP)).any(axis=1),
    }
    code = np.zeros(len(total), np.int64)
    for place, there in enumerate(raised.values()):
        code += there.astype(np.int64) << place
    texts = [
        ",".join(name for place, name in enumerate(raised) if number >> place & 1)
        for number in range(1 << len(raised))
    ]
    return np.array(texts, object)[code]


def _parent_columns(
    model: ModelSpecification, found: rows.Rows, event_sd: NDArray[np.float64], ok: Bools
) -> dict[str, Any]:
    """Return the names of the parents that priors came from, and what their partitions share."""
    parents = model.parents
    if parents is None or not parents.by_name:
        nothing = pa.nulls(len(ok), pa.list_(pa.null()))
        return dict.fromkeys(("parents", "shared_sd", "shared_event_sd"), nothing)
    pooled = ok & (found.parents > 0)
    names = pa.array(list(parents.by_name))
    number = _led(found.parent, found.parents, pooled)
    chosen = number.values.to_numpy()

    def taken(table: NDArray[np.float64]) -> pa.Array:
        """Return the parents' rows of a table, one after the other."""
        return _lists(pa.array(table[chosen].ravel()), table.shape[1] * found.parents, pooled)

    return {
        "parents": _lists(names.take(number.values), found.parents, pooled),
        "shared_sd": taken(parents.shared),
        "shared_event_sd": taken(event_sd),
    }
