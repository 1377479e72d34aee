"""Formats that DuckDB does not read are copied as Parquet: Arrow, XLSX, JSON lines, rows."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from daypart.errors import DaypartError
from daypart.storage.location import Location
from daypart.tables.local_copies import copied_batches

_ROWS_AT_ONCE = 50_000


def arrow_copy(file: Path, place: Location) -> Path:
    """Copy an Arrow file or stream as Parquet.

    Parameters
    ----------
    file : Path
    place : Location
        For messages.
    """
    try:
        with pa.memory_map(str(file)) as source:
            if source.read(6) == b"ARROW1":
                reader = pa.ipc.open_file(source)
                batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
                stream = pa.RecordBatchReader.from_batches(reader.schema, batches)
            else:
                source.seek(0)
                stream = pa.ipc.open_stream(source)
            return copied_batches(stream, place)
    except (pa.ArrowInvalid, OSError) as error:
        raise DaypartError(f"{place}: not a readable Arrow file ({error})") from None


def json_lines_copy(opened: Callable[[], IO[bytes]], encoding: str, place: Location) -> Path:
    """Copy JSON lines as Parquet, all columns as text; numbers keep their digits.

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
        For a line that is not an object, or a value that is a list or an object.
    """
    with opened() as stream:
        names = dict.fromkeys(name for row in _objects(stream, encoding, place) for name in row)
    with opened() as stream:
        return _text_copy(_objects(stream, encoding, place), list(names), place)


def _objects(stream: IO[bytes], encoding: str, place: Location) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        for number, line in enumerate(io.TextIOWrapper(stream, encoding=encoding), start=1):
            if not line.strip("\ufeff \t\r\n"):
                continue
            row = json.loads(line.lstrip("\ufeff"), parse_int=str, parse_float=str)
            if not isinstance(row, dict):
                raise DaypartError(f"{place}: line {number:,} is not a JSON object")
            for name, value in row.items():
                if isinstance(value, list | dict):
                    raise DaypartError(
                        f"{place}: line {number:,}: {name} is a list or an object",
                        hint="give each value a column of its own",
                    )
            yield row
    except UnicodeDecodeError as error:
        raise DaypartError(f"{place}: is not {encoding} ({error})") from None
    except ValueError as error:
        raise DaypartError(f"{place}: line {number:,} is not JSON ({error})") from None


def rows_copy(rows: Iterable[Mapping[str, Any]], name: str) -> Path:
    """Copy rows as Parquet, all columns as text.

    Parameters
    ----------
    rows : iterable of mapping
    name : str
        For messages.
    """
    listed = list(rows)
    if not listed:
        raise DaypartError(f"{name}: the {name} is empty")
    names = dict.fromkeys(str(column) for row in listed for column in row)
    return _text_copy(listed, list(names), name)


def workbook_copy(file: Path, place: Location) -> Path:
    """Copy the first sheet of a workbook (XLSX) as Parquet, all columns as text.

    The first row that is not empty is the header. Rows without any value are left out.

    Parameters
    ----------
    file : Path
    place : Location
        For messages.

    Raises
    ------
    DaypartError
        Without the package openpyxl, or for a file that it can't read.
    """
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise DaypartError(
            f"{place}: reading .xlsx needs the package openpyxl",
            hint="pip install 'daypart[xlsx]', or save the sheet as CSV",
        ) from None
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        cells = [
            row for row in sheet.iter_rows(values_only=True) if any(v is not None for v in row)
        ]
        book.close()
    except Exception as error:
        raise DaypartError(f"{place}: not a readable workbook ({error})") from None
    if not cells:
        raise DaypartError(f"{place}: is empty")
    header = ["" if value is None else str(value).strip() for value in cells[0]]
    while header and not header[-1]:
        header.pop()
    names = [name or f"column {number}" for number, name in enumerate(header, start=1)]
    return _text_copy((dict(zip(names, row, strict=False)) for row in cells[1:]), names, place)


def _text_copy(rows: Iterable[Mapping[str, Any]], names: list[str], place: object) -> Path:
    if not names:
        raise DaypartError(f"{place}: is empty")
    schema = pa.schema([(name, pa.string()) for name in names])
    remaining = iter(rows)

    def batches() -> Iterator[pa.RecordBatch]:
        while some := list(islice(remaining, _ROWS_AT_ONCE)):
            columns = [[_as_text(row.get(name)) for row in some] for name in names]
            arrays = [pa.array(column, pa.string()) for column in columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return copied_batches(pa.RecordBatchReader.from_batches(schema, batches()), place)


def _as_text(value: Any) -> str | None:
    """Return a value as the text that a CSV file would have."""
    if value is None:
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ";".join(str(each) for each in value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
