"""Tables that are written piece by piece, as Parquet or CSV, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from daypart.errors import DaypartError
from daypart.storage import Location, PathLike, atomic_path, location, make_folder

if TYPE_CHECKING:
    import pyarrow as pa

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
    """Write tables one after the other into one file; return the number of rows."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    rows = 0
    with atomic_path(out) as path:
        writer = (
            pq.ParquetWriter(path, schema, compression="zstd")
            if out.suffix == ".parquet"
            else pc.CSVWriter(path, schema)
        )
        with writer:
            for table in tables:
                writer.write_table(table)
                rows += len(table)
    return rows
