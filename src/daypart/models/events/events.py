"""Named events: hours in which people view differently, from the rows of a calendar.

An event covers the hours in [from, to). Both are local wall clock of each partition, or instants
where they carry an offset. Events of different names may share an hour: their effects add up.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.models.events import holidays as calendar
from daypart.series.local_time import local_hours

FIELDS = ("name", "from", "to")
"""Fields of every row of a calendar; its other fields are key columns."""

_EPOCH = datetime(1970, 1, 1)
_CACHED = 2048


class Rule(NamedTuple):
    """Effects whose hours follow from the date."""

    effects: tuple[str, ...]
    """Their names."""
    acting: Callable[[int, int, str], NDArray[np.int16]]
    """From a span (first UTC hour since 1970, hours, IANA time zone) to the place among `effects`
    of the one that acts in each hour, -1 for none."""


US_HOLIDAYS = Rule(calendar.US_EFFECTS, calendar.us_holiday_effects)
RULES: tuple[Rule, ...] = ()
"""Those of every calendar, beside US_HOLIDAYS where wanted."""


@dataclass(frozen=True)
class Event:
    """One row of a calendar.

    Parameters
    ----------
    name : str
        Events of one name share one effect.
    first, end : int
        Hours since 1970-01-01T00:00 in local wall clock, or in UTC where `instant`; the end is
        not covered.
    instant : bool
    where : mapping of str to frozenset of str
        Key column to the values it acts on; all where a column is not named.
    row : int
        Its row in the table, from 1.
    """

    name: str
    first: int
    end: int
    instant: bool
    where: Mapping[str, frozenset[str]]
    row: int

    def acts_on(self, key: Mapping[str, str]) -> bool:
        """Return whether the event acts on the partition with this key."""
        return all(key.get(column) in values for column, values in self.where.items())


@dataclass(frozen=True)
class EventHours:
    """The effects that act in the hours of a span, as pairs by hour, then by effect.

    Parameters
    ----------
    hour : int64 array, shape (pairs,)
        Position in the span.
    effect : int16 array, shape (pairs,)
    """

    hour: NDArray[np.int64]
    effect: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.hour)

    @classmethod
    def none(cls) -> EventHours:
        """Return no hours."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int16))


class EventCalendar:
    """United States federal holidays, where wanted, and named events.

    Parameters
    ----------
    us_holidays : bool
        The effects of `calendar.US_EFFECTS` in American time zones.
    events : sequence of Event

    Examples
    --------
    >>> rows = [{"name": "final", "from": "2024-01-03T20:00", "to": "2024-01-03T22:00"}]
    >>> final = EventCalendar(False, parse_events(rows))
    >>> monday = 473_352
    >>> found = final.hours_of({}, monday, 168, "UTC")
    >>> final.effects, found.hour.tolist(), found.effect.tolist()
    (('final',), [68, 69], [0, 0])
    """

    def __init__(self, us_holidays: bool, events: Sequence[Event] = ()) -> None:
        self.us_holidays = us_holidays
        self.rules = (*((US_HOLIDAYS,) if us_holidays else ()), *RULES)
        built_in = tuple(name for rule in self.rules for name in rule.effects)
        self.events = tuple(events)
        self.effects: tuple[str, ...] = (*built_in, *dict.fromkeys(e.name for e in events))
        self.columns = tuple(sorted({column for event in events for column in event.where}))
        self._number = {name: number for number, name in enumerate(self.effects)}
        for event in events:
            if event.name in built_in:
                holiday = event.name in US_HOLIDAYS.effects
                raise DaypartError(
                    f"calendar: row {event.row}, column name: {event.name!r} is a built-in effect",
                    hint="name the event otherwise"
                    + (", or fit with holidays=false" if holiday else ""),
                )
        self._acting = functools.lru_cache(maxsize=None)(self._find_acting)
        self._hours = functools.lru_cache(maxsize=_CACHED)(self._find_hours)

    def hours_of(
        self, key: Mapping[str, Any], first_hour: int, hours: int, timezone: str
    ) -> EventHours:
        """Return the effects in each hour of a span of one partition.

        Parameters
        ----------
        key : mapping
            The partition's values of at least `columns`; an event does not act on a partition
            without a column that it names.
        first_hour : int
            UTC hours since 1970.
        hours : int
        timezone : str
            IANA name.

        Returns
        -------
        EventHours
            Read-only arrays (they are cached).
        """
        acting = self._acting(tuple(key.get(column) for column in self.columns))
        return self._hours(acting, first_hour, hours, timezone)

    def _find_acting(self, values: tuple[str | None, ...]) -> tuple[int, ...]:
        key = {name: value for name, value in zip(self.columns, values, strict=True) if value}
        return tuple(place for place, event in enumerate(self.events) if event.acts_on(key))

    def _find_hours(
        self, acting: tuple[int, ...], first_hour: int, hours: int, timezone: str
    ) -> EventHours:
        pairs = [(np.zeros(0, np.int64), 0)]
        for rule in self.rules:
            kinds = rule.acting(first_hour, hours, timezone)
            there = np.unique(kinds[kinds >= 0]).tolist()
            pairs += [
                (np.flatnonzero(kinds == kind), self._number[rule.effects[kind]]) for kind in there
            ]
        if acting:
            clock = local_hours(first_hour, hours, timezone)
            local = clock.day.astype(np.int64) * 24 + clock.hour_of_week % 24
            utc = first_hour + np.arange(hours)
            for place in acting:
                event = self.events[place]
                wall = utc if event.instant else local
                there = np.flatnonzero((wall >= event.first) & (wall < event.end))
                pairs.append((there, self._number[event.name]))
        hour = np.concatenate([places for places, _ in pairs])
        effect = np.repeat([number for _, number in pairs], [len(places) for places, _ in pairs])
        order = np.lexsort((effect, hour))
        found = EventHours(hour[order], effect[order].astype(np.int16))
        found.hour.flags.writeable = False
        found.effect.flags.writeable = False
        return found


