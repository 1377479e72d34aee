"""Schedules from outside: rows of market, network, daypart, week and spots."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Ints
from daypart.planning.panel.panel import AXES, Panel
from daypart.storage.location import Location, location
from daypart.storage.shapes import read_document
from daypart.tables.names import MatchedNames, match_names
from daypart.tables.options import TableOptions
from daypart.tables.read import read_rows
from daypart.tables.schema import Column, Schema
from daypart.tables.table import GivenTable, source_of

SCHEDULE = Schema(
    "schedule",
    (
        Column("market", "text", "Code or name of the market."),
        Column("network", "text", "Name of the network."),
        Column("daypart", "text", "Name of the daypart."),
        Column("week", "day", "Any day of the broadcast week.", required=False),
        Column("spots", "number", "Spots of the week.", unit="spots", least=0, whole=True),
    ),
)
"""A schedule. Without `week`, its spots are those of the whole flight."""

NO_WEEK = dt.date.min
"""The week of spots that a schedule gives for the whole flight."""


@dataclass(frozen=True)
class Schedule:
    """Spots by market, network, daypart and broadcast week, not yet tied to a store.

    Parameters
    ----------
    source : str
        Its file, or `schedule`; for messages.
    rows : tuple of (market, network, daypart, Monday, spots)
    """

    source: str
    rows: tuple[tuple[str, str, str, dt.date, int], ...]

    @property
    def markets(self) -> tuple[str, ...]:
        """Its markets, each once."""
        return tuple(dict.fromkeys(row[0] for row in self.rows))

    @property
    def mondays(self) -> tuple[dt.date, ...]:
        """Its broadcast weeks, in order of time."""
        return tuple(sorted({row[3] for row in self.rows}))

    @property
    def spots(self) -> int:
        """All spots."""
        return sum(row[4] for row in self.rows)

    def spots_by_cell(self, panel: Panel, mondays: Sequence[dt.date]) -> Ints:
        """Sum spots by cell and week.

        Parameters
        ----------
        panel : Panel
            Numbers the cells.
        mondays : sequence of date
            The broadcast weeks.

        Returns
        -------
        int array [cells, weeks]

        Raises
        ------
        DaypartError
            For an unknown market, network, daypart or week.
        """
        numbers = panel.numbers()
        matched = self._matched(panel)
        weeks = {str(monday): str(monday) for monday in mondays}
        matched.append(match_names("week", [str(row[3]) for row in self.rows], weeks))
        spots = np.zeros((panel.cells, len(mondays)), dtype=np.int64)
        for number, row in enumerate(self.rows, start=1):
            try:
                *cell, week = (
                    names.known(str(name)) for names, name in zip(matched, row, strict=False)
                )
            except DaypartError as error:
                raise DaypartError(
                    f"{self.source}: row {number}: {error.message}", hint=error.hint
                ) from None
            place = [numbers[axis][name] for axis, name in zip(AXES, cell, strict=True)]
            spots[np.ravel_multi_index(place, panel.shape), list(weeks).index(week)] += row[4]
        return spots

    def notes(self, panel: Panel) -> tuple[str, ...]:
        """Return which names were read as a name of the panel that is written otherwise."""
        return tuple(note for names in self._matched(panel) for note in names.notes(self.source))

    def _matched(self, panel: Panel) -> list[MatchedNames]:
        catalogue = panel.catalogue()
        return [
            match_names(axis, [str(row[number]) for row in self.rows], catalogue[axis])
            for number, axis in enumerate(AXES)
        ]


def read_schedule(schedule: GivenTable, options: TableOptions | None = None) -> Schedule:
    """Read a schedule from a table, a `plan.json`, or rows at hand.

    Parameters
    ----------
    schedule : path-like, iterable of mappings, or Arrow object
        Columns `market` (code or name), `network`, `daypart`, `week` (any day of it; may be left
        out) and `spots`; others are ignored, so that a `plan.csv` is a schedule.
    options : TableOptions, optional
        How the table is written.

    Raises
    ------
    DaypartError
        Where a column is missing, a week is not a day, or spots are not a whole number from 0 up.

    Examples
    --------
    >>> row = {"market": "501", "network": "CNN", "daypart": "Prime", "week": "2024-04-03"}
    >>> read_schedule([row | {"spots": 2}]).rows
    (('501', 'CNN', 'Prime', datetime.date(2024, 4, 1), 2),)
    """
    path = source_of(schedule)
    if isinstance(path, str | os.PathLike) and location(path).suffix == ".json":
        schedule = _lines_of_plan(location(path))
    rows = read_rows(schedule, SCHEDULE, options).refuse_problems()
    first_days = rows.values("week") if rows.has("week") else [None] * len(rows)
    names = (rows.texts(axis) for axis in AXES)
    return Schedule(
        rows.table.name,
        tuple(
            (str(market), str(network), str(daypart), _monday(day), int(spots))
            for market, network, daypart, day, spots in zip(
                *names, first_days, rows.values("spots"), strict=True
            )
        ),
    )


@dataclass(frozen=True)
class _PlanLines:
    lines: Sequence[Mapping[str, Any]]


def _lines_of_plan(file: Location) -> list[Mapping[str, Any]]:
    content = read_document(file, _PlanLines, hint="give a plan.json")
    return list(content["lines"])


def _monday(day: dt.date | None) -> dt.date:
    return NO_WEEK if day is None else day - dt.timedelta(day.weekday())
