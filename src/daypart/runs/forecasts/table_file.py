"""Tables that are written piece by piece, as Parquet or CSV, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from daypart.errors import DaypartError
from daypart.storage.csv_tables import csv_writer
from daypart.storage.files import make_folder
from daypart.storage.location import Location, PathLike, location
from daypart.storage.tables import table_writer

_SUFFIXES = (".parquet", ".csv")


def check_table_file(out: PathLike) -> Location:
    """Check that a table can be written to a file, and make its folder.

    Raises
    ------
    DaypartError
        For another suffix than `.parquet` or `.csv`, or an unwritable folder.
    """
    path = location(out)
    if path.suffix not in _SUFFIXES:
        raise DaypartError(f"{path}: not a name of a table", hint="end it in .parquet or .csv")
    make_folder(path.parent)
    return path


def write_tables(out: Location, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Write tables one after the other into one file; return the number of rows.

    Parameters
    ----------
    out : Location
        Its suffix is `.parquet` or `.csv`.
    schema : pyarrow.Schema
    tables : iterable of pyarrow.Table
    """
    rows = 0
    with (
        table_writer(out, schema) if out.suffix == ".parquet" else csv_writer(out, schema) as writer
    ):
        for table in tables:
            writer.write_table(table)
            rows += len(table)
    return rows
