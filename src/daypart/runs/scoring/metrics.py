"""Scores of forecasts against what was counted, as sums that can be added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = (50, 80, 95)
"""Central intervals whose coverage is measured, in percent."""

OVER_ONE = 1.0
"""Forecast mean from which on an hour's coverage is also told apart."""

_ENDS = tuple(round(p, 6) for level in LEVELS for p in (0.5 - level / 200, 0.5 + level / 200))
_EVEN = tuple(round(0.05 * i, 6) for i in range(1, 20))

PROBABILITIES = tuple(sorted({0.002, 0.01, *_ENDS, *_EVEN, 0.99, 0.998}))
"""Of the quantiles that are scored: evenly spread, the ends of the intervals, and far out."""

_PLACES = [PROBABILITIES.index(p) for p in _ENDS]
_EVEN_PLACES = [PROBABILITIES.index(p) for p in _EVEN]


@dataclass(frozen=True)
class Scores:
    """Scores of some series, each summed over its counted hours.

    Parameters
    ----------
    hours : int array, shape (series,)
        Hours that were counted; the others are not scored.
    crps : float array, shape (series,)
        Continuous ranked probability score, in counts.
    log_score : float array, shape (series,)
        Minus the log probability of what was counted.
    pinball : float array, shape (series,)
        Mean quantile loss of 19 evenly spread quantiles, in counts.
    absolute_error : float array, shape (series,)
        Of the forecast mean.
    observed : float array, shape (series,)
    covered : float array, shape (series, len(LEVELS))
        Hours covered by the central intervals; of a count that an interval ends in, the share
        of it that lies inside (see `models.scores.coverage.share_covered`).
    inside : int array, shape (series, len(LEVELS))
        Hours inside the central intervals, borders included.
    hours_over_one : int array, shape (series,)
        Counted hours with a forecast mean of `OVER_ONE` or more.
    covered_over_one, inside_over_one : arrays, shape (series, len(LEVELS))
        Those of them covered, and inside.
    """

    hours: NDArray[np.int64]
    crps: NDArray[np.float64]
    log_score: NDArray[np.float64]
    pinball: NDArray[np.float64]
    absolute_error: NDArray[np.float64]
    observed: NDArray[np.float64]
    covered: NDArray[np.float64]
    inside: NDArray[np.int64]
    hours_over_one: NDArray[np.int64]
    covered_over_one: NDArray[np.float64]
    inside_over_one: NDArray[np.int64]

    @classmethod
    def join(cls, scores: Iterable[Scores]) -> Scores:
        """Put the series of several scores one after the other."""
        every = list(scores)
        if not every:
            none = np.zeros((0, len(LEVELS)))
            whole, parts = none[:, 0].astype(np.int64), none.astype(np.int64)
            sums = none[:, 0]
            return cls(whole, sums, sums, sums, sums, sums, none, parts, whole, none, parts)
        names = [each.name for each in fields(cls)]
        return cls(*(np.concatenate([getattr(e, name) for e in every]) for name in names))

    def take(self, chosen: NDArray[Any]) -> Scores:
        """Return the scores of some of the series (a mask or positions)."""
        return Scores(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def summary(self) -> dict[str, Any]:
        """Return means over all hours of all series: what `backtest.json` holds of a level.

        `crps` and `pinball` in counts; `log_score` in nats; `wape` the absolute errors over the
        counts; `coverage_80` the share of hours that the interval of 80 percent covers, where
        a count that the interval ends in counts by the share inside; `inside_80` the share of
        hours whose whole count lies in it, which is more where counts are small: an interval
        that holds 0 holds nearly all where nearly all are 0. `coverage_80_over_one` and
        `inside_80_over_one` are those of the hours with a forecast mean of 1 or more. None
        where nothing was counted.
        """
        hours, observed = int(self.hours.sum()), float(self.observed.sum())
        over_one = int(self.hours_over_one.sum())
        return {
            "series": int((self.hours > 0).sum()),
            "hours": hours,
            "mean_per_hour": _ratio(observed, hours),
            "crps": _ratio(float(self.crps.sum()), hours),
            "log_score": _ratio(float(self.log_score.sum()), hours),
            "pinball": _ratio(float(self.pinball.sum()), hours),
            "wape": _ratio(float(self.absolute_error.sum()), observed),
            **_shares("coverage_{}", self.covered, hours),
            **_shares("inside_{}", self.inside, hours),
            "hours_over_one": over_one,
            **_shares("coverage_{}_over_one", self.covered_over_one, over_one),
            **_shares("inside_{}_over_one", self.inside_over_one, over_one),
        }


def score_hours(
    draws: NDArray[Any],
    mean: NDArray[np.float64],
    quantiles: NDArray[np.float64],
    observed: NDArray[Any],
    counted: NDArray[np.bool_],
) -> Scores:
    """Score forecasts hour by hour, and add up each series' counted hours.

    Parameters
    ----------
    draws : array, shape (series, draws, hours)
    mean : float array, shape (series, hours)
    quantiles : float array, shape (series, hours, len(PROBABILITIES))
        At `PROBABILITIES`.
    observed : array, shape (series, hours)
    counted : bool array, shape (series, hours)

    Returns
    -------
    Scores
    """
    from daypart.models.scores import proper as scores
    from daypart.models.scores.coverage import share_covered, uncut_quantiles

    crps = scores.crps_from_samples(observed, np.moveaxis(draws, 1, -1))
    log_score = scores.log_score_from_quantiles(observed, quantiles, PROBABILITIES)
    loss = scores.pinball(observed, quantiles[..., _EVEN_PLACES], _EVEN).mean(axis=-1)
    error = np.abs(observed - mean)
    ends = quantiles[..., _PLACES]
    low, high = ends[..., 0::2], ends[..., 1::2]
    there, told = observed[..., None], counted[..., None]
    inside = (low <= there) & (there <= high) & told
    ends = uncut_quantiles(quantiles, PROBABILITIES)[..., _PLACES]
    covered = share_covered(there, ends[..., 0::2], ends[..., 1::2]) * told
    over_one = counted & (mean >= OVER_ONE)
    return Scores(
        counted.sum(axis=1),
        np.where(counted, crps, 0.0).sum(axis=1),
        np.where(counted, log_score, 0.0).sum(axis=1),
        np.where(counted, loss, 0.0).sum(axis=1),
        np.where(counted, error, 0.0).sum(axis=1),
        np.where(counted, observed, 0).sum(axis=1).astype(np.float64),
        covered.sum(axis=1),
        inside.sum(axis=1),
        over_one.sum(axis=1),
        (covered * over_one[..., None]).sum(axis=1),
        (inside & over_one[..., None]).sum(axis=1),
    )


class TotalsTally:
    """Totals of one way of grouping, gathered partition by partition for one model.

    An hour that was not counted in a partition is left out of that partition's draws, mean and
    observation alike, so that each total is compared with its own parts.

    Parameters
    ----------
    keys : sequence of tuple of str
        The groups.
    draws, hours : int
    """

    def __init__(self, keys: Sequence[tuple[str, ...]], draws: int, hours: int) -> None:
        self.place = {key: place for place, key in enumerate(keys)}
        self.draws = np.zeros((len(keys), draws, hours), np.int64)
        self.mean = np.zeros((len(keys), hours))
        self.observed = np.zeros((len(keys), hours), np.int64)
        self.counted = np.zeros((len(keys), hours), bool)

    def add(
        self,
        key: tuple[str, ...],
        draws: NDArray[Any],
        mean: NDArray[np.float64],
        observed: NDArray[Any],
        counted: NDArray[np.bool_],
    ) -> None:
        """Add one partition to its group."""
        place = self.place[key]
        self.draws[place] += np.where(counted, draws, 0)
        self.mean[place] += np.where(counted, mean, 0.0)
        self.observed[place] += np.where(counted, observed, 0)
        self.counted[place] |= counted

    def scores(self) -> Scores:
        """Score the totals gathered so far."""
        from daypart.models import spread_counts

        every = []
        for place in range(len(self.place)):
            one = slice(place, place + 1)
            quantiles = spread_counts.quantiles_of_draws(self.draws[place], PROBABILITIES)[None]
            hours = self.mean[one], quantiles, self.observed[one], self.counted[one]
            every.append(score_hours(self.draws[one], *hours))
        return Scores.join(every)


def _shares(name: str, inside: NDArray[Any], hours: int) -> dict[str, float | None]:
    counts = inside.sum(axis=0)
    return {
        name.format(level): _ratio(float(count), hours)
        for level, count in zip(LEVELS, counts, strict=True)
    }


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
