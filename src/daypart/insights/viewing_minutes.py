"""Viewing minutes of every market, network, daypart and segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.series.block import SeriesBlock
from daypart.series.local_time import HOURS_PER_WEEK, datetime_to_hour, local_hours
from daypart.series.store import SeriesStore
from daypart.series.store_tables import HUT_COLUMNS, UNIVERSE_COLUMNS, positions_of
from daypart.storage.tables import read_table
from daypart.viewing.dayparts import daypart_table

ALL_WEEK = "All week"
ALL_MARKETS = "all"
ALL_HOUSEHOLDS = "all"


@dataclass(frozen=True)
class Audience:
    """Sums of a viewing store over its window; the last daypart is the whole week.

    Parameters
    ----------
    markets, networks, dayparts, segments : sequence of str
        Segment 0 is `all`.
    market_names : sequence of str
    hour_of_week_daypart : int8 array, shape (168,)
        Position in `dayparts`.
    carried : bool array, shape (markets, networks)
        Whether the market carries the network; a local one is in its own market only.
    in_tab_households : int64 array, shape (markets, segments)
    universe_estimate : float64 array, shape (markets, segments)
    viewing_minutes : float64 array, shape (markets, networks, dayparts, segments)
        Household-minutes, projected to the universe: the households in tab on a day represent
        all.
    counts : float64 array, same shape
        Household-hours credited, raw, as the models see them.
    any_network_minutes : float64 array, shape (markets, dayparts, segments)
        Each household once, whatever it watches: the base of HUT_COLUMNS.
    window_minutes : float64 array, shape (markets, dayparts)
    minutes_by_hour_of_week : float64 array, shape (networks, segments, 168)
        Summed over markets.
    any_network_by_hour_of_week : float64 array, shape (segments, 168)
    hour_of_week_minutes : float64 array, shape (segments, 168)
        Universe estimate x minutes of that hour of the week, summed over markets: the base of
        the two above.
    """

    markets: Sequence[str]
    market_names: Sequence[str]
    networks: Sequence[str]
    dayparts: Sequence[str]
    segments: Sequence[str]
    hour_of_week_daypart: NDArray[np.int8]
    carried: NDArray[np.bool_]
    in_tab_households: NDArray[np.int64]
    universe_estimate: NDArray[np.float64]
    viewing_minutes: NDArray[np.float64]
    counts: NDArray[np.float64]
    any_network_minutes: NDArray[np.float64]
    window_minutes: NDArray[np.float64]
    minutes_by_hour_of_week: NDArray[np.float64]
    any_network_by_hour_of_week: NDArray[np.float64]
    hour_of_week_minutes: NDArray[np.float64]


def read_audience(store: SeriesStore, progress: Progress = SILENT) -> Audience:
    """Sum a viewing store over its window.

    Parameters
    ----------
    store : SeriesStore
        Written by `daypart ingest`.
    progress : Progress

    Returns
    -------
    Audience

    Raises
    ------
    DaypartError
        For a store of other series, without viewing.
    """
    viewing = store.extra.get("viewing")
    if not isinstance(viewing, dict):
        raise DaypartError(
            f"{store.folder}: holds no viewing", hint="insights need a store made by daypart ingest"
        )
    markets, networks = list(store.regions), list(viewing["networks"])
    segments = list(viewing["segments"])
    table = daypart_table(viewing["dayparts"])
    dayparts = [*table.names, ALL_WEEK]
    owner = table.hour_of_week_dayparts()
    shape = (len(markets), len(networks), len(dayparts), len(segments))
    audience = Audience(
        markets=markets,
        market_names=[str(viewing["markets"][market]["name"] or market) for market in markets],
        networks=networks,
        dayparts=dayparts,
        segments=segments,
        hour_of_week_daypart=owner,
        carried=np.zeros(shape[:2], bool),
        in_tab_households=np.zeros((len(markets), len(segments)), np.int64),
        universe_estimate=np.zeros((len(markets), len(segments))),
        viewing_minutes=np.zeros(shape),
        counts=np.zeros(shape),
        any_network_minutes=np.zeros((len(markets), len(dayparts), len(segments))),
        window_minutes=np.zeros((len(markets), len(dayparts))),
        minutes_by_hour_of_week=np.zeros((len(networks), len(segments), HOURS_PER_WEEK)),
        any_network_by_hour_of_week=np.zeros((len(segments), HOURS_PER_WEEK)),
        hour_of_week_minutes=np.zeros((len(segments), HOURS_PER_WEEK)),
    )
    _read_universe(store, viewing, audience)
    with progress.step("reading the viewing", total=len(markets), unit="markets") as step:
        for position, market in enumerate(markets):
            in_tab = _add_market(audience, position, store.read_region(market))
            hut = read_table(store.folder / viewing["files"]["hut"][market], HUT_COLUMNS)
            timezone = str(store.regions[market]["timezone"])
            _add_any_network(audience, position, hut, timezone, in_tab)
            step.advance()
        step.summarise(f"{store.partitions:,} partitions of {len(markets)} markets")
    return audience


def _read_universe(store: SeriesStore, viewing: Mapping[str, Any], audience: Audience) -> None:
    rows = read_table(store.folder / viewing["files"]["universe"], UNIVERSE_COLUMNS)
    market = positions_of(audience.markets, rows.column("market"))
    segment = positions_of(audience.segments, rows.column("segment"))
    audience.in_tab_households[market, segment] = rows.column("in_tab_households").to_numpy()
    audience.universe_estimate[market, segment] = rows.column("universe_estimate").to_numpy()


def _add_market(audience: Audience, market: int, block: SeriesBlock) -> NDArray[np.float64]:
    """Add a market's partitions; return its in-tab share, shape (segments, hours)."""
    if len(block) == 0:
        return np.ones((len(audience.segments), 0))
    hours = block.hours_of(0)
    clock = local_hours(int(block.first_hours[0]), hours, block.timezones[0])
    dayparts = _by_daypart(audience, clock.hour_of_week)
    network = positions_of(audience.networks, block.keys.column("network"))
    segment = positions_of(audience.segments, block.keys.column("segment"))
    in_tab = _in_tab_share(audience, market, block, segment)
    counts = np.maximum(block.counts.reshape(len(block), hours), 0).astype(np.float64)
    minutes = _to_universe(block.measures["minutes"].reshape(len(block), hours), in_tab[segment])
    audience.carried[market, network] = True
    audience.viewing_minutes[market, network, :, segment] = minutes @ dayparts
    audience.counts[market, network, :, segment] = counts @ dayparts
    audience.window_minutes[market] = 60 * dayparts.sum(axis=0)
    weekly = minutes @ _one_hot(clock.hour_of_week, HOURS_PER_WEEK)
    audience.minutes_by_hour_of_week[network, segment] += weekly
    times = np.bincount(clock.hour_of_week, minlength=HOURS_PER_WEEK)
    audience.hour_of_week_minutes[:] += 60 * np.outer(audience.universe_estimate[market], times)
    return in_tab


