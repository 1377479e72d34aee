"""From a brief and a panel to the planning problem: what is on offer, when, at which price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.brief.brief import Brief
from daypart.planning.brief.flight import Week
from daypart.planning.brief.limits import EXCLUSIONS, Limit
from daypart.planning.panel.panel import AXES, Panel
from daypart.planning.problem.constraints import (
    Names,
    expand_limits,
    find_number,
    limit_rows,
    name_numbers,
)
from daypart.planning.problem.pins import check_pins, pinned_spots, place_pins, shorten_offer
from daypart.planning.problem.problem import Problem, weeks_of_columns


def build_problem(
    brief: Brief,
    panel: Panel,
    weeks: Sequence[Week],
    cpm: Floats,
    priced_impressions: Floats,
    target_impressions: Floats,
    given: Ints | None = None,
) -> Problem:
    """Turn a brief, a rate card and a panel into columns and limits.

    Parameters
    ----------
    brief : Brief
    panel : Panel
        Of the target segment.
    weeks : sequence of Week
    cpm : float array [cells, weeks]
        NaN where a cell is not sold.
    priced_impressions, target_impressions : float array [cells]
        Of one spot: those that the CPM buys, and those in the target.
    given : int array [cells, weeks], optional
        Spots of a schedule to evaluate: its cells have columns even where the brief bars them.

    Raises
    ------
    DaypartError
        For an unknown network, daypart, market or week, and where nothing can
        be bought, or the budget is below the cheapest spot.
    """
    names = name_numbers(panel, weeks)
    limits = expand_limits(brief, names)
    pins = place_pins(brief, panel, names)
    available = _available(brief, panel, weeks, names)
    shorten_offer(available, pins, panel, given)
    unit_cost = cpm * priced_impressions[:, None] / 1000.0
    unit_cost = np.round(np.maximum(unit_cost, 0.01), 2).astype(np.float64)
    sold = np.isfinite(cpm) & (priced_impressions > 0)[:, None] & (available > 0)
    if given is not None:
        # A cell that nobody in the panel watches costs next to nothing and reaches nobody.
        sold |= np.isfinite(cpm) & (given > 0)
    check_pins(pins, brief, panel, cpm, available, sold)
    periods = _periods(brief, unit_cost, sold, limits, weeks)
    first = np.array([period[0] for period in periods])
    cell, period = np.nonzero(sold[:, first])
    cost = unit_cost[cell, first[period]]
    _check_offer(brief, cost, target_impressions[cell], given)
    most_per_week = available[cell] * weeks_of_columns(periods, period, len(weeks))
    pinned = pinned_spots(pins, cell, period, periods, len(weeks))
    problem = Problem(
        cells=panel.cells,
        cell=cell,
        period=period,
        cost=cost,
        impressions=target_impressions[cell],
        least=pinned.sum(axis=1),
        most=np.where(pinned > 0, pinned, most_per_week).sum(axis=1),
        budget=brief.budget,
        limits=(),
        periods=periods,
        most_per_week=most_per_week,
        pinned=pinned,
    )
    return replace(problem, limits=limit_rows(brief, limits, problem, panel, weeks))


def _check_offer(brief: Brief, cost: Floats, impressions: Floats, given: Ints | None) -> None:
    """Refuse an offer of no columns, one that reaches nobody, or one that nobody can pay."""
    if len(cost) == 0:
        raise DaypartError(
            "nothing can be bought: every cell is excluded, unsold or off the flight's days",
            hint="loosen limits.exclude_networks or limits.exclude_dayparts",
        )
    if given is None and not (impressions > 0).any():
        raise DaypartError(
            f"no spot on offer reaches anybody of {brief.segment}: no panel household of that "
            "segment watches what the limits and the rate card leave",
            hint="widen campaign.segment, or loosen limits.exclude_networks or "
            "limits.exclude_dayparts",
        )
    if brief.budget < cost.min():
        raise DaypartError(
            f"campaign.budget {brief.budget:,.2f} is below the cheapest spot "
            f"({cost.min():,.2f} {brief.currency})",
            hint="raise the budget",
        )


def _available(brief: Brief, panel: Panel, weeks: Sequence[Week], names: Names) -> Ints:
    """Return the most spots of each cell in each week [cells, weeks].

    A week that the flight cuts offers the part of the spots that it has of a daypart's minutes.
    """
    full = np.maximum(panel.clock.minutes_per_week(), 1)
    share = np.array([panel.clock.minutes_on(week.days) / full for week in weeks]).T

    def in_weeks(spots: int) -> Ints:
        """Return the spots on offer, given the number a week [dayparts, weeks]."""
        return np.ceil(spots * share - 1e-9).astype(np.int64)

    offered = np.zeros((*panel.shape, len(weeks)), dtype=np.int64)
    offered[:] = in_weeks(brief.limits.max_spots_per_week)
    unlimited = np.iinfo(np.int64).max
    ruled = np.full(offered.shape, unlimited)
    for number, rule in enumerate(brief.limits.cells, start=1):
        place = _place(names, f"limits.cells[{number}]", asdict(rule))
        most = np.broadcast_to(in_weeks(rule.max_spots_per_week), offered.shape)
        ruled[place] = np.minimum(ruled, most)[place]
    offered = np.where((offered > 0) & (ruled < unlimited), ruled, offered)
    for setting, dimension in EXCLUSIONS.items():
        for name in getattr(brief.limits, setting):
            offered[_place(names, f"limits.{setting}", {dimension: name})] = 0
    return offered.reshape(panel.cells, len(weeks))


def _place(names: Names, setting: str, given: Mapping[str, Any]) -> tuple[slice | int, ...]:
    """Return where the named market, network, daypart and week are in the grid of cells."""
    return tuple(
        slice(None)
        if given.get(dimension) is None
        else find_number(names, dimension, str(given[dimension]), setting)
        for dimension in (*AXES, "week")
    )


def _periods(
    brief: Brief,
    unit_cost: Floats,
    sold: Bools,
    limits: Sequence[tuple[Limit, int]],
    weeks: Sequence[Week],
) -> tuple[tuple[int, ...], ...]:
    """Group the weeks with the same prices and limits: the weeks of each period."""
    apart = {number for limit, number in limits if limit.dimension == "week"}
    named = {pin.week for pin in brief.limits.pins} | {r.week for r in brief.limits.cells}
    apart |= {w for w, week in enumerate(weeks) if week.monday in named}
    groups: dict[object, list[int]] = {}
    for w in range(len(weeks)):
        priced = np.where(sold[:, w], unit_cost[:, w], -1.0)
        own = w if w in apart else None
        groups.setdefault((priced.tobytes(), own), []).append(w)
    return tuple(tuple(group) for group in groups.values())
