"""A model's parameters, and what some partitions have instead of them.

One TOML holds both. Tables named as a key column of the store are overrides by its values:

    inference = "auto"

    [market.501]
    inference = "full"

    [network.ESPN]
    holidays = false

Where a partition is named by several columns, the column that the file names first wins.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from daypart.errors import DaypartError, did_you_mean
from daypart.series.key_columns import find_key_column
from daypart.series.store import SeriesStore
from daypart.storage.files import read_toml
from daypart.storage.location import PathLike, local_path

GivenParameters = Mapping[str, Any] | PathLike | Sequence[Mapping[str, Any] | PathLike]
"""A mapping, a TOML file, or several of them, of which later ones win."""


@dataclass(frozen=True)
class Override:
    """Parameters of the partitions with one value of one key column.

    Parameters
    ----------
    column, value : str
    parameters : mapping
    source : str
        Where it was written, for errors.
    """

    column: str
    value: str
    parameters: Mapping[str, Any]
    source: str = field(default="parameters", compare=False)

    def place(self) -> str:
        """Return how an error names it."""
        return f"{self.source}: [{self.column}.{self.value}]"


def read_parameters(
    given: GivenParameters | None, key: Sequence[str]
) -> tuple[dict[str, Any], list[Override]]:
    """Part what was given into parameters of all partitions and overrides.

    Parameters
    ----------
    given : mapping, path or sequence of them, optional
    key : sequence of str
        The store's key columns.

    Returns
    -------
    tuple of dict and list of Override
        The overrides in the order in which they were given, which is that of their precedence.

    Raises
    ------
    DaypartError
        For a file that can't be read, and a table that almost has a key column's name.

    Examples
    --------
    >>> read_parameters({"inference": "auto", "market": {"501": {"inference": "full"}}}, ["market"])
    ({'inference': 'auto'}, [Override(column='market', value='501', \
parameters={'inference': 'full'}, source='parameters')])
    """
    shared: dict[str, Any] = {}
    own: dict[tuple[str, str], Override] = {}
    for source, content in _contents(given):
        for name, value in content.items():
            column = find_key_column(name, key)
            if column is None or not isinstance(value, Mapping):
                _check_no_column(name, value, key, source)
                shared[name] = value
                continue
            for key_value, parameters in value.items():
                if not isinstance(parameters, Mapping):
                    raise DaypartError(
                        f"{source}: [{name}]: {key_value} is not a table",
                        hint=f"write [{name}.VALUE] and parameters under it",
                    )
                place = (column, str(key_value))
                before = own[place].parameters if place in own else {}
                own[place] = Override(*place, {**before, **parameters}, source)
    return shared, list(own.values())


def _contents(given: GivenParameters | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each mapping or file with what errors call it."""
    if given is None:
        return
    if isinstance(given, Mapping):
        yield "parameters", given
    elif isinstance(given, str | os.PathLike):
        yield str(local_path(given)), read_toml(given)
    else:
        for each in given:
            yield from _contents(each)


def _check_no_column(name: str, value: Any, key: Sequence[str], source: str) -> None:
    """Refuse tables of tables that were meant as overrides."""
    tables = isinstance(value, Mapping) and all(isinstance(v, Mapping) for v in value.values())
    if tables and value and difflib.get_close_matches(name, key, n=1, cutoff=0.75):
        raise DaypartError(f"{source}: [{name}] is not a key column", hint=did_you_mean(name, key))


def check_overrides(overrides: Sequence[Override], store: SeriesStore) -> None:
    """Check that every override is of a value that some partition has.

    Parameters
    ----------
    overrides : sequence of Override
    store : SeriesStore

    Raises
    ------
    DaypartError
        Naming the table and the nearest value.
    """
    for column in dict.fromkeys(override.column for override in overrides):
        known: set[str] = set()
        for region in store.regions:
            known.update(store.read_keys(region).column(column).unique().to_pylist())
        for override in overrides:
            if override.column == column and override.value not in known:
                raise DaypartError(
                    f"{override.place()}: no partition has {column} {override.value!r}",
                    hint=did_you_mean(override.value, known),
                )


class PartitionParameters:
    """The parameters of each partition of a run.

    Parameters
    ----------
    shared : mapping
    overrides : sequence of Override

    Examples
    --------
    >>> all_of = PartitionParameters({"a": 1, "b": 1}, [Override("market", "501", {"a": 2})])
    >>> all_of.of({"market": "501"}), all_of.of({"market": "803"})
    ({'a': 2, 'b': 1}, {'a': 1, 'b': 1})
    """

    def __init__(self, shared: Mapping[str, Any], overrides: Sequence[Override]) -> None:
        self.shared = dict(shared)
        self.overrides = tuple(overrides)
        self.columns = tuple(dict.fromkeys(override.column for override in overrides))
        self._of = lru_cache(maxsize=None)(self._find)

    def acting(self, key: Mapping[str, Any]) -> tuple[int, ...]:
        """Return which overrides act on a partition; the first of them wins."""
        return self._of(tuple(key.get(column) for column in self.columns))

    def _find(self, values: tuple[str | None, ...]) -> tuple[int, ...]:
        value_of = dict(zip(self.columns, values, strict=True))
        acting = [
            number
            for number, override in enumerate(self.overrides)
            if value_of[override.column] == override.value
        ]
        order = {column: place for place, column in enumerate(self.columns)}
        return tuple(sorted(acting, key=lambda number: order[self.overrides[number].column]))

    def of(self, key: Mapping[str, Any]) -> dict[str, Any]:
        """Return a partition's parameters; `key` has at least `columns`."""
        return self.merged(self.acting(key))

    def merged(self, acting: Sequence[int]) -> dict[str, Any]:
        """Return the parameters under some overrides, the first of which wins."""
        found = dict(self.shared)
        for number in reversed(acting):
            found |= self.overrides[number].parameters
        return found
