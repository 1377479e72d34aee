"""Schedules from outside: rows of market, network, daypart, week and spots."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from daypart.errors import DaypartError, did_you_mean
from daypart.planning.arrays import Ints
from daypart.planning.panel.panel import Panel
from daypart.storage.files import kept_copy, read_json
from daypart.storage.location import Location, PathLike, location
from daypart.storage.tables import read_table

COLUMNS = ("market", "network", "daypart", "week", "spots")

NO_WEEK = dt.date.min
"""The week of spots that a schedule gives for the whole flight."""

ScheduleRows = Iterable[Mapping[str, Any]]


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
        names = panel.numbers() | {"week": {str(monday): w for w, monday in enumerate(mondays)}}
        spots = np.zeros((panel.cells, len(mondays)), dtype=np.int64)
        for number, row in enumerate(self.rows, start=1):
            place = []
            for column, value in zip(COLUMNS, (*row[:3], str(row[3])), strict=False):
                if value not in names[column]:
                    raise DaypartError(
                        f"{self.source}: row {number}: unknown {column} {value!r}",
                        hint=did_you_mean(value, names[column]),
                    )
                place.append(names[column][value])
            spots[np.ravel_multi_index(tuple(place[:3]), panel.shape), place[3]] += row[4]
        return spots


def read_schedule(schedule: PathLike | ScheduleRows) -> Schedule:
    """Read a schedule from a CSV, a Parquet file, a `plan.json`, or rows at hand.

    Parameters
    ----------
    schedule : path-like or iterable of mappings
        Columns `market` (code or name), `network`, `daypart`, `week` (any day of it; may be left
        out) and `spots`; others are ignored, so that a `plan.csv` is a schedule.

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
    if isinstance(schedule, str | os.PathLike):
        file = location(schedule)
        source, rows = str(file), read_rows(file)
    else:
        source, rows = "schedule", list(schedule)
    if not rows:
        raise DaypartError(f"{source}: the schedule is empty")
    missing = [name for name in COLUMNS if name not in rows[0] and name != "week"]
    if missing:
        raise DaypartError(
            f"{source}: no column {missing[0]!r}", hint=f"it has: {', '.join(rows[0])}"
        )
    return Schedule(
        source,
        tuple(
            (
                str(row["market"]),
                str(row["network"]),
                str(row["daypart"]),
                _monday(source, number, row["week"]) if "week" in row else NO_WEEK,
                _spots(source, number, row["spots"]),
            )
            for number, row in enumerate(rows, start=1)
        ),
    )


def read_rows(file: Location) -> list[Mapping[str, Any]]:
    """Read the rows of a CSV or Parquet file, or the lines of a `plan.json`.

    Raises
    ------
    DaypartError
        Where the file is missing or not readable.
    """
    if file.suffix == ".json":
        lines = read_json(file).get("lines")
        if not isinstance(lines, list):
            raise DaypartError(f"{file}: holds no lines", hint="give a plan.json")
        return lines
    if file.suffix == ".csv":
        import csv

        try:
            with kept_copy(file).open(newline="", encoding="utf-8") as stream:
                return list(csv.DictReader(stream))
        except FileNotFoundError:
            raise DaypartError(f"{file}: no such file") from None
        except (UnicodeDecodeError, csv.Error, OSError) as error:
            raise DaypartError(f"{file}: not a readable CSV ({error})") from None
    rows: list[Mapping[str, Any]] = read_table(file).to_pylist()
    return rows


def _monday(source: str, number: int, value: Any) -> dt.date:
    try:
        day = value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        raise DaypartError(
            f"{source}: row {number}: week is {value!r}, not a day", hint="write it as 2024-04-01"
        ) from None
    return day - dt.timedelta(day.weekday())


def _spots(source: str, number: int, value: Any) -> int:
    try:
        spots = float(value)
    except (TypeError, ValueError):
        spots = -1.0
    if not (spots >= 0 and spots == int(spots)):
        raise DaypartError(
            f"{source}: row {number}: spots is {value!r}", hint="give a whole number from 0 up"
        )
    return int(spots)
