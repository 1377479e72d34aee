"""Read a calendar of named events from a file, and hold it against a store's partitions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from daypart.errors import DaypartError, did_you_mean
from daypart.models.events.events import FIELDS, parse_events
from daypart.series.key_columns import find_key_column
from daypart.series.store import SeriesStore
from daypart.storage.files import read_toml
from daypart.storage.location import Location, location
from daypart.tables.read import read_texts
from daypart.tables.table import GivenTable, name_of, options_of, source_of

_TOML_TABLE = "event"
_STAMPS = ("from", "to")

Calendar = GivenTable
"""A file, its rows, or an Arrow object."""


def read_calendar(calendar: Calendar, store: SeriesStore) -> list[dict[str, Any]]:
    """Read a calendar's rows and check them against the partitions that they name.

    Parameters
    ----------
    calendar : path, iterable of mapping, or Arrow object
        A table, a `.toml` file (tables `[[event]]`), or rows. Columns: `name`,
        `from`, `to`, and key columns by their name or its plural (`markets`, `networks`): one
        value, several (in CSV with `;` between), or nothing for all.
    store : SeriesStore

    Returns
    -------
    list of dict
        Rows that JSON can hold, which `daypart.models` takes as the parameter `calendar`.

    Raises
    ------
    DaypartError
        For a file that can't be read or holds nothing, an unknown column, a value that no
        partition has, and all that `models.events.parse_events` refuses, with row and column.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pyarrow as pa
    >>> from daypart.series.store import SeriesStore
    >>> from daypart.series.block import block_from_arrays
    >>> keys = pa.table({"shop": ["a"], "unique_id": ["a"]})
    >>> block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    >>> store = SeriesStore.create(tempfile.mkdtemp(), key=["shop"])
    >>> store = store.replace_regions([("a", block)])
    >>> sale = {"name": "sale", "shops": "a", "from": "2024-05-01", "to": "2024-05-03"}
    >>> read_calendar([sale], store)
    [{'name': 'sale', 'from': '2024-05-01', 'to': '2024-05-03', 'shop': ['a']}]
    """
    source, raw = _read(calendar)
    if not raw:
        raise DaypartError(f"{source}: holds no events", hint="give it rows, or leave it out")
    columns = _columns_of(raw, store.key, source)
    known = _values_of(store, {column for column in columns.values() if column in store.key})
    rows = [_row_of(row, number, columns, known, source) for number, row in enumerate(raw, start=1)]
    parse_events(rows, source)
    return rows


def _read(calendar: Calendar) -> tuple[str, list[dict[str, Any]]]:
    """Return the calendar's name and its rows."""
    source, name = source_of(calendar), name_of(calendar, "calendar")
    if isinstance(source, str | os.PathLike) and location(source).suffix.lower() == ".toml":
        return name, _read_toml(location(source))
    if isinstance(source, list | tuple):
        return name, [dict(row) for row in source]
    options = options_of(calendar)
    names = {theirs: ours for ours, theirs in options.columns.items()}
    return name, [
        {
            names.get(each, each): _as_iso(value, options.stamp_format)
            if names.get(each, each) in _STAMPS
            else value
            for each, value in row.items()
        }
        | dict(options.constants)
        for row in read_texts(source, options, name="calendar")
    ]


def _as_iso(text: str | None, stamp_format: str | None) -> str | None:
    """Return a stamp of a declared format as ISO 8601; one that does not match, as it is."""
    if text is None or stamp_format is None:
        return text
    try:
        return datetime.strptime(text, stamp_format).isoformat()
    except ValueError:
        return text


def _read_toml(path: Location) -> list[dict[str, Any]]:
    content = read_toml(path)
    for name, tables in content.items():
        if name != _TOML_TABLE:
            raise DaypartError(
                f"{path}: {name} is not known", hint=did_you_mean(name, [_TOML_TABLE])
            )
        if not (isinstance(tables, list) and all(isinstance(row, dict) for row in tables)):
            raise DaypartError(f"{path}: event is not a list of tables", hint="write [[event]]")
    return [dict(row) for row in content.get(_TOML_TABLE, [])]


def _columns_of(
    rows: Sequence[Mapping[str, Any]], key: Sequence[str], source: str
) -> dict[str, str]:
    """Return what each column of the table is: a field of an event, or a key column."""
    meanings = {name: name for name in FIELDS}
    for column in key:
        meanings = {f"{column}s": column, **meanings, column: column}
    found: dict[str, str] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        meaning = meanings.get(name, meanings.get(name.strip().casefold()))
        meaning = meaning or find_key_column(name, key)
        if meaning is None:
            valid = [*FIELDS, *(f"{column}s" for column in key)]
            raise DaypartError(
                f"{source}: column {name!r} is not known", hint=did_you_mean(name, valid)
            )
        if meaning in found.values():
            raise DaypartError(f"{source}: two columns mean {meaning!r}")
        found[name] = meaning
    for name in FIELDS:
        if name not in found.values():
            raise DaypartError(f"{source}: no column {name!r}", hint=f"it has: {', '.join(found)}")
    return found


def _values_of(store: SeriesStore, columns: set[str]) -> dict[str, set[str]]:
    """Return the values that the store's partitions have in some key columns."""
    values: dict[str, set[str]] = {column: set() for column in columns}
    for region in store.regions if columns else []:
        keys = store.read_keys(region)
        for column in columns:
            values[column].update(keys.column(column).unique().to_pylist())
    return values


def _row_of(
    row: Mapping[str, Any],
    number: int,
    columns: Mapping[str, str],
    known: Mapping[str, set[str]],
    source: str,
) -> dict[str, Any]:
    """Return one row with its fields as text and its key columns as lists of known values."""
    found: dict[str, Any] = {}
    for name in sorted(row, key=lambda each: columns[each] not in FIELDS):
        value, meaning = row[name], columns[name]
        if meaning in FIELDS:
            found[meaning] = value.isoformat() if isinstance(value, date) else value
            continue
        values = _listed(value, known[meaning])
        for each in values:
            if each not in known[meaning]:
                raise DaypartError(
                    f"{source}: row {number}, column {name}: no partition has {each!r}",
                    hint=did_you_mean(each, known[meaning]),
                )
        if values:
            found[meaning] = values
    return found


def _listed(value: Any, known: set[str]) -> list[str]:
    """Return the values of a cell: a list, one value, or several with ; or , between them."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    text = str(value).strip()
    if text in known:
        return [text]
    return [each.strip() for each in text.replace(",", ";").split(";") if each.strip()]
