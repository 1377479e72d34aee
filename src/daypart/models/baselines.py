"""Baselines that a model must beat: last week again, and the mean of four weeks.

Both forecast the same local hour of the week. Their distribution is normal, cut at 0; its
standard deviation is that of the forecast's own errors inside the series, by hour of day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.models.protocol import Forecast, Window
from daypart.models.seeds import generator_of
from daypart.series.local_time import datetime_to_hour, local_hours

if TYPE_CHECKING:
    from daypart.series.block import SeriesBlock


@dataclass(frozen=True)
class WeeklyProfile:
    """The mean of the last observed counts of the same local hour of the week, for weeks ahead.

    Parameters
    ----------
    name : str
    weeks : int
        How many counts of each hour of the week are averaged.
    widening : bool
        Whether errors grow with the square root of the weeks ahead, as those of a random walk.
    version : str

    References
    ----------
    Hyndman and Athanasopoulos (2021), Forecasting: principles and practice, section 5.2.
    """

    name: str
    weeks: int
    widening: bool
    version: str = "1"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """None."""
        return {}

    def fit(self, block: SeriesBlock) -> pa.Table:
        """Average the last counts of each hour of the week; see `Model.fit`."""
        vector = pa.list_(pa.float32())
        columns = {"status": pa.string(), "reason": pa.string()}
        schema = pa.schema({**columns, "profile": vector, "error_sd": vector})
        rows = [_fit_row(block, i, self.weeks) for i in range(len(block))]
        return pa.Table.from_pylist(rows, schema=schema)

    def forecast(self, state: pa.Table, window: Window, probabilities: Sequence[float]) -> Forecast:
        """Repeat the profile; see `Model.forecast`."""
        result = Forecast.missing(state.num_rows, window.hours, len(probabilities))
        scores = np.array([NormalDist().inv_cdf(p) for p in probabilities])
        for i, _, mean, sd in _predicted(state, window, self.widening):
            result.mean[i], result.sd[i] = mean, sd
            result.quantiles[i] = np.maximum(mean[:, None] + sd[:, None] * scores, 0.0)
        return result

    def sample_paths(
        self, state: pa.Table, window: Window, draws: int, seed: int
    ) -> NDArray[np.int32]:
        """Draw paths with independent hours; see `Model.sample_paths`."""
        paths = np.full((state.num_rows, draws, window.hours), -1, dtype=np.int32)
        for i, unique_id, mean, sd in _predicted(state, window, self.widening):
            noise = generator_of(unique_id, seed).standard_normal((draws, window.hours))
            paths[i] = np.clip(np.rint(mean + sd * noise), 0, 2e9).astype(np.int32)
        return paths


SEASONAL_NAIVE = WeeklyProfile("seasonal_naive", weeks=1, widening=True)
WEEK_MEANS = tuple(
    WeeklyProfile(f"{name}_week_mean", weeks=weeks, widening=False)
    for name, weeks in (("four", 4), ("eight", 8), ("thirteen", 13))
)


def _rates(block: SeriesBlock, i: int) -> NDArray[np.float64]:
    """Return counts per unit of exposure on the weeks x 168 table, NaN where missing."""
    hours = block.hours_of(i)
    clock = local_hours(int(block.first_hours[i]), hours, block.timezones[i])
    counts = block.counts_of(i).astype(np.float64)
    exposure = block.hourly_exposure_of(i).astype(np.float64)
    seen = (counts >= 0) & (exposure > 0)
    total = np.zeros((int(clock.week[-1]) + 1, 168))
    basis = np.zeros_like(total)
    np.add.at(total, (clock.week[seen], clock.hour_of_week[seen]), counts[seen])
    np.add.at(basis, (clock.week[seen], clock.hour_of_week[seen]), exposure[seen])
    rates = np.full_like(total, np.nan)
    np.divide(total, basis, out=rates, where=basis > 0)
    return rates


def _profile(rates: NDArray[np.float64], weeks: int) -> NDArray[np.float64]:
    """Return the mean of the last `weeks` observed values of each column, NaN where none."""
    seen = ~np.isnan(rates)
    age = np.cumsum(seen[::-1], axis=0)[::-1]
    kept = seen & (age <= weeks)
    number = kept.sum(axis=0)
    total = np.where(kept, rates, 0.0).sum(axis=0)
    profile = np.full(168, np.nan)
    np.divide(total, number, out=profile, where=number > 0)
    return profile


def _error_sd(rates: NDArray[np.float64], weeks: int) -> NDArray[np.float64]:
    """Return the root mean square error one week ahead inside the series, by hour of day."""
    squares, number = np.zeros(168), np.zeros(168)
    for week in range(1, len(rates)):
        error = rates[week] - _profile(rates[:week], weeks)
        seen = ~np.isnan(error)
        squares[seen] += error[seen] ** 2
        number += seen
    daily, count = squares.reshape(7, 24).sum(0), number.reshape(7, 24).sum(0)
    overall = squares.sum() / number.sum() if number.sum() else 0.0
    variance = np.full(24, overall)
    np.divide(daily, count, out=variance, where=count > 0)
    deviation: NDArray[np.float64] = np.sqrt(variance)
    return deviation


def _fit_row(block: SeriesBlock, i: int, weeks: int) -> dict[str, Any]:
    """Return one partition's row."""
    hours = block.hours_of(i)
    if hours < 2 * 168:
        return {"status": "skipped", "reason": f"{hours} hours, under 2 weeks"}
    rates = _rates(block, i)
    if np.isnan(rates).all():
        return {"status": "skipped", "reason": "all hours are missing or without exposure"}
    profile = _profile(rates, weeks)
    filled = np.where(np.isnan(profile), np.nanmean(rates), profile)
    error_sd = _error_sd(rates, weeks)
    return {
        "status": "ok",
        "profile": filled.astype(np.float32),
        "error_sd": error_sd.astype(np.float32),
    }


def _predicted(
    state: pa.Table, window: Window, widening: bool
) -> Iterator[tuple[int, str, NDArray[np.float64], NDArray[np.float64]]]:
    """Yield position, unique_id, mean and sd per hour of every row that has a profile."""
    for i, row in enumerate(state.to_pylist()):
        if row["status"] != "ok":
            continue
        first_hour = datetime_to_hour(row["first_hour"])
        clock = local_hours(window.first_hour, window.hours, row["timezone"])
        exposure = float(row["exposure"])
        mean = np.asarray(row["profile"])[clock.hour_of_week] * exposure
        sd = np.asarray(row["error_sd"])[clock.hour_of_week % 24] * exposure
        if widening:
            hours_ahead = window.first_hour + np.arange(window.hours) - first_hour - row["hours"]
            sd = sd * np.sqrt(np.maximum(hours_ahead // 168, 0) + 1.0)
        yield i, row["unique_id"], mean, sd
