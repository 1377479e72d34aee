"""Totals over partitions, draw by draw, so that intervals are those of the total."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.engine.results.parts import ResultIndex
from daypart.engine.tasks.threads import in_order
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.forecasts.horizon import Horizon

_PARTITIONS_AT_ONCE = 16
_BYTES_OF_TOTALS = 64_000_000


@dataclass(frozen=True)
class Group:
    """Partitions that are added up.

    Parameters
    ----------
    key : tuple of str
        The values that the group's partitions share.
    members : int array
        Positions of its fitted partitions.
    without_forecast : int
        How many partitions of the group were not fitted.
    """

    key: tuple[str, ...]
    members: NDArray[np.int64]
    without_forecast: int


@dataclass(frozen=True)
class Totals:
    """Totals of some groups.

    Parameters
    ----------
    groups : sequence of Group
    draws : int64 array, shape (groups, draws, periods)
    mean : float64 array, shape (groups, periods)
        The sum of the partitions' means, free of sampling noise.
    """

    groups: Sequence[Group]
    draws: NDArray[np.int64]
    mean: NDArray[np.float64]


def group_partitions(
    rows: pa.Table, by: Sequence[str], fitted: NDArray[np.bool_], added: NDArray[np.bool_]
) -> list[Group]:
    """Divide partitions by the values of some columns.

    Parameters
    ----------
    rows : pyarrow.Table
        A row per partition, with the columns.
    by : sequence of str
        None of them: one group of all.
    fitted, added : bool array, shape (partitions,)
        Which have a forecast; which are added up at all.

    Returns
    -------
    list of Group
        In the order of their keys.
    """
    columns = [rows.column(name).to_pylist() for name in by]
    places: dict[tuple[str, ...], list[int]] = {}
    for place in np.flatnonzero(added).tolist():
        places.setdefault(tuple(column[place] for column in columns), []).append(place)
    groups = []
    for key, every in sorted(places.items()):
        members = np.array(every, np.int64)
        members = members[fitted[members]]
        groups.append(Group(key, members, len(every) - len(members)))
    return groups


def draw_totals(
    run: FittedRun, groups: Sequence[Group], horizon: Horizon, *, draws: int, seed: int
) -> Iterator[Totals]:
    """Draw the totals of groups, some groups at a time so that memory is bounded.

    Each partition is drawn on its own, with what it shares with others drawn by its parents' names.

    Parameters
    ----------
    run : FittedRun
    groups : sequence of Group
    horizon : Horizon
    draws : int
    seed : int

    Yields
    ------
    Totals
        Of consecutive groups, in their order.
    """

    def drawn(chunk: _Chunk) -> _DrawnChunk:
        state = run.states(chunk.members)
        window = horizon.window(chunk.timezone)
        paths = run.model.sample_paths(state, window, draws, seed)
        means = run.model.forecast(state, window, ()).mean
        return _DrawnChunk(
            chunk.owners,
            np.stack([horizon.sums(path.astype(np.int64), chunk.timezone) for path in paths]),
            horizon.sums(means, chunk.timezone),
        )

    at_once = max(1, _BYTES_OF_TOTALS // (8 * draws * horizon.periods))
    for start in range(0, len(groups), at_once):
        batch = groups[start : start + at_once]
        totals = Totals(
            batch,
            np.zeros((len(batch), draws, horizon.periods), np.int64),
            np.zeros((len(batch), horizon.periods)),
        )
        for some in in_order(drawn, _chunks(run.results, batch)):
            for i, owner in enumerate(some.owners):
                totals.draws[owner] += some.draws[i]
                totals.mean[owner] += some.mean[i]
        yield totals


@dataclass(frozen=True)
class _Chunk:
    """Some members of some groups, of one time zone."""

    members: NDArray[np.int64]
    owners: NDArray[np.int64]
    timezone: str


@dataclass(frozen=True)
class _DrawnChunk:
    """The draws of a chunk, summed into periods."""

    owners: NDArray[np.int64]
    draws: NDArray[np.int64]
    mean: NDArray[np.float64]


def _chunks(results: ResultIndex, groups: Sequence[Group]) -> Iterator[_Chunk]:
    """Yield the members of groups, zone by zone in the order of parts."""
    members = np.concatenate([group.members for group in groups])
    owners = np.repeat(np.arange(len(groups)), [len(group.members) for group in groups])
    order = np.argsort(members, kind="stable")
    members, owners = members[order], owners[order]
    zones = np.asarray(results.rows.column("timezone").take(members).to_pylist(), dtype=object)
    for zone in sorted(set(zones)):
        places = np.flatnonzero(zones == zone)
        for start in range(0, len(places), _PARTITIONS_AT_ONCE):
            chosen = places[start : start + _PARTITIONS_AT_ONCE]
            yield _Chunk(members[chosen], owners[chosen], zone)
