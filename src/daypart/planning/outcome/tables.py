"""From spots by cell and week to lines, and to sums by market, network, daypart and week."""

from __future__ import annotations

from collections.abc import Sequence
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
    shares_of_100,
)

_ENDS = ("impressions_lo_80", "impressions_hi_80")
_REACH_COLUMNS = ("reach_percent", "lo_80", "hi_80", "incremental_percent", "added_percent")


def make_lines(
    panel: Panel,
    weeks: Sequence[Week],
    spots: Ints,
    cost: Floats,
    impressions: Floats,
    min_households: int,
) -> list[Line]:
    """Write one line per cell and week with spots.

    Parameters
    ----------
    panel : Panel
    weeks : sequence of Week
    spots : int array [cells, weeks]
    cost : float array [cells, weeks]
        Of one spot.
    impressions : float array [cells]
        Of one spot, in households of the target.
    min_households : int
        Raw panel households below which a market's audience figures are suppressed.
    """
    may_show = markets_shown(panel.raw_households(), min_households)
    lines = []
    for cell, w in zip(*np.nonzero(spots), strict=True):
        code, network, daypart = panel.cell_names(cell)
        m = int(cell) // (panel.cells // len(panel.markets))
        count = int(spots[cell, w])
        seen = count * float(impressions[cell])
        shown = bool(may_show[m])
        lines.append(
            Line(
                market=code,
                market_name=panel.markets[m].name,
                network=network,
                daypart=daypart,
                week=str(weeks[w].monday),
                spots=count,
                cost=round(count * float(cost[cell, w]), 2),
                grp=100.0 * seen / float(panel.universe_estimate[m]) if shown else SUPPRESSED,
                impressions=seen if shown else SUPPRESSED,
            )
        )
    return lines


def sum_by(
    panel: Panel,
    names: Sequence[str],
    group: Ints,
    spots: Ints,
    spend: Floats,
    impressions: Floats,
    errors: Floats,
    base: Floats,
    shown: Bools,
) -> list[dict[str, Any]]:
    """Sum spots, spend, GRP and impressions by a group of cells (and weeks).

    Parameters
    ----------
    panel : Panel
    names : sequence of str
        Of the groups.
    group : int array
        The group of each element of `spots`, `spend` and `impressions` (of all its spots).
    errors : float array [groups]
        Standard errors of the groups' impressions.
    base : float array [groups]
        Universe estimate that the GRP of a group refers to.
    shown : bool array [groups]
        False where audience figures are suppressed.
    """
    size = len(names)
    of_group = [
        np.bincount(group, weights=values, minlength=size).astype(np.float64)
        for values in (spots, spend, impressions)
    ]
    shares = shares_of_100(of_group[1])
    rows = []
    for g, name in enumerate(names):
        seen = float(of_group[2][g])
        audience: list[Published] = [
            100.0 * seen / float(base[g]),
            seen,
            *interval_80(seen, float(errors[g])),
        ]
        audience = audience if shown[g] else [SUPPRESSED] * len(audience)
        rows.append(
            {
                "name": name,
                "spots": int(of_group[0][g]),
                "spend": round(float(of_group[1][g]), 2),
                "share_percent": shares[g],
            }
            | dict(zip(("grp", "impressions", *_ENDS), audience, strict=True))
        )
    return rows


def summarise(
    counter: AudienceCounter,
    weeks: Sequence[Week],
    spots: Ints,
    cost: Floats,
    *,
    min_households: int,
) -> dict[str, list[dict[str, Any]]]:
    """Sum a schedule by market, network, daypart and week, with reach; intervals are of 80 %.

    Parameters
    ----------
    counter : AudienceCounter
    weeks : sequence of Week
    spots : int array [cells, weeks]
    cost : float array [cells, weeks]
        Of one spot.
    min_households : int
        As in `make_lines`.
    """
    panel, impressions = counter.panel, counter.impressions
    m, n, d = np.unravel_index(np.arange(panel.cells), panel.shape)
    spend = np.where(spots > 0, spots * np.nan_to_num(cost), 0.0)
    seen = spots * impressions[:, None]
    sums = (spots.sum(axis=1), spend.sum(axis=1), seen.sum(axis=1))
    total = float(panel.universe_estimate.sum())
    enough = panel.households >= min_households

    def over_cells(names: Sequence[str], group: Ints) -> list[dict[str, Any]]:
        groups = len(names)
        errors = counter.impressions_errors(sums[0], group, groups)
        base, shown = np.full(groups, total), np.full(groups, enough)
        rows = sum_by(panel, names, group, *sums, errors, base, shown)
        misses = Misses.count(counter, sums[0], group, groups, unbiased=True)
        reached = {row["name"]: row for row in reach_by_group(misses, names)}
        for row in rows:
            of_group = reached.get(row["name"], dict.fromkeys(_REACH_COLUMNS, 0.0))
            row |= {key: of_group[key] if enough else SUPPRESSED for key in _REACH_COLUMNS}
        return rows

    return {
        "by_market": _by_market(counter, m, *sums, min_households),
        "by_network": over_cells(panel.networks, n),
        "by_daypart": over_cells(panel.dayparts, d),
        "by_week": _by_week(counter, weeks, spots, spend, seen, enough),
    }


def _by_market(
    counter: AudienceCounter,
    market: Ints,
    spots: Ints,
    spend: Floats,
    seen: Floats,
    min_households: int,
) -> list[dict[str, Any]]:
    panel = counter.panel
    names = [place.name for place in panel.markets]
    may_show = markets_shown(panel.raw_households(), min_households)
    errors = counter.impressions_errors(spots, market, len(names))
    base = panel.universe_estimate
    rows = sum_by(panel, names, market, spots, spend, seen, errors, base, may_show)
    chances = exposure_chances(panel, spots)
    reached = reach_by_stratum(counter, spots, chances[:, 0])
    for number, row in enumerate(rows):
        percent, error = reached[number]
        figures = (percent, *interval_80(percent, error, 100.0))
        row["code"] = panel.markets[number].code
        row["panel_households"] = int((panel.market == number).sum())
        for key, value in zip(("reach_percent", "lo_80", "hi_80"), figures, strict=True):
            row[key] = value if may_show[number] else SUPPRESSED
    return rows


def _by_week(
    counter: AudienceCounter,
    weeks: Sequence[Week],
    spots: Ints,
    spend: Floats,
    seen: Floats,
    enough: bool,
) -> list[dict[str, Any]]:
    panel = counter.panel
    together = np.zeros(panel.cells, dtype=np.int64)
    errors = np.array([counter.impressions_errors(of, together, 1)[0] for of in spots.T])
    rows = sum_by(
        panel,
        [str(week.monday) for week in weeks],
        np.tile(np.arange(len(weeks)), panel.cells),
        spots.ravel(),
        spend.ravel(),
        seen.ravel(),
        errors,
        np.full(len(weeks), float(panel.universe_estimate.sum())),
        np.full(len(weeks), enough),
    )
    for w, row in enumerate(rows):
        so_far = counter.count(spots[:, : w + 1].sum(axis=1))
        figures = (
            so_far.reach_percent(),
            *interval_80(so_far.reach_percent(), so_far.error_percent(), 100.0),
        )
        for key, value in zip(("cumulative_reach_percent", "lo_80", "hi_80"), figures, strict=True):
            row[key] = value if enough else SUPPRESSED
    return rows
