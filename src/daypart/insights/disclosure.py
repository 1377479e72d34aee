"""What sums and differences of published cells disclose, by linear algebra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_ZERO = 1e-8
"""Below this, a number of the linear algebra of small whole numbers is 0."""


@dataclass(frozen=True)
class Disclosed:
    """A secret that is a combination of published cells.

    Parameters
    ----------
    cells : sequence of (market, segment)
        Published cells in the combination; without them it needs others. The
        market after the last is the total over markets.
    """

    cells: Sequence[tuple[int, int]]


def find_disclosed(
    patterns: NDArray[np.bool_],
    households: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    secrets: Sequence[Numbers],
) -> Disclosed | None:
    """Find a secret that is a linear combination of published cells.

    A cell is a row of ones over the kinds of households that it counts; a secret is disclosed
    where its row is a combination of published rows. Rows of different markets are connected only
    by the totals over markets, so totals enter with coefficients that cancel in every other
    market. That splits the one large problem into a small one per market.

    Parameters
    ----------
    patterns : bool array, shape (patterns, segments)
        Combinations of segments.
    households : int64 array, shape (markets, patterns)
    allowed : bool array, shape (markets + 1, segments)
        Published cells; the last row is the total over markets.
    secrets : sequence of float64 array, shape (secrets, segments)
        For each market and the total: combinations that must not be found, as coefficients of
        its segments.

    Returns
    -------
    Disclosed or None

    Examples
    --------
    All households less the first segment give the second, which is hidden:

    >>> patterns = np.array([[True, True, False], [True, False, True]])
    >>> allowed = np.array([[True, True, False], [False, False, False]])
    >>> secrets = [np.array([[0.0, 0.0, 1.0]]), np.zeros((0, 3))]
    >>> find_disclosed(patterns, np.array([[90, 20]]), allowed, secrets).cells
    [(0, 0), (0, 1)]
    """
    markets, segments = len(allowed) - 1, allowed.shape[1]
    totals = np.flatnonzero(allowed[markets])
    rows, unknown = [], []
    for market in range(markets):
        rows.append(patterns[households[market] > 0].T.astype(np.float64))
        basis = _orthonormal(rows[market][allowed[market]])
        unknown.append(rows[market] - (rows[market] @ basis.T) @ basis)
    grams = [left @ left.T for left in unknown]
    together = np.sum(grams, axis=0) if grams else np.zeros((segments, segments))
    for market in range(markets):
        if not len(secrets[market]):
            continue
        cancelling = _null_space((together - grams[market])[np.ix_(totals, totals)])
        through_totals = _orthonormal(cancelling.T @ unknown[market][totals])
        for secret in secrets[market]:
            left = secret @ unknown[market]
            if np.abs(left - (left @ through_totals.T) @ through_totals).max(initial=0.0) < _ZERO:
                return _in_market(rows[market], allowed[market], secret, market, markets, totals)
    for secret in secrets[markets]:
        choice = np.concatenate([np.eye(segments)[totals], secret[None]])
        null = _null_space(choice @ together @ choice.T)
        if np.abs(null[-1]).max(initial=0.0) > _ZERO:
            return _in_total(allowed, secret, markets, totals)
    return None


def _in_market(
    rows: Numbers,
    allowed: NDArray[np.bool_],
    secret: Numbers,
    market: int,
    markets: int,
    totals: NDArray[np.int64],
) -> Disclosed:
    """Return the market's cells that disclose the secret; where they alone do not, the totals."""
    published = np.flatnonzero(allowed)
    if len(published):
        coefficients = np.linalg.lstsq(rows[published].T, secret @ rows, rcond=None)[0]
        if np.abs(rows[published].T @ coefficients - secret @ rows).max(initial=0.0) < _ZERO:
            return Disclosed([(market, int(s)) for s in published[np.abs(coefficients) > _ZERO]])
    return Disclosed([(markets, int(s)) for s in totals])


def _in_total(
    allowed: NDArray[np.bool_], secret: Numbers, markets: int, totals: NDArray[np.int64]
) -> Disclosed:
    """Return the cells that disclose a secret of the total: totals, or markets of its segments."""
    if len(totals):
        return Disclosed([(markets, int(s)) for s in totals])
    wanted = np.argwhere(allowed[:markets] & (secret != 0))
    cells = wanted if len(wanted) else np.argwhere(allowed[:markets])
    return Disclosed([(int(market), int(segment)) for market, segment in cells])


def _orthonormal(rows: Numbers) -> Numbers:
    """Return an orthonormal basis of the space of rows."""
    if not rows.size:
        return np.zeros((0, rows.shape[1]))
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(basis[sizes > _ZERO])


def _null_space(gram: Numbers) -> Numbers:
    """Return an orthonormal basis, in columns, of the null space of a Gram matrix."""
    sizes, vectors = np.linalg.eigh(gram)
    return np.asarray(vectors[:, sizes < _ZERO])
