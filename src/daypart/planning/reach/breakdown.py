"""Reach by network, daypart and market: alone, lost without it, added, and shared by pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from daypart.planning.arrays import Floats, Ints
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.reach.exposure import misses_by_group
from daypart.planning.reach.frequency import jackknife_error, jackknife_variances
from daypart.planning.reach.publication import interval_80, markets_shown, published


@dataclass(frozen=True)
class Misses:
    """Chances of households to miss the spots of groups of cells, one group or several together.

    Parameters
    ----------
    counter : AudienceCounter
    spots, group : int array [cells]
    groups : int
    together : function
        From positions of groups to the chance to miss them all [households].
    """

    counter: AudienceCounter
    spots: Ints
    group: Ints
    groups: int
    together: Callable[[Sequence[int]], Floats]

    @classmethod
    def count(
        cls, counter: AudienceCounter, spots: Ints, group: Ints, groups: int, *, unbiased: bool
    ) -> Misses:
        """Count them on the panel, or take them from the optimiser's model.

        Parameters
        ----------
        counter : AudienceCounter
        spots, group : int array [cells]
        groups : int
        unbiased : bool
            Whether to count them on the panel.
        """
        if unbiased:
            parts = misses_by_group(counter.panel, spots, group, groups)
            return cls(counter, spots, group, groups, lambda chosen: parts[:, chosen].prod(axis=1))
        surrogate = counter.surrogate
        exposures = np.column_stack(
            [surrogate.exposures(np.where(group == g, spots, 0)) for g in range(groups)]
        )

        def together(chosen: Sequence[int]) -> Floats:
            total = exposures[:, chosen].sum(axis=1)
            return np.asarray(np.exp(-surrogate.shape * np.log1p(total / surrogate.shape)))

        return cls(counter, spots, group, groups, together)

    @property
    def used(self) -> list[int]:
        """Groups with spots."""
        return [g for g in range(self.groups) if self.spots[self.group == g].any()]

    def reach(self, chosen: Sequence[int]) -> float:
        """Return the reach of some groups together, in percent of the universe estimate."""
        panel = self.counter.panel
        reached = panel.weight @ (1.0 - self.together(chosen))
        return 100.0 * float(reached) / float(panel.universe_estimate.sum())

    def error(self, g: int) -> float:
        """Return the standard error of one group's reach, in points.

        Sampling of households by the jackknife. The forecast's part is the relative error of the
        group's impressions times what a relative change of all chances does to reach, which for
        rare exposures is the part of the households with exactly one: -m log m.
        """
        panel, calibration = self.counter.panel, self.counter.calibration
        missed = self.together([g])
        error = float(jackknife_error(panel, 1.0 - missed[:, None], seed=self.counter.seed)[0])
        if calibration is not None:
            seen = self.counter.impressions * np.where(self.group == g, self.spots, 0)
            relative = calibration.impressions_error(seen) / max(float(seen.sum()), 1e-12)
            once = float(panel.weight @ _exactly_once(missed))
            error = float(np.hypot(error, relative * once))
        return 100.0 * error / float(panel.universe_estimate.sum())


def reach_by_stratum(
    counter: AudienceCounter, spots: Ints, missed: Floats
) -> list[tuple[float, float]]:
    """Return each market's reach 1+ and its standard error, in percent of its own universe.

    Parameters
    ----------
    counter : AudienceCounter
    spots : int array [cells]
    missed : float array [households]
        Chance to miss all spots.
    """
    panel, calibration = counter.panel, counter.calibration
    markets = len(panel.markets)
    variance = jackknife_variances(
        panel, lambda rows: 1.0 - missed[rows][:, None], seed=counter.seed
    )[:, 0]
    reached, once = (
        np.bincount(panel.market, weights=panel.weight * values, minlength=markets)
        for values in (1.0 - missed, _exactly_once(missed))
    )
    if calibration is not None:
        market = np.arange(panel.cells) // (panel.cells // markets)
        seen = counter.impressions * spots
        error = calibration.impressions_errors(seen, market, markets)
        total = np.bincount(market, weights=seen, minlength=markets)
        variance = variance + (error / np.maximum(total, 1e-12) * once) ** 2
    percent = 100.0 / panel.universe_estimate
    return list(
        zip((reached * percent).tolist(), (np.sqrt(variance) * percent).tolist(), strict=True)
    )


def _exactly_once(missed: Floats) -> Floats:
    """Return -m log m: what a relative change of rare chances does to reach, by household."""
    return np.asarray(-missed * np.log(np.maximum(missed, 1e-300)))


def reach_by_group(misses: Misses, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each network (or daypart) of a schedule adds to its reach.

    Parameters
    ----------
    misses : Misses
    names : sequence of str
        Of the groups.

    Returns
    -------
    list of dict
        A row per group with spots, the one with the largest reach first: `name`, `spots`,
        `impressions`, `grp`, `reach_percent` of it alone with `lo_80` and `hi_80`,
        `incremental_percent` (lost without it: those whom nothing else reaches) and
        `added_percent` (to the rows above it; these add up to the reach of all).
    """
    panel, used = misses.counter.panel, misses.used
    universe = float(panel.universe_estimate.sum())
    whole = misses.reach(used)
    alone = {g: misses.reach([g]) for g in used}
    ranked = sorted(used, key=lambda g: (-alone[g], names[g]))
    rows, so_far = [], 0.0
    for place, g in enumerate(ranked):
        cells = misses.group == g
        seen = float(misses.counter.impressions[cells] @ misses.spots[cells])
        others = [other for other in used if other != g]
        reached = misses.reach(ranked[: place + 1])
        lo, hi = interval_80(alone[g], misses.error(g), 100.0)
        rows.append(
            {
                "name": names[g],
                "spots": int(misses.spots[cells].sum()),
                "impressions": seen,
                "grp": 100.0 * seen / universe,
                "reach_percent": alone[g],
                "lo_80": lo,
                "hi_80": hi,
                "incremental_percent": max(0.0, whole - misses.reach(others)),
                "added_percent": max(0.0, reached - so_far),
            }
        )
        so_far = reached
    return rows


