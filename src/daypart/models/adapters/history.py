"""One partition as plain arrays over its hours and those ahead, for models of other libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daypart.models.events.events import EventCalendar
from daypart.models.seeds import generator_of
from daypart.series.local_time import LocalHours, local_hours

if TYPE_CHECKING:
    from daypart.series.block import SeriesBlock


@dataclass(frozen=True)
class Partition:
    """A partition's history, and the hours that follow it.

    Parameters
    ----------
    unique_id : str
    key : mapping of str to str
    timezone : str
        IANA name.
    first_hour : int
        UTC hours since 1970.
    counts : float64 array, shape (hours,)
        NaN where missing.
    exposure : float64 array, shape (hours,)
        Households in tab; 1 in a store without exposure.
    hours_ahead : int
        Hours after the history that a forecast may cover.
    calendar : EventCalendar

    Examples
    --------
    >>> p = Partition("a", {}, "UTC", 96, np.ones(200), np.ones(200), 10, EventCalendar(False))
    >>> p.hour_of_week[:2].tolist(), int(p.week[-1]), len(p.hour_of_week)
    ([0, 1], 1, 210)
    """

    unique_id: str
    key: Mapping[str, str]
    timezone: str
    first_hour: int
    counts: NDArray[np.float64]
    exposure: NDArray[np.float64]
    hours_ahead: int
    calendar: EventCalendar

    @classmethod
    def of(cls, block: SeriesBlock, i: int, hours_ahead: int, calendar: EventCalendar) -> Partition:
        """Return one partition of a block; hours without exposure count as missing.

        Parameters
        ----------
        block : SeriesBlock
        i : int
            Its position.
        hours_ahead : int
        calendar : EventCalendar
        """
        key = block.keys.slice(i, 1).to_pylist()[0]
        counts = block.counts_of(i).astype(np.float64)
        exposure = block.hourly_exposure_of(i).astype(np.float64)
        counts[(counts < 0) | ~(exposure > 0)] = np.nan
        return cls(
            key.pop("unique_id"),
            key,
            block.timezones[i],
            int(block.first_hours[i]),
            counts,
            exposure,
            hours_ahead,
            calendar,
        )

    @property
    def hours(self) -> int:
        """Return the length of the history."""
        return len(self.counts)

    @property
    def rate(self) -> NDArray[np.float64]:
        """Return counts per unit of exposure, NaN where missing."""
        rate = np.full(self.hours, np.nan)
        np.divide(self.counts, self.exposure, out=rate, where=self.exposure > 0)
        return rate

    @property
    def exposure_ahead(self) -> float:
        """Return the mean exposure of the last week, assumed for the hours ahead."""
        return float(self.exposure[-168:].mean())

    @property
    def hour_of_week(self) -> NDArray[np.int64]:
        """Return 0 to 167 by local clock, Monday 00:00 first, of the history and ahead."""
        hour: NDArray[np.int64] = self._clock.hour_of_week.astype(np.int64)
        return hour

    @property
    def week(self) -> NDArray[np.int64]:
        """Return whole local weeks since the first, of the history and the hours ahead."""
        week: NDArray[np.int64] = self._clock.week.astype(np.int64)
        return week

    @cached_property
    def _clock(self) -> LocalHours:
        return local_hours(self.first_hour, self.hours + self.hours_ahead, self.timezone)

    @cached_property
    def events(self) -> dict[str, NDArray[np.bool_]]:
        """Return the hours of the history and ahead in which each event acts, by event."""
        span = self.hours + self.hours_ahead
        found = self.calendar.hours_of(self.key, self.first_hour, span, self.timezone)
        acting = {}
        for number in np.unique(found.effect):
            acting[self.calendar.effects[number]] = np.zeros(span, bool)
            acting[self.calendar.effects[number]][found.hour[found.effect == number]] = True
        return acting

    @property
    def seed(self) -> int:
        """Return a number that depends on the partition's name alone, for random generators."""
        return int(generator_of(self.unique_id, 0).integers(2**31))

    def before(self, hours: int) -> Partition:
        """Return the partition with its last hours as hours ahead."""
        kept = self.hours - hours
        return Partition(
            self.unique_id,
            self.key,
            self.timezone,
            self.first_hour,
            self.counts[:kept],
            self.exposure[:kept],
            hours,
            self.calendar,
        )
