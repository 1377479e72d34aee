"""Parquet tables, read and written whole or by columns."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.types as types

from daypart.errors import DamagedFile, DaypartError
from daypart.storage import s3
from daypart.storage.columns import check_columns
from daypart.storage.files import atomic_path, kept_copy
from daypart.storage.location import Location, PathLike, location
from daypart.storage.s3_path import S3Path
from daypart.storage.seals import check_seal, seal

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_T = TypeVar("_T")
_READ_AT_ONCE = 16
_VERIFIED = {"page_checksum_verification": True}
"""A flipped bit in a page is an error; pages that others wrote have no checksums."""
_END_BYTES = 1 << 20
"""Bytes read from the end of a file on S3 first: small files come in one request."""


def write_table(target: PathLike, table: pa.Table, *, row_group_rows: int | None = None) -> None:
    """Write an Arrow table as Parquet (zstd), atomically.

    Parameters
    ----------
    target : path-like
    table : pyarrow.Table
    row_group_rows : int, optional
        Rows of a row group; pyarrow's own number by default.
    """
    with table_writer(target, table.schema) as writer:
        writer.write_table(table, row_group_size=row_group_rows)


@contextmanager
def table_writer(target: PathLike, schema: pa.Schema, **options: Any) -> Iterator[pq.ParquetWriter]:
    """Open a Parquet file (zstd) that appears whole if the block ends without an error.

    Its pages have checksums, and its footer a seal.

    Floating-point columns get no dictionary: their values rarely recur, and a dictionary costs
    most of the time of writing them and a third of their size.

    Parameters
    ----------
    target : path-like
    schema : pyarrow.Schema
    **options
        Of `pyarrow.parquet.ParquetWriter`, such as `store_schema`.

    Yields
    ------
    pyarrow.parquet.ParquetWriter

    Raises
    ------
    DaypartError
        When the file can't be written.
    """
    import pyarrow.parquet as pq  # a task's first process reads no Parquet

    coded = [leaf for field in schema for leaf in _coded_leaves(field.name, field.type)]
    fixed = {"compression": "zstd", "use_dictionary": coded, "write_page_checksum": True}
    with atomic_path(target) as path:
        with pq.ParquetWriter(path, schema, **fixed, **options) as writer:
            yield writer
        seal(path, pages=False)


def _coded_leaves(path: str, kind: pa.DataType) -> list[str]:
    """Return the paths of a column's leaves that get a dictionary."""
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _coded_leaves(f"{path}.list.element", kind.value_type)
    if types.is_struct(kind):
        return [
            leaf for child in kind for leaf in _coded_leaves(f"{path}.{child.name}", child.type)
        ]
    return [] if types.is_floating(kind) else [path]


