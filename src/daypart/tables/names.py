"""Names in a table, matched with those of a catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from daypart.errors import DaypartError, did_you_mean
from daypart.wording import counted

_SHOWN = 5
"""Names that one note lists."""


@dataclass(frozen=True)
class MatchedNames:
    """The names of a column and what they are in the catalogue.

    Parameters
    ----------
    column : str
    found : mapping of str to str
        Name as written to name of the catalogue.
    rows : mapping of str to int
        Rows of each name as written, unknown ones too.
    catalogue : mapping of str to str
        What may be written to the name that it means.
    """

    column: str
    found: Mapping[str, str]
    rows: Mapping[str, int]
    catalogue: Mapping[str, str]

    def known(self, name: str) -> str:
        """Return the catalogue's name.

        Raises
        ------
        DaypartError
            For an unknown name, with the nearest known one.
        """
        if name not in self.found:
            raise DaypartError(
                f"unknown {self.column} {name!r}", hint=did_you_mean(name, self.catalogue)
            )
        return self.found[name]

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names that the catalogue has not."""
        return tuple(sorted(name for name in self.rows if name not in self.found))

    def notes(self, source: object) -> list[str]:
        """Return what was read as another name, and what is unknown, with counts.

        Parameters
        ----------
        source : object
            The table.
        """
        notes = []
        other = sorted(name for name in self.found if name not in self.catalogue)
        if other:
            pairs = [f"{name!r} read as {self.found[name]!r}" for name in other[:_SHOWN]]
            rows = sum(self.rows[name] for name in other)
            notes.append(
                f"{source}: column {self.column}: {counted(rows, 'row')}: {_listed(pairs, other)}"
            )
        if self.unknown:
            rows = sum(self.rows[name] for name in self.unknown)
            names = [f"{name!r}" for name in self.unknown[:_SHOWN]]
            notes.append(
                f"{source}: column {self.column}: {counted(rows, 'row')} not used: unknown "
                f"{self.column} {_listed(names, self.unknown)} "
                f"({did_you_mean(self.unknown[0], self.catalogue)})"
            )
        return notes


def match_names(column: str, given: Iterable[str], catalogue: Mapping[str, str]) -> MatchedNames:
    """Match names with a catalogue: exactly, or but for case and spaces.

    A name that differs from two names of the catalogue only so is unknown.

    Parameters
    ----------
    column : str
    given : iterable of str
        The name of every row.
    catalogue : mapping of str to str
        What may be written to the name that it means.

    Returns
    -------
    MatchedNames

    Examples
    --------
    >>> matched = match_names("network", ["CBS ", "Espn", "CNM"], {"CBS": "CBS", "ESPN": "ESPN"})
    >>> matched.found, matched.unknown
    ({'CBS ': 'CBS', 'Espn': 'ESPN'}, ('CNM',))
    """
    folded: dict[str, set[str]] = {}
    for name, meaning in catalogue.items():
        folded.setdefault(_fold(name), set()).add(meaning)
    rows = Counter(given)
    found: dict[str, str] = {}
    for name in rows:
        meanings = {catalogue[name]} if name in catalogue else folded.get(_fold(name), set())
        if len(meanings) == 1:
            found[name] = next(iter(meanings))
    return MatchedNames(column, found, rows, catalogue)


def _fold(name: str) -> str:
    return " ".join(name.removeprefix("'").split()).casefold()  # as CSV marks a text


def _listed(shown: list[str], names: Iterable[str]) -> str:
    more = len(list(names)) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
