"""The files that ingest reads, and their columns as DuckDB sees them."""

from __future__ import annotations

import csv
import glob
import gzip
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.files import is_temporary, kept_copy
from daypart.storage.location import Location, PathLike, location
from daypart.storage.s3_path import S3Path

_ENDINGS = (".parquet", ".csv", ".csv.gz")
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Source:
    """One Parquet or CSV file with the types of its columns.

    Parameters
    ----------
    path : Location
        As the user knows it.
    types : mapping of str to str
        Column to DuckDB's type; every column of a CSV file is text unless opened as `typed`.
    file : Path
        The local file: itself, or a copy of an object on S3.
    """

    path: Location
    types: Mapping[str, str]
    file: Path

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file."""
        return self.path.name.endswith(".parquet")

    def require(self, column: str, *, hint: str = "") -> None:
        """Raise unless the file has a column.

        Parameters
        ----------
        column : str
        hint : str
            Added to the names of similar columns.
        """
        if column not in self.types:
            raise DaypartError(
                f"{self.path}: no column {column!r}",
                hint=did_you_mean(column, self.types) + (f"; {hint}" if hint else ""),
            )

    def numbered_rows_sql(self) -> str:
        """Return SQL for the rows with `source_row`, the number of the data row from 1."""
        if self.is_parquet:
            return (
                "(SELECT file_row_number + 1 AS source_row, * EXCLUDE (file_row_number) "
                f"FROM read_parquet({text_literal(str(self.file))}, file_row_number = true))"
            )
        return f"(SELECT row_number() OVER () AS source_row, * FROM {self.rows_as_text_sql()})"

    def rows_as_text_sql(self) -> str:
        """Return SQL for the rows in any order, the columns of a CSV file as text."""
        if self.is_parquet:
            return f"read_parquet({text_literal(str(self.file))})"
        columns = ", ".join(f"{text_literal(n)}: 'VARCHAR'" for n in _csv_header(self.file)[1])
        return f"read_csv({_csv_options(self.file)}, auto_detect = false, columns = {{{columns}}})"

    def rows_sql(self, text_columns: Sequence[str] = ()) -> str:
        """Return SQL for the rows with typed columns, except for those read as text."""
        if self.is_parquet:
            return f"read_parquet({text_literal(str(self.file))})"
        texts = [f"{text_literal(name)}: 'VARCHAR'" for name in text_columns if name in self.types]
        return f"read_csv({_csv_options(self.file)}, types = {{{', '.join(texts)}}})"


def find_files(events: PathLike | Sequence[PathLike]) -> list[Location]:
    """Return the Parquet and CSV files of paths, globs and folders, each once.

    Parameters
    ----------
    events : path or sequence of paths
        A folder contributes all such files in it, at any depth.

    Returns
    -------
    list of Location
        Sorted within each folder and glob.

    Raises
    ------
    DaypartError
        When a path has no file, or a file is of another kind or empty.

    Examples
    --------
    >>> find_files("/nowhere/*.parquet")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/*.parquet: no such file
    """
    named = [events] if isinstance(events, str | os.PathLike) else list(events)
    if not named:
        raise DaypartError("no events are given", hint="give files, globs or folders")
    found: dict[Location, None] = {}
    for name in named:
        found.update(dict.fromkeys(_files_of(location(name))))
    for path in found:
        _check_kind(path)
    return list(found)


def _files_of(path: Location) -> list[Location]:
    if path.is_file():
        return [path]
    if path.is_dir():
        below = sorted(p for p in path.rglob("*") if p.name.endswith(_ENDINGS))
        files: list[Location] = [file for file in below if _is_whole(file)]
        if not files:
            raise DaypartError(f"{path}: no Parquet or CSV file in this folder")
        return files
    matched = _matched_by(path)
    if not matched:
        raise DaypartError(f"{path}: no such file")
    return [file for match in matched for file in _files_of(match)]


def _is_whole(file: Location) -> bool:
    return isinstance(file, S3Path) or (file.is_file() and not is_temporary(file))


def _matched_by(pattern: Location) -> list[Location]:
    """Return the matches of a glob; on S3 only the last part of the key may be one."""
    if isinstance(pattern, S3Path):
        return list(pattern.parent.glob(pattern.name))
    found = glob.glob(str(pattern), recursive=True)  # noqa: PTH207 - the pattern is absolute
    return [Path(match) for match in sorted(found)]


def open_source(
    connection: duckdb.DuckDBPyConnection, path: PathLike, *, typed: bool = False
) -> Source:
    """Open a file and read its columns.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    path : path
    typed : bool
        Let DuckDB detect the types of a CSV file's columns; otherwise all are text.

    Raises
    ------
    DaypartError
        For a missing, empty or unreadable file.
    """
    place = location(path)
    if not place.is_file():
        raise DaypartError(f"{place}: no such file")
    _check_kind(place)
    source = Source(place, {}, kept_copy(place))
    reader = source.rows_sql() if typed else source.rows_as_text_sql()
    try:
        described = connection.sql(f"DESCRIBE SELECT * FROM {reader}").fetchall()
    except duckdb.Error as error:
        raise unreadable(place, error) from None
    return replace(source, types={str(row[0]): str(row[1]) for row in described})


def _check_kind(path: Location) -> None:
    if not path.name.endswith(_ENDINGS):
        raise DaypartError(
            f"{path}: is neither Parquet nor CSV", hint=f"give {', '.join(_ENDINGS)}"
        )
    if path.stat().st_size == 0:
        raise DaypartError(f"{path}: is empty")


def unreadable(path: Location, error: Exception) -> DaypartError:
    """Return the error for a file that DuckDB can't read.

    Parameters
    ----------
    path : Location
    error : Exception
    """
    kind = "Parquet" if path.name.endswith(".parquet") else "CSV"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if kind == "CSV" and (line := re.search(r"Line: (\d+)", str(error))):
        what = next((text for text in lines if text.startswith("Expected")), "not readable")
        return DaypartError(f"{path}: not a readable CSV file (line {line[1]}: {what[:160]})")
    return DaypartError(f"{path}: not a readable {kind} file ({lines[0][:160]})")


def text_literal(text: str) -> str:
    """Return a text as an SQL literal.

    Examples
    --------
    >>> text_literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def name_literal(name: str) -> str:
    """Return a column's name as an SQL identifier.

    Examples
    --------
    >>> name_literal("end")
    '"end"'
    """
    return '"' + name.replace('"', '""') + '"'


def _csv_options(path: Path) -> str:
    """Return the options for reading a CSV file: header, quotes, delimiter."""
    return (
        f"{text_literal(str(path))}, header = true, quote = '\"', escape = '\"', "
        f"delim = {text_literal(_csv_header(path)[0])}"
    )


def _csv_header(path: Path) -> tuple[str, list[str]]:
    """Return a CSV file's delimiter and the names of its columns."""
    opened = gzip.open if path.name.endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            line = file.readline()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DaypartError(f"{path}: not a readable CSV file ({error})") from None
    delimiter = max(_DELIMITERS, key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    if len({name.lower() for name in names}) < len(names):
        raise DaypartError(f"{path}: has a column twice", hint=f"its header is {line.strip()}")
    return delimiter, names
