"""`simulate_counts`: hourly counts of a full grid of partitions, straight into a series store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.progress import SILENT, Progress, Step
from daypart.series.block import SeriesBlock, exposure_periods
from daypart.series.local_time import HOURS_PER_WEEK
from daypart.series.store import SeriesStore
from daypart.storage.location import PathLike
from daypart.synthetic.demand import SimulatedHours, random_stream, window_of
from daypart.synthetic.event_files import SIMULATED
from daypart.synthetic.holidays import us_holidays
from daypart.synthetic.households import SEGMENTS
from daypart.synthetic.reference import (
    MARKETS,
    NETWORKS,
    TvMarket,
    read_markets,
    read_networks,
)
from daypart.synthetic.simulation_plan import DEFAULT_START, LARGEST_SEED, MOST_WEEKS, check_range

TRUTH_FILE = "truth/hyperparameters.parquet"
"""File in a simulated store: the parameters of its partitions."""

_EPOCH = date(1970, 1, 1)
_LOWEST_MEAN, _HIGHEST_MEAN = 0.02, 5000.0
_LOWEST_SIZE, _HIGHEST_SIZE = 1.0, 100.0
_SMOOTH_SHARE = 0.8
"""Share of the hour-of-week variance that is a smooth daily and weekly wave."""


@dataclass(frozen=True)
class CountParameters:
    """The parameters of one region's partitions; all but two arrays have shape (partitions,).

    `counts ~ NegBin2(exp(level + hour[c] + week[k] + holiday z), size)`, whose variance is
    `mu + mu**2 / size`.

    Parameters
    ----------
    mean : float64 array
        Mean count an hour over the window, without holidays.
    level, size, sigma_hour, sigma_week, holiday : float64 array
    hour : float64 array, shape (partitions, 168)
        Hour-of-week effects; mean 0.
    week : float64 array, shape (partitions, weeks)
        A random walk from 0.
    """

    mean: NDArray[np.float64]
    level: NDArray[np.float64]
    size: NDArray[np.float64]
    sigma_hour: NDArray[np.float64]
    sigma_week: NDArray[np.float64]
    holiday: NDArray[np.float64]
    hour: NDArray[np.float64]
    week: NDArray[np.float64]


def simulate_counts(
    out: PathLike,
    *,
    markets: int = 210,
    networks: int = 165,
    segments: int = 6,
    weeks: int = 13,
    seed: int = 7,
    progress: Progress = SILENT,
) -> SeriesStore:
    """Simulate hourly counts of every market x network x segment as a series store.

    For benchmarks: partitions are independent of each other (the segments of a market do not
    add up), with means from 0.02 to 5,000 an hour and exposure 1. Works market by market.
    `truth/hyperparameters.parquet` in the store holds the parameters of each partition.

    Parameters
    ----------
    out : path
        Folder of a store that does not exist yet.
    markets, networks, segments : int
        Numbers of the largest, the most popular, the first: up to 210, 165 and 6.
    weeks : int
        1 to 104.
    seed : int
        0 or more.
    progress : Progress

    Returns
    -------
    SeriesStore
        With the key `market, network, segment`, marked as simulated.

    Raises
    ------
    DaypartError
        For an argument out of range, or a folder that holds a store or can't be written to.

    Examples
    --------
    >>> import tempfile
    >>> store = simulate_counts(tempfile.mkdtemp(), markets=2, networks=3, segments=2, weeks=2)
    >>> store.partitions, store.read_region("501").hours_of(0)
    (12, 336)
    """
    check_range("markets", markets, 1, MARKETS)
    check_range("networks", networks, 1, NETWORKS)
    check_range("segments", segments, 1, len(SEGMENTS))
    check_range("weeks", weeks, 1, MOST_WEEKS)
    check_range("seed", seed, 0, LARGEST_SEED)
    store = SeriesStore.create(
        out, key=("market", "network", "segment"), overlapping={"segment": "all"}
    )
    arguments = {
        "markets": markets,
        "networks": networks,
        "segments": segments,
        "weeks": weeks,
        "seed": seed,
    }
    chosen = read_markets()[:markets]
    names = [
        (network.name, segment)
        for network in read_networks()[:networks]
        for segment in list(SEGMENTS)[:segments]
    ]
    names.sort(key="/".join)
    truth: list[pa.Table] = []
    with progress.step("simulating counts", len(chosen), "markets") as step:
        committed = store.replace_regions(
            _regions(chosen, names, weeks, seed, truth, step),
            extra={"daypart.simulated": True, "simulation": arguments},
            before_commit=_truth_file(truth),
        )
        step.summarise(f"{committed.partitions:,} simulated partitions of {weeks} weeks")
    return committed


def _regions(
    markets: Sequence[TvMarket],
    names: Sequence[tuple[str, str]],
    weeks: int,
    seed: int,
    truth: list[pa.Table],
    step: Step,
) -> Iterator[tuple[str, SeriesBlock]]:
    for market in markets:
        rng = random_stream(seed, "counts", int(market.code))
        window = window_of(market.timezone, DEFAULT_START, weeks)
        parameters = draw_parameters(len(names), int(window.local.week[-1]) + 1, rng)
        keys = _keys(market, names)
        truth.append(_truth_table(keys, parameters))
        yield market.code, _block(market, keys, window, draw_counts(parameters, window, rng))
        step.advance()


def draw_parameters(partitions: int, weeks: int, rng: np.random.Generator) -> CountParameters:
    """Draw the parameters of some partitions.

    Parameters
    ----------
    partitions, weeks : int
    rng : numpy.random.Generator

    Returns
    -------
    CountParameters

    Examples
    --------
    >>> drawn = draw_parameters(5, 13, np.random.default_rng(1))
    >>> drawn.hour.shape, bool((drawn.mean < 5000).all())
    ((5, 168), True)
    """

    def log_uniform(lowest: float, highest: float) -> NDArray[np.float64]:
        return np.exp(rng.uniform(np.log(lowest), np.log(highest), partitions))

    mean = log_uniform(_LOWEST_MEAN, _HIGHEST_MEAN)
    size = log_uniform(_LOWEST_SIZE, _HIGHEST_SIZE)
    sigma_hour = log_uniform(0.2, 1.2)
    sigma_week = log_uniform(0.01, 0.15)
    wave = _smooth_week(partitions, rng) * np.sqrt(_SMOOTH_SHARE)
    rough = rng.standard_normal((partitions, HOURS_PER_WEEK)) * np.sqrt(1 - _SMOOTH_SHARE)
    hour = sigma_hour[:, None] * (wave + rough)
    hour -= hour.mean(axis=1, keepdims=True)
    steps = sigma_week[:, None] * rng.standard_normal((partitions, weeks))
    week = np.cumsum(steps, axis=1) - steps[:, :1]
    level = np.log(mean) - np.log(np.exp(hour).mean(axis=1) * np.exp(week).mean(axis=1))
    holiday = 0.3 * rng.standard_normal(partitions)
    return CountParameters(mean, level, size, sigma_hour, sigma_week, holiday, hour, week)


def _smooth_week(partitions: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return waves of unit variance: two daily harmonics, and one of the week."""
    angle = 2 * np.pi * np.arange(HOURS_PER_WEEK) / HOURS_PER_WEEK
    wave = np.zeros((partitions, HOURS_PER_WEEK))
    for cycles, share in ((7, 0.6), (14, 0.25), (1, 0.15)):
        phase = rng.uniform(0, 2 * np.pi, (partitions, 1))
        wave += np.sqrt(2 * share) * np.cos(cycles * angle - phase)
    return wave


