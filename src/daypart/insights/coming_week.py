"""The model's distribution of the average audience in one coming week."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from daypart.engine.tasks.threads import in_order
from daypart.insights.viewing_minutes import Audience
from daypart.models.protocol import Window
from daypart.progress import SILENT, Progress
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.series.local_time import HOURS_PER_WEEK, datetime_to_hour, local_hours
from daypart.series.store_tables import positions_of

_DRAWS = 200
_INTERVAL = (0.1, 0.9)
_PARTITIONS_AT_ONCE = 256


def coming_week_audience(
    audience: Audience, run: FittedRun, *, seed: int, progress: Progress = SILENT
) -> NDArray[np.float64]:
    """Draw the average audience of the week after each partition's data.

    A path of hourly counts becomes an average audience by the projected viewing minutes per
    credited household-hour of that cell. Totals over markets are added up path by
    path, so that their intervals are those of the total.

    Parameters
    ----------
    audience : Audience
    run : FittedRun
    seed : int
        Of the draws.
    progress : Progress

    Returns
    -------
    float64 array, shape (3, markets + 1, networks, dayparts, segments)
        Mean and both ends of the 80 % interval, households; the last market is all markets
        together. NaN where a partition has no posterior, and in the totals that it belongs to.
    """
    shape = audience.viewing_minutes.shape
    result = np.full((3, shape[0] + 1, *shape[1:]), np.nan)
    everywhere = np.zeros((_DRAWS, *shape[1:]))
    fitted = run.ok()
    market_of = run.results.rows.column("market").take(fitted)
    place = positions_of(audience.markets, market_of)

    def draw(market: int) -> NDArray[np.float64]:
        return _draw_market(audience, market, run, fitted[place == market], seed)

    with progress.step("drawing a coming week", total=shape[0], unit="markets") as step:
        for market, drawn in enumerate(in_order(draw, range(shape[0]))):
            result[:, market] = _mean_and_interval(drawn)
            everywhere += drawn
            step.advance()
    result[:, -1] = _mean_and_interval(everywhere)
    return result


def _draw_market(
    audience: Audience, market: int, run: FittedRun, fitted: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Return average audiences, shape (draws, networks, dayparts, segments).

    A network that the market does not carry adds nothing to the total; one without a posterior
    makes it unknown.
    """
    drawn = np.zeros((_DRAWS, *audience.viewing_minutes.shape[1:]))
    drawn[:, audience.carried[market]] = np.nan
    minutes_per_count = _minutes_per_count(audience, market)
    for start in range(0, len(fitted), _PARTITIONS_AT_ONCE):
        states = run.states(fitted[start : start + _PARTITIONS_AT_ONCE])
        first = states.slice(0, 1).to_pylist()[0]
        first_hour = datetime_to_hour(first["first_hour"]) + int(first["hours"])
        paths = run.model.sample_paths(states, Window(first_hour, HOURS_PER_WEEK), _DRAWS, seed)
        clock = local_hours(first_hour, HOURS_PER_WEEK, str(first["timezone"]))
        households = paths @ _mean_over_daypart(audience, clock.hour_of_week)
        networks = positions_of(audience.networks, states.column("network"))
        segments = positions_of(audience.segments, states.column("segment"))
        per_count = minutes_per_count[networks, :, segments]
        drawn[:, networks, :, segments] = households * per_count[:, None, :] / 60
    return drawn


def _mean_over_daypart(audience: Audience, hour_of_week: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the matrix that averages hourly counts by daypart, shape (hours, dayparts)."""
    owner = audience.hour_of_week_daypart[hour_of_week]
    belongs = owner[:, None] == np.arange(len(audience.dayparts))
    belongs[:, -1] = True
    return np.asarray(belongs / np.maximum(belongs.sum(axis=0), 1))


def _minutes_per_count(audience: Audience, market: int) -> NDArray[np.float64]:
    """Return projected viewing minutes of a credited household-hour, by cell."""
    minutes, counts = audience.viewing_minutes[market], audience.counts[market]
    with np.errstate(divide="ignore", invalid="ignore"):
        of_cell = minutes / counts
        of_week = minutes[:, -1:, :] / counts[:, -1:, :]
    return np.asarray(np.nan_to_num(np.where(counts > 0, of_cell, of_week)))


def _mean_and_interval(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([drawn.mean(axis=0)[None], np.quantile(drawn, _INTERVAL, axis=0)])
