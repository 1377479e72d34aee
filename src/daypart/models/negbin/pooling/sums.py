"""Sum partitions into their parents on local weeks x hours tables, in one pass over a store.

Not all partitions of a sum are observed in every hour: time zones end a week at different hours,
series begin late and have gaps. A sum per unit of exposure would then change with its members.
Therefore a partition enters a sum's exposure in proportion to its own mean rate r_i:

    counts[k, c] = sum_i y_i[k, c]      exposure[k, c] ~ sum_i r_i exposure_i[k, c]

scaled so that the sum's exposure is that of its partitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import NDArray

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import (
    F1,
    F2,
    I1,
    I2,
    FloatCube,
    FloatMatrix,
    FloatVector,
    IntMatrix,
    IntVector,
)
from daypart.models.negbin.block.inputs import PLACED, Placed, place
from daypart.models.negbin.pooling.parents import names_of_parents

if TYPE_CHECKING:
    from daypart.models.events.events import EventCalendar
    from daypart.series.block import SeriesBlock

Floats = NDArray[np.float64]

_I32 = numba.types.Array(numba.int32, 1, "C")
_I16 = numba.types.Array(numba.int16, 1, "C")
_F32 = numba.types.Array(numba.float32, 1, "C")


@kernel(numba.types.UniTuple(numba.float64, 2), _I32, _F32)
def observed_in(series: np.ndarray, exposures: np.ndarray) -> tuple[float, float]:
    """Return the sums of one partition's counts and exposure over its observed hours.

    Parameters
    ----------
    series : int32 array, shape (hours,)
        -1 where missing.
    exposures : float32 array
        One for every 24 hours.
    """
    total, exposed = 0.0, 0.0
    for i in range(len(series)):
        e = exposures[i // 24]
        if series[i] >= 0 and e > 0.0:
            total += series[i]
            exposed += e
    return total, exposed


@kernel(numba.void, _I32, _F32, numba.float64, _I32, _I16, F2, F2, from_python=True)
def add_series(
    series: np.ndarray,
    exposures: np.ndarray,
    rate: float,
    week: np.ndarray,
    hour_of_week: np.ndarray,
    counts: FloatMatrix,
    exposure: FloatMatrix,
) -> None:
    """Add one partition's observed hours to a table, its exposure times a rate.

    Parameters
    ----------
    series, exposures
        As `observed_in` takes them.
    rate : float
    week, hour_of_week : int32, int16 arrays, shape (hours,)
    counts, exposure : float64 arrays, shape (weeks, 168), added to
    """
    for i in range(len(series)):
        e = exposures[i // 24]
        if series[i] >= 0 and e > 0.0:
            counts[week[i], hour_of_week[i]] += series[i]
            exposure[week[i], hour_of_week[i]] += rate * e


_F3 = numba.types.Array(numba.float64, 3, "C")


@kernel(numba.void, *(PLACED, I2, I1, I1, _F3, _F3, F1, F1, F1), from_python=True)
def add_partitions(
    placed: Placed,
    slots: IntMatrix,
    begin: IntVector,
    usable: IntVector,
    counts: FloatCube,
    expected: FloatCube,
    exposed: FloatVector,
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
    counts, expected : float64 arrays, shape (tables, weeks, 168)
        Counts, and the counts expected if all hours of a partition had its mean rate.
    exposed, partitions, squares : float64 arrays, shape (tables,)
        Sum of exposure, number of partitions, and sum of squares of their sums of counts.
    """
    for i in range(len(placed.clock)):
        clock = placed.clock[i]
        if usable[clock] == 0:
            continue
        hours = slice(placed.clock_start[clock], placed.clock_start[clock + 1])
        series = placed.counts[placed.count_start[i] : placed.count_start[i + 1]]
        exposures = placed.exposures[placed.exposure_start[i] : placed.exposure_start[i + 1]]
        total, observed = observed_in(series, exposures)
        for column in range(len(slots)):
            slot = slots[column, i]
            add_series(
                series,
                exposures,
                total / max(observed, 1e-300),
                placed.week[hours],
                placed.hour_of_week[hours],
                counts[slot, begin[clock] :],
                expected[slot, begin[clock] :],
            )
            exposed[slot] += observed
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
        Exposure weighted by the rates of the partitions observed, as above; 0 without counts.
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
    changes : bool, default True
        Whether dead runs are left out.
    """

    def __init__(
        self,
        key: Sequence[str],
        overlapping: Mapping[str, str],
        calendar: EventCalendar,
        *,
        changes: bool = True,
    ) -> None:
        self.key = tuple(key)
        self.overlapping = dict(overlapping)
        self.calendar = calendar
        self.changes = changes
        free = [column for column in self.key if column not in self.overlapping]
        self._summed = free if len(free) > 1 else [""]
        """Columns whose parents are summed here; the sum of all is that of the first's."""
        self._slots: dict[str, int] = {}
        """Number of each parent's table."""
        self._column: list[str] = []
        self._top: list[str] = []
        self._events: list[set[tuple[int, int, int]]] = []
        self._first_monday = 0
        self._counts = self._expected = np.zeros((0, 0, 168))
        self._exposed = self._partitions = self._squares = np.zeros(0)
        self._seen: set[tuple[object, ...]] = set()

    def add_block(self, block: SeriesBlock) -> None:
        """Add every partition of a block to its parents."""
        placed = place(block, self.calendar, changes=self.changes)
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
            self._expected,
            self._exposed,
            self._partitions,
            self._squares,
        )
        self._add_events(placed, slots)

    def _slots_of(self, names: Mapping[str, Sequence[str]], column: str) -> list[int]:
        """Return each partition's table of one column; new parents get a new one."""
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
        """Extend all tables to the weeks between two Mondays, and to new parents."""
        tables, weeks = self._counts.shape[:2]
        if weeks == 0:
            self._first_monday = first_monday
        before = max((self._first_monday - first_monday) // 7, 0)
        after = max((end_monday - self._first_monday) // 7 - weeks, 0)
        more = 0
        if len(self._column) > tables:  # and some more, for those of later blocks
            more = max(len(self._column), tables + tables // 2) - tables
        if before or after or more:
            pad = ((0, more), (before, after), (0, 0))
            self._counts, self._expected = np.pad(self._counts, pad), np.pad(self._expected, pad)
            self._exposed = np.pad(self._exposed, (0, more))
            self._partitions = np.pad(self._partitions, (0, more))
            self._squares = np.pad(self._squares, (0, more))
            self._first_monday -= 7 * before

    def _add_events(self, placed: Placed, slots: NDArray[np.int64]) -> None:
        """Keep which cells of each parent have an event, once for all partitions alike."""
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
        members: dict[str, list[int]] = {}
        for name in sorted(self._slots):
            slot = self._slots[name]
            top, column = self._top[slot], self._column[slot]
            families.setdefault(top, []).append(self._sum(name, column, top, [slot]))
            if column == self._summed[0]:
                members.setdefault(top, []).append(slot)
        if self._summed == [""]:
            return [(whole, []) for (whole,) in families.values()]
        return [(self._sum(top, "", top, members[top]), parts) for top, parts in families.items()]

    def _sum(self, name: str, column: str, top: str, slots: Sequence[int]) -> Sum:
        """Return a parent that is the sum of some tables."""
        counts = np.sum([self._counts[slot] for slot in slots], axis=0)
        expected = np.sum([self._expected[slot] for slot in slots], axis=0)
        exposed = sum(float(self._exposed[slot]) for slot in slots)
        return Sum(
            name,
            column,
            top,
            self._first_monday,
            counts,
            expected * (exposed / max(float(expected.sum()), 1e-300)),
            set().union(*(self._events[slot] for slot in slots)),
            int(sum(self._partitions[slot] for slot in slots)),
            float(sum(self._squares[slot] for slot in slots)),
        )
