"""Dirty rows of a simulated market: additions, so that the truth of the clean rows stays right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.synthetic.sessions import Sessions

DIRT = (
    "duplicate",
    "end_before_start",
    "unknown_household",
    "unknown_network",
    "overlapping",
    "no_zone",
)
"""Kinds of dirty row; those without a zone go to a text file beside the events."""

_LONG_ENOUGH = 300
"""Seconds of the sessions that are soiled: a third of it is still above the minimum tune."""
UNKNOWN_NAMES = 100
"""How many different unknown households and networks there are."""


@dataclass(frozen=True)
class SoiledSessions:
    """Sessions of one chunk with the dirty rows that were added to them.

    Parameters
    ----------
    rows : Sessions
        The clean rows that stay in the Parquet file, then the dirty ones. A household at or
        beyond the number of known ones, or a network so, is unknown.
    late_rows : Sessions
        The rows of the text file.
    late_has_zone : bool array
        False for the dirty ones among them.
    of_each : int
        Dirty rows of each kind.
    """

    rows: Sessions
    late_rows: Sessions
    late_has_zone: NDArray[np.bool_]
    of_each: int


def dirty_rows_of_each_kind(clean_rows: int, dirty_share: float) -> int:
    """Return how many rows of each kind make up a share of all rows.

    Examples
    --------
    >>> dirty_rows_of_each_kind(9400, 0.06)
    100
    """
    return round(clean_rows * dirty_share / (1 - dirty_share) / len(DIRT))


def soil(
    sessions: Sessions, of_each: int, known: tuple[int, int], rng: np.random.Generator
) -> SoiledSessions:
    """Add the same number of each kind of dirty row.

    Parameters
    ----------
    sessions : Sessions
    of_each : int
        Lowered to what the sessions allow: each of them is soiled once at most.
    known : tuple of int
        The numbers of households and of networks that there are.
    rng : numpy.random.Generator

    Returns
    -------
    SoiledSessions
    """
    eligible = np.flatnonzero(sessions.end - sessions.start >= _LONG_ENOUGH)
    of_each = min(of_each, len(eligible) // (len(DIRT) + 1))
    needed = len(DIRT) + 1
    picked = rng.permutation(eligible)[: of_each * needed].reshape(needed, of_each)
    duplicate, reversed_, household, network, overlapping, no_zone = (
        _take(sessions, rows) for rows in picked[:-1]
    )
    clean_late = np.sort(picked[-1])
    kept = np.ones(len(sessions), dtype=np.bool_)
    kept[clean_late] = False
    unknown_household = known[0] + rng.integers(UNKNOWN_NAMES, size=of_each)
    unknown_network = known[1] + rng.integers(UNKNOWN_NAMES, size=of_each)
    third = (overlapping.end - overlapping.start) // 3
    dirty = [
        duplicate,
        _with(reversed_, end=reversed_.start - rng.integers(1, 3600, size=of_each)),
        _with(household, household=unknown_household.astype(np.int32)),
        _with(network, network=unknown_network.astype(np.int16)),
        _with(
            overlapping,
            start=overlapping.start + rng.integers(1, third),
            end=overlapping.end - rng.integers(1, third),
        ),
    ]
    return SoiledSessions(
        _joined([_take(sessions, np.flatnonzero(kept)), *dirty]),
        _joined([_take(sessions, clean_late), no_zone]),
        np.repeat([True, False], of_each),
        of_each,
    )


def _take(sessions: Sessions, rows: NDArray[np.int64]) -> Sessions:
    return Sessions(
        sessions.household[rows],
        sessions.network[rows],
        sessions.device[rows],
        sessions.start[rows],
        sessions.end[rows],
    )


def _with(sessions: Sessions, **columns: NDArray[np.integer]) -> Sessions:
    return Sessions(**{**vars(sessions), **columns})


def _joined(parts: list[Sessions]) -> Sessions:
    return Sessions(
        np.concatenate([part.household for part in parts]),
        np.concatenate([part.network for part in parts]),
        np.concatenate([part.device for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
    )
