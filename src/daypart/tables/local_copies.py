"""A local file under a plain name for every input: UTF-8 text or Parquet, read once.

DuckDB expands patterns and reads folder names (`y=2024`) in the paths that it is given. It gets
links and copies in a temporary folder of this process instead, whose names hold neither.
"""

from __future__ import annotations

import codecs
import itertools
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, Any

from daypart.errors import DaypartError
from daypart.storage.files import kept_copy
from daypart.storage.location import Location

STANDARD_INPUT = "-"
_COPY_BYTES = 1 << 20
_numbers = itertools.count()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="daypart-tables-")


def new_copy(ending: str) -> Path:
    """Return a new path in this process's temporary folder.

    Parameters
    ----------
    ending : str
        Such as `.parquet`.
    """
    return Path(_folder().name) / f"{next(_numbers)}{ending}"


def local_file(place: Location) -> Path:
    """Return a local path of an input: itself, or a copy of an object, a pipe or standard input.

    Raises
    ------
    DaypartError
        For a missing file, a folder or a device.
    """
    if not isinstance(place, Path):
        return kept_copy(place)
    if str(place) == STANDARD_INPUT:
        return _copied_stream("standard input")
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        raise DaypartError(f"{place}: no such file") from None
    except OSError as error:
        raise DaypartError(f"{place}: can't be read ({error.strerror})") from None
    if stat.S_ISFIFO(mode):
        return _copied_stream(str(place))
    if stat.S_ISDIR(mode):
        raise DaypartError(f"{place}: is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise DaypartError(f"{place}: is a device, not a file", hint="give a file or a pipe")
    if not os.access(place, os.R_OK):
        raise DaypartError(f"{place}: can't be read (permission denied)")
    return place


@cache
def _copied_stream(name: str) -> Path:
    """Copy a stream, which can be read only once."""
    target = new_copy(".stream")
    with target.open("wb") as file:
        if name == "standard input":
            shutil.copyfileobj(sys.stdin.buffer, file, _COPY_BYTES)
        else:
            with Path(name).open("rb") as stream:
                shutil.copyfileobj(stream, file, _COPY_BYTES)
    return target


@cache
def linked(file: Path, ending: str) -> Path:
    """Return a link to a file under a plain name.

    Parameters
    ----------
    file : Path
    ending : str
    """
    link = new_copy(ending)
    link.symlink_to(file.resolve())
    return link


def as_utf8(opened: Callable[[], IO[bytes]], encoding: str, place: Location) -> Path:
    """Copy a text of another encoding as UTF-8.

    Parameters
    ----------
    opened : function
        Opens the bytes.
    encoding : str
    place : Location
        For messages.

    Raises
    ------
    DaypartError
        For bytes that the encoding has not.
    """
    target = new_copy(".csv")
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with opened() as source, target.open("w", encoding="utf-8", newline="") as file:
            while block := source.read(_COPY_BYTES):
                file.write(decoder.decode(block))
            file.write(decoder.decode(b"", final=True))
    except UnicodeError as error:
        raise DaypartError(
            f"{place}: is not {encoding} ({error.__class__.__name__}: {error})",
            hint="give the encoding of the file, such as encoding=windows-1252",
        ) from None
    return target


def copied_batches(batches: Any, place: object) -> Path:
    """Write the batches of an Arrow stream as Parquet, one at a time.

    Parameters
    ----------
    batches : pyarrow.RecordBatchReader
    place : object
        For messages.

    Raises
    ------
    DaypartError
        For a column of a type that Parquet has not.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = new_copy(".parquet")
    schema = pa.schema([field.with_type(_plain_type(field.type)) for field in batches.schema])
    try:
        with pq.ParquetWriter(target, schema) as writer:
            for batch in batches:
                writer.write_table(pa.Table.from_batches([batch]).cast(schema))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OSError) as error:
        raise DaypartError(f"{place}: not readable ({str(error).splitlines()[0]})") from None
    return target


def _plain_type(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return pa.string()
    return kind
