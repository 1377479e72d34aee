"""CSV files: rows and Arrow tables written so that no spreadsheet takes a text for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.types as types

from daypart.storage.files import atomic_path, write_text
from daypart.storage.location import PathLike

if TYPE_CHECKING:
    from pyarrow.csv import CSVWriter

_FORMULA = r"^[=+\-@\t\r]"
"""How a text begins that a spreadsheet may evaluate."""
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def csv_text(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    *,
    decimals: int | None = None,
) -> str:
    r"""Return rows as the text of a CSV file.

    A text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return and is not a number gets
    an apostrophe before it, by which spreadsheets know texts.

    Parameters
    ----------
    rows : iterable of mapping
        Column names to values. None and a missing value are empty fields.
    columns : sequence of str, optional
        All columns, in their order; by default in order of first appearance.
    decimals : int, optional
        Round floating-point numbers to this many decimals.

    Raises
    ------
    ValueError
        When a row has a column that `columns` lacks.

    Examples
    --------
    >>> csv_text([{"network": "A, B", "cost": 2.50000001}], decimals=6)
    'network,cost\n"A, B",2.5\n'
    >>> csv_text([{"network": "=1+1", "change": "-3.5"}])
    "network,change\n'=1+1,-3.5\n"
    """
    listed = list(rows)
    text = io.StringIO()
    names = columns or list(dict.fromkeys(name for row in listed for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writerow({name: _cell(name, None) for name in names})
    for row in listed:
        writer.writerow({name: _cell(value, decimals) for name, value in row.items()})
    return text.getvalue()


def write_csv(
    target: PathLike,
    rows: pa.Table | Iterable[Mapping[str, Any]],
    columns: Sequence[str] | None = None,
    *,
    decimals: int | None = None,
) -> None:
    """Write an Arrow table or rows as CSV, atomically, as `csv_text`.

    Parameters
    ----------
    target : path-like
    rows : pyarrow.Table or iterable of mapping
    columns : sequence of str, optional
    decimals : int, optional
        As `csv_text`; for rows only.

    Raises
    ------
    DaypartError
        When the file can't be written.
    """
    if isinstance(rows, pa.Table):
        with csv_writer(target, rows.schema) as writer:
            writer.write_table(rows)
    else:
        write_text(target, csv_text(rows, columns, decimals=decimals))


@dataclass(frozen=True)
class TextSafeWriter:
    """Writes tables of one schema into a CSV file."""

    writer: CSVWriter

    def write_table(self, table: pa.Table) -> None:
        """Write the rows of a table."""
        for number, field in enumerate(table.schema):
            if types.is_string(field.type) or types.is_large_string(field.type):
                escaped = _escaped(table.column(number))
                table = table.set_column(number, field, escaped)
        self.writer.write_table(table)


@contextmanager
def csv_writer(target: PathLike, schema: pa.Schema) -> Iterator[TextSafeWriter]:
    """Open a CSV file that appears whole if the block ends without an error.

    Parameters
    ----------
    target : path-like
    schema : pyarrow.Schema

    Yields
    ------
    TextSafeWriter

    Raises
    ------
    DaypartError
        When the file can't be written.
    """
    from pyarrow import csv as arrow_csv

    options = arrow_csv.WriteOptions(quoting_style="needed")
    with (
        atomic_path(target) as path,
        arrow_csv.CSVWriter(path, schema, write_options=options) as writer,
    ):
        yield TextSafeWriter(writer)


def _cell(value: Any, decimals: int | None) -> Any:
    if isinstance(value, str):
        risky = re.match(_FORMULA, value) and not re.match(_NUMBER, value)
        line = value.replace("\r\n", "\n").replace("\r", "\n")  # the library quotes these only
        return f"'{line}" if risky else line
    if isinstance(value, float) and decimals is not None:
        return round(value, decimals)
    return value


def _escaped(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    risky = pc.match_substring_regex(texts, _FORMULA)
    if not pc.any(risky).as_py():
        return texts
    number = pc.match_substring_regex(texts, _NUMBER)
    marked = pc.binary_join_element_wise(
        pa.scalar("'", texts.type), texts, pa.scalar("", texts.type)
    )
    return pc.if_else(pc.and_(risky, pc.invert(number)), marked, texts)
