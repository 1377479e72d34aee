"""From a brief and a panel to the planning problem: what is on offer, when, at which price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.brief.brief import Brief
from daypart.planning.brief.flight import Week
from daypart.planning.brief.limits import Limit
from daypart.planning.panel.panel import Panel
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
        Where the brief names a network, daypart, market or week that is not there, nothing can
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
    if len(cell) == 0:
        raise DaypartError(
            "nothing can be bought: every cell is excluded, unsold or off the flight's days",
            hint="loosen limits.exclude_networks or limits.exclude_dayparts",
        )
    if given is None and not (target_impressions[cell] > 0).any():
        raise DaypartError(
            f"no spot on offer reaches anybody of {brief.segment}: no panel household of that "
            "segment watches what the limits and the rate card leave",
            hint="widen campaign.segment, or loosen limits.exclude_networks or "
            "limits.exclude_dayparts",
        )
    most_per_week = available[cell] * weeks_of_columns(periods, period, len(weeks))
    pinned = pinned_spots(pins, cell, period, periods, len(weeks))
    cost = unit_cost[cell, first[period]]
    if brief.budget < cost.min():
        raise DaypartError(
            f"campaign.budget {brief.budget:,.2f} is below the cheapest spot "
            f"({cost.min():,.2f} {brief.currency})",
            hint="raise the budget",
        )
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
    rows = limit_rows(brief, limits, problem, panel, weeks)
    return replace(problem, limits=rows)


def _available(brief: Brief, panel: Panel, weeks: Sequence[Week], names: Names) -> Ints:
    """Return the most spots of each cell in each week [cells, weeks]."""
    full = np.maximum(panel.clock.minutes_per_week(), 1)
    share = np.array([panel.clock.minutes_on(week.days) / full for week in weeks])
    most = np.ceil(brief.limits.max_spots_per_week * share - 1e-9).astype(np.int64)
    grid = np.zeros((*panel.shape, len(weeks)), dtype=np.int64)
    grid[:] = most.T[None, None]
    for name in brief.limits.exclude_networks:
        grid[:, find_number(names, "network", name, "limits.exclude_networks")] = 0
    for name in brief.limits.exclude_dayparts:
        grid[:, :, find_number(names, "daypart", name, "limits.exclude_dayparts")] = 0
    return _ruled(brief, grid, share, names).reshape(panel.cells, len(weeks))


def _ruled(brief: Brief, grid: Ints, share: Floats, names: Names) -> Ints:
    """Apply the rules for single cells [markets, networks, dayparts, weeks].

    `share` [weeks, dayparts] is the part of a daypart's minutes in a week that is in the flight.
    """
    ruled = np.full(grid.shape, np.iinfo(np.int64).max)
    for number, rule in enumerate(brief.limits.cells, start=1):
        setting = f"limits.cells[{number}]"
        place: list[slice | int] = []
        for dimension in ("market", "network", "daypart", "week"):
            name = getattr(rule, dimension)
            found = None if name is None else find_number(names, dimension, str(name), setting)
            place.append(slice(None) if found is None else found)
        most = np.ceil(rule.max_spots_per_week * share.T - 1e-9).astype(np.int64)
        most = np.broadcast_to(most, grid.shape)
        ruled[tuple(place)] = np.minimum(ruled, most)[tuple(place)]
    return np.where(grid > 0, np.where(ruled < np.iinfo(np.int64).max, ruled, grid), 0)


def _periods(
    brief: Brief,
    unit_cost: Floats,
    sold: Bools,
    limits: Sequence[tuple[Limit, int]],
    weeks: Sequence[Week],
) -> tuple[tuple[int, ...], ...]:
    apart = {number for limit, number in limits if limit.dimension == "week"}
    apart |= {w for w, week in enumerate(weeks) if week.monday in _ruled_weeks(brief)}
    pinned = {pin.week for pin in brief.limits.pins}
    groups: dict[object, list[int]] = {}
    for w, week in enumerate(weeks):
        priced = np.where(sold[:, w], unit_cost[:, w], -1.0)
        own = w if w in apart or week.monday in pinned else None
        groups.setdefault((priced.tobytes(), own), []).append(w)
    return tuple(tuple(group) for group in groups.values())


def _ruled_weeks(brief: Brief) -> set[object]:
    return {rule.week for rule in brief.limits.cells}
