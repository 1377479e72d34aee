"""Groups of households that a figure may be about: segments, and what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

_TRIPLES_UP_TO = 8
"""Segments up to which groups are distinguished by three of them, besides those by two."""
_UNIONS_UP_TO = 10
"""Patterns up to which every union of them is a group."""
_PATTERNS_UP_TO = 1_000
"""Patterns up to which each is a group of its own; with more, hardly any can follow."""


@dataclass(frozen=True)
class Memberships:
    """Numbers of households by market and by combination of segments.

    Parameters
    ----------
    patterns : bool array, shape (patterns, segments)
        Every combination of segments that a household has.
    households : int64 array, shape (markets, patterns)
        Raw in-tab households with each of them.
    """

    patterns: NDArray[np.bool_]
    households: NDArray[np.int64]

    @classmethod
    def count(
        cls, belongs: NDArray[np.bool_], market: NDArray[np.int64], markets: int
    ) -> Memberships:
        """Count households.

        Parameters
        ----------
        belongs : bool array, shape (households, segments)
        market : int64 array, shape (households,)
        markets : int

        Examples
        --------
        >>> belongs = np.array([[True, True], [True, False], [True, False]])
        >>> Memberships.count(belongs, np.array([0, 0, 1]), 2).households.tolist()
        [[1, 1], [1, 0]]
        """
        patterns, of_household = patterns_of(belongs)
        households = np.zeros((markets, len(patterns)), np.int64)
        np.add.at(households, (market, of_household), 1)
        return cls(patterns, households)

    def in_segments(self) -> NDArray[np.int64]:
        """Return households by market and segment; the last row is the total over markets."""
        by_market = self.households @ self.patterns.astype(np.int64)
        return np.concatenate([by_market, by_market.sum(axis=0, keepdims=True)])


def patterns_of(belongs: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the combinations of segments that occur, and each household's.

    Parameters
    ----------
    belongs : bool array, shape (households, segments)

    Returns
    -------
    patterns : bool array, shape (patterns, segments)
    of_household : int64 array, shape (households,)
        Positions in `patterns`.
    """
    packed = np.packbits(belongs, axis=1)
    _, first, of_household = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return belongs[first], np.asarray(of_household.ravel(), np.int64)


def groups_of(patterns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the groups of households whose figures must not follow from others.

    First every segment; then, without repetition, those with one combination of segments, and those
    that any two segments (any three, where there are few) can tell apart: in both, in one of them,
    in the one and not the other. Of a few patterns it is every union.

    Parameters
    ----------
    patterns : bool array, shape (patterns, segments)

    Returns
    -------
    bool array, shape (groups, patterns)
        Which combinations make up each group.

    Examples
    --------
    A segment of all households, its complement, and the group of all:

    >>> groups_of(np.array([[True, True], [True, False]])).astype(int).tolist()
    [[1, 1], [1, 0], [0, 1]]
    """
    segments = np.asarray(patterns.T)
    if len(patterns) <= _UNIONS_UP_TO:
        return _different(segments, [_functions_of(np.eye(len(patterns), dtype=bool))])
    alone = np.eye(len(patterns) * (len(patterns) <= _PATTERNS_UP_TO), len(patterns), dtype=bool)
    if len(segments) <= _TRIPLES_UP_TO:
        chosen = combinations(segments, min(3, len(segments)))
        told_apart = [_functions_of(_cells_of(np.array(some))) for some in chosen]
    else:
        told_apart = [~segments, *(_pairs(segments[i], segments[i:]) for i in range(len(segments)))]
    return _different(segments, [alone, *told_apart])


def _pairs(one: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return who is in both, in one or the other alone, in neither, and in just one of them."""
    each = (one & others, one & ~others, ~one & others, ~(one | others), one ^ others)
    return np.concatenate(each)


def _different(
    segments: NDArray[np.bool_], others: Sequence[NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    """Return the segments, and of the others each group once that is not empty nor a segment."""
    known = {row.tobytes() for row in np.packbits(segments, axis=1)}
    kept = [segments]
    for rows in others:
        new = []
        for place, row in enumerate(np.packbits(rows, axis=1)):
            if row.tobytes() not in known and row.any():
                known.add(row.tobytes())
                new.append(place)
        kept.append(rows[new])
    return np.concatenate(kept)


def _cells_of(segments: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the patterns inside or outside each of a few segments (2^segments, patterns)."""
    inside = (np.arange(2 ** len(segments))[:, None] >> np.arange(len(segments))) & 1 == 1
    return np.asarray((inside[:, :, None] == segments[None]).all(axis=1))


def _functions_of(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return every union of a few disjoint groups (2^groups, patterns)."""
    chosen = (np.arange(2 ** len(cells))[:, None] >> np.arange(len(cells))) & 1
    return np.asarray(chosen @ cells.astype(np.int64) > 0)
