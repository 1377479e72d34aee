"""Standard errors of ratings and indexes: households are a sample of the universe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from daypart.insights.viewing_minutes import Audience, membership
from daypart.series.store import SeriesStore
from daypart.series.store_tables import HOUSEHOLD_COLUMNS, PANEL_COLUMNS, positions_of
from daypart.storage.tables import read_table


@dataclass(frozen=True)
class SamplingError:
    """Standard errors from measuring a sample of households.

    Parameters
    ----------
    audience : float64 array, shape (markets + 1, networks, dayparts, segments)
        Of the average audience, in households; the last market is all markets together.
    log_index : float64 array, same shape
        Of the logarithm of the index against all households.

    Both are NaN where a market has fewer than two panel households of the segment.
    """

    audience: NDArray[np.float64]
    log_index: NDArray[np.float64]


def sampling_error(store: SeriesStore, audience: Audience) -> SamplingError:
    """Return the standard errors of every average audience and index.

    Each market's households are a simple random sample of its universe, and a rating is the
    ratio of projected viewing to projected households. With x the household's projected average
    viewing, w its weight, r = sum x / sum w and e = x - r w, the variance of r is
    n / (n - 1) sum e^2 / (sum w)^2, and two ratings of the same households have the covariance
    n / (n - 1) sum e1 e2 / (sum w1 sum w2). The panel represents all in-tab households: its
    sums of squares are scaled to theirs. Markets are independent strata.

    Parameters
    ----------
    store : SeriesStore
        With a household panel.
    audience : Audience

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., sections 2.11 and 6.19 (ratio
    estimates and the comparison of two of them).
    """
    viewing = store.extra["viewing"]
    households = read_table(
        store.folder / viewing["files"]["households"],
        HOUSEHOLD_COLUMNS,
    )
    shape = (len(audience.markets) + 1, *audience.viewing_minutes.shape[1:])
    variance, covariance = np.zeros(shape), np.zeros(shape)
    for position, market in enumerate(audience.markets):
        panel = read_table(store.folder / viewing["files"]["panel"][market], PANEL_COLUMNS)
        found = _market_variances(audience, position, households, panel)
        variance[position], covariance[position] = found
    if viewing.get("event_segments"):
        # The panel has no segments of events: it holds minutes by household.
        variance[..., 1:] = covariance[..., 1:] = np.nan
    variance[-1], covariance[-1] = variance[:-1].sum(axis=0), covariance[:-1].sum(axis=0)
    return SamplingError(np.sqrt(variance), _log_index_error(audience, variance, covariance))


def _log_index_error(
    audience: Audience, variance: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the standard error of log(rating in the segment / rating of all)."""
    by_market = audience.viewing_minutes / audience.window_minutes[:, None, :, None]
    mean = np.concatenate([by_market, by_market.sum(axis=0, keepdims=True)])
    base = mean[..., :1]
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = variance / mean**2 + variance[..., :1] / base**2 - 2 * covariance / (mean * base)
    squared[~np.isfinite(squared)] = np.nan
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def _market_variances(
    audience: Audience, market: int, households: pa.Table, panel: pa.Table
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return variance, and covariance with all households, of a market's average audiences.

    Both have the shape (networks, dayparts, segments).
    """
    here = households.filter(
        (pc.field("market") == audience.markets[market]) & pc.field("in_panel")
    )
    weight = here.column("weight").to_numpy()
    member = membership(audience.segments, here).astype(np.float64)
    cells = _projected_viewing(audience, market, here, weight, panel).reshape(len(weight), -1)
    sizes, weights = member.sum(axis=0), (member.T @ weight)[:, None]
    universe = audience.universe_estimate[market][:, None]
    squares = member.T @ cells**2
    products = member.T @ (cells * weight[:, None])
    weight_squares = (member.T @ weight**2)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (member.T @ cells) / weights
        scale = sizes / (sizes - 1) * (sizes / audience.in_tab_households[market])

        def covariance(ratio_of_base: NDArray[np.float64]) -> NDArray[np.float64]:
            joint = squares - (ratio + ratio_of_base) * products
            return np.asarray(joint + ratio * ratio_of_base * weight_squares)

        own = np.maximum(covariance(ratio), 0) * scale[:, None] * (universe / weights) ** 2
        with_all = covariance(ratio[:1]) * scale[:, None]
        with_all *= universe * universe[:1] / (weights * weights[:1])
    own[sizes < 2] = with_all[sizes < 2] = np.nan
    shape = (len(audience.segments), *audience.viewing_minutes.shape[1:3])
    return np.moveaxis(own.reshape(shape), 0, -1), np.moveaxis(with_all.reshape(shape), 0, -1)


def _projected_viewing(
    audience: Audience,
    market: int,
    households: pa.Table,
    weight: NDArray[np.float64],
    panel: pa.Table,
) -> NDArray[np.float64]:
    """Return weight x minutes / minutes of the window, shape (households, networks, dayparts)."""
    rows = positions_of(households.column("household"), panel.column("household"))
    networks = positions_of(audience.networks, panel.column("network"))
    dayparts = positions_of(audience.dayparts, panel.column("daypart"))
    viewed = np.zeros((len(weight), len(audience.networks), len(audience.dayparts)))
    np.add.at(viewed, (rows, networks, dayparts), panel.column("minutes").to_numpy())
    viewed[:, :, -1] = viewed.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        share_of_window = viewed / audience.window_minutes[market]
    return np.asarray(np.nan_to_num(share_of_window) * weight[:, None, None])