def _in_tab_share(
    audience: Audience, market: int, block: SeriesBlock, segment: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the share of the sample's households in tab, shape (segments, hours)."""
    share = np.ones((len(audience.segments), block.hours_of(0)))
    for number in np.unique(segment):
        first = int(np.flatnonzero(segment == number)[0])
        households = audience.in_tab_households[market, number]
        if households:
            share[number] = block.hourly_exposure_of(first) / households
    return share


def _to_universe(minutes: NDArray[Any], in_tab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project the households in tab to all; an hour without any has 0 minutes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(in_tab > 0, minutes.astype(np.float64) / in_tab, 0.0)


def _add_any_network(
    audience: Audience, market: int, hut: pa.Table, timezone: str, in_tab: NDArray[np.float64]
) -> None:
    for row in hut.to_pylist():
        segment = audience.segments.index(row["segment"])
        first_hour = datetime_to_hour(row["first_hour"])
        minutes = _to_universe(np.asarray(row["minutes"], np.float64), in_tab[segment])
        clock = local_hours(first_hour, len(minutes), timezone)
        dayparts = _by_daypart(audience, clock.hour_of_week)
        audience.any_network_minutes[market, :, segment] = minutes @ dayparts
        audience.any_network_by_hour_of_week[segment] += np.bincount(
            clock.hour_of_week, weights=minutes, minlength=HOURS_PER_WEEK
        )


def _by_daypart(audience: Audience, hour_of_week: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the daypart of each hour as indicators, shape (hours, dayparts), the week last."""
    owner = audience.hour_of_week_daypart[hour_of_week]
    one_of_them = _one_hot(owner, len(audience.dayparts) - 1)
    return np.concatenate([one_of_them, np.ones((len(owner), 1))], axis=1)


def _one_hot(values: NDArray[np.integer], size: int) -> NDArray[np.float64]:
    return np.asarray(values[:, None] == np.arange(size), dtype=np.float64)


def membership(segments: Sequence[str], households: pa.Table) -> NDArray[np.bool_]:
    """Return which segments each household belongs to.

    Parameters
    ----------
    segments : sequence of str
    households : pyarrow.Table
        With the list column `segments`.

    Returns
    -------
    bool array, shape (households, segments)

    Examples
    --------
    >>> import pyarrow as pa
    >>> membership(["all", "young"], pa.table({"segments": [["all"], ["all", "young"]]})).tolist()
    [[True, False], [True, True]]
    """
    belongs = np.zeros((len(households), len(segments)), bool)
    lists = households.column("segments").combine_chunks()
    named = positions_of(segments, pc.list_flatten(lists))
    belongs[pc.list_parent_indices(lists).to_numpy(), named] = True
    return belongs
