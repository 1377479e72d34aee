"""What a partition's paths share with others: drawn by its parents' names, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.negbin.pooling.parents import SHARED
from daypart.models.seeds import generator_of

if TYPE_CHECKING:
    from daypart.models.negbin.forecast.forecast import PlacedHours


@dataclass(frozen=True)
class SharedScales:
    """What a row's partition shares with others ahead, by one parent; see `parents.Parent`."""

    parent: str
    level_sd: float
    walk_sd: float
    week_sd: float
    day_sd: float
    hour_sd: float
    event_sd: NDArray[np.float64]


def shared_of(row: dict[str, Any]) -> list[SharedScales]:
    """Return what a row's partition shares with others; nothing where it has no parents."""
    names = row.get("parents") or []
    if not names:
        return []
    scales = np.asarray(row["shared_sd"], dtype=np.float64).reshape(len(names), len(SHARED))
    events = np.asarray(row["shared_event_sd"], dtype=np.float64).reshape(len(names), -1)
    return [
        SharedScales(name, **dict(zip(SHARED, scales[i].tolist(), strict=True)), event_sd=events[i])
        for i, name in enumerate(names)
    ]


class SharedDraws:
    """What partitions share in each draw, by parent: the same whoever asks, kept while asked."""

    def __init__(self, draws: int, seed: int) -> None:
        self.draws = draws
        self.seed = seed
        self._kept: dict[tuple[str, str, int], NDArray[np.float32]] = {}

    def normal(self, parent: str, what: str, count: int) -> NDArray[np.float32]:
        """Return standard normal numbers, shape (count, draws); fewer are the first of more."""
        key = (parent, what, count)
        if key not in self._kept:
            generator = generator_of(f"{parent} {what}", self.seed)
            self._kept[key] = generator.standard_normal((count, self.draws), dtype=np.float32)
        return self._kept[key]

    def log_mean(self, shared: SharedScales, clock: PlacedHours) -> NDArray[np.float64]:
        """Return what a parent adds to log mu but for days and hours, shape (draws, hours)."""
        weeks = int(clock.steps.max(initial=0)) + 1
        walk = shared.walk_sd * self.normal(shared.parent, "walk", weeks)
        walk[0] = shared.level_sd * self.normal(shared.parent, "level", 1)[0]
        moved = np.cumsum(walk, axis=0, dtype=np.float64)
        moved += shared.week_sd * self.normal(shared.parent, "week", weeks)
        result = moved[clock.steps]
        if len(clock.events):
            normal = self.normal(shared.parent, "event", len(shared.event_sd))
            events = normal * shared.event_sd[:, None]
            np.add.at(result, clock.events.hour, events[clock.events.effect])
        return np.asarray(result.T, dtype=np.float64)

    def shocks(self, shared: SharedScales, clock: PlacedHours) -> NDArray[np.float64]:
        """Return a parent's shocks of days and hours, shape (draws, hours)."""
        days = self.normal(shared.parent, "day", int(clock.days[-1]) + 1)
        hours = self.normal(shared.parent, "hour", len(clock.days))
        return np.asarray((shared.day_sd * days[clock.days] + shared.hour_sd * hours).T, np.float64)


MOST_SHARED = 0.9
"""Of a partition's dispersion, on the log scale, that shocks shared with others may make up."""
