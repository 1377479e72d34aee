"""Dayparts: a named, versioned table that gives each hour of the week one daypart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError, did_you_mean

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Daypart:
    """One row of a daypart table: local hours `start` to `end` of some days.

    Parameters
    ----------
    name : str
        Rows of the same name form one daypart.
    days : tuple of str
        Of Mo, Tu, We, Th, Fr, Sa, Su.
    start, end : int
        Whole hours of the local clock, 0 to 24. If `end` is not after `start`, the row continues
        after midnight, and its later hours belong to the day on which it began.
    """

    name: str
    days: tuple[str, ...]
    start: int
    end: int

    def hours_of_week(self) -> list[int]:
        """Return the hours of the week (Monday 00:00 is 0) that the row covers."""
        length = (self.end - self.start) % _HOURS_PER_DAY or _HOURS_PER_DAY
        starts = [DAYS.index(day) * _HOURS_PER_DAY + self.start for day in self.days]
        return [(start + hour) % (7 * _HOURS_PER_DAY) for start in starts for hour in range(length)]


@dataclass(frozen=True)
class DaypartTable:
    """A partition of the week into dayparts.

    Parameters
    ----------
    name : str
    version : int
    rows : tuple of Daypart
        Together they cover each of the 168 hours once.

    Raises
    ------
    DaypartError
        For an unknown day, an hour outside 0 to 24, a gap or an overlap.

    Examples
    --------
    >>> STANDARD_DAYPARTS.names[:4]
    ('Early Morning', 'Daytime', 'Early Fringe', 'Prime Access')
    """

    name: str
    version: int
    rows: tuple[Daypart, ...]

    def __post_init__(self) -> None:
        owner: dict[int, str] = {}
        for row in self.rows:
            _check_row(self.name, row)
            for hour in row.hours_of_week():
                if hour in owner:
                    raise DaypartError(
                        f"dayparts {self.name!r}: {owner[hour]!r} and {row.name!r} both cover "
                        f"{_hour_text(hour)}",
                        hint="give each hour of the week to one daypart",
                    )
                owner[hour] = row.name
        gaps = [hour for hour in range(7 * _HOURS_PER_DAY) if hour not in owner]
        if gaps:
            raise DaypartError(
                f"dayparts {self.name!r}: no daypart covers {_hour_text(gaps[0])} "
                f"({len(gaps)} hours of the week have none)",
                hint="cover the whole week",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The dayparts in the order of their first rows."""
        return tuple(dict.fromkeys(row.name for row in self.rows))

    def hour_of_week_dayparts(self) -> NDArray[np.int8]:
        """Return the index into `names` of each hour of the week.

        Returns
        -------
        int8 array, shape (168,)
            Local wall clock, Monday 00:00 first.

        Examples
        --------
        >>> index = STANDARD_DAYPARTS.hour_of_week_dayparts()
        >>> STANDARD_DAYPARTS.names[index[6 * 24 + 19]]
        'Prime'
        """
        index = np.empty(7 * _HOURS_PER_DAY, dtype=np.int8)
        position = {name: number for number, name in enumerate(self.names)}
        for row in self.rows:
            index[row.hours_of_week()] = position[row.name]
        return index

    def hour_of_week_names(self) -> list[str]:
        """Return the daypart of each of the 168 hours of the week, as `hour_of_week_dayparts`."""
        return [self.names[index] for index in self.hour_of_week_dayparts()]

    def as_json(self) -> dict[str, Any]:
        """Return the table for JSON: days are numbers from Monday, 0; times are HH:MM."""
        rows = [
            {
                "name": row.name,
                "days": [DAYS.index(day) for day in row.days],
                "start": f"{row.start:02d}:00",
                "end": f"{row.end:02d}:00",
            }
            for row in self.rows
        ]
        return {"name": self.name, "version": self.version, "rows": rows}


def daypart_table(content: Mapping[str, Any]) -> DaypartTable:
    """Read a daypart table from JSON or TOML content: `name`, `version`, `rows`.

    A row has `name`, `days` (0 or "Mo" is Monday), `start` and `end` (6 or "06:00").

    Raises
    ------
    DaypartError
        When a field is missing or the rows don't cover the week.

    Examples
    --------
    >>> daypart_table(STANDARD_DAYPARTS.as_json()) == STANDARD_DAYPARTS
    True
    """
    try:
        rows = tuple(
            Daypart(
                str(row["name"]),
                tuple(_day_name(day) for day in row["days"]),
                _whole_hour(row["start"]),
                _whole_hour(row["end"]),
            )
            for row in content["rows"]
        )
        return DaypartTable(str(content["name"]), int(content["version"]), rows)
    except KeyError as error:
        raise DaypartError(
            f"daypart table: no {error.args[0]!r}",
            hint="a table has name, version and rows of name, days, start, end",
        ) from None
    except (TypeError, ValueError) as error:
        raise DaypartError(f"daypart table: {error}") from None


def _day_name(day: object) -> str:
    return DAYS[day] if isinstance(day, int) and 0 <= day < len(DAYS) else str(day)


def _whole_hour(value: object) -> int:
    hour, _, minutes = str(value).partition(":")
    if minutes.strip("0"):
        raise DaypartError(
            f"daypart table: {value!r} is not a whole hour", hint="write it as 06:00"
        )
    return int(hour)


def _check_row(table: str, row: Daypart) -> None:
    for day in row.days:
        if day not in DAYS:
            raise DaypartError(
                f"dayparts {table!r}: {row.name!r} has the unknown day {day!r}",
                hint=did_you_mean(day, DAYS),
            )
    if not (0 <= row.start < _HOURS_PER_DAY and 0 <= row.end <= _HOURS_PER_DAY):
        raise DaypartError(
            f"dayparts {table!r}: {row.name!r} runs from {row.start} to {row.end}",
            hint="give whole hours from 0 to 24",
        )


def _hour_text(hour: int) -> str:
    return f"{DAYS[hour // _HOURS_PER_DAY]} {hour % _HOURS_PER_DAY:02d}:00"


_WEEKDAYS = DAYS[:5]


def _rows(rows: Iterable[tuple[str, Sequence[str], int, int]]) -> tuple[Daypart, ...]:
    return tuple(Daypart(name, tuple(days), start, end) for name, days, start, end in rows)


STANDARD_DAYPARTS = DaypartTable(
    "us-standard",
    1,
    _rows(
        [
            ("Early Morning", _WEEKDAYS, 6, 9),
            ("Daytime", _WEEKDAYS, 9, 16),
            ("Early Fringe", _WEEKDAYS, 16, 19),
            ("Prime Access", _WEEKDAYS, 19, 20),
            ("Prime", DAYS[:6], 20, 23),
            ("Prime", ("Su",), 19, 23),
            ("Late Fringe", DAYS, 23, 2),
            ("Overnight", DAYS, 2, 6),
            ("Weekend Day", ("Sa",), 6, 20),
            ("Weekend Day", ("Su",), 6, 19),
        ]
    ),
)
"""The default dayparts of US television, local time."""
