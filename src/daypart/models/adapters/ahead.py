"""The columns that adapters fill, and forecasts from them.

Either expected values hour by hour ahead with the standardised errors of held-out weeks,

    count = m + z s        s^2 = m + r m^2      m = rate x exposure

where z is drawn from those errors and r is estimated from them; or the model's own sample paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.models.adapters.history import Partition
from daypart.models.protocol import Forecast, Window
from daypart.models.seeds import generator_of
from daypart.models.spread_counts import quantiles_of_draws
from daypart.series.local_time import datetime_to_hour

FEWEST_HOURS = 2 * 168
SMALLEST_MEAN = 1e-6


def ahead_schema() -> dict[str, pa.DataType]:
    """Return the columns that every adapter has."""
    vector = pa.list_(pa.float32())
    return {
        "ahead_rate": vector,
        "ahead_sd": vector,
        "dispersion": pa.float64(),
        "held_out_errors": vector,
        "ahead_draws": pa.list_(pa.int32()),
        "draws": pa.int32(),
        "held_out_wape": pa.float64(),
    }


def held_out_hours(hours: int, weeks: int) -> int:
    """Return the number of last hours held out: whole days, at most a quarter.

    Parameters
    ----------
    hours : int
        Of the history.
    weeks : int
        Requested.

    Examples
    --------
    >>> held_out_hours(13 * 168, 2), held_out_hours(2 * 168, 2)
    (336, 72)
    """
    return max(24, min(168 * weeks, hours // 4 // 24 * 24))


def held_out_columns(
    partition: Partition, held_out: int, forecast: NDArray[np.float64], ahead: NDArray[np.float64]
) -> dict[str, Any]:
    """Return the columns of a model that returns expected rates only.

    Parameters
    ----------
    partition : Partition
        With its whole history.
    held_out : int
        Hours at the end of it that `forecast` was made without.
    forecast : float64 array, shape (held_out,)
    ahead : float64 array, shape (partition.hours_ahead,)
        Expected counts per unit of exposure.

    Raises
    ------
    ValueError
        Where the model returned NaN or infinity, or nothing was observed in the held-out hours.
    """
    if not (np.isfinite(forecast).all() and np.isfinite(ahead).all()):
        raise ValueError("the model returned NaN or infinity")
    counts, exposure = partition.counts[-held_out:], partition.exposure[-held_out:]
    mean = np.maximum(forecast * exposure, SMALLEST_MEAN)
    seen = ~np.isnan(counts)
    if not seen.any():
        raise ValueError(f"no hour of the last {held_out}, held out for the errors, was observed")
    square = (counts[seen] - mean[seen]) ** 2
    dispersion = max(float((square - mean[seen]).sum() / (mean[seen] ** 2).sum()), 0.0)
    errors = (counts - mean) / np.sqrt(mean + dispersion * mean**2)
    errors[~seen] = np.resize(errors[seen], int((~seen).sum()))
    total = counts[seen].sum()
    wape = float(np.sqrt(square).sum() / total) if total > 0 else None
    return {
        "ahead_rate": np.maximum(ahead, 0.0).astype(np.float32),
        "dispersion": dispersion,
        "held_out_errors": errors.astype(np.float32),
        "held_out_wape": wape,
    }


def _windows(
    state: pa.Table, window: Window, name: str
) -> Iterator[tuple[int, Mapping[str, Any], slice]]:
    """Yield position, row, and slice of the window in the hours ahead, of every fitted row."""
    for i, row in enumerate(state.to_pylist()):
        if row["status"] != "ok":
            continue
        rates, draws = row["ahead_rate"], row["ahead_draws"]
        if rates is None and draws is None:
            raise DaypartError(
                f"model {name} returned no forecasts of {row['unique_id']}",
                hint="let its function return `mean` and `sd`, or `draws`",
            )
        kept = len(rates) if rates is not None else len(draws) // row["draws"]
        begin = window.first_hour - datetime_to_hour(row["first_hour"]) - row["hours"]
        if begin < 0 or begin + window.hours > kept:
            raise DaypartError(
                f"model {name} has forecasts of the {kept // 168} weeks after the data of "
                f"{row['unique_id']}, which do not cover the requested hours",
                hint="fit a new run with --set weeks_ahead=... and forecast after its data",
            )
        yield i, row, slice(begin, begin + window.hours)


def forecast_ahead(
    state: pa.Table, window: Window, probabilities: Sequence[float], name: str
) -> Forecast:
    """Forecast counts; see `Model.forecast`.

    Parameters
    ----------
    state, window, probabilities
        As `Model.forecast` takes them.
    name : str
        The model's, for messages.
    """
    whole = Forecast.missing(state.num_rows, window.hours, len(probabilities))
    for i, row, place in _windows(state, window, name):
        if row["ahead_rate"] is None:
            paths = _kept_draws(row)[:, place].astype(np.float64)
            whole.mean[i], whole.sd[i] = paths.mean(axis=0), paths.std(axis=0)
            whole.quantiles[i] = quantiles_of_draws(paths, probabilities)
            continue
        mean, sd = _moments(row, place)
        errors = np.asarray(row["held_out_errors"], dtype=np.float64)
        whole.mean[i], whole.sd[i] = mean, sd * np.sqrt(np.mean(errors**2))
        around = mean[:, None] + sd[:, None] * np.quantile(errors, probabilities)
        whole.quantiles[i] = np.maximum(around, 0.0)
    return whole


def sample_ahead(
    state: pa.Table, window: Window, draws: int, seed: int, name: str
) -> NDArray[np.int32]:
    """Draw joint paths, with errors by whole days; see `Model.sample_paths`.

    Parameters
    ----------
    state, window, draws, seed
        As `Model.sample_paths` takes them.
    name : str
        The model's, for messages.
    """
    paths = np.full((state.num_rows, draws, window.hours), -1, dtype=np.int32)
    for i, row, place in _windows(state, window, name):
        generator = generator_of(row["unique_id"], seed)
        if row["ahead_rate"] is None:
            kept = _kept_draws(row)
            paths[i] = kept[generator.integers(len(kept), size=draws), place]
            continue
        mean, sd = _moments(row, place)
        errors = np.asarray(row["held_out_errors"], dtype=np.float64).reshape(-1, 24)
        hour = np.arange(place.start, place.stop)
        day = hour // 24 - place.start // 24
        drawn = generator.integers(len(errors), size=(draws, int(day[-1]) + 1))
        values = mean + sd * errors[drawn[:, day], hour % 24]
        paths[i] = np.clip(np.rint(values), 0, 2e9).astype(np.int32)
    return paths


def _kept_draws(row: Mapping[str, Any]) -> NDArray[np.int32]:
    return np.asarray(row["ahead_draws"], dtype=np.int32).reshape(int(row["draws"]), -1)


def _moments(
    row: Mapping[str, Any], place: slice
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and sd at the row's exposure."""
    exposure = float(row["exposure"])
    mean = np.asarray(row["ahead_rate"][place], dtype=np.float64) * exposure
    if row["ahead_sd"] is not None:
        return mean, np.asarray(row["ahead_sd"][place], dtype=np.float64) * exposure
    return mean, np.sqrt(np.maximum(mean, SMALLEST_MEAN) + row["dispersion"] * mean**2)
