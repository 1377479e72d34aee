"""What an ingest did, in numbers that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rows:
    """Rows of events by what became of them: `read` is the sum of the other three.

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
    >>> rows = Rows(read=3, credited=2, below_minimum_tune=0, set_aside={"duplicate": 1})
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
        """Tell whether every row read is accounted for."""
        return self.read == self.credited + self.below_minimum_tune + self.all_set_aside

    def plus(self, other: Rows) -> Rows:
        """Return the sum of both."""
        reasons = [*self.set_aside, *(r for r in other.set_aside if r not in self.set_aside)]
        return Rows(
            self.read + other.read,
            self.credited + other.credited,
            self.below_minimum_tune + other.below_minimum_tune,
            {r: self.set_aside.get(r, 0) + other.set_aside.get(r, 0) for r in reasons},
            self.capped + other.capped,
        )

    def as_json(self) -> dict[str, Any]:
        """Return what `store.json` holds."""
        return {
            "read": self.read,
            "credited": self.credited,
            "below_minimum_tune": self.below_minimum_tune,
            "set_aside": dict(self.set_aside),
            "capped": self.capped,
        }


def rows_of_json(content: Mapping[str, Any]) -> Rows:
    """Return rows as `store.json` holds them."""
    return Rows(
        int(content["read"]),
        int(content["credited"]),
        int(content["below_minimum_tune"]),
        {str(reason): int(rows) for reason, rows in content["set_aside"].items()},
        int(content.get("capped", 0)),
    )


@dataclass(frozen=True)
class IngestReport:
    """What one ingest did.

    Parameters
    ----------
    rows : Rows
        Of this ingest. Rows that an earlier ingest credited and that the new ones cut below
        the minimum tune are a change from one to the other.
    rows_in_store : Rows
        Of all ingests into the store.
    partitions, markets, networks, segments, households : int
        In the store.
    first_day, last_day : str
        The store's local days, `YYYY-MM-DD`.
    hours : int
        Hours of each partition (in markets with the same clock changes).
    minutes_after_last_day : float
        Credited minutes beyond the last local day; they enter when later days are ingested.
    files_read : int
    files_skipped : tuple of str
        Files whose content was ingested before.
    seconds : float
    notes : tuple of str
        What was assumed.
    """

    rows: Rows
    rows_in_store: Rows
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
