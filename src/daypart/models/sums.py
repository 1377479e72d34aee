"""Sum partitions into their parents on local weeks x hours tables, in one pass over a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import NDArray

from daypart.models.kernels import (
    F1,
    F2,
    I1,
    I2,
    FloatCube,
    FloatMatrix,
    FloatVector,
    IntMatrix,
    IntVector,
    kernel,
)
from daypart.models.parents import names_of_parents
from daypart.models.placed import PLACED, Placed, place

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


_F3 = numba.types.Array(numba.float64, 3, "C")


@kernel(numba.void, *(PLACED, I2, I1, I1, _F3, _F3, F1, F1), door=True)
def add_partitions(
    placed: Placed,
    slots: IntMatrix,
    begin: IntVector,
    usable: IntVector,
    counts: FloatCube,
    exposure: FloatCube,
    partitions: FloatVector,
    squares: FloatVector,
) -> None:
    """Add every partition of a block to the tables of its parents.

    Parameters
    ----------
    placed : Placed
    slots : int64 array, shape (columns, partitions)
        Which tables each partition is added to.
    begin, usable : int64 arrays, shape (clocks,)
        The tables' week that is a clock's first, and 1 where a clock has any hours.
    counts, exposure : float64 arrays, shape (tables, weeks, 168)
    partitions, squares : float64 arrays, shape (tables,)
        How many were added, and the sum of squares of their counts' sums.
    """
    for i in range(len(placed.clock)):
        clock = placed.clock[i]
        if usable[clock] == 0:
            continue
        hours = slice(placed.clock_start[clock], placed.clock_start[clock + 1])
        for column in range(len(slots)):
            slot = slots[column, i]
            total = add_series(
                placed.counts[placed.count_start[i] : placed.count_start[i + 1]],
                placed.exposures[placed.exposure_start[i] : placed.exposure_start[i + 1]],
                placed.week[hours],
                placed.hour_of_week[hours],
                counts[slot, begin[clock] :],
                exposure[slot, begin[clock] :],
            )
            partitions[slot] += 1.0
            squares[slot] += total * total


@dataclass(frozen=True)
class Sum:
    """One parent's table.

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
    counts: Floats
    exposure: Floats
    events: Set[tuple[int, int, int]]
    partitions: int
    squares: float

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
        free = [column for column in self.key if column not in self.overlapping]
        self._summed = free if len(free) > 1 else [""]
        """Columns whose parents are summed here; the sum of all is that of the first's."""
        self._slots: dict[str, int] = {}
        """Which table each parent has."""
        self._column: list[str] = []
        self._top: list[str] = []
        self._events: list[set[tuple[int, int, int]]] = []
        self._first_monday = 0
        self._counts = self._exposure = np.zeros((0, 0, 168))
        self._partitions = self._squares = np.zeros(0)
        self._seen: set[tuple[object, ...]] = set()

    def add_block(self, block: SeriesBlock) -> None:
        """Add every partition of a block to its parents."""
        placed = place(block, self.calendar)
        if not len(placed.monday):
            return
        columns = {name: block.keys.column(name).to_pylist() for name in self.key}
        names = names_of_parents(self.key, self.overlapping, columns)
        slots = np.array([self._slots_of(names, column) for column in self._summed], np.int64)
        usable = np.diff(placed.clock_start) > 0
        if not usable.any():
            return
        last_week = np.array(
            [
                placed.week[end - 1] if there else 0
                for end, there in zip(placed.clock_start[1:].tolist(), usable.tolist(), strict=True)
            ]
        )
        monday = placed.monday
        self._reach(int(monday[usable].min()), int((monday + 7 * (last_week + 1))[usable].max()))
        begin = np.where(usable, (monday - self._first_monday) // 7, 0)
        add_partitions(
            placed,
            slots,
            begin,
            usable.astype(np.int64),
            self._counts,
            self._exposure,
            self._partitions,
            self._squares,
        )
        self._add_events(placed, slots)

    def _slots_of(self, names: Mapping[str, Sequence[str]], column: str) -> list[int]:
        """Return each partition's table of one column; new parents get one."""
        found = []
        for name, top in zip(names[column], names[""], strict=True):
            slot = self._slots.setdefault(name, len(self._slots))
            if slot == len(self._column):
                self._column.append(column)
                self._top.append(top)
                self._events.append(set())
            found.append(slot)
        return found

    def _reach(self, first_monday: int, end_monday: int) -> None:
        """Make room in all tables for the weeks between two Mondays, and for new parents."""
        tables, weeks = self._counts.shape[:2]
        if weeks == 0:
            self._first_monday = first_monday
        before = max((self._first_monday - first_monday) // 7, 0)
        after = max((end_monday - self._first_monday) // 7 - weeks, 0)
        more = 0
        if len(self._column) > tables:  # and room for some of those that later blocks bring
            more = max(len(self._column), tables + tables // 2) - tables
        if before or after or more:
            pad = ((0, more), (before, after), (0, 0))
            self._counts, self._exposure = np.pad(self._counts, pad), np.pad(self._exposure, pad)
            self._partitions = np.pad(self._partitions, (0, more))
            self._squares = np.pad(self._squares, (0, more))
            self._first_monday -= 7 * before

    def _add_events(self, placed: Placed, slots: NDArray[np.int64]) -> None:
        """Note which cells of each parent have an event, once for every like partition."""
        members = np.stack([placed.events, placed.clock])
        like = np.concatenate([np.vstack([row, members]) for row in slots], axis=1)
        for slot, events, clock in np.unique(like, axis=1).T.tolist():
            pairs = slice(placed.event_start[events], placed.event_start[events + 1])
            hour = placed.event_hour[pairs]
            if not len(hour):
                continue
            effect = placed.effect[placed.effect_start[events] :][placed.event_effect[pairs]]
            first = int(placed.monday[clock])
            known = (slot, first, hour.tobytes(), effect.tobytes())
            if known in self._seen:
                continue
            self._seen.add(known)
            hours = slice(placed.clock_start[clock], placed.clock_start[clock + 1])
            monday = first + 7 * placed.week[hours][hour].astype(np.int64)
            cells = monday, placed.hour_of_week[hours][hour], effect
            self._events[slot].update(zip(*(cell.tolist() for cell in cells), strict=True))

    def families(self) -> list[tuple[Sum, list[Sum]]]:
        """Return each sum of all with its parents that hold one column fixed, on equal weeks."""
        if not self._counts.shape[1]:
            return []
        families: dict[str, list[Sum]] = {}
        for name in sorted(self._slots):
            slot = self._slots[name]
            families.setdefault(self._top[slot], []).append(self._sum(name, slot))
        if self._summed == [""]:
            return [(whole, []) for (whole,) in families.values()]
        return [
            (self._sum_of(top, [part for part in parts if part.column == self._summed[0]]), parts)
            for top, parts in families.items()
        ]

    def _sum(self, name: str, slot: int) -> Sum:
        return Sum(
            name,
            self._column[slot],
            self._top[slot],
            self._first_monday,
            self._counts[slot],
            self._exposure[slot],
            self._events[slot],
            int(self._partitions[slot]),
            float(self._squares[slot]),
        )

    def _sum_of(self, top: str, parts: Sequence[Sum]) -> Sum:
        return Sum(
            top,
            "",
            top,
            self._first_monday,
            np.sum([part.counts for part in parts], axis=0),
            np.sum([part.exposure for part in parts], axis=0),
            set().union(*(part.events for part in parts)),
            sum(part.partitions for part in parts),
            sum(part.squares for part in parts),
        )