def parse_events(rows: Iterable[Mapping[str, Any]], source: str = "calendar") -> list[Event]:
    """Return a calendar's rows as events.

    Parameters
    ----------
    rows : iterable of mapping
        `name`, `from`, `to` (a day or a whole hour: ISO 8601 text, `date` or `datetime`), then
        key columns: a value, several, or none for all.
    source : str
        Name of the table in messages.

    Returns
    -------
    list of Event

    Raises
    ------
    DaypartError
        With row and column: for a missing field, a stamp that is not a time or not a whole hour,
        `to` not after `from`, and two rows of one name that share hours of a partition.

    Examples
    --------
    >>> parse_events([{"name": "final", "from": "2024-01-03", "to": "2024-01-03"}])
    Traceback (most recent call last):
    daypart.errors.DaypartError: calendar: row 1, column to: 2024-01-03 is not after \
from, 2024-01-03; the hours in [from, to) are covered: for a whole day give the next day
    """
    events = [_parse_event(row, number, source) for number, row in enumerate(rows, start=1)]
    by_name: dict[str, list[Event]] = {}
    for event in events:
        by_name.setdefault(event.name, []).append(event)
    for same in by_name.values():
        _check_apart(same, source)
    return events


def _parse_event(row: Mapping[str, Any], number: int, source: str) -> Event:
    place = f"{source}: row {number}"
    for field in FIELDS:
        if row.get(field) is None or not str(row[field]).strip():
            raise DaypartError(f"{place}, column {field}: nothing there", hint="give every row one")
    first, instant = _parse_stamp(row["from"], f"{place}, column from")
    end, end_instant = _parse_stamp(row["to"], f"{place}, column to")
    if instant != end_instant:
        raise DaypartError(
            f"{place}, column to: only one of from and to carries an offset from UTC",
            hint="give both one (an instant) or none (local time of each partition)",
        )
    if end <= first:
        raise DaypartError(
            f"{place}, column to: {row['to']} is not after from, {row['from']}",
            hint="the hours in [from, to) are covered: for a whole day give the next day",
        )
    where = {
        column: frozenset([values] if isinstance(values, str) else map(str, values))
        for column, values in row.items()
        if column not in FIELDS and values
    }
    return Event(str(row["name"]).strip(), first, end, instant, where, number)


def _parse_stamp(value: Any, place: str) -> tuple[int, bool]:
    """Return hours since 1970, and whether it is an instant."""
    stamp = value
    if isinstance(stamp, date) and not isinstance(stamp, datetime):
        stamp = datetime(stamp.year, stamp.month, stamp.day)
    if not isinstance(stamp, datetime):
        try:
            stamp = datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise DaypartError(
                f"{place}: {value!r} is neither a day nor a time",
                hint="write 2024-12-25 or 2024-12-25T20:00",
            ) from None
    instant = stamp.tzinfo is not None
    if instant:
        stamp = stamp.astimezone(UTC).replace(tzinfo=None)
    hours, rest = divmod(stamp - _EPOCH, timedelta(hours=1))
    if rest:
        raise DaypartError(f"{place}: {value} is not a whole hour", hint="events cover whole hours")
    return hours, instant


def _check_apart(same: list[Event], source: str) -> None:
    """Refuse rows of one name that share hours of a partition."""
    if len({event.instant for event in same}) > 1:
        other = next(event for event in same if event.instant != same[0].instant)
        raise DaypartError(
            f"{source}: row {other.row}, column from: {other.name!r} is in local time in one row "
            f"and an instant in the other, row {same[0].row}",
            hint="write all rows of one name alike",
        )
    running: list[Event] = []
    for event in sorted(same, key=lambda each: (each.first, each.row)):
        running = [other for other in running if other.end > event.first]
        for other in running:
            shared = event.where.keys() & other.where.keys()
            if all(event.where[column] & other.where[column] for column in shared):
                raise DaypartError(
                    f"{source}: row {event.row}, column from: {event.name!r} overlaps row "
                    f"{other.row} of the same name",
                    hint="make one row of them; different names may overlap, their effects add up",
                )
        running.append(event)
