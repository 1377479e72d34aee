"""How sure an observed rating is: households are a sample of the universe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.insights.viewing_minutes import Audience, positions_of
from daypart.series import SeriesStore
from daypart.storage import read_table

if TYPE_CHECKING:
    import pyarrow as pa


def audience_standard_error(store: SeriesStore, audience: Audience) -> NDArray[np.float64]:
    """Return the standard error of every average audience.

    Each market's households are a simple random sample of its universe, and a rating is the
    ratio of projected viewing to projected households. With x the household's projected average
    viewing, w its weight, r = sum x / sum w and e = x - r w, the variance of r is
    n / (n - 1) sum e^2 / (sum w)^2. The panel stands for all in-tab households: its sum of
    squares is scaled to theirs.

    Parameters
    ----------
    store : SeriesStore
        With a household panel.
    audience : Audience

    Returns
    -------
    float64 array, shape (markets + 1, networks, dayparts, segments)
        Households; the last market is all markets together, which are independent strata. NaN
        where a market has fewer than two households of the segment.

    References
    ----------
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 2.11 (ratio estimates).
    """
    viewing = store.extra["viewing"]
    households = read_table(
        store.folder / viewing["files"]["households"],
        ["household", "market", "weight", "in_panel", "segments"],
    )
    variances = np.zeros((len(audience.markets) + 1, *audience.viewing_minutes.shape[1:]))
    for position, market in enumerate(audience.markets):
        panel = read_table(store.folder / viewing["files"]["panel"][market])
        variances[position] = _market_variance(audience, position, households, panel)
    variances[-1] = variances[:-1].sum(axis=0)
    return np.asarray(np.sqrt(variances))


def _market_variance(
    audience: Audience, market: int, households: pa.Table, panel: pa.Table
) -> NDArray[np.float64]:
    """Return the variance of a market's average audiences, shape (networks, dayparts, segments)."""
    import pyarrow.compute as pc

    here = households.filter(
        (pc.field("market") == audience.markets[market]) & pc.field("in_panel")
    )
    weight = here.column("weight").to_numpy()
    member = _membership(here, audience)
    viewed = _projected_viewing(audience, market, here, weight, panel)
    cells = viewed.reshape(len(weight), -1)
    sizes, weights = member.sum(axis=0), member.T @ weight
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (member.T @ cells) / weights[:, None]
        squares = (
            member.T @ cells**2
            - 2 * ratio * (member.T @ (cells * weight[:, None]))
            + ratio**2 * (member.T @ weight**2)[:, None]
        )
        of_ratio = (sizes / (sizes - 1))[:, None] * np.maximum(squares, 0) / weights[:, None] ** 2
        of_sample = of_ratio * (sizes / audience.in_tab_households[market])[:, None]
        variance = of_sample * audience.universe_estimate[market][:, None] ** 2
    variance[sizes < 2] = np.nan
    shape = (len(audience.segments), *audience.viewing_minutes.shape[1:3])
    return np.asarray(np.moveaxis(variance.reshape(shape), 0, -1))


def _membership(households: pa.Table, audience: Audience) -> NDArray[np.float64]:
    """Return 1 where a household belongs to a segment, shape (households, segments)."""
    of_household = households.column("segments").to_pylist()
    return np.array(
        [[segment in names for segment in audience.segments] for names in of_household],
        dtype=np.float64,
    ).reshape(len(of_household), len(audience.segments))


def _projected_viewing(
    audience: Audience,
    market: int,
    households: pa.Table,
    weight: NDArray[np.float64],
    panel: pa.Table,
) -> NDArray[np.float64]:
    """Return weight x minutes / minutes of the window, shape (households, networks, dayparts)."""
    row_of: Mapping[Any, int] = {
        household: row for row, household in enumerate(households.column("household").to_pylist())
    }
    rows = np.array([row_of[household] for household in panel.column("household").to_pylist()], int)
    networks = positions_of(audience.networks, panel.column("network").to_pylist())
    dayparts = positions_of(audience.dayparts, panel.column("daypart").to_pylist())
    viewed = np.zeros((len(weight), len(audience.networks), len(audience.dayparts)))
    np.add.at(viewed, (rows, networks, dayparts), panel.column("minutes").to_numpy())
    viewed[:, :, -1] = viewed.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        share_of_window = viewed / audience.window_minutes[market]
    return np.asarray(np.nan_to_num(share_of_window) * weight[:, None, None])
