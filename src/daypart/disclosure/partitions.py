"""Which partitions of a store may be published by themselves, and which sums of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.disclosure.ledger import digest_of, file_sha256, write_entry
from daypart.disclosure.release import release
from daypart.disclosure.rules import DisclosureRules
from daypart.series.store import SeriesStore
from daypart.series.store_tables import positions_of
from daypart.storage.location import Location
from daypart.wording import counted


@dataclass(frozen=True)
class PartitionRelease:
    """Which partitions may be published.

    Parameters
    ----------
    published : bool array, shape (partitions,)
        Whether figures and forecasts of a partition may be published.
    viewers : int64 array, shape (partitions,)
        Households that viewed, at least.
    market : int64 array, shape (partitions,)
        Number of its market: households of different markets are different ones.
    contributors : int
        Households that must be behind a figure.
    """

    published: NDArray[np.bool_]
    viewers: NDArray[np.int64]
    market: NDArray[np.int64]
    contributors: int

    def may_publish_sum(self, members: NDArray[np.int64]) -> bool:
        """Return whether the sum of some partitions may be published beside the partitions.

        The sum less its published members gives what the others have in common: those must be
        none, or two and more with enough households.

        Parameters
        ----------
        members : int64 array
            Positions of the partitions.

        Examples
        --------
        >>> found = PartitionRelease(np.array([True, False, False]), np.array([90, 4, 8]),
        ...                          np.array([0, 0, 1]), 10)
        >>> found.may_publish_sum(np.array([0, 1])), found.may_publish_sum(np.array([0, 1, 2]))
        (False, True)
        """
        hidden = members[~self.published[members]]
        if not len(hidden):
            return True
        most = np.zeros(int(self.market[hidden].max()) + 1, np.int64)
        np.maximum.at(most, self.market[hidden], self.viewers[hidden])
        return len(hidden) > 1 and int(most.sum()) >= self.contributors


def release_partitions(store: SeriesStore, keys: pa.Table) -> PartitionRelease:
    """Decide which partitions of a store may be published by themselves.

    All of a store without households are. Of a viewing store it is those of which `insights` may
    publish the viewing of the whole week.

    Parameters
    ----------
    store : SeriesStore
    keys : pyarrow.Table
        The store's key columns, a row per partition.
    """
    viewing = store.extra.get("viewing") or {}
    if "files" not in viewing:
        everything = np.ones(len(keys), bool)
        return PartitionRelease(
            everything, np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64), 0
        )
    rules = DisclosureRules.of_store(viewing["crediting"])
    found = release(store, rules)
    names = (found.names.markets, found.names.networks, found.names.segments)
    place = [
        positions_of(known, keys.column(column))
        for known, column in zip(names, ("market", "network", "segment"), strict=True)
    ]
    market, network, segment = place
    return PartitionRelease(
        found.cells[market, network, -1, segment],
        found.viewers[market, network, segment],
        market,
        rules.contributors,
    )


def record_release(store: SeriesStore, output: str, what: pa.Table | Location) -> None:
    """Add figures of partitions to the ledger of a viewing store.

    Parameters
    ----------
    store : SeriesStore
    output : str
        The verb.
    what : pyarrow.Table or Location
        What leaves, or the file with it.

    Raises
    ------
    DaypartError
        Where the store can't be written to.
    """
    viewing = store.extra.get("viewing") or {}
    if "files" in viewing:
        rules = DisclosureRules.of_store(viewing["crediting"])
        digest = digest_of([what]) if isinstance(what, pa.Table) else file_sha256(what)
        write_entry(store.folder, output, rules, digest)


def withheld_lines(count: int, noun: str) -> list[str]:
    """Return a line with the number withheld; no line where nothing was.

    Parameters
    ----------
    count : int
    noun : str
        Of what, in the singular.

    Examples
    --------
    >>> withheld_lines(2, "partition")
    ["2 partitions withheld: too few households for the store's disclosure rules"]
    """
    reason = "too few households for the store's disclosure rules"
    return [f"{counted(count, noun)} withheld: {reason}"] if count else []
