"""From spots by cell and week to lines, and to sums by market, network, daypart and week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from daypart.disclosure.audience import Audience
from daypart.planning.arrays import Floats, Ints
from daypart.planning.brief.flight import Week
from daypart.planning.outcome.cells import cells_shown
from daypart.planning.outcome.plan_result import Line
from daypart.planning.panel.panel import Panel
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.reach.breakdown import (
    Misses,
    break_down,
    markets_shown,
    reach_by_stratum,
    weeks_shown,
)
from daypart.planning.reach.exposure import exposure_chances
from daypart.planning.reach.publication import (
    SUPPRESSED,
    interval_80,
    published,
    shares_of_100,
)

_AUDIENCE = ("grp", "impressions", "impressions_lo_80", "impressions_hi_80")
_REACH = ("reach_percent", "lo_80", "hi_80")
_GROUP_REACH = (*_REACH, "incremental_percent", "added_percent")
_FIGURES = (*_GROUP_REACH, "cumulative_reach_percent")


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
    audience : Audience
        Of the counter's panel.
    """

    counter: AudienceCounter
    weeks: Sequence[Week]
    spots: Ints
    cost: Floats
    audience: Audience

    @property
    def panel(self) -> Panel:
        """The households that are counted."""
        return self.counter.panel

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


def make_lines(bought: BoughtSpots, sums: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Line]:
    """Write one line per cell and week with spots.

    Parameters
    ----------
    bought : BoughtSpots
    sums : mapping
        As `summarise` returns them: what is published beside the lines.
    """
    panel = bought.panel
    margins = {
        by: [not isinstance(row["impressions"], str) for row in rows] for by, rows in sums.items()
    }
    shown = cells_shown(panel, bought.spots, margins, bought.audience.rules)
    lines = []
    for cell, w in zip(*np.nonzero(bought.spots), strict=True):
        code, network, daypart = panel.cell_names(cell)
        m = int(cell) // (panel.cells // len(panel.markets))
        count = int(bought.spots[cell, w])
        seen = count * float(bought.counter.impressions[cell])
        audience = (100.0 * seen / float(panel.universe_estimate[m]), seen)
        lines.append(
            Line(
                market=code,
                market_name=panel.markets[m].name,
                network=network,
                daypart=daypart,
                week=str(bought.weeks[w].monday),
                spots=count,
                cost=round(count * float(bought.cost[cell, w]), 2),
                **published(("grp", "impressions"), audience, bool(shown[cell])),
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
    """
    spots, spend, seen = (
        np.bincount(group, weights=part, minlength=len(names)).astype(np.float64) for part in values
    )
    shares = shares_of_100(spend)
    rows = []
    for g, name in enumerate(names):
        impressions = float(seen[g])
        lo, hi = interval_80(impressions, float(errors[g]))
        audience = (100.0 * impressions / float(base[g]), impressions, lo, hi)
        row = {"name": name, "spots": int(spots[g]), "spend": round(float(spend[g]), 2)}
        row["share_percent"] = shares[g]
        rows.append(row | dict(zip(_AUDIENCE, audience, strict=True)))
    return rows


def _suppress(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the figures of its audience."""
    return row | dict.fromkeys((*_AUDIENCE, *(key for key in _FIGURES if key in row)), SUPPRESSED)


def _by_cells(bought: BoughtSpots, names: Sequence[str], group: Ints) -> list[dict[str, Any]]:
    """Sum by groups of cells, each with its reach alone and what it adds."""
    counter, groups, values = bought.counter, len(names), bought.by_cell()
    errors = counter.impressions_errors(values[0], group, groups)
    base = np.full(groups, float(bought.panel.universe_estimate.sum()))
    misses = Misses.count(counter, values[0], group, groups, unbiased=True)
    reached = {row["name"]: row for row in break_down(misses, names, bought.audience).rows}
    rows = []
    for row in _sum_by(names, group, values, errors, base):
        of_group = reached.get(row["name"], dict.fromkeys(_GROUP_REACH, 0.0))
        row |= {key: of_group[key] for key in _GROUP_REACH}
        rows.append(_suppress(row) if row["reach_percent"] == SUPPRESSED else row)
    return rows


def _by_market(bought: BoughtSpots, market: Ints) -> list[dict[str, Any]]:
    counter, panel, values = bought.counter, bought.panel, bought.by_cell()
    names = [place.name for place in panel.markets]
    errors = counter.impressions_errors(values[0], market, len(names))
    missed = exposure_chances(panel, values[0])[:, 0]
    shown = markets_shown(counter, values[0], missed, bought.audience)
    households = panel.households_of_markets()
    rows = []
    for m, (row, (percent, error)) in enumerate(
        zip(
            _sum_by(names, market, values, errors, panel.universe_estimate),
            reach_by_stratum(counter, values[0], missed),
            strict=True,
        )
    ):
        row["code"] = panel.markets[m].code
        row["panel_households"] = households[m].stop - households[m].start
        row |= zip(_REACH, (percent, *interval_80(percent, error, 100.0)), strict=True)
        rows.append(row if shown[m] else _suppress(row))
    return rows


def _by_week(bought: BoughtSpots) -> list[dict[str, Any]]:
    counter, panel, weeks = bought.counter, bought.panel, len(bought.weeks)
    together = np.zeros(panel.cells, dtype=np.int64)
    errors = np.array([counter.impressions_errors(of, together, 1)[0] for of in bought.spots.T])
    so_far = [counter.count(bought.spots[:, : w + 1].sum(axis=1)) for w in range(weeks)]
    missed = [counted.probability[:, 0] for counted in so_far]
    shown = weeks_shown(counter, bought.spots, missed, bought.audience)
    sums = _sum_by(
        [str(week.monday) for week in bought.weeks],
        np.tile(np.arange(weeks), panel.cells),
        (bought.spots.ravel(), bought.spend.ravel(), bought.impressions.ravel()),
        errors,
        np.full(weeks, float(panel.universe_estimate.sum())),
    )
    keys = ("cumulative_reach_percent", "lo_80", "hi_80")
    rows = []
    for w, row in enumerate(sums):
        percent, error = so_far[w].reach_percent(), so_far[w].error_percent()
        row |= zip(keys, (percent, *interval_80(percent, error, 100.0)), strict=True)
        rows.append(row if shown[w] else _suppress(row))
    return rows
