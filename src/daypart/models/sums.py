"""Sum partitions into their parents on local weeks x hours tables, in one pass over a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import NDArray

from daypart.models.kernels import F2, FloatMatrix, kernel
from daypart.models.parents import parent_names
from daypart.series import local_hours

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
        columns = [block.keys.column(name).to_pylist() for name in self.key]
        for i in range(len(block)):
            hours = block.hours_of(i)
            if not hours:
                continue
            values = dict(zip(self.key, (column[i] for column in columns), strict=True))
            names = parent_names(self.key, self.overlapping, values)
            span = int(block.first_hours[i]), hours, block.timezones[i]
            series = np.array(block.counts_of(i), dtype=np.int32)
            exposures = np.array(block.exposures_of(i), dtype=np.float32)
            for column in self._summed:
                parent = self._add(names, column, series, exposures, span)
                self._add_events(parent, values, span)

    def _add(
        self,
        names: Mapping[str, str],
        column: str,
        series: NDArray[np.int32],
        exposures: NDArray[np.float32],
        span: tuple[int, int, str],
    ) -> Sum:
        clock, name = local_hours(*span), names[column]
        monday = int(clock.day[0]) - int(clock.hour_of_week[0]) // 24
        parent = self.by_name.setdefault(name, Sum(name, column, names[""], monday))
        begin = parent.reach(monday, int(clock.week[-1]) + 1)
        total = add_series(
            series,
            exposures,
            np.array(clock.week),
            np.array(clock.hour_of_week),
            parent.counts[begin:],
            parent.exposure[begin:],
        )
        parent.partitions += 1
        parent.squares += total * total
        return parent

    def _add_events(
        self, parent: Sum, values: Mapping[str, str], span: tuple[int, int, str]
    ) -> None:
        known = (parent.parent, *span, *(values.get(name) for name in self.calendar.columns))
        if known in self._seen:
            return
        self._seen.add(known)
        found = self.calendar.hours_of(values, *span)
        clock = local_hours(*span)
        monday = clock.day - clock.hour_of_week // 24
        cells = monday[found.hour], clock.hour_of_week[found.hour], found.effect
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