def duplication(misses: Misses, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the networks of each pair reach in common: R_i + R_j - R_ij.

    Parameters
    ----------
    misses : Misses
    names : sequence of str
        Of the groups.

    Returns
    -------
    list of dict
        `first`, `second`, `percent` (of the universe estimate).
    """
    alone = {g: misses.reach([g]) for g in misses.used}
    return [
        {
            "first": names[a],
            "second": names[b],
            "percent": max(0.0, alone[a] + alone[b] - misses.reach([a, b])),
        }
        for i, a in enumerate(misses.used)
        for b in misses.used[i + 1 :]
    ]


def reach_by_market(
    counter: AudienceCounter, spots: Ints, missed: Floats, min_households: int
) -> list[dict[str, Any]]:
    """Return each market's spots, impressions, GRP and reach, in terms of its own universe.

    Parameters
    ----------
    counter : AudienceCounter
    spots : int array [cells]
    missed : float array [households]
        Chance to miss all spots.
    min_households : int
        Markets with fewer raw panel households are suppressed. A single such market is
        suppressed together with the smallest of the others.
    """
    panel = counter.panel
    may_show = markets_shown(panel.raw_households(), min_households)
    seen = (counter.impressions * spots).reshape(len(panel.markets), -1).sum(axis=1)
    rows = []
    for m, place in enumerate(panel.markets):
        here = panel.market == m
        reached = float(panel.weight[here] @ (1.0 - missed[here]))

        universe = float(panel.universe_estimate[m])
        count = int(spots.reshape(len(panel.markets), -1)[m].sum())
        row: dict[str, Any] = {"name": place.name, "code": place.code}
        row |= {"panel_households": int(here.sum()), "spots": count}
        values = (float(seen[m]), 100.0 * float(seen[m]) / universe, 100.0 * reached / universe)
        keys = ("impressions", "grp", "reach_percent")
        rows.append(row | published(keys, values, bool(may_show[m])))
    return rows
