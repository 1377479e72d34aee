"""The hours ahead on one partition's local clock, and the normal law of log mu in each.

    log mu = log exposure + hour of week + events + what parents' partitions share + weeks ahead

The weeks ahead are apart: forecasts integrate over their scale, and paths draw them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.events.events import EventHours
from daypart.models.negbin.pooling.parents import SHARED
from daypart.models.protocol import Window
from daypart.series.local_time import datetime_to_hour, local_hours

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import ModelSpecification

Floats = NDArray[np.float64]


MOST_VARIANCE = 4.0
"""Of log mu ahead: a median's fifty-fold and a fiftieth are within its 95 %, and beyond, means
would be ruled by what nobody has seen."""
DAMPING = 0.9
"""How much of a walk's step is left in that of the week after: a level does not drift for ever."""


def damping(weeks: int) -> Floats:
    """Return the scale of the walk's step in each week ahead, the first of which has none.

    Parameters
    ----------
    weeks : int

    Examples
    --------
    >>> damping(4).tolist()
    [0.0, 1.0, 0.9, 0.81]
    """
    scale = DAMPING ** (np.arange(weeks) - 1.0)
    scale[:1] = 0.0
    return np.asarray(scale)


@dataclass(frozen=True)
class SharedScales:
    """What a partition shares ahead with all others of one parent; see `parents.Parent`."""

    parent: str
    level_sd: float
    walk_sd: float
    week_sd: float
    day_sd: float
    hour_sd: float
    event_sd: Floats


def shared_of(row: Mapping[str, Any]) -> list[SharedScales]:
    """Return what a partition shares with others, by parent; nothing where it has none."""
    names = row.get("parents") or []
    if not names:
        return []
    scales = np.asarray(row["shared_sd"], dtype=np.float64).reshape(len(names), len(SHARED))
    events = np.asarray(row["shared_event_sd"], dtype=np.float64).reshape(len(names), -1)
    return [
        SharedScales(name, **dict(zip(SHARED, scales[i].tolist(), strict=True)), event_sd=events[i])
        for i, name in enumerate(names)
    ]


@dataclass(frozen=True)
class HoursAhead:
    """A window's hours on the local clock of one partition.

    Parameters
    ----------
    hour_of_week : int64 array, shape (hours,)
    steps : int64 array, shape (hours,)
        Whole local weeks after the last fitted one, at least 0.
    events : EventHours
    days : int64 array, shape (hours,)
        Whole local days after the first hour's.
    """

    hour_of_week: NDArray[np.int64]
    steps: NDArray[np.int64]
    events: EventHours
    days: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def walked(self) -> Floats:
        """Variance of the walk in each hour, in squared scales: its steps ahead are damped."""
        return np.asarray(np.cumsum(damping(int(self.steps.max(initial=0)) + 1) ** 2)[self.steps])


def hours_ahead(model: ModelSpecification, row: Mapping[str, Any], window: Window) -> HoursAhead:
    """Return a window's hours on the local clock of one row of a state.

    Parameters
    ----------
    model : ModelSpecification
    row : mapping
        As `Model.forecast` gets them, as a dict.
    window : Window
    """
    first_hour, timezone = datetime_to_hour(row["first_hour"]), row["timezone"]
    fitted = local_hours(first_hour, max(int(row["hours"]), 1), timezone)
    clock = local_hours(window.first_hour, window.hours, timezone)
    last_monday = int(fitted.day[-1]) - int(fitted.hour_of_week[-1]) // 24
    steps = (clock.day - clock.hour_of_week // 24 - last_monday) // 7
    return HoursAhead(
        hour_of_week=clock.hour_of_week.astype(np.int64),
        steps=np.maximum(steps, 0).astype(np.int64),
        events=model.calendar.hours_of(row, window.first_hour, window.hours, timezone),
        days=(clock.day - clock.day[0]).astype(np.int64),
    )


@dataclass(frozen=True)
class LogMean:
    """Normal law of log mu in each hour of a window, without the partition's own weeks ahead."""

    mean: Floats
    variance: Floats


def event_effects(model: ModelSpecification, row: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Return mean and sd of each effect of the calendar: the prior's where it was never observed.

    A learnt scale has the prior variance E[sigma^2] over its posterior.

    Parameters
    ----------
    model : ModelSpecification
    row : mapping
        Of a state.

    Returns
    -------
    tuple of float64 arrays, shape (effects,)
    """
    mean = np.zeros(len(model.calendar.effects))
    sd = np.full(len(mean), model.configuration.event_sd)
    number = {name: place for place, name in enumerate(model.calendar.effects)}
    for name, scale in model.configuration.effect_scales:
        sd[number[name]] = np.hypot(row[f"{scale}_mean"], row[f"{scale}_sd"])
    for name, *moments in zip(row["event"], row["event_mean"], row["event_sd"], strict=True):
        mean[number[name]], sd[number[name]] = moments
    return mean, sd


def log_mean_of(model: ModelSpecification, row: Mapping[str, Any], ahead: HoursAhead) -> LogMean:
    """Return the law of log mu for the row's exposure; effects of one hour add up.

    Parameters
    ----------
    model : ModelSpecification
    row : mapping
        Of a state.
    ahead : HoursAhead
    """
    cell_mean = np.asarray(row["hour_of_week_mean"], dtype=np.float64)
    cell_sd = np.asarray(row["hour_of_week_sd"], dtype=np.float64)
    mean = cell_mean[ahead.hour_of_week] + np.log(max(float(row["exposure"]), 1e-300))
    variance = cell_sd[ahead.hour_of_week] ** 2
    shares = shared_of(row)
    for shared in shares:
        variance += shared.level_sd**2 + ahead.walked * shared.walk_sd**2 + shared.week_sd**2
    if len(ahead.events):
        event_mean, event_sd = event_effects(model, row)
        event_variance = event_sd**2 + sum(shared.event_sd**2 for shared in shares)
        np.add.at(mean, ahead.events.hour, event_mean[ahead.events.effect])
        np.add.at(variance, ahead.events.hour, event_variance[ahead.events.effect])
    return LogMean(mean, variance)
