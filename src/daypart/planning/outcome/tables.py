"""From spots by cell and week to lines, and to sums by market, network, daypart and week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.brief.flight import Week
from daypart.planning.outcome.plan_result import Line
from daypart.planning.panel.panel import Panel
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.reach.breakdown import Misses, reach_by_group, reach_by_stratum
from daypart.planning.reach.exposure import exposure_chances
from daypart.planning.reach.publication import (
    SUPPRESSED,
    Published,
    interval_80,
    markets_shown,
    published,
    shares_of_100,
)

_AUDIENCE = ("grp", "impressions", "impressions_lo_80", "impressions_hi_80")
_REACH = ("reach_percent", "lo_80", "hi_80")
_GROUP_REACH = (*_REACH, "incremental_percent", "added_percent")


@dataclass(frozen=True)
class BoughtSpots:
    """The spots of a schedule with their cost and their audience.

    Parameters
    ----------
    counter : AudienceCounter
    weeks : sequence of Week
    spots : int array [cells, weeks]
    cost : float array [cells, weeks]
        Of one spot.
    min_households : int
        Raw panel households below which a market's audience figures are suppressed.
    """

    counter: AudienceCounter
    weeks: Sequence[Week]
    spots: Ints
    cost: Floats
    min_households: int

    @property
    def panel(self) -> Panel:
        """The households that are counted."""
        return self.counter.panel

    @property
    def enough(self) -> bool:
        """Whether figures over all markets may be published."""
        return self.panel.households >= self.min_households

    @property
    def market_shown(self) -> Bools:
        """Whether the figures of each market may be published [markets]."""
        return markets_shown(self.panel.raw_households(), self.min_households)

    @cached_property
    def spend(self) -> Floats:
        """Money [cells, weeks]."""
        return np.where(self.spots > 0, self.spots * np.nan_to_num(self.cost), 0.0)

    @cached_property
    def impressions(self) -> Floats:
        """Households of the target [cells, weeks]."""
        return np.asarray(self.spots * self.counter.impressions[:, None])

    def by_cell(self) -> tuple[Ints, Floats, Floats]:
        """Return spots, spend and impressions of the whole flight, each [cells]."""
        return self.spots.sum(axis=1), self.spend.sum(axis=1), self.impressions.sum(axis=1)


def make_lines(bought: BoughtSpots) -> list[Line]:
    """Write one line per cell and week with spots."""
    panel, shown = bought.panel, bought.market_shown
    lines = []
    for cell, w in zip(*np.nonzero(bought.spots), strict=True):
        code, network, daypart = panel.cell_names(cell)
        m = int(cell) // (panel.cells // len(panel.markets))
        count = int(bought.spots[cell, w])
        seen = count * float(bought.counter.impressions[cell])
        lines.append(
            Line(
                market=code,
                market_name=panel.markets[m].name,
                network=network,
                daypart=daypart,
                week=str(bought.weeks[w].monday),
                spots=count,
                cost=round(count * float(bought.cost[cell, w]), 2),
                grp=100.0 * seen / float(panel.universe_estimate[m]) if shown[m] else SUPPRESSED,
                impressions=seen if shown[m] else SUPPRESSED,
            )
        )
    return lines


def summarise(bought: BoughtSpots) -> dict[str, list[dict[str, Any]]]:
    """Sum a schedule by market, network, daypart and week, with reach; intervals are of 80 %."""
    panel = bought.panel
    market, network, daypart = np.unravel_index(np.arange(panel.cells), panel.shape)
    return {
        "by_market": _by_market(bought, market),
        "by_network": _by_cells(bought, panel.networks, network),
        "by_daypart": _by_cells(bought, panel.dayparts, daypart),
        "by_week": _by_week(bought),
    }


def _sum_by(
    names: Sequence[str],
    group: Ints,
    values: tuple[Ints, Floats, Floats],
    errors: Floats,
    base: Floats,
    shown: Bools,
) -> list[dict[str, Any]]:
    """Sum spots, spend and impressions by group, with GRP.

    Parameters
    ----------
    names : sequence of str
        Of the groups.
    group : int array
        The group of each element of the values.
    values : (int array, float array, float array)
        Spots, spend, and impressions of all spots.
    errors : float array [groups]
        Standard errors of the groups' impressions.
    base : float array [groups]
        Universe estimate that the GRP of a group refers to.
    shown : bool array [groups]
        False where audience figures are suppressed.
    """
    spots, spend, seen = (
        np.bincount(group, weights=part, minlength=len(names)).astype(np.float64) for part in values
    )
    shares = shares_of_100(spend)
    rows = []
    for g, name in enumerate(names):
        impressions = float(seen[g])
        audience: Sequence[Published] = (
            100.0 * impressions / float(base[g]),
            impressions,
            *interval_80(impressions, float(errors[g])),
        )
        row = {"name": name, "spots": int(spots[g]), "spend": round(float(spend[g]), 2)}
        row["share_percent"] = shares[g]
        rows.append(row | published(_AUDIENCE, audience, bool(shown[g])))
    return rows


def _by_cells(bought: BoughtSpots, names: Sequence[str], group: Ints) -> list[dict[str, Any]]:
    """Sum by groups of cells, each with its reach alone and what it adds."""
    counter, groups, values = bought.counter, len(names), bought.by_cell()
    errors = counter.impressions_errors(values[0], group, groups)
    base = np.full(groups, float(bought.panel.universe_estimate.sum()))
    rows = _sum_by(names, group, values, errors, base, np.full(groups, bought.enough))
    misses = Misses.count(counter, values[0], group, groups, unbiased=True)
    reached = {row["name"]: row for row in reach_by_group(misses, names)}
    for row in rows:
        of_group = reached.get(row["name"], dict.fromkeys(_GROUP_REACH, 0.0))
        row |= published(_GROUP_REACH, [of_group[key] for key in _GROUP_REACH], bought.enough)
    return rows


def _by_market(bought: BoughtSpots, market: Ints) -> list[dict[str, Any]]:
    counter, panel, values = bought.counter, bought.panel, bought.by_cell()
    names, shown = [place.name for place in panel.markets], bought.market_shown
    errors = counter.impressions_errors(values[0], market, len(names))
    rows = _sum_by(names, market, values, errors, panel.universe_estimate, shown)
    reached = reach_by_stratum(counter, values[0], exposure_chances(panel, values[0])[:, 0])
    households = panel.raw_households()
    for m, (row, (percent, error)) in enumerate(zip(rows, reached, strict=True)):
        row |= {"code": panel.markets[m].code, "panel_households": int(households[m])}
        row |= published(_REACH, (percent, *interval_80(percent, error, 100.0)), bool(shown[m]))
    return rows


def _by_week(bought: BoughtSpots) -> list[dict[str, Any]]:
    counter, panel, weeks = bought.counter, bought.panel, len(bought.weeks)
    together = np.zeros(panel.cells, dtype=np.int64)
    errors = np.array([counter.impressions_errors(of, together, 1)[0] for of in bought.spots.T])
    rows = _sum_by(
        [str(week.monday) for week in bought.weeks],
        np.tile(np.arange(weeks), panel.cells),
        (bought.spots.ravel(), bought.spend.ravel(), bought.impressions.ravel()),
        errors,
        np.full(weeks, float(panel.universe_estimate.sum())),
        np.full(weeks, bought.enough),
    )
    keys = ("cumulative_reach_percent", "lo_80", "hi_80")
    for w, row in enumerate(rows):
        so_far = counter.count(bought.spots[:, : w + 1].sum(axis=1))
        percent, error = so_far.reach_percent(), so_far.error_percent()
        row |= published(keys, (percent, *interval_80(percent, error, 100.0)), bought.enough)
    return rows
