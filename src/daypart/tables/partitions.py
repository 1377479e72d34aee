"""Folders that name a column and its value, as Hive and Spark write them: `market=501`."""

from __future__ import annotations

from urllib.parse import unquote

from daypart.errors import DaypartError
from daypart.storage.location import Location

_NULL = "__HIVE_DEFAULT_PARTITION__"


def partition_values(place: Location) -> dict[str, str | None]:
    """Return the columns that a file's folders name, for use where the file lacks them.

    Parameters
    ----------
    place : Location

    Raises
    ------
    DaypartError
        When two folders give one column different values.

    Examples
    --------
    >>> from pathlib import Path
    >>> partition_values(Path("events/market=501/network=A%26E/part-0.parquet"))
    {'market': '501', 'network': 'A&E'}
    """
    found: dict[str, str | None] = {}
    for folder in str(place).split("/")[:-1]:
        name, equals, text = folder.partition("=")
        if not (equals and name):
            continue
        value = None if text == _NULL else unquote(text)
        if found.setdefault(unquote(name), value) != value:
            raise DaypartError(f"{place}: two folders give the column {unquote(name)!r} a value")
    return found
