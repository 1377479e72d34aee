"""The columns of the events: a mapping from daypart's names to the table's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.files import read_toml
from daypart.storage.location import PathLike
from daypart.tables.zones import timezone_of

EVENT_COLUMNS = (
    "household_id",
    "market",
    "network",
    "start",
    "end",
    "duration_s",
    "device_id",
    "segment",
)
"""The columns of an event; `market`, `device_id` and `segment` may be missing."""

STAMPS_ARE = "stamps_are"
STAMPS_IN_MARKET_TIME = "market"
EPOCH_STAMPS = {"epoch_s": 1000.0, "epoch_ms": 1.0}


@dataclass(frozen=True)
class ColumnMapping:
    """The columns of an events table.

    Parameters
    ----------
    columns : mapping of str to str
        daypart's name to the table's; by default both are the same.
    constants : mapping of str to str
        daypart's name to a value for every row.
    stamps_are : str or None
        The zone of stamps without one: an IANA name, `market` for the clock of each market,
        `epoch_s` or `epoch_ms` for numbers. None sets rows without a zone aside.

    Raises
    ------
    DaypartError
        For a name that is not a column of an event, or an unknown zone.

    Examples
    --------
    >>> mapping = read_mapping("start=start_date, market='Boston', stamps_are=UTC")
    >>> mapping.column_of("start"), mapping.constants["market"], mapping.stamps_are
    ('start_date', 'Boston', 'UTC')
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    stamps_are: str | None = None

    def __post_init__(self) -> None:
        for name in [*self.columns, *self.constants]:
            if name not in EVENT_COLUMNS:
                raise DaypartError(
                    f"mapping: {name!r} is not a column of an event",
                    hint=did_you_mean(name, [*EVENT_COLUMNS, STAMPS_ARE]),
                )
        if self.stamps_are not in (None, STAMPS_IN_MARKET_TIME, *EPOCH_STAMPS):
            timezone_of(str(self.stamps_are))

    def column_of(self, name: str) -> str:
        """Return the table's name of a column."""
        return self.columns.get(name, name)


def read_mapping(source: PathLike | Mapping[str, str] | ColumnMapping | None) -> ColumnMapping:
    """Read a mapping from text, a TOML file or a dictionary.

    Parameters
    ----------
    source : str, path or mapping, optional
        `start=start_date,network=station` (the command line's `--map`), the path of a TOML file
        with a table `[columns]`, or the pairs themselves. A quoted value is a constant.
        `stamps_are` is the zone of stamps without one.

    Returns
    -------
    ColumnMapping

    Raises
    ------
    DaypartError
        For an unreadable file, a pair without `=`, or an unknown name.

    Examples
    --------
    >>> read_mapping("start=start_date").columns
    {'start': 'start_date'}
    """
    if isinstance(source, ColumnMapping):
        return source
    if source is None:
        return ColumnMapping()
    if isinstance(source, Mapping):
        return _mapping_of(source)
    text = str(source)
    if text.endswith(".toml") or Path(text).is_file():
        columns = read_toml(text).get("columns")
        if not isinstance(columns, dict):
            raise DaypartError(f"{text}: no table [columns]", hint='write [columns] start = "..."')
        return _mapping_of({name: str(value) for name, value in columns.items()})
    return _mapping_of(dict(_pair(part) for part in text.split(",") if part.strip()))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise DaypartError(
            f"mapping: {text.strip()!r} is not a pair", hint="write name=column,name=column"
        )
    return name.strip(), value.strip()


def _mapping_of(pairs: Mapping[str, str]) -> ColumnMapping:
    quoted = {
        name: value
        for name, value in pairs.items()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    }
    return ColumnMapping(
        {name: v for name, v in pairs.items() if name not in quoted and name != STAMPS_ARE},
        {name: value[1:-1] for name, value in quoted.items()},
        pairs.get(STAMPS_ARE),
    )
