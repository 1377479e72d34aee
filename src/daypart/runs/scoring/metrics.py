"""Sums of scores over the counted hours of series, which can be added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.scores.coverage import share_covered, uncut_quantiles
from daypart.models.spread_counts import quantiles_of_draws, whole_counts
from daypart.runs.scoring.hour_scores import ENDS, LEVELS, PROBABILITIES, SCORES, HourForecasts

OVER_ONE = 1.0
"""Coverage is also measured on the hours with a forecast mean of this or more."""

_PLACES = [PROBABILITIES.index(p) for p in ENDS]


@dataclass(frozen=True)
class Scores:
    """Scores of some series, each summed over its counted hours.

    Parameters
    ----------
    hours : int array, shape (series,)
        Hours that were counted; the others are not scored.
    observed : float array, shape (series,)
        Sum of the counts.
    sums : mapping of str to float array, shape (series,)
        Sum of each of `SCORES`, by its name.
    covered : float array, shape (series, len(LEVELS))
        Hours covered by the central intervals; of a count at the end of an interval, the share
        of it that is inside (see `models.scores.coverage.share_covered`).
    inside : int array, shape (series, len(LEVELS))
        Hours inside the central intervals between whole counts, ends included.
    hours_over_one : int array, shape (series,)
        Counted hours with a forecast mean of `OVER_ONE` or more.
    covered_over_one, inside_over_one : arrays, shape (series, len(LEVELS))
        Of these hours, those covered and those inside.
    """

    hours: NDArray[np.int64]
    observed: NDArray[np.float64]
    sums: Mapping[str, NDArray[np.float64]]
    covered: NDArray[np.float64]
    inside: NDArray[np.int64]
    hours_over_one: NDArray[np.int64]
    covered_over_one: NDArray[np.float64]
    inside_over_one: NDArray[np.int64]

    @classmethod
    def join(cls, scores: Iterable[Scores]) -> Scores:
        """Return the series of several scores one after the other."""
        every = list(scores) or [cls._of_none()]
        joined = {
            each.name: np.concatenate([getattr(one, each.name) for one in every])
            for each in fields(cls)
            if each.name != "sums"
        }
        sums = {name: np.concatenate([one.sums[name] for one in every]) for name in SCORES}
        return cls(sums=sums, **joined)

    @classmethod
    def _of_none(cls) -> Scores:
        """Return the scores of no series."""
        whole, parts = np.zeros(0, np.int64), np.zeros((0, len(LEVELS)), np.int64)
        sums = {name: np.zeros(0) for name in SCORES}
        shares = np.zeros((0, len(LEVELS)))
        return cls(whole, np.zeros(0), sums, shares, parts, whole, shares, parts)

    @classmethod
    def total(cls, parts: Sequence[Scores]) -> Scores:
        """Return the scores of the same series over several parts of their hours."""
        summed = {
            each.name: np.sum([getattr(one, each.name) for one in parts], axis=0)
            for each in fields(cls)
            if each.name != "sums"
        }
        sums = {name: np.sum([one.sums[name] for one in parts], axis=0) for name in SCORES}
        return cls(sums=sums, **summed)

    def take(self, chosen: NDArray[Any]) -> Scores:
        """Return the scores of some of the series (a mask or positions)."""
        taken = {
            each.name: getattr(self, each.name)[chosen]
            for each in fields(self)
            if each.name != "sums"
        }
        return Scores(sums={name: values[chosen] for name, values in self.sums.items()}, **taken)

    def summary(self) -> dict[str, Any]:
        """Return means over all hours of all series: what `backtest.json` holds of a level.

        `crps` and `pinball` are in counts, `log_score` in nats; `wape` is the absolute errors over
        the counts. `coverage_80` is the share of hours that the 80 % interval covers, where
        a count at the end of the interval counts by the share inside; `inside_80` is the share of
        hours whose whole count is in it, which is more where counts are small: an interval that
        holds 0 holds nearly all where nearly all are 0. `coverage_80_over_one` and
        `inside_80_over_one` are those of the hours with a forecast mean of 1 or more. None where
        nothing was counted.
        """
        hours, observed = int(self.hours.sum()), float(self.observed.sum())
        over_one = int(self.hours_over_one.sum())
        return {
            "series": int((self.hours > 0).sum()),
            "hours": hours,
            "mean_per_hour": _ratio(observed, hours),
            **{
                name: _ratio(float(self.sums[name].sum()), observed if score.per_count else hours)
                for name, score in SCORES.items()
            },
            **_shares("coverage_{}", self.covered, hours),
            **_shares("inside_{}", self.inside, hours),
            "hours_over_one": over_one,
            **_shares("coverage_{}_over_one", self.covered_over_one, over_one),
            **_shares("inside_{}_over_one", self.inside_over_one, over_one),
        }

    def per_series(self) -> dict[str, NDArray[np.float64]]:
        """Return each series' means: the columns of `backtest.parquet`; NaN where undefined."""
        observed = np.where(self.observed > 0, self.observed, np.nan)
        values = {"mean_per_hour": self.observed / self.hours}
        for name, score in SCORES.items():
            values[name] = self.sums[name] / (observed if score.per_count else self.hours)
        for title, hours in (("coverage", self.covered), ("inside", self.inside)):
            for position, level in enumerate(LEVELS):
                values[f"{title}_{level}"] = hours[:, position] / self.hours
        return values


