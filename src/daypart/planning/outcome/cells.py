"""Which lines of a plan may be published, beside its sums by market, network, daypart and week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from daypart.disclosure.rules import DisclosureRules
from daypart.disclosure.spans import ZERO
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.panel.panel import Panel


def cells_shown(
    panel: Panel, spots: Ints, margins: Mapping[str, Sequence[bool]], rules: DisclosureRules
) -> Bools:
    """Return the cells whose impressions may be published [cells].

    A cell needs enough households that watched it, none of whom dominates. The others must not
    follow from the published sums, each of which is a combination of cells with their spots as
    coefficients: while one does, the least watched of the published cells in its market is hidden.

    Parameters
    ----------
    panel : Panel
    spots : int array [cells, weeks]
    margins : mapping
        By `by_market`, `by_network`, `by_daypart` and `by_week`, which rows are published.
    rules : DisclosureRules
    """
    bought = np.flatnonzero(spots.any(axis=1))
    viewers = np.bincount(panel.cell[panel.minutes > 0], minlength=panel.cells)
    small = (viewers < rules.contributors) | _dominated(panel, rules.dominance_percent)
    shown = np.ones(panel.cells, np.bool_)
    shown[bought] = ~small[bought]
    market = np.arange(panel.cells) // (panel.cells // len(panel.markets))
    sums = _sums(panel, spots, margins)
    while True:
        hidden = bought[~shown[bought]]
        found = hidden[_follows(sums[:, hidden])]
        found = found[small[found]]
        if not len(found):
            return shown
        others = bought[shown[bought]]
        if not len(others):
            return shown
        near = others[market[others] == market[found[0]]]
        choice = near if len(near) else others
        shown[choice[np.argmin(viewers[choice])]] = False


def _sums(panel: Panel, spots: Ints, margins: Mapping[str, Sequence[bool]]) -> Floats:
    """Return the published sums and the total, by the coefficients of the cells [sums, cells]."""
    total = spots.sum(axis=1).astype(np.float64)
    places = dict(
        zip(
            ("by_market", "by_network", "by_daypart"),
            np.unravel_index(np.arange(panel.cells), panel.shape),
            strict=True,
        )
    )
    rows = [total]
    for by, place in places.items():
        rows += [np.where(place == g, total, 0) for g, shown in enumerate(margins[by]) if shown]
    rows += [spots[:, w].astype(float) for w, shown in enumerate(margins["by_week"]) if shown]
    return np.array(rows)


def _follows(sums: Floats) -> Bools:
    """Return which columns are known where all the sums are: unit vectors in their span."""
    held = sums / np.maximum(np.abs(sums).max(axis=1, keepdims=True, initial=0.0), 1.0)
    if not held.size:
        return np.zeros(sums.shape[1], np.bool_)
    _, lengths, axes = np.linalg.svd(held, full_matrices=False)
    inside = axes[lengths > ZERO * lengths.max(initial=1.0)]
    return np.asarray((inside**2).sum(axis=0) > 1 - ZERO, np.bool_)


def _dominated(panel: Panel, percent: float) -> Bools:
    """Return the cells whose impressions one household dominates, by the p % rule [cells]."""
    parts = panel.weight[panel.household_of_entry()] * panel.chance_of_entry()
    sums = np.bincount(panel.cell, parts, panel.cells)
    order = np.lexsort((-parts, panel.cell))
    cell, sorted_parts = panel.cell[order], parts[order]
    start = np.searchsorted(cell, np.arange(panel.cells))
    ends = np.searchsorted(cell, np.arange(panel.cells), side="right")
    padded = np.append(sorted_parts, 0.0)
    first = np.where(ends > start, padded[np.minimum(start, len(parts))], 0.0)
    second = np.where(ends > start + 1, padded[np.minimum(start + 1, len(parts))], 0.0)
    return np.asarray((percent > 0) & (sums - first - second < percent / 100 * first), np.bool_)
