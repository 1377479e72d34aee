"""Which groups of households follow from published segments, by linear algebra.

A segment's figure, such as its viewing minutes, is a sum over its households: a row of ones over
the combinations of segments (patterns) that it holds. A group's figure follows from published
figures where its row is a combination of theirs. With the rows R of all segments (segments x
patterns), the group's coefficients z (its row is z R) and the Gram matrix K = R R', what
remains unknown of z once the segments P are published has the squared length

    z Q z',   Q = K - K[:, P] K[P, P]^+ K[P, :]

which is 0 where the group follows from them. Everything is as small as the number of segments.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ZERO = 1e-7
"""Below this, a result of linear algebra on small whole numbers is 0."""
_SAMPLE = 500
"""Patterns on which a group is tried first."""


@dataclass(frozen=True)
class Known:
    """What is known once some segments of a market are published.

    Parameters
    ----------
    unknown : float64 array, shape (segments, segments)
        The matrix Q.
    follows : bool array, shape (groups,)
        Which groups follow.
    used : bool array, shape (groups, segments)
        Published segments that each of them is combined from.
    """

    unknown: Floats
    follows: Bools
    used: Bools


@dataclass(frozen=True)
class Span:
    """The figures of one market's segments and what follows from them.

    Parameters
    ----------
    gram : float64 array, shape (segments, segments)
        The matrix K.
    coefficients : float64 array, shape (groups, segments)
    possible : bool array, shape (groups,)
        Groups that follow where all segments are published; the others never do.
    """

    gram: Floats
    coefficients: Floats
    possible: Bools
    _known: dict[bytes, Known] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, patterns: Bools, present: Bools, groups: Bools) -> Span:
        """Make the span of a market.

        Parameters
        ----------
        patterns : bool array, shape (patterns, segments)
        present : bool array, shape (patterns,)
            Patterns that a household of the market has.
        groups : bool array, shape (groups, patterns)
        """
        held = np.flatnonzero(present)
        rows = patterns[held].T.astype(np.float64)
        coefficients = np.zeros((len(groups), len(rows)))
        possible = np.asarray(groups[:, held].any(axis=1), np.bool_)
        # Most groups fail on a few patterns already.
        for some in (held[:: len(held) // _SAMPLE + 1], held) if len(held) else ():
            tried = np.flatnonzero(possible)
            found, fits = _combine(patterns[some], groups[np.ix_(tried, some)])
            coefficients[tried], possible[tried] = found, fits
        return cls(rows @ rows.T, coefficients, possible)

    def known(self, published: Bools) -> Known:
        """Return what follows from some published segments.

        Parameters
        ----------
        published : bool array, shape (segments,)
        """
        name = published.tobytes()
        if name not in self._known:
            self._known[name] = self._solve(published)
        return self._known[name]

    def _solve(self, published: Bools) -> Known:
        chosen = np.flatnonzero(published)
        inverse = np.linalg.pinv(self.gram[np.ix_(chosen, chosen)], rcond=ZERO, hermitian=True)
        weights = self.gram[:, chosen] @ inverse
        unknown = self.gram - weights @ self.gram[chosen]
        used = np.zeros(self.coefficients.shape, bool)
        used[:, chosen] = np.abs(self.coefficients @ weights) > ZERO
        return Known(unknown, self.possible & ~is_unknown(self.coefficients, unknown), used)


def _combine(patterns: Bools, groups: Bools) -> tuple[Floats, Bools]:
    """Combine groups from segments; return the coefficients, and which groups they give."""
    rows, wanted = patterns.T.astype(np.float64), groups.astype(np.float64)
    inverse = np.linalg.pinv(rows @ rows.T, rcond=1e-11, hermitian=True)
    coefficients = (wanted @ rows.T) @ inverse
    off = np.abs(coefficients @ rows - wanted).max(axis=1, initial=0.0)
    return coefficients, off < ZERO


def is_unknown(coefficients: Floats, unknown: Floats) -> Bools:
    """Return which combinations of segments have a part that is not known.

    Parameters
    ----------
    coefficients : float64 array, shape (groups, segments)
    unknown : float64 array, shape (segments, segments)
    """
    length = np.einsum("gs,st,gt->g", coefficients, unknown, coefficients, optimize=True)
    return np.asarray(length > ZERO)