def horizons_of(hours: int) -> tuple[int, ...]:
    """Return the first hour of each part of a window that is scored by itself: weeks or days.

    Examples
    --------
    >>> horizons_of(3 * 168), horizons_of(48)
    ((0, 168, 336), (0, 24))
    """
    return tuple(range(0, hours, 168 if hours >= 2 * 168 else 24))


def score_hours(forecasts: HourForecasts, counted: NDArray[np.bool_]) -> list[Scores]:
    """Score forecasts hour by hour, and add up each series' counted hours by horizon.

    Parameters
    ----------
    forecasts : HourForecasts
    counted : bool array, shape (series, hours)

    Returns
    -------
    list of Scores
        One for each of `horizons_of` the hours.
    """
    starts = horizons_of(counted.shape[1])

    def parts(values: NDArray[Any]) -> NDArray[Any]:
        """Return the sums over each horizon, the horizons first."""
        return np.moveaxis(np.add.reduceat(values, starts, axis=1), 1, 0)

    mean, quantiles, observed = forecasts.mean, forecasts.quantiles, forecasts.observed
    ends = whole_counts(quantiles[..., _PLACES])
    low, high = ends[..., 0::2], ends[..., 1::2]
    count, is_counted = observed[..., None], counted[..., None]
    inside = (low <= count) & (count <= high) & is_counted
    ends = uncut_quantiles(quantiles, PROBABILITIES)[..., _PLACES]
    covered = share_covered(count, ends[..., 0::2], ends[..., 1::2]) * is_counted
    over_one = counted & (mean >= OVER_ONE)
    summed = {
        name: parts(np.where(counted, score.of_hours(forecasts), 0.0))
        for name, score in SCORES.items()
    }
    columns = zip(
        parts(counted.astype(np.int64)),
        parts(np.where(counted, observed, 0)).astype(np.float64),
        ({name: values[i] for name, values in summed.items()} for i in range(len(starts))),
        parts(covered),
        parts(inside.astype(np.int64)),
        parts(over_one.astype(np.int64)),
        parts(covered * over_one[..., None]),
        parts((inside & over_one[..., None]).astype(np.int64)),
        strict=True,
    )
    return [Scores(*each) for each in columns]


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
        """Add one partition to its group.

        Parameters
        ----------
        key : tuple of str
            The group's.
        draws : array, shape (draws, hours)
        mean : float array, shape (hours,)
        observed : array, shape (hours,)
        counted : bool array, shape (hours,)
        """
        place = self.place[key]
        self.draws[place] += np.where(counted, draws, 0)
        self.mean[place] += np.where(counted, mean, 0.0)
        self.observed[place] += np.where(counted, observed, 0)
        self.counted[place] |= counted

    def scores(self) -> list[Scores]:
        """Score the totals gathered so far, by horizon."""
        every: list[list[Scores]] = []
        for place in range(len(self.place)):
            one = slice(place, place + 1)
            quantiles = quantiles_of_draws(self.draws[place], PROBABILITIES)[None]
            forecasts = HourForecasts(
                self.draws[one], self.mean[one], quantiles, self.observed[one]
            )
            every.append(score_hours(forecasts, self.counted[one]))
        if not every:
            return [Scores.join([]) for _ in horizons_of(self.mean.shape[1])]
        return [Scores.join(parts) for parts in zip(*every, strict=True)]


def _shares(name: str, inside: NDArray[Any], hours: int) -> dict[str, float | None]:
    counts = inside.sum(axis=0)
    return {
        name.format(level): _ratio(float(count), hours)
        for level, count in zip(LEVELS, counts, strict=True)
    }


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
