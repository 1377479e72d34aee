"""One table as a relation of DuckDB: the columns of a file, and SQL for its rows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.location import Location, PathLike, location
from daypart.tables.conversions import arrow_copy, json_lines_copy, rows_copy, workbook_copy
from daypart.tables.formats import FileFormat, Header, format_of, header_of, open_bytes
from daypart.tables.local_copies import as_utf8, copied_batches, linked, local_file
from daypart.tables.options import GivenOptions, TableOptions, read_options
from daypart.tables.partitions import partition_values
from daypart.tables.sql import name_literal, text_literal
from daypart.wording import counted

_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class MappedTable:
    """A table with how it is written: what `mapped_table` returns.

    Parameters
    ----------
    source : path, rows or Arrow object
    options : TableOptions
    """

    source: PathLike | Iterable[Mapping[str, Any]]
    options: TableOptions


GivenTable = PathLike | Iterable[Mapping[str, Any]] | MappedTable
"""A file, rows, or an object with the Arrow PyCapsule interface (pandas, polars, Arrow)."""


def mapped_table(
    source: PathLike | Iterable[Mapping[str, Any]],
    mapping: GivenOptions = None,
    stamp_format: str | None = None,
) -> GivenTable:
    """Return a table with its names of columns, marks, encoding and format of stamps.

    Every function of daypart that reads a table takes the result: a rate card, a schedule, an
    as-run log, a calendar, households, markets, networks.

    Parameters
    ----------
    source : path, rows or Arrow object
    mapping : str, path or mapping, optional
        See `read_options`.
    stamp_format : str, optional
        Of stamps and days that are not ISO 8601, such as `%d/%m/%Y`.

    Examples
    --------
    >>> mapped_table("card.csv", "cpm=price,decimal=comma").options.decimal
    'comma'
    """
    if mapping is None and stamp_format is None:
        return source
    return MappedTable(source, read_options(mapping, stamp_format=stamp_format))


def source_of(given: GivenTable) -> PathLike | Iterable[Mapping[str, Any]]:
    """Return a table without how it is written."""
    return given.source if isinstance(given, MappedTable) else given


def options_of(given: GivenTable, options: TableOptions | None = None) -> TableOptions:
    """Return how a table is written: its own options, or else some others.

    Parameters
    ----------
    given : path, rows, Arrow object or MappedTable
    options : TableOptions, optional
    """
    return given.options if isinstance(given, MappedTable) else options or TableOptions()


@dataclass(frozen=True)
class Table:
    """A table, opened.

    Parameters
    ----------
    name : str
        As the user knows it: its path, or what it is.
    place : Location
        Its path; that of a copy of rows or of an object.
    types : mapping of str to str
        Column to DuckDB's type; every column of a text file is VARCHAR.
    file : Path
        A local file: UTF-8 text or Parquet.
    is_parquet : bool
    reader : str
        SQL of the rows.
    partitions : mapping of str to (str or None)
        Columns that the file lacks and its folders name (`market=501`).
    """

    name: str
    place: Location
    types: Mapping[str, str]
    file: Path
    is_parquet: bool
    reader: str
    partitions: Mapping[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def find(self, name: str) -> str | None:
        """Return the column of a name: exactly, or but for case and the spaces around it."""
        if name in self.types:
            return name
        folded = name.strip().casefold()
        return next((each for each in self.types if each.strip().casefold() == folded), None)

    def require(self, column: str, *, hint: str = "") -> str:
        """Return the column of a name.

        Parameters
        ----------
        column : str
        hint : str
            Added to the names of similar columns.

        Raises
        ------
        DaypartError
            When the table lacks it.
        """
        found = self.find(column)
        if found is None:
            raise DaypartError(
                f"{self.name}: no column {column!r}",
                hint=did_you_mean(column, self.types) + (f"; {hint}" if hint else ""),
            )
        return found

    def rows_sql(self, *, numbered: bool = False) -> str:
        """Return SQL for the rows; numbered, in order with `source_row`, from 1."""
        values = "".join(
            f", {'NULL' if value is None else text_literal(value)} AS {name_literal(name)}"
            for name, value in self.partitions.items()
        )
        if not numbered:
            return f"(SELECT *{values} FROM {self.reader})"
        if self.is_parquet:
            return (
                f"(SELECT file_row_number + 1 AS source_row, * EXCLUDE (file_row_number){values} "
                f"FROM {self.reader[:-1]}, file_row_number = true))"
            )
        return f"(SELECT row_number() OVER () AS source_row, *{values} FROM {self.reader})"


def open_table(
    connection: duckdb.DuckDBPyConnection,
    source: GivenTable,
    options: TableOptions,
    *,
    name: str = "",
) -> Table:
    """Open a file, rows or an Arrow object, and read its columns.

    A path is literal: no character in it has a meaning.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    source : path, iterable of mapping, or object with `__arrow_c_stream__`
        CSV, TSV (gzip, zstd), Parquet, Arrow, JSON lines or XLSX; `-` is standard input.
    options : TableOptions
    name : str
        What messages call it; a path by default.

    Returns
    -------
    Table

    Raises
    ------
    DaypartError
        For a missing, empty or unreadable file, and two columns whose names differ only in case.
    """
    options, source = options_of(source, options), source_of(source)
    if isinstance(source, str | os.PathLike):
        place = location(source)
        file, header = _readable(place, options)
        folders = partition_values(place)
        name = name or str(place)
    else:
        place = file = object_copy(source, name or "table")
        header, folders = None, {}
    if header is None:
        columns = _parquet_columns(file)
        reader = f"read_parquet({text_literal(str(file))}, hive_partitioning = false)"
    else:
        columns = header.names
        reader = _csv_reader(file, header)
    _check_distinct(name, columns)
    try:
        described = connection.sql(f"DESCRIBE SELECT * FROM {reader}").fetchall()
    except duckdb.Error as error:
        raise unreadable(name, error, is_parquet=header is None) from None
    types = {str(row[0]): str(row[1]) for row in described}
    known = {column.casefold() for column in types}
    more = {column: value for column, value in folders.items() if column.casefold() not in known}
    types |= dict.fromkeys(more, "VARCHAR")
    return Table(name, place, types, file, header is None, reader, more)


def name_of(source: GivenTable, what: str) -> str:
    """Return what messages call a table: its path, or what it is.

    Parameters
    ----------
    source : path, rows or Arrow object
    what : str
    """
    path = source_of(source)
    return str(path) if isinstance(path, str | os.PathLike) else what


def object_copy(source: Any, name: str) -> Path:
    """Copy rows or an Arrow object as a Parquet file.

    Parameters
    ----------
    source : iterable of mapping, or object with `__arrow_c_stream__`
    name : str
        What messages call it.
    """
    if not hasattr(source, "__arrow_c_stream__"):
        return rows_copy(source, name)
    import pyarrow as pa

    return copied_batches(pa.RecordBatchReader.from_stream(source), name)


def _readable(place: Location, options: TableOptions) -> tuple[Path, Header | None]:
    """Return a file that DuckDB reads: Parquet, or UTF-8 text with its header."""
    file = local_file(place)
    kind = format_of(file, place, options.encoding)
    opened = partial(open_bytes, file, kind.compression)
    if kind.name == "parquet":
        return linked(file, ".parquet"), None
    if kind.name == "arrow":
        return arrow_copy(file, place), None
    if kind.name == "xlsx":
        return workbook_copy(file, place), None
    if kind.name == "json_lines":
        return json_lines_copy(opened, kind.encoding, place), None
    if kind.encoding in ("utf-8", "utf-8-sig"):
        ending = {"none": ".csv", "gzip": ".csv.gz", "zstd": ".csv.zst"}[kind.compression]
        text = linked(file, ending)
    else:
        text, kind = as_utf8(opened, kind.encoding, place), FileFormat("text")
    with open_bytes(text, kind.compression) as stream:
        try:
            header = header_of(_first_text(stream.read(_HEADER_BYTES)))
        except UnicodeDecodeError as error:
            raise _not_utf8(str(place), str(error)) from None
    if not header.names:
        raise DaypartError(f"{place}: is empty")
    return text, header


def _first_text(head: bytes) -> str:
    """Decode the beginning of a text, whose last line may be cut."""
    end = head.rfind(b"\n") + 1
    return (head[:end] if end else head).decode()


def _csv_reader(file: Path, header: Header) -> str:
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in header.names)
    return (
        f"read_csv({text_literal(str(file))}, auto_detect = false, header = true, "
        f"quote = '\"', escape = '\"', delim = {text_literal(header.delimiter)}, "
        f"skip = {header.skipped}, hive_partitioning = false, columns = {{{columns}}})"
    )


def _parquet_columns(file: Path) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(file).names)
    except (pa.ArrowInvalid, OSError):
        return ()  # DuckDB's own error follows


def _check_distinct(name: str, columns: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for column in columns:
        before = seen.setdefault(column.strip().casefold(), column)
        if before != column:
            raise DaypartError(
                f"{name}: the columns {before!r} and {column!r} differ only in case or spaces",
                hint="rename one of them",
            )
    if len(seen) < len(list(columns)):
        twice = next(c for c in columns if list(columns).count(c) > 1)
        raise DaypartError(f"{name}: has the column {twice!r} twice", hint="rename one of them")


def _not_utf8(name: str, what: str) -> DaypartError:
    return DaypartError(
        f"{name}: is not UTF-8 ({what})",
        hint="give its encoding, such as encoding=windows-1252 or encoding=latin-1",
    )


@contextmanager
def reading(table: Table) -> Iterator[None]:
    """Turn an error of DuckDB while it reads a table into one that names the file.

    Raises
    ------
    DaypartError
        For what can't be read.
    """
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise unreadable(table.name, error, is_parquet=table.is_parquet) from None


def unreadable(name: str, error: Exception, *, is_parquet: bool) -> DaypartError:
    """Return the error for a file that DuckDB can't read.

    Parameters
    ----------
    name : str
        The file.
    error : Exception
    is_parquet : bool
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if is_parquet:
        return DaypartError(f"{name}: not a readable Parquet file ({lines[0][:160]})")
    line = re.search(r"Line: (\d+)", str(error))
    where = f"line {int(line[1]):,}" if line else "its bytes"
    if "nvalid unicode" in str(error) or "utf-8" in str(error).lower():
        return _not_utf8(name, where)
    found = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", str(error))
    if found:
        columns = counted(int(found[1]), "column")
        more = int(found[2]) > int(found[1])
        return DaypartError(
            f"{name}: {where}: has "
            + (f"more values than the {columns}" if more else f"{found[2]} of {columns}"),
            hint="put values that contain the delimiter into quotes",
        )
    what = next((text for text in lines if text.startswith("Expected")), lines[0])
    return DaypartError(f"{name}: not a readable CSV file ({where}: {what[:160]})")
