"""What a file is, by its first bytes: its format, compression and encoding."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import pyarrow as pa

from daypart.errors import DaypartError
from daypart.storage.location import Location

Format = Literal["parquet", "arrow", "xlsx", "json_lines", "text"]

ENDINGS = (
    *(".parquet", ".arrow", ".feather"),
    *(
        f"{kind}{packed}"
        for kind in (".csv", ".tsv", ".jsonl", ".ndjson")
        for packed in ("", ".gz", ".zst")
    ),
)
"""Names of the files that a folder contributes."""

_HEAD_BYTES = 1 << 16
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_PACKED = {".gz": "gzip", ".zst": "zstd"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS = (",", ";", "\t", "|")
_DECLARED = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True)
class FileFormat:
    """What a file is.

    Parameters
    ----------
    name : {"parquet", "arrow", "xlsx", "json_lines", "text"}
    compression : {"none", "gzip", "zstd"}
        Of the whole file.
    encoding : str
        Of text; `utf-8-sig` is UTF-8 with a byte order mark.
    """

    name: Format
    compression: str = "none"
    encoding: str = "utf-8"


def format_of(file: Path, place: Location, encoding: str) -> FileFormat:
    """Return what a file is.

    Parameters
    ----------
    file : Path
        The local file.
    place : Location
        As the user knows it, for messages.
    encoding : str
        Of text without a byte order mark.

    Raises
    ------
    DaypartError
        For an empty file, or one of another format.
    """
    with file.open("rb") as stream:
        start = stream.read(4)
    compression = next((c for magic, c in _COMPRESSIONS.items() if start.startswith(magic)), "none")
    named = next((c for end, c in _PACKED.items() if place.name.endswith(end)), compression)
    if named != compression:
        raise DaypartError(f"{place}: not a readable {named} file")
    head = _head(file, compression, place)
    if not head:
        raise DaypartError(f"{place}: is empty")
    binary: tuple[tuple[bytes, Format], ...] = (
        (b"PAR1", "parquet"),
        (b"ARROW1", "arrow"),
        (b"\xff\xff\xff\xff", "arrow"),
        (b"PK\x03\x04", "xlsx"),
    )
    for magic, name in binary:
        if head.startswith(magic):
            return FileFormat(name, compression)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise DaypartError(f"{place}: is an old Excel file (.xls)", hint="save it as .xlsx or CSV")
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), encoding)
    if place.name.endswith(".parquet"):
        raise DaypartError(f"{place}: not a readable Parquet file (its first bytes are not PAR1)")
    if b"\0" in head and "16" not in marked and "32" not in marked:
        raise DaypartError(
            f"{place}: is neither a table as text nor Parquet, Arrow or XLSX",
            hint="for UTF-16 without a byte order mark give encoding=utf-16-le",
        )
    text = head.decode(marked, errors="ignore").lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        raise DaypartError(f"{place}: is a JSON array", hint="write one object a line")
    return FileFormat("json_lines" if text.startswith("{") else "text", compression, marked)


def _head(file: Path, compression: str, place: Location) -> bytes:
    try:
        with open_bytes(file, compression) as stream:
            return bytes(stream.read(_HEAD_BYTES))
    except (OSError, EOFError, zlib.error, pa.ArrowInvalid) as error:
        raise DaypartError(f"{place}: not a readable {compression} file ({error})") from None


def open_bytes(file: Path, compression: str) -> IO[bytes]:
    """Open a file's bytes, decompressed.

    Parameters
    ----------
    file : Path
    compression : {"none", "gzip", "zstd"}
    """
    if compression == "none":
        return file.open("rb")
    return io.BufferedReader(pa.input_stream(str(file), compression=compression))


@dataclass(frozen=True)
class Header:
    """The first line of a table as text.

    Parameters
    ----------
    delimiter : str
    names : tuple of str
        Of the columns, trimmed; a column without a name is called by its position.
    skipped : int
        Lines before it (`sep=;`).
    """

    delimiter: str
    names: tuple[str, ...]
    skipped: int


def header_of(text: str) -> Header:
    r"""Return the header that a text begins with; the delimiter is the most frequent mark.

    Parameters
    ----------
    text : str
        The beginning of the table.

    Examples
    --------
    >>> header_of('market;"cpm, $";\n501;2,5;\n')
    Header(delimiter=';', names=('market', 'cpm, $', 'column 3'), skipped=0)
    """
    text = text.lstrip("\ufeff")
    skipped, delimiter = 0, ""
    if declared := _DECLARED.match(text):  # Excel's own first line
        skipped, delimiter, text = 1, declared[1], text[declared.end() :]
    delimiter = delimiter or _delimiter_of(text)
    names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    return Header(
        delimiter,
        tuple(name.strip() or f"column {number}" for number, name in enumerate(names, start=1)),
        skipped,
    )


def _delimiter_of(text: str) -> str:
    """Return the most frequent delimiter outside quotes in the first line."""
    counts, quoted = dict.fromkeys(_DELIMITERS, 0), False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif character in "\r\n" and not quoted:
            break
        elif character in counts and not quoted:
            counts[character] += 1
    return max(_DELIMITERS, key=lambda each: counts[each])
