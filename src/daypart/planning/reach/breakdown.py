"""Reach by network, daypart and market: alone, lost without it, added, and shared by pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from daypart.disclosure.audience import Audience, Row
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.reach.exposure import expected_exposures, misses_by_group, total_exposures
from daypart.planning.reach.frequency import jackknife_error, jackknife_variances
from daypart.planning.reach.publication import SUPPRESSED, interval_80, published


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

    def percent(self, parts: Floats) -> float:
        """Return what households make up, in percent of the universe estimate.

        Parameters
        ----------
        parts : float array [households]
        """
        panel = self.counter.panel
        return 100.0 * float(panel.weight @ parts) / float(panel.universe_estimate.sum())

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


def groups_shown(misses: Misses, audience: Audience) -> Bools:
    """Return which groups' figures may be published beside their total [groups].

    Parameters
    ----------
    misses : Misses
    audience : Audience
        Of the counter's panel.
    """
    seen = expected_exposures(misses.counter.panel, misses.spots, misses.group, misses.groups)
    used = set(misses.used)
    return audience.rows_shown(
        [Row(seen[:, g], 1.0 - misses.together([g]), g in used) for g in range(misses.groups)]
    )


@dataclass(frozen=True)
class Breakdown:
    """What the networks (or dayparts) of a schedule reach.

    Parameters
    ----------
    rows : list of dict
        A row per group with spots, the one with the largest reach first and the suppressed ones
        last: `name`, `spots`, `impressions`, `grp`, `reach_percent` of it alone with `lo_80` and
        `hi_80`, `incremental_percent` (lost without it: those whom nothing else reaches) and
        `added_percent` (to the rows above it; these add up to the reach of all).
    duplication : list of dict
        `first`, `second`, `percent` (of the universe estimate): what the groups of each pair reach
        in common, R_i + R_j - R_ij.
    """

    rows: list[dict[str, Any]]
    duplication: list[dict[str, Any]]


def break_down(
    misses: Misses, names: Sequence[str], audience: Audience, *, pairs: bool = False
) -> Breakdown:
    """Return what each group of a schedule reaches, adds, and shares with the others.

    What a group adds is published where all of them may be, as they add up to the total. Of two or
    three groups each such figure follows from the others, so that all are suppressed if one is.

    Parameters
    ----------
    misses : Misses
    names : sequence of str
        Of the groups.
    audience : Audience
        Of the counter's panel.
    pairs : bool
        Whether to list the duplication of pairs.
    """
    shown = groups_shown(misses, audience)
    missed = {g: misses.together([g]) for g in misses.used}
    alone = {g: misses.percent(1.0 - missed[g]) for g in misses.used}
    ranked = sorted(misses.used, key=lambda g: (not shown[g], -alone[g] * shown[g], names[g]))
    shared = _shared(misses, missed if pairs else {}, names, shown, audience)
    added, lost = _added(misses, ranked, audience), _lost(misses, ranked, shown, audience)
    if not all(shown[g] for g in ranked):
        added = [SUPPRESSED] * len(ranked)
    if len(ranked) <= 3 and SUPPRESSED in (*added, *lost, *(row["percent"] for row in shared)):
        added = lost = [SUPPRESSED] * len(ranked)
        shared = [row | {"percent": SUPPRESSED} for row in shared]
    rows = []
    for place, g in enumerate(ranked):
        row = _row(misses, g, alone[g], lost[place], added[place])
        keys = list(row)
        spots = {"name": names[g], "spots": int(misses.spots[misses.group == g].sum())}
        rows.append(spots | published(keys, list(row.values()), bool(shown[g])))
    return Breakdown(rows, shared)


def _row(misses: Misses, g: int, alone: float, lost: Any, added: Any) -> dict[str, Any]:
    cells = misses.group == g
    seen = float(misses.counter.impressions[cells] @ misses.spots[cells])
    lo, hi = interval_80(alone, misses.error(g), 100.0)
    universe = float(misses.counter.panel.universe_estimate.sum())
    return {
        "impressions": seen,
        "grp": 100.0 * seen / universe,
        "reach_percent": alone,
        "lo_80": lo,
        "hi_80": hi,
        "incremental_percent": lost,
        "added_percent": added,
    }


def _lost(misses: Misses, ranked: Sequence[int], shown: Bools, audience: Audience) -> list[Any]:
    """Return what would be lost without each group, `suppressed` where too few households are."""
    whole, lost = misses.together(ranked), []
    for g in ranked:
        parts = np.maximum(misses.together([n for n in ranked if n != g]) - whole, 0.0)
        enough = shown[g] and audience.is_enough(parts)
        lost.append(misses.percent(parts) if enough else SUPPRESSED)
    return lost


def _added(misses: Misses, ranked: Sequence[int], audience: Audience) -> list[Any]:
    """Return what each group adds to those before it, `suppressed` for all where one must be."""
    missed, added = np.ones(misses.counter.panel.households), []
    for place in range(len(ranked)):
        now = misses.together(ranked[: place + 1])
        parts = np.maximum(missed - now, 0.0)
        if not audience.is_enough(parts):
            return [SUPPRESSED] * len(ranked)
        missed = now
        added.append(misses.percent(parts))
    return added


def _shared(
    misses: Misses,
    missed: Mapping[int, Floats],
    names: Sequence[str],
    shown: Bools,
    audience: Audience,
) -> list[dict[str, Any]]:
    rows = []
    for i, a in enumerate(missed):
        for b in list(missed)[i + 1 :]:
            parts = np.maximum(1.0 - missed[a] - missed[b] + misses.together([a, b]), 0.0)
            enough = shown[a] and shown[b] and audience.is_enough(parts)
            percent = misses.percent(parts) if enough else SUPPRESSED
            rows.append({"first": names[a], "second": names[b], "percent": percent})
    return rows


def reach_by_market(
    counter: AudienceCounter, spots: Ints, missed: Floats, audience: Audience
) -> list[dict[str, Any]]:
    """Return each market's spots, impressions, GRP and reach, in terms of its own universe.

    Parameters
    ----------
    counter : AudienceCounter
    spots : int array [cells]
    missed : float array [households]
        Chance to miss all spots.
    audience : Audience
        Of the counter's panel.
    """
    panel = counter.panel
    may_show = markets_shown(counter, spots, missed, audience)
    seen = (counter.impressions * spots).reshape(len(panel.markets), -1).sum(axis=1)
    rows = []
    for m, (place, here) in enumerate(
        zip(panel.markets, panel.households_of_markets(), strict=True)
    ):
        reached = float(panel.weight[here] @ (1.0 - missed[here]))
        universe = float(panel.universe_estimate[m])
        count = int(spots.reshape(len(panel.markets), -1)[m].sum())
        row: dict[str, Any] = {"name": place.name, "code": place.code}
        row |= {"panel_households": here.stop - here.start, "spots": count}
        values = (float(seen[m]), 100.0 * float(seen[m]) / universe, 100.0 * reached / universe)
        keys = ("impressions", "grp", "reach_percent")
        rows.append(row | published(keys, values, bool(may_show[m])))
    return rows


def markets_shown(
    counter: AudienceCounter, spots: Ints, missed: Floats, audience: Audience
) -> Bools:
    """Return which markets' figures may be published beside their total [markets].

    Parameters
    ----------
    counter : AudienceCounter
    spots : int array [cells]
    missed : float array [households]
        Chance to miss all spots.
    audience : Audience
        Of the counter's panel.
    """
    panel, seen = counter.panel, total_exposures(counter.panel, spots)
    used = spots.reshape(len(panel.markets), -1).sum(axis=1) > 0
    return audience.rows_shown(
        [
            Row(seen[here], 1.0 - missed[here], bool(used[m]), here)
            for m, here in enumerate(panel.households_of_markets())
        ]
    )


def weeks_shown(
    counter: AudienceCounter, spots: Ints, missed: Sequence[Floats], audience: Audience
) -> Bools:
    """Return which weeks' figures may be published beside their total [weeks].

    Parameters
    ----------
    counter : AudienceCounter
    spots : int array [cells, weeks]
    missed : sequence of float array [households]
        Chance to miss the spots of each week and those before it.
    audience : Audience
        Of the counter's panel.
    """
    return audience.rows_shown(
        [
            Row(total_exposures(counter.panel, of), 1.0 - m, bool(of.any()))
            for of, m in zip(spots.T, missed, strict=True)
        ]
    )
