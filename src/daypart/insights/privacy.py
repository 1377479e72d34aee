"""Which cells may be published: enough households, and none found by subtraction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SUPPRESSED = "suppressed"
"""What a figure reads that may not be published; never 0."""


def publishable(
    in_tab_households: NDArray[np.int64], min_households: int, *, base: int = 0
) -> NDArray[np.bool_]:
    """Tell which markets x segments may be published, and which totals over markets.

    A cell needs `min_households` raw in-tab households. Two subtractions are closed as well:

    - Where the total over markets and all other markets are published, a lone suppressed market
      would be their difference. So the smallest published markets of the segment are
      suppressed too, until those suppressed together are two or more of `min_households`.
    - A segment's complement is all households less the segment. Where that complement holds
      some, but fewer than `min_households`, the segment is suppressed.

    Parameters
    ----------
    in_tab_households : int array, shape (markets, segments)
        Raw households. Segments may overlap.
    min_households : int
    base : int
        Position of the segment that holds all households.

    Returns
    -------
    bool array, shape (markets + 1, segments)
        The last row is the total over markets.

    Examples
    --------
    Market 1 is too small; market 2, the smaller of the others, goes with it:

    >>> publishable(np.array([[900], [20], [300]]), 50).ravel().tolist()
    [True, False, False, True]

    References
    ----------
    Complementary suppression: Cox, L. H. (1980). Suppression methodology and statistical
    disclosure control. JASA 75, 377-385.
    """
    markets, segments = in_tab_households.shape
    total = in_tab_households.sum(axis=0, keepdims=True)
    households = np.concatenate([in_tab_households, total])
    complement = households[:, [base]] - households
    allowed = households >= min_households
    allowed &= (complement == 0) | (complement >= min_households)
    for segment in range(segments):
        sizes = in_tab_households[:, segment]
        _close_subtraction(allowed[:markets, segment], sizes, min_households)
        hidden = ~allowed[:markets, segment]
        together = int(sizes[hidden].sum())
        if hidden.any() and (hidden.sum() < 2 or together < min_households):
            allowed[markets, segment] = False
    return allowed


def _close_subtraction(
    allowed: NDArray[np.bool_], households: NDArray[np.int64], min_households: int
) -> None:
    """Suppress the smallest published markets until those hidden can't be told apart."""
    from_smallest = np.argsort(households, kind="stable")
    for market in from_smallest:
        hidden = ~allowed
        if not hidden.any():
            return
        if hidden.sum() >= 2 and households[hidden].sum() >= min_households:
            return
        if allowed[market]:
            allowed[market] = False
