"""Check the columns of a table against a declared schema, before anything believes them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from daypart.errors import DamagedFile
from daypart.storage.location import Location


def check_columns(table: pa.Table, schema: pa.Schema, file: Location) -> None:
    """Check a table's columns.

    Parameters
    ----------
    table : pyarrow.Table
        May have further columns.
    schema : pyarrow.Schema
        Fields that are not nullable must have neither nulls nor, of floating-point columns,
        numbers that are not finite.
    file : Location
        For the message.

    Raises
    ------
    DamagedFile
        Naming the file and the first column that is missing, double, of another type, or has a
        value that it must not have.

    Examples
    --------
    >>> schema = pa.schema([pa.field("minutes", pa.float32(), nullable=False)])
    >>> check_columns(pa.table({"minutes": pa.array([1.0], pa.float32())}), schema, "panel.parquet")
    >>> check_columns(pa.table({"minutes": ["x"]}), schema, "panel.parquet")
    Traceback (most recent call last):
    ...
    daypart.errors.DamagedFile: panel.parquet: column 'minutes' is string, not float; \
restore the file from a copy, or make it again
    """
    for field in schema:
        fault = _fault(table, field)
        if fault:
            raise DamagedFile(
                f"{file}: {fault}", hint="restore the file from a copy, or make it again"
            )


def _fault(table: pa.Table, field: pa.Field) -> str | None:
    found = table.schema.get_all_field_indices(field.name)
    if len(found) != 1:
        return f"has {len(found)} columns {field.name!r}" if found else f"no column {field.name!r}"
    column = table.column(found[0])
    if not _alike(column.type, field.type):
        return f"column {field.name!r} is {column.type}, not {field.type}"
    if field.nullable:
        return None
    if column.null_count:
        return f"column {field.name!r} has no value in {column.null_count} of its rows"
    if types.is_floating(column.type) and not pc.all(pc.is_finite(column)).as_py() and len(column):
        return f"column {field.name!r} has a value that is not a finite number"
    return None


def _alike(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether a type is another one but for its width."""
    if types.is_list(wanted):
        return types.is_list(found) and _alike(found.value_type, wanted.value_type)
    same = (types.is_integer, types.is_floating, types.is_timestamp, types.is_date)
    return found == wanted or any(kind(found) and kind(wanted) for kind in same)
