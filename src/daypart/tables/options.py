"""How a table is written: the names of its columns, its stamps, its numbers, its encoding."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError, did_you_mean
from daypart.storage.files import read_toml
from daypart.storage.location import PathLike
from daypart.tables.zones import timezone_of

STAMPS_IN_MARKET_TIME = "market"
EPOCH_STAMPS = {"epoch_s": 1000.0, "epoch_ms": 1.0}
"""Milliseconds of one unit of a stamp that counts from 1970."""

_MARKS = {"comma": ",", "point": ".", "space": " ", "apostrophe": "'", "none": ""}


@dataclass(frozen=True)
class TableOptions:
    """How a table is written.

    Parameters
    ----------
    columns : mapping of str to str
        daypart's name of a column to the table's; by default both are the same. `day+hour` joins
        a column of days and one of hours (0 to 23, or HH:MM) to one stamp.
    constants : mapping of str to str
        daypart's name to a value for every row.
    stamps_are : str or None
        The zone of stamps without one: an IANA name, `market` for the clock of each market,
        `epoch_s` or `epoch_ms` for numbers. None refuses stamps without a zone.
    stamp_format : str or None
        Of stamps and days that are not ISO 8601, such as `%d/%m/%Y %H:%M`.
    encoding : str
        Of a text file without a byte order mark, such as `latin-1`, `windows-1252`, `utf-16-le`.
    decimal : {"point", "comma"}
        The decimal mark of numbers.
    thousands : {"none", "comma", "point", "space", "apostrophe"}
        The mark between thousands.

    Raises
    ------
    DaypartError
        For an unknown zone, encoding or mark.

    Examples
    --------
    >>> options = read_options("start=start_date, market='Boston', stamps_are=UTC")
    >>> options.column_of("start"), options.constants["market"], options.stamps_are
    ('start_date', 'Boston', 'UTC')
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    stamps_are: str | None = None
    stamp_format: str | None = None
    encoding: str = "utf-8"
    decimal: str = "point"
    thousands: str = "none"

    def __post_init__(self) -> None:
        if self.stamps_are not in (None, STAMPS_IN_MARKET_TIME, *EPOCH_STAMPS):
            timezone_of(str(self.stamps_are))
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise DaypartError(
                f"mapping: encoding {self.encoding!r} is not known",
                hint="give utf-8, utf-16, latin-1 or windows-1252",
            ) from None
        for name, valid in (("decimal", ("point", "comma")), ("thousands", tuple(_MARKS))):
            if getattr(self, name) not in valid:
                raise DaypartError(
                    f"mapping: {name} is {getattr(self, name)!r}", hint=f"give {', '.join(valid)}"
                )
        if self.decimal == self.thousands:
            raise DaypartError(f"mapping: decimal and thousands are both {self.decimal!r}")
        if self.stamp_format is not None and "%" not in self.stamp_format:
            raise DaypartError(
                f"mapping: stamp_format is {self.stamp_format!r}",
                hint="write it with %d, %m, %Y, %H, %M, such as %d/%m/%Y %H:%M",
            )

    @property
    def zone(self) -> str | None:
        """The one zone of stamps without one, if `stamps_are` names it."""
        named = self.stamps_are not in (None, STAMPS_IN_MARKET_TIME, *EPOCH_STAMPS)
        return self.stamps_are if named else None

    @property
    def decimal_mark(self) -> str:
        """The decimal mark itself."""
        return _MARKS[self.decimal]

    @property
    def thousands_mark(self) -> str:
        """The mark between thousands itself; empty for none."""
        return _MARKS[self.thousands]

    def column_of(self, name: str) -> str:
        """Return the table's name of a column."""
        return self.columns.get(name, name)

    def check_names(self, valid: Iterable[str]) -> None:
        """Raise unless all mapped names are columns of the table's schema.

        Parameters
        ----------
        valid : iterable of str
        """
        known = list(valid)
        for name in [*self.columns, *self.constants]:
            if name not in known:
                raise DaypartError(
                    f"mapping: {name!r} is not a column of this table",
                    hint=did_you_mean(name, [*known, *_SETTINGS]),
                )


_PARTS = re.compile(r"""(?:'[^']*'|"[^"]*"|[^,'"]|['"])+""")
"""The parts between commas that are not within quotes."""

_SETTINGS = tuple(each.name for each in fields(TableOptions))[2:]

GivenOptions = PathLike | Mapping[str, str] | TableOptions | None
"""What a user may give as a table's options."""


def read_options(source: GivenOptions, *, stamp_format: str | None = None) -> TableOptions:
    """Read a table's options from text, a TOML file or a dictionary.

    Parameters
    ----------
    source : str, path or mapping, optional
        `start=start_date,network=station` (the command line's `--map`), the path of a TOML file
        with a table `[columns]`, or the pairs themselves. A quoted value is a constant; a name
        of `TableOptions` is that option.
    stamp_format : str, optional
        Wins over that of `source`.

    Returns
    -------
    TableOptions

    Raises
    ------
    DaypartError
        For an unreadable file, a pair without `=`, or an unknown name.

    Examples
    --------
    >>> read_options("start=start_date,decimal=comma").columns
    {'start': 'start_date'}
    """
    if isinstance(source, TableOptions):
        return source
    pairs = dict(_pairs(source))
    if stamp_format is not None:
        pairs["stamp_format"] = stamp_format
    quoted = {
        name: value[1:-1]
        for name, value in pairs.items()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    }
    settings: dict[str, Any] = {
        name: quoted.get(name, pairs[name]) for name in _SETTINGS if name in pairs
    }
    return TableOptions(
        {n: value for n, value in pairs.items() if n not in quoted and n not in settings},
        {n: value for n, value in quoted.items() if n not in settings},
        **settings,
    )


def _pairs(source: PathLike | Mapping[str, str] | None) -> Iterable[tuple[str, str]]:
    if source is None:
        return []
    if isinstance(source, Mapping):
        return source.items()
    text = str(source)
    if text.endswith(".toml") or Path(text).is_file():
        columns = read_toml(text).get("columns")
        if not isinstance(columns, dict):
            raise DaypartError(f"{text}: no table [columns]", hint='write [columns] start = "..."')
        return [(name, str(value)) for name, value in columns.items()]
    return [_pair(part) for part in _PARTS.findall(text) if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise DaypartError(
            f"mapping: {text.strip()!r} is not a pair", hint="write name=column,name=column"
        )
    return name.strip(), value.strip()
