"""The result of an ingest: rows that add up, and the size of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from daypart.series.store import SeriesStore


@dataclass(frozen=True)
class EventRows:
    """Rows of events by outcome: `read` is the sum of the next three.

    Parameters
    ----------
    read : int
    credited : int
        Valid rows of at least the minimum tune.
    below_minimum_tune : int
    set_aside : mapping of str to int
        Reason to rows; each row has one reason.
    capped : int
        Credited rows that the idle cap cut (counted in `credited`).

    Examples
    --------
    >>> rows = EventRows(read=3, credited=2, below_minimum_tune=0, set_aside={"duplicate": 1})
    >>> rows.adds_up()
    True
    """

    read: int = 0
    credited: int = 0
    below_minimum_tune: int = 0
    set_aside: Mapping[str, int] = field(default_factory=dict)
    capped: int = 0

    @property
    def all_set_aside(self) -> int:
        """Rows set aside for any reason."""
        return sum(self.set_aside.values())

    def adds_up(self) -> bool:
        """Return whether every row read is counted once."""
        return self.read == self.credited + self.below_minimum_tune + self.all_set_aside

    def plus(self, other: EventRows) -> EventRows:
        """Return the sum of both."""
        reasons = [*self.set_aside, *(r for r in other.set_aside if r not in self.set_aside)]
        return EventRows(
            self.read + other.read,
            self.credited + other.credited,
            self.below_minimum_tune + other.below_minimum_tune,
            {r: self.set_aside.get(r, 0) + other.set_aside.get(r, 0) for r in reasons},
            self.capped + other.capped,
        )

    def minus(self, other: EventRows) -> EventRows:
        """Return the rows without others of them; reasons without rows are left out."""
        negative = {reason: -rows for reason, rows in other.set_aside.items()}
        change = EventRows(
            -other.read, -other.credited, -other.below_minimum_tune, negative, -other.capped
        )
        left = self.plus(change)
        return replace(left, set_aside={r: n for r, n in left.set_aside.items() if n})


@dataclass(frozen=True)
class IngestReport:
    """The result of one ingest.

    Parameters
    ----------
    rows : EventRows
        Of this ingest. Rows of an earlier ingest that new rows cut below the minimum tune are
        counted as a change from `credited` to `below_minimum_tune`.
    rows_in_store : EventRows
        Of all ingests into the store.
    partitions, markets, networks, segments, households : int
        In the store.
    first_day, last_day : str
        The store's local days, `YYYY-MM-DD`.
    hours : int
        Hours of each partition (in markets with the same clock changes).
    minutes_after_last_day : float
        Credited minutes after the last local day; the ingest of later days adds them.
    files_read : int
    files_skipped : tuple of str
        Files whose content was ingested before.
    seconds : float
    notes : tuple of str
        Assumptions, such as weights of 1.
    """

    rows: EventRows
    rows_in_store: EventRows
    partitions: int
    markets: int
    networks: int
    segments: int
    households: int
    first_day: str
    last_day: str
    hours: int
    minutes_after_last_day: float
    files_read: int
    files_skipped: tuple[str, ...]
    seconds: float
    notes: tuple[str, ...] = ()


def report_of(store: SeriesStore, **of_ingest: Any) -> IngestReport:
    """Return the report on a store.

    Parameters
    ----------
    store : SeriesStore
        After the ingest.
    **of_ingest
        The fields of `IngestReport` that the store does not hold.
    """
    viewing = store.extra["viewing"]
    return IngestReport(
        rows_in_store=EventRows(**viewing["rows"]),
        partitions=store.partitions,
        markets=len(viewing["markets"]),
        networks=len(viewing["networks"]),
        segments=len(viewing["segments"]),
        households=viewing["households"],
        first_day=viewing["window"]["first_day"],
        last_day=viewing["window"]["last_day"],
        hours=viewing["window"]["hours"],
        **of_ingest,
    )
