"""How sure the ratings are: the model's distribution of one coming week."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daypart.insights.viewing_minutes import Audience
from daypart.models import Window
from daypart.progress import SILENT, Progress
from daypart.series import HOURS_PER_WEEK, datetime_to_hour, local_hours

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models import Model

_DRAWS = 200
_INTERVAL = (0.1, 0.9)
_PARTITIONS_AT_ONCE = 256


def coming_week_audience(
    audience: Audience,
    results: pa.Table,
    model: Model,
    *,
    seed: int,
    progress: Progress = SILENT,
) -> NDArray[np.float64]:
    """Draw the average audience of the week after each partition's data.

    A path of hourly counts becomes an average audience by the projected viewing minutes that a
    credited household-hour stood for in that cell. Totals over markets are added up path by
    path, so that their intervals are those of the total.

    Parameters
    ----------
    audience : Audience
    results : pyarrow.Table
        A row per partition, as `daypart.runs.read_results` gives them.
    model : Model
        The model that was fitted.
    seed : int
    progress : Progress

    Returns
    -------
    float64 array, shape (3, markets + 1, networks, dayparts, segments)
        Mean and both ends of the 80 % interval, households; the last market is all markets
        together. NaN without a posterior.
    """
    shape = audience.viewing_minutes.shape
    told = np.full((3, shape[0] + 1, *shape[1:]), np.nan)
    everywhere = np.zeros((_DRAWS, *shape[1:]))
    regions = np.asarray(results.column("market").to_pylist(), dtype=object)
    with progress.step("drawing a coming week", total=shape[0], unit="markets") as step:
        for position, market in enumerate(audience.markets):
            rows = results.take(np.flatnonzero(regions == market))
            drawn = _draw_market(audience, position, rows, model, seed)
            told[:, position] = _mean_and_interval(drawn)
            everywhere += drawn
            step.advance()
    told[:, -1] = _mean_and_interval(everywhere)
    return told


def _draw_market(
    audience: Audience, market: int, rows: pa.Table, model: Model, seed: int
) -> NDArray[np.float64]:
    """Return average audiences, shape (draws, networks, dayparts, segments)."""
    networks, dayparts, segments = audience.viewing_minutes.shape[1:]
    drawn = np.full((_DRAWS, networks, dayparts, segments), np.nan)
    status = np.asarray(rows.column("status").to_pylist(), dtype=object)
    fitted = rows.take(np.flatnonzero(status == "ok"))
    minutes_per_count = _minutes_per_count(audience, market)
    for start in range(0, len(fitted), _PARTITIONS_AT_ONCE):
        some = fitted.slice(start, _PARTITIONS_AT_ONCE)
        first = some.slice(0, 1).to_pylist()[0]
        first_hour = datetime_to_hour(first["first_hour"]) + int(first["hours"])
        paths = model.sample_paths(some, Window(first_hour, HOURS_PER_WEEK), _DRAWS, seed)
        clock = local_hours(first_hour, HOURS_PER_WEEK, str(first["timezone"]))
        owner = audience.hour_of_week_daypart[clock.hour_of_week]
        for row, key in enumerate(some.select(["network", "segment"]).to_pylist()):
            network = audience.networks.index(key["network"])
            segment = audience.segments.index(key["segment"])
            for daypart in range(dayparts):
                hours = (
                    np.ones(HOURS_PER_WEEK, bool) if daypart == dayparts - 1 else owner == daypart
                )
                households = paths[row][:, hours].mean(axis=1)
                drawn[:, network, daypart, segment] = (
                    households * minutes_per_count[network, daypart, segment] / 60
                )
    return drawn


def _minutes_per_count(audience: Audience, market: int) -> NDArray[np.float64]:
    """Return projected viewing minutes of a credited household-hour, by cell."""
    minutes, counts = audience.viewing_minutes[market], audience.counts[market]
    with np.errstate(divide="ignore", invalid="ignore"):
        of_cell = minutes / counts
        of_week = minutes[:, -1:, :] / counts[:, -1:, :]
    return np.asarray(np.nan_to_num(np.where(counts > 0, of_cell, of_week)))


def _mean_and_interval(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([drawn.mean(axis=0)[None], np.quantile(drawn, _INTERVAL, axis=0)])
