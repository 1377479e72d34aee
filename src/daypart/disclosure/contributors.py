"""How many households are behind each figure of a viewing store, and whether one dominates it.

The panel says who viewed which network in which daypart. Where it is a sample of the households
in tab, its count is a lower bound; another one is the largest number that viewed in one hour, which
the series hold, as the households of one hour are different ones. Rules are applied to the larger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daypart.disclosure.groups import Memberships, patterns_of
from daypart.series.block import SeriesBlock
from daypart.series.local_time import HOURS_PER_WEEK, local_hours
from daypart.series.store import SeriesStore
from daypart.series.store_tables import HOUSEHOLD_COLUMNS, PANEL_COLUMNS, positions_of
from daypart.storage.tables import read_table

Bools = NDArray[np.bool_]
Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Names:
    """The names along each dimension of a viewing store's figures.

    Parameters
    ----------
    markets, networks, dayparts, segments : sequence of str
    hour_of_week_daypart : int64 array, shape (168,)
        Position in `dayparts` of each local hour, Monday 00:00 first.
    """

    markets: Sequence[str]
    networks: Sequence[str]
    dayparts: Sequence[str]
    segments: Sequence[str]
    hour_of_week_daypart: Ints

    @classmethod
    def of(cls, store: SeriesStore) -> Names:
        """Return the names of a viewing store."""
        viewing, hours = store.extra["viewing"], list(store.hour_groups["daypart"])
        dayparts = list(dict.fromkeys(row["name"] for row in viewing["dayparts"]["rows"]))
        place = np.array([dayparts.index(name) for name in hours], np.int64)
        names = (list(viewing["networks"]), dayparts, list(viewing["segments"]))
        return cls(list(store.regions), *names, place)


@dataclass(frozen=True)
class Households:
    """The households in tab, and their segments.

    Parameters
    ----------
    market : int64 array, shape (households,)
    pattern : int64 array, shape (households,)
        Position of its combination of segments in `memberships`.
    weight : float64 array, shape (households,)
    in_panel : bool array, shape (households,)
    id : pyarrow.ChunkedArray
    memberships : Memberships
    """

    market: Ints
    pattern: Ints
    weight: Floats
    in_panel: Bools
    id: pa.ChunkedArray
    memberships: Memberships

    @classmethod
    def read(cls, store: SeriesStore, names: Names) -> Households:
        """Read the households of a viewing store.

        Parameters
        ----------
        store : SeriesStore
        names : Names
        """
        file = store.folder / store.extra["viewing"]["files"]["households"]
        table = read_table(file, HOUSEHOLD_COLUMNS)
        market = positions_of(names.markets, table.column("market"))
        belongs = np.zeros((len(table), len(names.segments)), bool)
        lists = table.column("segments").combine_chunks()
        inside = positions_of(names.segments, pc.list_flatten(lists))
        belongs[pc.list_parent_indices(lists).to_numpy(), inside] = True
        patterns, pattern = patterns_of(belongs)
        counts = np.zeros((len(names.markets), len(patterns)), np.int64)
        np.add.at(counts, (market, pattern), 1)
        return cls(
            market,
            pattern,
            table.column("weight").to_numpy().astype(np.float64),
            table.column("in_panel").to_numpy(zero_copy_only=False),
            table.column("household"),
            Memberships(patterns, counts),
        )


def read_viewing(
    store: SeriesStore, names: Names, households: Households, market: int
) -> tuple[Floats, Ints]:
    """Return the minutes of a market's panel households, and who they are.

    Parameters
    ----------
    store : SeriesStore
    names : Names
    households : Households
    market : int
        Position in the names.

    Returns
    -------
    minutes : float32 array, shape (panel households, networks + 1, dayparts + 1)
        The last network is any of them, and the last daypart the whole week.
    place : int64 array, shape (panel households,)
        Position of each among the households.
    """
    files: Mapping[str, Any] = store.extra["viewing"]["files"]["panel"]
    table = read_table(store.folder / files[names.markets[market]], PANEL_COLUMNS)
    place = np.flatnonzero((households.market == market) & households.in_panel)
    row = positions_of(households.id.take(place), table.column("household"))
    cell = row * len(names.networks) + positions_of(names.networks, table.column("network"))
    cell = cell * len(names.dayparts) + positions_of(names.dayparts, table.column("daypart"))
    shape = (len(place), len(names.networks), len(names.dayparts))
    sums = np.bincount(cell, table.column("minutes").to_numpy(), int(np.prod(shape)))
    minutes = np.zeros((shape[0], shape[1] + 1, shape[2] + 1), np.float32)
    minutes[:, :-1, :-1] = sums.reshape(shape)
    minutes[:, -1, :-1] = minutes[:, :-1, :-1].sum(axis=1)
    minutes[:, :, -1] = minutes[:, :, :-1].sum(axis=2)
    return minutes, np.asarray(place, np.int64)


def count_viewers(minutes: Floats, groups: Bools) -> Ints:
    """Return how many panel households of each group viewed.

    Parameters
    ----------
    minutes : float array, shape (households, networks, dayparts)
    groups : bool array, shape (groups, households)

    Returns
    -------
    int64 array, shape (networks, dayparts, groups)
    """
    seen = (minutes > 0).reshape(len(minutes), -1).astype(np.float32)
    counts = (groups.astype(np.float32) @ seen).round().astype(np.int64)
    return np.moveaxis(counts.reshape(len(groups), *minutes.shape[1:]), 0, -1)


def is_dominated(values: Floats, belongs: Bools, percent: float) -> Bools:
    """Return which sums of values over the households of a segment the largest one dominates.

    The p % rule: the sum less the two largest is below p % of the largest.

    Parameters
    ----------
    values : float array, shape (households, ...)
        Projected values: with the weights.
    belongs : bool array, shape (households, segments)
    percent : float
        p.

    Returns
    -------
    bool array, shape (..., segments)

    Examples
    --------
    >>> is_dominated(np.array([[900.0], [5.0], [6.0]]), np.full((3, 1), True), 15).tolist()
    [[True]]
    >>> is_dominated(np.array([[300.0], [200.0], [100.0]]), np.full((3, 1), True), 15).tolist()
    [[False]]
    """
    flat = values.reshape(len(values), -1)
    result = np.zeros((flat.shape[1], belongs.shape[1]), bool)
    for segment in range(belongs.shape[1] if percent > 0 else 0):
        here = flat[belongs[:, segment]]
        if not len(here):
            continue
        sums, largest = here.sum(axis=0, dtype=np.float64), here.max(axis=0)
        # The second is at most as large as the first: most sums are settled by that.
        open_ = np.flatnonzero(sums < (2 + percent / 100) * largest)
        if len(open_):
            two = np.sort(here[:, open_], axis=0)[-2:].sum(axis=0, dtype=np.float64)
            result[open_, segment] = sums[open_] - two < percent / 100 * largest[open_]
    return result.reshape(*values.shape[1:], belongs.shape[1])


def most_in_an_hour(block: SeriesBlock, names: Names, coefficients: Floats) -> tuple[Ints, Bools]:
    """Return the largest count of each group in each local hour of the week.

    Parameters
    ----------
    block : SeriesBlock
        A market's series.
    names : Names
    coefficients : float64 array, shape (groups, segments)
        That combine the groups' counts from those of segments.

    Returns
    -------
    most : int64 array, shape (networks, groups, 168)
    carried : bool array, shape (networks,)
        Networks with series in the market.
    """
    most = np.zeros((len(names.networks), len(coefficients), HOURS_PER_WEEK), np.int64)
    carried = np.zeros(len(names.networks), bool)
    if not len(block):
        return most, carried
    hours = block.hours_of(0)
    clock = local_hours(int(block.first_hours[0]), hours, block.timezones[0])
    order = np.argsort(clock.hour_of_week, kind="stable")
    found, starts = np.unique(clock.hour_of_week[order], return_index=True)
    network = positions_of(names.networks, block.keys.column("network"))
    segment = positions_of(names.segments, block.keys.column("segment"))
    counts = np.zeros((len(names.networks), len(names.segments), hours), np.float32)
    counts[network, segment] = np.maximum(block.counts.reshape(len(block), hours), 0)[:, order]
    carried[network] = True
    combined = np.einsum("gs,nsh->ngh", coefficients.astype(np.float32), counts, optimize=True)
    most[..., found] = np.maximum.reduceat(combined, starts, axis=-1).round().astype(np.int64)
    return most, carried
