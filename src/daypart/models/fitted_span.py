"""The posterior of log mu in every hour that a partition was fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daypart.models.fitting import fit_partitions
from daypart.models.hyperparameters import summarise
from daypart.series import local_hours

if TYPE_CHECKING:
    from daypart.models.negbin import NegativeBinomial
    from daypart.series import SeriesBlock


@dataclass(frozen=True)
class FittedSpan:
    """One partition's posterior over the hours of its series, or why there is none.

    Parameters
    ----------
    status : str
        `ok`, `failed` or `skipped`.
    reason : str or None
    log_mu_mean, log_mu_sd : float64 array, shape (hours,)
        Of the log of the expected count at the hour's exposure; NaN without exposure. Empty
        unless `ok`.
    hyperparameters : float64 array, shape (hyperparameters, 7)
        Columns as in `hyperparameters.SUMMARY`.
    """

    status: str
    reason: str | None
    log_mu_mean: NDArray[np.float64]
    log_mu_sd: NDArray[np.float64]
    hyperparameters: NDArray[np.float64]


def fitted_spans(model: NegativeBinomial, block: SeriesBlock) -> Iterator[FittedSpan]:
    """Fit each partition anew, with the scales integrated out in full, and yield its span."""
    full = replace(model, parameters={**model.parameters, "inference": "full"})
    empty = np.empty(0)
    for i, fitted in enumerate(fit_partitions(full, block)):
        if fitted.status != "ok":
            nothing = np.full((len(model.configuration.hyperparameters), 7), np.nan)
            yield FittedSpan(fitted.status, fitted.reason, empty, empty, nothing)
            continue
        clock = local_hours(int(block.first_hours[i]), block.hours_of(i), block.timezones[i])
        exposure = block.hourly_exposure_of(i).astype(np.float64)
        shown = exposure > 0
        first, second = fitted.scratch.fitted[:, clock.week, clock.hour_of_week]
        offset = fitted.offset[clock.week, clock.hour_of_week]
        log_exposure = np.log(exposure, out=np.full(len(exposure), np.nan), where=shown)
        deviation = np.sqrt(np.maximum(second - first**2, 0.0))
        deviation[~shown] = np.nan
        yield FittedSpan(
            "ok",
            None,
            first + log_exposure + offset,
            deviation,
            summarise(fitted.nodes),
        )
