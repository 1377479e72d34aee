"""The posterior of log mu in every hour that a partition was fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daypart.models.protocol import FittedSpan
from daypart.series.local_time import local_hours

if TYPE_CHECKING:
    from daypart.series.block import SeriesBlock

Floats = NDArray[np.float64]


def span_of(
    block: SeriesBlock, i: int, offset: Floats, mean: Floats, deviation: Floats, scales: Floats
) -> FittedSpan:
    """Return one partition's posterior along its hours.

    Parameters
    ----------
    block : SeriesBlock
    i : int
        Position of the partition.
    offset : float64 array, shape (weeks, 168)
        Log mean that its parents expect.
    mean, deviation : float64 array, shape (weeks, 168)
        Of log mu less log exposure and offset.
    scales : float64 array, shape (hyperparameters, 7)
    """
    clock = local_hours(int(block.first_hours[i]), block.hours_of(i), block.timezones[i])
    cell = clock.week, clock.hour_of_week
    exposure = block.hourly_exposure_of(i).astype(np.float64)
    shown = exposure > 0
    log_exposure = np.log(exposure, out=np.full(len(exposure), np.nan), where=shown)
    spread = np.where(shown, deviation[cell], np.nan)
    return FittedSpan("ok", None, mean[cell] + log_exposure + offset[cell], spread, scales)
