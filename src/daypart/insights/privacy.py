"""Which cells may be published: those of enough households that no others disclose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.insights.disclosure import Disclosed, find_disclosed

SUPPRESSED = "suppressed"
"""In place of a figure that may not be published; never 0."""


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
        patterns, of_household = np.unique(belongs, axis=0, return_inverse=True)
        households = np.zeros((markets, len(patterns)), np.int64)
        np.add.at(households, (market, of_household.ravel()), 1)
        return cls(patterns, households)

    def with_total(self) -> NDArray[np.int64]:
        """Return households by market and pattern; the last row is the total over markets."""
        return np.concatenate([self.households, self.households.sum(axis=0, keepdims=True)])

    def in_segments(self) -> NDArray[np.int64]:
        """Return households by market and segment; the last row is the total over markets."""
        return np.asarray(self.with_total() @ self.patterns.astype(np.int64))


def publishable(
    memberships: Memberships, min_households: int, *, base: int = 0
) -> NDArray[np.bool_]:
    """Return which markets x segments may be published, and which totals over markets.

    A cell needs `min_households` raw in-tab households. Three subtractions are prevented as well:

    - Of two segments of which one holds the other (all households hold every segment), the
      smaller is suppressed where their difference has some, but fewer than `min_households`.
    - Where the total over markets and all other markets are published, a lone suppressed market
      would be their difference. So the smallest published markets of the segment are
      suppressed too, until the suppressed ones are two or more with `min_households` in all.
    - Where any sums and differences of published cells give too few households, as all
      households less the other segments of a partition may, the smallest segment among them is
      suppressed, until none do.

    Parameters
    ----------
    memberships : Memberships
    min_households : int
    base : int
        Position of the segment that holds all households; it goes last.

    Returns
    -------
    bool array, shape (markets + 1, segments)
        The last row is the total over markets.

    Examples
    --------
    Market 1 is too small; market 2, the smaller of the others, goes with it:

    >>> everyone = np.array([[True]])
    >>> publishable(Memberships(everyone, np.array([[900], [20], [300]])), 50).ravel().tolist()
    [True, False, False, True]

    Three segments make up all households, and the third is all less the first two:

    >>> parts = np.array([[True, True, False, False], [True, False, True, False],
    ...                   [True, False, False, True]])
    >>> publishable(Memberships(parts, np.array([[500, 90, 20]])), 50)[0].tolist()
    [True, True, False, False]

    References
    ----------
    Complementary suppression: Cox, L. H. (1980). Suppression methodology and statistical
    disclosure control. JASA 75, 377-385.
    """
    households = memberships.in_segments()
    allowed = households >= min_households
    if min_households <= 1:
        return allowed
    differences = _small_differences(memberships, min_households)
    secrets = []
    for place, sizes in enumerate(households):
        small = np.flatnonzero((sizes > 0) & (sizes < min_households))
        pairs = np.argwhere(differences[place])
        allowed[place, pairs[:, 0]] = False
        unit = np.eye(len(sizes))
        secrets.append(np.concatenate([unit[small], unit[pairs[:, 1]] - unit[pairs[:, 0]]]))
    _protect_markets(allowed, households, min_households)
    while found := find_disclosed(memberships.patterns, memberships.households, allowed, secrets):
        _suppress_one_more(allowed, households, found, base)
        _protect_markets(allowed, households, min_households)
    return allowed


def _small_differences(memberships: Memberships, min_households: int) -> NDArray[np.bool_]:
    """Return where a segment (first axis after markets) is in another with few households more."""
    of_market, patterns = memberships.with_total(), memberships.patterns
    segments = patterns.shape[1]
    small = np.zeros((len(of_market), segments, segments), bool)
    for inner in range(segments):
        for outer in range(segments):
            more = of_market @ (patterns[:, outer] & ~patterns[:, inner])
            outside = of_market @ (patterns[:, inner] & ~patterns[:, outer])
            inside = of_market @ patterns[:, inner]
            small[:, inner, outer] = (
                (inside > 0) & (outside == 0) & (more > 0) & (more < min_households)
            )
    return small


def _protect_markets(
    allowed: NDArray[np.bool_], households: NDArray[np.int64], min_households: int
) -> None:
    """Suppress the smallest markets of a segment until a total discloses none of those hidden."""
    markets = len(allowed) - 1
    for segment in np.flatnonzero(allowed[markets]):
        shown, sizes = allowed[:markets, segment], households[:markets, segment]
        for market in np.argsort(sizes, kind="stable"):
            if not _is_disclosed(shown, sizes, min_households):
                break
            shown[market] = False
        if _is_disclosed(shown, sizes, min_households):
            allowed[markets, segment] = False


def _is_disclosed(shown: NDArray[np.bool_], sizes: NDArray[np.int64], min_households: int) -> bool:
    """Return whether a published total discloses the hidden markets: one, or too few."""
    hidden = ~shown & (sizes > 0)
    few = hidden.sum() < 2 or sizes[hidden].sum() < min_households
    return bool(hidden.any() and few)


def _suppress_one_more(
    allowed: NDArray[np.bool_], households: NDArray[np.int64], found: Disclosed, base: int
) -> None:
    """Suppress the smallest of the cells that disclose a secret; all households go last."""
    market, segment = min(
        found.cells,
        key=lambda cell: (cell[1] == base, households[cell[0], cell[1]], cell),
    )
    allowed[market, segment] = False
