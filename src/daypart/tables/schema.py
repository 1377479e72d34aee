"""The description of a table: its columns, their types, units and ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "day", "stamp", "duration"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
    kind : {"text", "number", "day", "stamp", "duration"}
        A stamp is an instant, in milliseconds since 1970, UTC.
    about : str
        What it holds, one line.
    unit : str
        Of a number.
    required : bool
        Whether the table must have the column.
    may_be_empty : bool
        Whether a field may be empty.
    above : float
        What a number must exceed.
    least, most : float
        Range of a number, both included.
    whole : bool
        Whether a number has no fraction.
    aliases : tuple of str
        Other names under which it is found.
    """

    name: str
    kind: Kind
    about: str
    unit: str = ""
    required: bool = True
    may_be_empty: bool = False
    above: float = float("-inf")
    least: float = float("-inf")
    most: float = float("inf")
    whole: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """A kind of table.

    Parameters
    ----------
    name : str
        As messages call it, such as `rate card`.
    columns : tuple of Column
    """

    name: str
    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)
