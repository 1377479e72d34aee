"""Parents: the posteriors of sums over partitions, which are the prior of each partition.

A parent's posterior enters a partition (its leaf) as an offset of log mu, which the fit takes as
exposure: the leaf's effects are deviations from it. In a store keyed by market, network and
segment, where segments overlap, the leaf `501/ESPN/men` has the parents `*/*/men`, `*/ESPN/men`
and `501/*/men`; the latter two are themselves deviations from the first.

References
----------
Gelman and Hill (2007), Data analysis using regression and multilevel/hierarchical models, 12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.errors import DaypartError

Floats = NDArray[np.float64]

ALL = "*"
"""In a parent's name: the value of the key columns that it sums over."""

EVENT_SD = 0.25
"""Standard deviation of an event's effect around that of the parents, in log households."""

SHARED = ("level_sd", "walk_sd", "week_sd", "day_sd", "hour_sd")
"""Standard deviations, in log households, of what a parent's partitions share ahead."""


@dataclass(frozen=True)
class Parent:
    """The posterior of one parent.

    Parameters
    ----------
    parent : str
        The key's values joined by `/`, `*` where summed over.
    column : str
        The key column that it holds fixed; empty for the sum of all.
    partitions : int
        Summed.
    counts : float
        Their sum.
    first_monday : int
        Local day (since 1970) of week 0.
    profile, profile_variance : float64 array, shape (168,)
        Log mean of each hour of the week (of the sum of all: per unit of exposure), and its
        variance.
    week : float64 array, shape (weeks,)
    origin : float
        Level of the walk under the weeks at their end, where forecasts start.
    event : tuple of str
        Names of the effects that follow.
    event_mean, event_sd : float64 array, shape (effects,)
    level_sd, walk_sd, week_sd, day_sd, hour_sd : float
        What moves all its partitions at once ahead: standard deviations of the origin, of a
        week's step of the walk, and of shocks of a week, a day and an hour that do not last.
    hyper_centre, hyper_spread : float64 array, shape (hyperparameters,)
        Normal law of the leaves' theta (see `theta.marginal`); empty except for the sum of all.
    deviation_sd : float
        Of a leaf's level around its offset; 0 except for the sum of all.
    """

    parent: str
    column: str
    partitions: int
    counts: float
    first_monday: int
    profile: Floats
    profile_variance: Floats
    week: Floats
    origin: float
    event: tuple[str, ...]
    event_mean: Floats
    event_sd: Floats
    level_sd: float
    walk_sd: float
    week_sd: float
    day_sd: float
    hour_sd: float
    hyper_centre: Floats
    hyper_spread: Floats
    deviation_sd: float


def parent_names(
    key: Sequence[str], overlapping: Mapping[str, str], values: Mapping[str, str]
) -> dict[str, str]:
    """Return the names of a partition's possible parents, by the column each holds fixed.

    Parameters
    ----------
    key : sequence of str
    overlapping : mapping of str to str
        Columns that are never summed over.
    values : mapping of str to str
        The partition's key.

    Returns
    -------
    dict of str to str
        The sum of all first, under the empty string.

    Examples
    --------
    >>> key, values = ("market", "segment"), {"market": "501", "segment": "men"}
    >>> parent_names(key, {"segment": "all"}, values)
    {'': '*/men', 'market': '501/men'}
    """
    columns = {column: [values[column]] for column in key}
    return {fixed: names[0] for fixed, names in names_of_parents(key, overlapping, columns).items()}


def names_of_parents(
    key: Sequence[str], overlapping: Mapping[str, str], columns: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return what `parent_names` does for many partitions, in lists.

    Parameters
    ----------
    key, overlapping
        As `parent_names` takes them.
    columns : mapping of str to sequence of str
        The partitions' keys by column.
    """
    free = [column for column in key if column not in overlapping]
    partitions = len(columns[key[0]])
    every = [ALL] * partitions
    return {
        fixed: list(
            map(
                "/".join,
                zip(
                    *(columns[c] if c == fixed or c in overlapping else every for c in key),
                    strict=True,
                ),
            )
        )
        for fixed in ("", *free)
    }


_latest_read: list[tuple[pa.Table, tuple[Sequence[str], Mapping[str, str]], Parents]] = []
"""The table that was read last: a worker binds its model to one table for every task."""


@dataclass(frozen=True, eq=False)
class Parents:
    """The parents of a run by name.

    Parameters
    ----------
    key : tuple of str
    overlapping : mapping of str to str
    by_name : mapping of str to Parent
    """

    key: tuple[str, ...]
    overlapping: Mapping[str, str]
    by_name: Mapping[str, Parent]

    @classmethod
    def from_table(
        cls, table: pa.Table, key: Sequence[str], overlapping: Mapping[str, str]
    ) -> Parents:
        """Read a table that `to_table` made; the table read last is not read again.

        Parameters
        ----------
        table : pyarrow.Table
        key : sequence of str
        overlapping : mapping of str to str

        Raises
        ------
        DaypartError
            For parents of a version that did not name their events.
        """
        latest = _latest_read[0] if _latest_read else None
        if latest is not None and latest[0] is table and latest[1] == (key, overlapping):
            return latest[2]
        names = [field.name for field in fields(Parent)]
        if "event" not in table.column_names:
            raise DaypartError(
                "the run's parents do not name their events: an older version fitted them",
                hint="fit it anew, into another folder",
            )
        parents = []
        for row in table.select(names).to_pylist():
            values: dict[str, Any] = {
                name: np.asarray(value, dtype=np.float64) if isinstance(value, list) else value
                for name, value in row.items()
                if name != "event"
            }
            values["event"] = tuple(row["event"])
            parents.append(Parent(**values))
        found = cls(tuple(key), dict(overlapping), {each.parent: each for each in parents})
        _latest_read[:] = [(table, (key, overlapping), found)]
        return found

    def of(self, values: Mapping[str, str], counts: float) -> list[Parent]:
        """Return the parents that a partition takes its prior from; none without the sum of all.

        A parent that is mostly the partition itself adds no information and is left out.

        Parameters
        ----------
        values : mapping of str to str
            The partition's key.
        counts : float
            Sum of its counts.
        """
        found = []
        for column, name in parent_names(self.key, self.overlapping, values).items():
            parent = self.by_name.get(name)
            if parent is not None and 2.0 * counts <= parent.counts:
                found.append(parent)
            elif column == "":
                return []
        return found

    @property
    def events(self) -> tuple[str, ...]:
        """Return the names of the event effects, the same for all parents."""
        return next(iter(self.by_name.values())).event if self.by_name else ()

    @cached_property
    def shared(self) -> Floats:
        """Return each parent's `SHARED`, in the order of `by_name`."""
        rows = self.by_name.values()
        return np.array([[getattr(each, name) for name in SHARED] for each in rows])

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Return each parent's row, in the order of `by_name`."""
        return {name: row for row, name in enumerate(self.by_name)}


def to_table(parents: Sequence[Parent]) -> pa.Table:
    """Return parents as a table, a row each, which a run stores."""
    kinds = {"str": pa.string(), "int": pa.int32(), "float": pa.float64()}
    kinds["tuple[str, ...]"] = pa.list_(pa.string())
    vector = pa.list_(pa.float64())
    types = {field.name: kinds.get(str(field.type), vector) for field in fields(Parent)}
    columns = {name: [getattr(each, name) for each in parents] for name in types}
    return pa.table(columns, schema=pa.schema(list(types.items())))
