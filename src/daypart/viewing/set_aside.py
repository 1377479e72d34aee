"""`quarantine`: the rows that the ingests into a store set aside."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from daypart.errors import DaypartError, did_you_mean
from daypart.series.store_tables import QUARANTINE_COLUMNS
from daypart.storage.location import PathLike, location
from daypart.storage.tables import read_tables
from daypart.viewing.settings import open_previous

COLUMNS = ("source_file", "source_row", "reason", "market", "network", "start", "end")
"""What is shown of a row: not the hashes of its household and its set."""

_SCHEMA = pa.schema([QUARANTINE_COLUMNS.field(name) for name in COLUMNS])


@dataclass(frozen=True)
class RowsSetAside:
    """Rows of a store's quarantine.

    Parameters
    ----------
    store : str
    reasons : mapping of str to int
        How many rows of each reason the quarantine has, the most frequent first.
    rows : tuple of dict
        The first rows of the requested reason: file, number of the row in it, reason, market,
        network, start and end as they were.
    """

    store: str
    reasons: dict[str, int]
    rows: tuple[dict[str, Any], ...]


def quarantine(store: PathLike, *, reason: str | None = None, rows: int = 20) -> RowsSetAside:
    """List rows that the ingests into a viewing store set aside, with their reasons.

    Parameters
    ----------
    store : path
        A viewing store.
    reason : str, optional
        Of the rows to list; any by default.
    rows : int
        The largest number to list.

    Returns
    -------
    RowsSetAside

    Raises
    ------
    DaypartError
        For a folder without a viewing store, and a reason that no row has.

    Examples
    --------
    >>> quarantine("/nowhere")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere: no store here; create one with daypart ingest
    """
    opened = open_previous(store)
    if opened is None:
        raise DaypartError(
            f"{location(store)}: no store here", hint="create one with daypart ingest"
        )
    files = [opened.folder / name for name in opened.extra["viewing"]["files"]["quarantine"]]
    tables = [table.select(COLUMNS) for table in read_tables(files, _SCHEMA)]
    every = pa.concat_tables(tables) if tables else pa.table({name: [] for name in COLUMNS})
    counts = Counter(every.column("reason").to_pylist())
    if reason is not None:
        if reason not in counts:
            raise DaypartError(
                f"{opened.folder}: no row was set aside for {reason!r}",
                hint=did_you_mean(reason, counts),
            )
        every = every.filter(pc.equal(every.column("reason"), reason))
    return RowsSetAside(
        str(opened.folder), dict(counts.most_common()), tuple(every.slice(0, rows).to_pylist())
    )