def draw_counts(
    parameters: CountParameters, window: SimulatedHours, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Draw the hourly counts of some partitions.

    Parameters
    ----------
    parameters : CountParameters
    window : SimulatedHours
    rng : numpy.random.Generator

    Returns
    -------
    int32 array, shape (partitions, hours)
    """
    days = window.local.day
    present = (_EPOCH + timedelta(days=day) for day in range(int(days[0]), int(days[-1]) + 1))
    holidays = [(day - _EPOCH).days for day in present if day in us_holidays(day.year)]
    on_holiday = np.isin(days, holidays)
    mu = np.exp(parameters.level[:, None] + parameters.hour)[:, window.local.hour_of_week]
    mu *= np.exp(parameters.week)[:, window.local.week]
    mu[:, on_holiday] *= np.exp(parameters.holiday)[:, None]
    size = parameters.size[:, None]
    mu *= rng.standard_gamma(np.broadcast_to(size, mu.shape)) / size
    return rng.poisson(mu).astype(np.int32)


def _keys(market: TvMarket, names: Sequence[tuple[str, str]]) -> pa.Table:
    return pa.table(
        {
            "market": [market.code] * len(names),
            "network": [network for network, _ in names],
            "segment": [segment for _, segment in names],
            "unique_id": [f"{market.code}/{network}/{segment}" for network, segment in names],
        }
    )


def _block(
    market: TvMarket, keys: pa.Table, window: SimulatedHours, counts: NDArray[np.int32]
) -> SeriesBlock:
    partitions, hours = counts.shape
    periods = exposure_periods(hours)
    return SeriesBlock(
        keys=keys,
        timezones=[market.timezone] * partitions,
        first_hours=np.full(partitions, window.first_hour, dtype=np.int64),
        offsets=np.arange(partitions + 1, dtype=np.int64) * hours,
        counts=counts.ravel(),
        exposure_offsets=np.arange(partitions + 1, dtype=np.int64) * periods,
        exposures=np.ones(partitions * periods, dtype=np.float32),
        measures={},
    )


def _truth_table(keys: pa.Table, parameters: CountParameters) -> pa.Table:
    table = keys
    for name in ("mean", "level", "size", "sigma_hour", "sigma_week", "holiday"):
        table = table.append_column(name, pa.array(getattr(parameters, name)))
    return table


def _truth_file(truth: Sequence[pa.Table]) -> Iterator[tuple[str, Any]]:
    """Yield the one truth file, once the regions have filled `truth`."""
    yield TRUTH_FILE, pa.concat_tables(truth).replace_schema_metadata(SIMULATED)
