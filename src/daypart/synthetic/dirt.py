"""Dirty rows of a simulated market: they are added, so that the truth of the clean rows holds."""

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
"""Shortest session, in seconds, that is made dirty: a third of it is above the minimum tune."""
UNKNOWN_NAMES = 100
"""Number of different unknown households, and of unknown networks."""


@dataclass(frozen=True)
class SoiledSessions:
    """Sessions of one chunk with the dirty rows that were added to them.

    Parameters
    ----------
    rows : Sessions
        The clean rows of the Parquet file, then the dirty ones. A household or a network whose
        number is not below that of the known ones is unknown.
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
    """Return the number of rows of each kind that makes up a share of all rows.

    Parameters
    ----------
    clean_rows : int
    dirty_share : float
        Of all rows, in [0, 1).

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
        Reduced where there are too few sessions: each is made dirty at most once.
    known : tuple of int
        Numbers of known households and networks.
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
    return Sessions(**{name: values[rows] for name, values in vars(sessions).items()})


def _with(sessions: Sessions, **columns: NDArray[np.integer]) -> Sessions:
    return Sessions(**{**vars(sessions), **columns})


def _joined(parts: list[Sessions]) -> Sessions:
    columns = [vars(part) for part in parts]
    return Sessions(**{name: np.concatenate([c[name] for c in columns]) for name in columns[0]})
