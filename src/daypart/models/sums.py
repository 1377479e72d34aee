"""Sum partitions into their parents on local weeks x hours tables, in one pass over a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import NDArray

from daypart.models.kernels import F2, FloatMatrix, kernel
from daypart.models.parents import names_of_parents
from daypart.models.placed import Placed, place

if TYPE_CHECKING:
    from daypart.models.events import EventCalendar
    from daypart.series import SeriesBlock

Floats = NDArray[np.float64]

_I32 = numba.types.Array(numba.int32, 1, "C")
_I16 = numba.types.Array(numba.int16, 1, "C")
_F32 = numba.types.Array(numba.float32, 1, "C")


@kernel(numba.float64, _I32, _F32, _I32, _I16, F2, F2, door=True)
def add_series(
    series: np.ndarray,
    exposures: np.ndarray,
    week: np.ndarray,
    hour_of_week: np.ndarray,
    counts: FloatMatrix,
    exposure: FloatMatrix,
) -> float:
    """Add one partition's observed hours to a table; return the sum of its counts."""
    total = 0.0
    for i in range(len(series)):
        e = exposures[i // 24]
        if series[i] >= 0 and e > 0.0:
            counts[week[i], hour_of_week[i]] += series[i]
            exposure[week[i], hour_of_week[i]] += e
            total += series[i]
    return total


@dataclass
class Sum:
    """One parent's table, which grows to the weeks of its partitions.

    Parameters
    ----------
    parent, column : str
        As in `parents.Parent`.
    top : str
        Name of the sum of all that it is part of.
    first_monday : int
    counts, exposure : float64 arrays, shape (weeks, 168)
    events : set of (int, int, int)
        Local Monday, hour of week and effect of each event that acts on any of its partitions.
    partitions : int
    squares : float
        Sum over partitions of the squared sum of counts.
    """

    parent: str
    column: str
    top: str
    first_monday: int
    counts: Floats = field(default_factory=lambda: np.zeros((0, 168)))
    exposure: Floats = field(default_factory=lambda: np.zeros((0, 168)))
    events: set[tuple[int, int, int]] = field(default_factory=set)
    partitions: int = 0
    squares: float = 0.0

    def reach(self, first_monday: int, weeks: int) -> int:
        """Make room for some weeks; return where they begin."""
        before = max((self.first_monday - first_monday) // 7, 0)
        begin = max((first_monday - self.first_monday) // 7, 0)
        after = max(begin + weeks - len(self.counts) - before, 0)
        if before or after:
            pad = ((before, after), (0, 0))
            self.counts, self.exposure = np.pad(self.counts, pad), np.pad(self.exposure, pad)
            self.first_monday -= 7 * before
        return begin

    def add(self, other: Sum) -> None:
        """Add the partitions of another sum."""
        begin = self.reach(other.first_monday, len(other.counts))
        rows = slice(begin, begin + len(other.counts))
        self.counts[rows] += other.counts
        self.exposure[rows] += other.exposure
        self.events |= other.events
        self.partitions += other.partitions
        self.squares += other.squares

    def event_cells(self) -> NDArray[np.int64]:
        """Return week, hour of week and effect of each observed cell with an event, as rows."""
        cells = np.array(sorted(self.events), dtype=np.int64).reshape(-1, 3).T.copy()
        cells[0] = (cells[0] - self.first_monday) // 7
        there = (cells[0] >= 0) & (cells[0] < len(self.counts))
        cells = cells[:, there]
        return np.asarray(cells[:, self.exposure[cells[0], cells[1]] > 0])

    @property
    def total(self) -> float:
        """The sum of all counts."""
        return float(self.counts.sum())


@dataclass(frozen=True)
class _Clock:
    """One clock of a block, as `add_series` takes it."""

    week: NDArray[np.int32]
    hour_of_week: NDArray[np.int16]
    monday: int
    weeks: int

    @classmethod
    def of(cls, placed: Placed, number: int) -> _Clock:
        hours = slice(placed.clock_start[number], placed.clock_start[number + 1])
        week = placed.week[hours]
        weeks = int(week[-1]) + 1 if len(week) else 0
        return cls(week, placed.hour_of_week[hours], int(placed.monday[number]), weeks)


class Sums:
    """The parents of a store, summed block by block in the order that they are given.

    Parameters
    ----------
    key : sequence of str
    overlapping : mapping of str to str
    calendar : EventCalendar
    """

    def __init__(
        self, key: Sequence[str], overlapping: Mapping[str, str], calendar: EventCalendar
    ) -> None:
        self.key = tuple(key)
        self.overlapping = dict(overlapping)
        self.calendar = calendar
        self.by_name: dict[str, Sum] = {}
        self._seen: set[tuple[object, ...]] = set()
        free = [column for column in self.key if column not in self.overlapping]
        self._summed = free if len(free) > 1 else [""]
        """Columns whose parents are summed here; the sum of all is that of the first's."""

    def add_block(self, block: SeriesBlock) -> None:
        """Add every partition of a block to its parents."""
        placed = place(block, self.calendar)
        columns = {name: block.keys.column(name).to_pylist() for name in self.key}
        names = names_of_parents(self.key, self.overlapping, columns)
        clocks = [_Clock.of(placed, number) for number in range(len(placed.monday))]
        for i, number in enumerate(placed.clock.tolist()):
            clock = clocks[number]
            if not len(clock.week):
                continue
            series = placed.counts[placed.count_start[i] : placed.count_start[i + 1]]
            exposures = placed.exposures[placed.exposure_start[i] : placed.exposure_start[i + 1]]
            for column in self._summed:
                name = names[column][i]
                parent = self.by_name.get(name)
                if parent is None:
                    parent = Sum(name, column, names[""][i], clock.monday)
                    self.by_name[name] = parent
                begin = parent.reach(clock.monday, clock.weeks)
                total = add_series(
                    series,
                    exposures,
                    clock.week,
                    clock.hour_of_week,
                    parent.counts[begin:],
                    parent.exposure[begin:],
                )
                parent.partitions += 1
                parent.squares += total * total
                self._add_events(parent, placed, int(placed.events[i]), clock)

    def _add_events(self, parent: Sum, placed: Placed, members: int, clock: _Clock) -> None:
        pairs = slice(placed.event_start[members], placed.event_start[members + 1])
        hour = placed.event_hour[pairs]
        if not len(hour):
            return
        effect = placed.effect[placed.effect_start[members] :][placed.event_effect[pairs]]
        known = (parent.parent, clock.monday, hour.tobytes(), effect.tobytes())
        if known in self._seen:
            return
        self._seen.add(known)
        monday = clock.monday + 7 * clock.week[hour].astype(np.int64)
        cells = monday, clock.hour_of_week[hour], effect
        parent.events.update(zip(*(cell.tolist() for cell in cells), strict=True))

    def families(self) -> list[tuple[Sum, list[Sum]]]:
        """Return each sum of all with its parents that hold one column fixed, on equal weeks."""
        if self._summed == [""]:
            return [(self.by_name[name], []) for name in sorted(self.by_name)]
        every: dict[str, tuple[Sum, list[Sum]]] = {}
        for name in sorted(self.by_name):
            parent = self.by_name[name]
            whole, parts = every.setdefault(
                parent.top, (Sum(parent.top, "", parent.top, parent.first_monday), [])
            )
            if parent.column == self._summed[0]:
                whole.add(parent)
            parts.append(parent)
        for whole, parts in every.values():
            for parent in parts:
                parent.reach(whole.first_monday, len(whole.counts))
        return list(every.values())
