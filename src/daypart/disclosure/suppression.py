"""Which figures of markets and segments are published, so that no small group follows from them.

A table has a figure for every market and segment, and their totals over markets. Here many tables
of the same households are protected at once: one for every network and daypart, say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.disclosure.groups import Memberships, groups_of
from daypart.disclosure.spans import ZERO, Span, is_unknown

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tables:
    """Tables of markets x segments, with the households behind their figures.

    Parameters
    ----------
    memberships : Memberships
        Households of the markets.
    groups : bool array, shape (groups, patterns)
        As `groups_of` returns them.
    spans : sequence of Span
        One for each market; the last is that of all markets together.
    """

    memberships: Memberships
    groups: Bools
    spans: tuple[Span, ...]

    @classmethod
    def of(cls, memberships: Memberships) -> Tables:
        """Prepare the tables of some households.

        Parameters
        ----------
        memberships : Memberships
        """
        patterns, households = memberships.patterns, memberships.households
        groups = groups_of(patterns)
        present = [*(households > 0), households.any(axis=0)]
        spans = [Span.of(patterns, here, groups) for here in present]
        kept = np.any([span.possible for span in spans], axis=0)
        kept[: patterns.shape[1]] = True
        chosen = [Span(s.gram, s.coefficients[kept], s.possible[kept]) for s in spans]
        return cls(memberships, groups[kept], tuple(chosen))

    @property
    def segments(self) -> int:
        """The number of segments."""
        return int(self.memberships.patterns.shape[1])

    def households(self) -> Ints:
        """Return raw households by market and group; the last row is the total over markets."""
        by_market = self.memberships.households @ self.groups.T.astype(np.int64)
        return np.concatenate([by_market, by_market.sum(axis=0, keepdims=True)])


def publishable(memberships: Memberships, min_households: int, *, base: int = 0) -> Bools:
    """Return which markets x segments may be published, and which totals over markets.

    Parameters
    ----------
    memberships : Memberships
    min_households : int
        Raw households that a published segment, and any group that follows, must have.
    base : int
        Position of the segment that holds all households; it is suppressed last.

    Returns
    -------
    bool array, shape (markets + 1, segments)
        The last row is the total over markets.

    Examples
    --------
    Market 1 is too small; market 2, the smaller of the others, is suppressed with it:

    >>> everyone = np.array([[True]])
    >>> publishable(Memberships(everyone, np.array([[900], [20], [300]])), 50).ravel().tolist()
    [True, False, False, True]

    Families and young households share one household, which is families + young - all:

    >>> parts = np.array([[True, True, False], [True, False, True], [True, True, True]])
    >>> publishable(Memberships(parts, np.array([[60, 70, 1]])), 50)[0].tolist()
    [True, False, True]

    References
    ----------
    Complementary suppression: Cox, L. H. (1980). Suppression methodology and statistical
    disclosure control. JASA 75, 377-385.
    """
    tables = Tables.of(memberships)
    counts = tables.households()
    return protect(tables, counts[:, None], counts >= 0, min_households, base=base)[:, 0]


def protect(
    tables: Tables,
    counts: Ints,
    allowed: Bools,
    least: int,
    *,
    held: Bools | None = None,
    base: int = 0,
) -> Bools:
    """Suppress figures of too few households, and others until none of those follows.

    Within a market, a group of fewer than `least` households must not be a combination of
    published segments: the smallest segment of the combination is suppressed, until none is. A
    published total over markets gives what its suppressed markets have in common: those must be
    none, or two and more with `least` households in all.

    Parameters
    ----------
    tables : Tables
    counts : int64 array, shape (markets + 1, tables, groups)
        Households behind each group's figure in each table; the last market is the total.
    allowed : bool array, shape (markets + 1, segments) or (markets + 1, tables, segments)
        What may be published at most. More columns than segments are ignored.
    least : int
    held : bool array, shape (markets, tables), optional
        Markets that have figures in a table; all by default.
    base : int
        Position of the segment that holds all households; it is suppressed last.

    Returns
    -------
    bool array, shape (markets + 1, tables, segments)
    """
    segments, last = tables.segments, len(tables.spans) - 1
    if allowed.ndim == 2:
        allowed = np.repeat(allowed[:, None], counts.shape[1], axis=1)
    published = allowed[..., :segments] & (counts[..., :segments] >= least)
    if least <= 1:
        return published
    nonempty = tables.households() > 0
    small = (counts < least) & nonempty[:, None]
    for place, span in enumerate(tables.spans):
        protect_one(span, published[place], small[place], counts[place], base)
    if held is None:
        held = np.ones((last, counts.shape[1]), bool)
    _protect_totals(tables, published, counts, held[..., None] & nonempty[:-1, None], least, base)
    _protect_combined_totals(tables, published, counts[last], held, base)
    return published


def protect_one(span: Span, published: Bools, small: Bools, counts: Ints, base: int) -> None:
    """Suppress segments of one market until no small group follows from them, in every table.

    Parameters
    ----------
    span : Span
    published : bool array, shape (tables, segments)
        Changed in place.
    small : bool array, shape (tables, groups)
        Groups that must not follow.
    counts : int64 array, shape (tables, groups)
        Of the segments of a combination, the one with the smallest count is suppressed.
    base : int
        Position of the segment that holds all households; it is suppressed last.
    """
    pending = np.arange(len(published))
    while len(pending):
        changed = []
        for chosen, places in _same(published[pending]):
            rows, known = pending[places], span.known(chosen)
            found = small[rows] & known.follows
            bad = found.any(axis=1)
            rows, group = rows[bad], found[bad].argmax(axis=1)
            if len(rows):
                cost = np.where(known.used[group], counts[rows, : len(chosen)], np.inf)
                cost[:, base] += np.where(known.used[group, base], 1e15, 0)
                published[rows, cost.argmin(axis=1)] = False
                changed.append(rows)
        pending = np.concatenate(changed) if changed else pending[:0]


def _same(rows: Bools) -> Iterator[tuple[Bools, Ints]]:
    """Yield the different rows, and where each of them is."""
    _, which = np.unique(np.packbits(rows, axis=1), axis=0, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    for places in np.split(order, np.cumsum(np.bincount(which.ravel()))[:-1]):
        yield rows[places[0]], places


def _unknown_in(tables: Tables, published: Bools, held: Bools) -> Bools:
    """Return in which markets a group of the total does not follow (markets, tables, groups)."""
    total = tables.spans[-1].coefficients
    hidden = np.zeros((len(tables.spans) - 1, published.shape[1], len(total)), bool)
    for market, span in enumerate(tables.spans[:-1]):
        for chosen, places in _same(published[market]):
            hidden[market, places] = is_unknown(total, span.known(chosen).unknown)
    return hidden & held


def _protect_totals(
    tables: Tables, published: Bools, counts: Ints, held: Bools, least: int, base: int
) -> None:
    """Suppress markets, then totals, until the markets hidden under a total are enough."""
    span, segments = tables.spans[-1], tables.segments
    while True:
        hidden = _unknown_in(tables, published, held)
        number = hidden.sum(axis=0)
        together = (counts[:-1] * hidden).sum(axis=0)
        bad = (number == 1) | ((number > 1) & (together < least))
        follows = np.zeros_like(bad)
        used = np.zeros((*bad.shape, segments), bool)
        for chosen, places in _same(published[-1]):
            known = span.known(chosen)
            follows[places], used[places] = known.follows, known.used
        bad &= follows
        rows = np.flatnonzero(bad.any(axis=1))
        if not len(rows):
            return
        for row in rows.tolist():
            group = int(bad[row].argmax())
            segment = group if group < segments and published[-1, row, group] else -1
            markets = np.flatnonzero(published[:-1, row, segment]) if segment >= 0 else None
            if markets is not None and len(markets):
                market = markets[np.argmin(counts[markets, row, segment])]
                published[market, row, segment] = False
            else:
                cost = np.where(used[row, group], counts[-1, row, :segments], np.inf)
                cost[base] += 1e15 if used[row, group, base] else 0
                published[-1, row, int(cost.argmin())] = False


def _protect_combined_totals(
    tables: Tables, published: Bools, counts: Ints, held: Bools, base: int
) -> None:
    """Suppress totals until no combination of them is known in all markets but one."""
    for row in np.flatnonzero(published[-1].any(axis=1)):
        unknown = np.array(
            [
                span.known(published[market, row]).unknown * held[market, row]
                for market, span in enumerate(tables.spans[:-1])
            ]
        )
        together = unknown.sum(axis=0)
        while published[-1, row].any():
            totals = np.flatnonzero(published[-1, row])
            inside = np.ix_(totals, totals)
            others = (together - unknown)[:, totals][:, :, totals]
            if (_ranks(others) == _ranks(together[inside][None])).all():
                break
            order = np.where(totals == base, np.inf, counts[row, totals])
            published[-1, row, totals[order.argmin()]] = False


def _ranks(grams: NDArray[np.float64]) -> Ints:
    return np.asarray((np.linalg.eigvalsh(grams) > ZERO).sum(axis=-1), np.int64)
