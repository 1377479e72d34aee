"""A block of partitions as the kernels read it: its series, its clocks and its events.

Partitions that begin at one hour, are as long and share a time zone have one clock, and those on
which the same events act have one set of event hours: each is laid out once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from daypart.models.jit.types import I1, IntVector
from daypart.models.negbin.changes.dead_runs import MOST_RUNS, hide_dead_runs
from daypart.models.seeds import number_of
from daypart.series.local_time import local_hours

if TYPE_CHECKING:
    from daypart.models.events.events import EventCalendar, EventHours
    from daypart.series.block import SeriesBlock
    from daypart.series.local_time import LocalHours

I16 = numba.types.Array(numba.int16, 1, "C")
I32 = numba.types.Array(numba.int32, 1, "C")
F32 = numba.types.Array(numba.float32, 1, "C")
I3 = numba.types.Array(numba.int64, 3, "C")


class Placed(NamedTuple):
    """Ragged arrays, each with where the rows of a partition, clock or set of events start."""

    counts: np.ndarray
    """int32, -1 where missing."""
    count_start: IntVector
    exposures: np.ndarray
    """float32, one for every 24 hours."""
    exposure_start: IntVector
    clock: IntVector
    """Which clock each partition has."""
    week: np.ndarray
    """int32, as `hour_of_week` (int16) of every hour of a clock."""
    hour_of_week: np.ndarray
    clock_start: IntVector
    monday: IntVector
    """Of each clock: local day (since 1970) of the Monday that begins week 0."""
    events: IntVector
    """Which set of event hours each partition has."""
    event_hour: IntVector
    """Place in the span, ascending."""
    event_effect: np.ndarray
    """int16, place among the set's effects."""
    event_start: IntVector
    effect: np.ndarray
    """int16, number in the calendar of each effect of a set."""
    effect_start: IntVector
    seed: IntVector
    """Of the randomised transforms: a partition's name as a number."""
    runs: IntVector
    """Number of each partition's dead runs, whose hours are missing."""
    run: np.ndarray
    """int64 [partitions, MOST_RUNS, 3]: kind, first hour and end of each."""
    unusual: IntVector
    """Number of each partition's unusual days, whose hours are missing, too."""

    @property
    def mondays(self) -> IntVector:
        """Local day of the Monday that begins each partition's week 0."""
        return self.monday[self.clock]


PLACED = numba.types.NamedTuple(
    [I32, I1, F32, I1, I1, I32, I16, I1, I1, I1, I1, I16, I1, I16, I1, I1, I1, I3, I1], Placed
)


def place(block: SeriesBlock, calendar: EventCalendar, *, changes: bool) -> Placed:
    """Lay a block out.

    Parameters
    ----------
    block : SeriesBlock
    calendar : EventCalendar
    changes : bool
        Whether dead runs are looked for.

    Returns
    -------
    Placed
    """
    clocks: dict[tuple[int, int, str], LocalHours] = {}
    sets: dict[tuple[int, tuple[str | None, ...]], EventHours] = {}
    clock_numbers: dict[tuple[int, int, str], int] = {}
    set_numbers: dict[tuple[int, tuple[str | None, ...]], int] = {}
    clock_of, set_of = np.empty((2, len(block)), np.int64)
    columns = [name for name in calendar.columns if name in block.keys.column_names]
    named = [block.keys.column(name).to_pylist() for name in columns]
    spans = zip(
        block.first_hours.tolist(), np.diff(block.offsets).tolist(), block.timezones, strict=True
    )
    for i, span in enumerate(spans):
        if span not in clocks:
            clocks[span] = local_hours(*span)
            clock_numbers[span] = len(clock_numbers)
        clock_of[i] = clock_numbers[span]
        values = (clock_numbers[span], tuple(column[i] for column in named))
        if values not in sets:
            sets[values] = calendar.hours_of(dict(zip(columns, values[1], strict=True)), *span)
            set_numbers[values] = len(set_numbers)
        set_of[i] = set_numbers[values]
    effects = [np.unique(events.effect) for events in sets.values()]
    local = [
        np.searchsorted(present, events.effect)
        for present, events in zip(effects, sets.values(), strict=True)
    ]
    placed = Placed(
        counts=_flat([block.counts], np.int32),
        count_start=_flat([block.offsets], np.int64),
        exposures=_flat([block.exposures], np.float32),
        exposure_start=_flat([block.exposure_offsets], np.int64),
        clock=clock_of,
        week=_flat([clock.week for clock in clocks.values()], np.int32),
        hour_of_week=_flat([clock.hour_of_week for clock in clocks.values()], np.int16),
        clock_start=_starts([len(clock.week) for clock in clocks.values()]),
        monday=np.array([_monday(clock) for clock in clocks.values()], np.int64),
        events=set_of,
        event_hour=_flat([events.hour for events in sets.values()], np.int64),
        event_effect=_flat(local, np.int16),
        event_start=_starts([len(events) for events in sets.values()]),
        effect=_flat(effects, np.int16),
        effect_start=_starts([len(present) for present in effects]),
        seed=np.array([number_of(name) >> 1 for name in block.unique_ids], np.int64),
        runs=np.zeros(len(block), np.int64),
        run=np.zeros((len(block), MOST_RUNS, 3), np.int64),
        unusual=np.zeros(len(block), np.int64),
    )
    if changes:
        placed = placed._replace(counts=placed.counts.copy())  # the block keeps its own
        hide_dead_runs(
            *(placed.counts, placed.count_start, placed.exposures, placed.exposure_start),
            *(placed.events, placed.event_hour, placed.event_start),
            *(placed.runs, placed.unusual, placed.run),
        )
    return placed


def _monday(clock: LocalHours) -> int:
    return int(clock.day[0]) - int(clock.hour_of_week[0]) // 24 if len(clock.day) else 0


def _flat(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    """Join arrays; what comes out can be written to, as the kernels' signatures ask."""
    if len(arrays) == 1 and arrays[0].dtype == dtype and arrays[0].flags.writeable:
        return np.ascontiguousarray(arrays[0])
    return np.concatenate([np.empty(0, dtype), *arrays]).astype(dtype, copy=False)


def _starts(lengths: list[int]) -> IntVector:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