@contextmanager
def open_parquet(source: PathLike, *, own: bool = False) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; from S3, only the parts that are read are downloaded.

    Parameters
    ----------
    source : path-like
    own : bool
        Refuse a file that daypart did not write.

    Raises
    ------
    DaypartError
        When the file is missing or can't be read.
    DamagedFile
        When it is not a whole Parquet file.
    """
    import pyarrow.parquet as pq

    path = location(source)
    try:
        if isinstance(path, S3Path):
            remote = _ObjectFile(path)
            _check(remote, path, own=own)
            with pq.ParquetFile(remote, pre_buffer=True, **_VERIFIED) as file:
                yield file
        else:
            with path.open("rb") as opened:
                _check(opened, path, own=own)
            with pq.ParquetFile(path, **_VERIFIED) as file:
                yield file
    except FileNotFoundError:
        raise DaypartError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        # Arrow's own errors of damaged files are of OSError without a number, too.
        failed = isinstance(error, OSError) and error.errno is not None
        kind = DaypartError if failed else DamagedFile
        raise kind(f"{path}: not a readable Parquet file ({first_line})") from None


def _check(file: Any, path: Location, *, own: bool) -> None:
    if not check_seal(file, path) and own:
        raise DamagedFile(f"{path}: was not written by daypart", hint="remove it")


def checked_copy(source: PathLike, schema: pa.Schema) -> Path:
    """Return a local path with the content of a Parquet file, for readers that check nothing.

    For an object on S3 it is a temporary copy.

    Parameters
    ----------
    source : path-like
    schema : pyarrow.Schema
        Columns that it must have; their values are not checked.

    Raises
    ------
    DaypartError
        When the file is missing or can't be read.
    DamagedFile
        When it is not a whole Parquet file, does not match its seal, or a column is missing or
        of another type.
    """
    path = kept_copy(source)
    with open_parquet(path) as file:
        check_columns(file.schema_arrow.empty_table(), schema, location(source))
    return path


def read_table(source: PathLike, columns: Sequence[str] | pa.Schema | None = None) -> pa.Table:
    """Read a Parquet file.

    Parameters
    ----------
    source : path-like
    columns : sequence of str or pyarrow.Schema, optional
        The columns to read; all by default. Those of a schema are checked.

    Raises
    ------
    DaypartError
        When the file is missing or can't be read.
    DamagedFile
        When it is truncated, lacks a column, or a column is not as in the schema.
    """
    if isinstance(columns, pa.Schema):
        table = _read(source, columns.names)
        check_columns(table, columns, location(source))
        return table
    return _read(source, columns)


def _read(source: PathLike, columns: Sequence[str] | None, *, own: bool = False) -> pa.Table:
    with open_parquet(source, own=own) as file:
        missing = sorted(set(columns or ()) - set(file.schema_arrow.names))
        if missing:
            raise DamagedFile(
                f"{location(source)}: no column {missing[0]!r}",
                hint=f"it has: {', '.join(file.schema_arrow.names)}",
            )
        return file.read(columns=list(columns) if columns is not None else None)


def read_tables(
    sources: Sequence[PathLike], columns: Sequence[str] | pa.Schema | None = None
) -> Iterator[pa.Table]:
    """Read Parquet files in the given order; those on S3 several at a time.

    Parameters
    ----------
    sources : sequence of path-like
    columns : sequence of str or pyarrow.Schema, optional
        As of `read_table`.

    Yields
    ------
    pyarrow.Table

    Raises
    ------
    DaypartError
        As `read_table`.
    """
    return _each(sources, lambda place: read_table(place, columns))


def read_whole_tables(
    sources: Sequence[PathLike], columns: Sequence[str] | None = None
) -> Iterator[pa.Table | None]:
    """Read Parquet files as `read_tables`, with None in place of each that is damaged.

    Files that daypart did not write count as damaged.
    """

    def read(place: Location) -> pa.Table | None:
        try:
            return _read(place, columns, own=True)
        except DamagedFile:
            return None

    return _each(sources, read)


def _each(sources: Sequence[PathLike], read: Callable[[Location], _T]) -> Iterator[_T]:
    places = [location(source) for source in sources]
    if all(isinstance(place, Path) for place in places):
        yield from map(read, places)
        return
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        # In batches: the tables read ahead of the caller stay bounded.
        for start in range(0, len(places), 2 * _READ_AT_ONCE):
            yield from pool.map(read, places[start : start + 2 * _READ_AT_ONCE])


class _ObjectFile(io.RawIOBase):
    """An object on S3 as a file: its end is downloaded at once, the rest when it is read."""

    def __init__(self, path: S3Path) -> None:
        super().__init__()
        self._path = path
        self._end, stat = s3.get_end(path.bucket, path.key, _END_BYTES)
        self._size, self._etag = stat.st_size, stat.etag
        self._position = 0

    def size(self) -> int:
        return self._size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        start = min(self._position, self._size)
        end = self._size if size < 0 else min(start + size, self._size)
        self._position = end
        end_starts = self._size - len(self._end)
        if start >= end_starts or start == end:
            return self._end[start - end_starts : end - end_starts] if start < end else b""
        return s3.get_range(self._path.bucket, self._path.key, start, end, self._etag)
