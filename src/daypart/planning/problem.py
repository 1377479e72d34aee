"""The planning problem as numbers: columns to buy, what they cost, and every limit by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError, did_you_mean
from daypart.planning.average_frequency import AverageFrequency
from daypart.planning.brief import EVERY, Brief, Limit
from daypart.planning.flight import Week
from daypart.planning.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LARGE = 2000
"""Columns above which solvers look at some of them, and tell markets apart only."""


@dataclass(frozen=True)
class LinearLimit:
    """One row `lower <= coefficients . spots <= upper`, named as the brief names it.

    Parameters
    ----------
    setting : str
    coefficients : float array [columns]
    lower, upper : float
    unit : str
        What the limit is loosened by to tell its price.
    loosened : float
        By how much that moves the bound.
    asked_as : str
        The brief's line that it comes from, where that stands for several limits.
    """

    setting: str
    coefficients: Floats
    lower: float = -np.inf
    upper: float = np.inf
    unit: str = "unit"
    loosened: float = 1.0
    asked_as: str = ""

    @property
    def line(self) -> str:
        """The brief's line that set it."""
        return self.asked_as or self.setting


@dataclass(frozen=True)
class Problem:
    """What can be bought, at which price, within which limits.

    A column is a cell in a period; a period is a run of weeks with the same prices and
    limits, between which the optimiser need not tell.

    Parameters
    ----------
    cells : int
        Cells of the panel (market x network x daypart).
    cell, period : int array [columns]
    cost : float array [columns]
        Of one spot.
    impressions : float array [columns]
        Of one spot, in households of the target.
    least, most : int array [columns]
        Bounds on spots.
    budget : float
    limits : tuple of LinearLimit
    periods : tuple of tuple of int
        Weeks of each period, as positions in the flight.
    most_per_week : int array [columns, weeks]
        Zero outside the column's period and where the daypart is off the flight's days.
    pinned : int array [columns, weeks]
        Spots that are bought already.
    frequency : AverageFrequency, optional
        The limit on average frequency.
    """

    cells: int
    cell: Ints
    period: Ints
    cost: Floats
    impressions: Floats
    least: Ints
    most: Ints
    budget: float
    limits: tuple[LinearLimit, ...]
    periods: tuple[tuple[int, ...], ...]
    most_per_week: Ints
    pinned: Ints
    frequency: AverageFrequency | None = None

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self.cell)

    @property
    def is_large(self) -> bool:
        """Whether it has so many columns that solvers look at some of them only."""
        return self.columns > _LARGE

    def by_cell(self, spots: NDArray[np.floating] | Ints) -> Floats:
        """Sum spots over periods [cells]."""
        return np.bincount(self.cell, weights=spots, minlength=self.cells).astype(np.float64)

    def in_period(self) -> Ints:
        """Return 1 in the weeks of each column's period, else 0 [columns, weeks]."""
        return _in_period(self.periods, self.period, self.most_per_week.shape[1])

    def spent(self, spots: NDArray[np.floating] | Ints) -> float:
        """Return what the spots cost."""
        return float(self.cost @ spots)

    def keeps_limits(
        self,
        spots: NDArray[np.floating] | Ints,
        *,
        budget: float | None = None,
        tolerance: float = 1e-6,
    ) -> bool:
        """Tell whether spots keep the budget (or another one) and every limit."""
        money = self.budget if budget is None else budget
        if self.spent(spots) > money * (1 + tolerance):
            return False
        if (spots < self.least - tolerance).any() or (spots > self.most + tolerance).any():
            return False
        if self.frequency is not None and not self.frequency.keeps(
            np.asarray(spots, dtype=np.float64), self.by_cell(spots), tolerance
        ):
            return False
        values = self.coefficients @ spots
        slack = tolerance * np.maximum(1.0, np.abs(values))
        return bool(((values >= self.lower - slack) & (values <= self.upper + slack)).all())

    @cached_property
    def coefficients(self) -> Floats:
        """The limits' coefficients as one matrix [limits, columns]."""
        rows = [limit.coefficients for limit in self.limits]
        return np.array(rows, dtype=np.float64).reshape(len(rows), self.columns)

    @cached_property
    def lower(self) -> Floats:
        """The limits' lower bounds."""
        return np.array([limit.lower for limit in self.limits], dtype=np.float64)

    @cached_property
    def upper(self) -> Floats:
        """The limits' upper bounds."""
        return np.array([limit.upper for limit in self.limits], dtype=np.float64)


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
    names = _names(panel, weeks)
    limits = _expand(brief, names)
    available = _available(brief, panel, weeks, names)
    unit_cost = cpm * priced_impressions[:, None] / 1000.0
    unit_cost = np.round(np.maximum(unit_cost, 0.01), 2).astype(np.float64)
    sold = np.isfinite(cpm) & (priced_impressions > 0)[:, None]
    sold &= available > 0 if given is None else (available > 0) | (given > 0)
    periods = _periods(brief, unit_cost, sold, limits, weeks)
    first = np.array([period[0] for period in periods])
    cell, period = np.nonzero(sold[:, first])
    if len(cell) == 0:
        raise DaypartError(
            "nothing can be bought: every cell is excluded, unsold or off the flight's days",
            hint="loosen limits.exclude_networks or limits.exclude_dayparts",
        )
    most_per_week = available[cell] * _in_period(periods, period, len(weeks))
    pinned = _pinned(brief, panel, cell, period, periods, weeks, names)
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
    rows = _rows(brief, limits, problem, panel, weeks)
    return replace(problem, limits=rows)


def _in_period(periods: tuple[tuple[int, ...], ...], period: Ints, weeks: int) -> Ints:
    member = np.zeros((len(periods), weeks), dtype=np.int64)
    for number, members in enumerate(periods):
        member[number, list(members)] = 1
    return member[period]


def _names(panel: Panel, weeks: Sequence[Week]) -> dict[str, dict[str, int]]:
    markets = {place.name: m for m, place in enumerate(panel.markets)}
    return {
        "network": {name: n for n, name in enumerate(panel.networks)},
        "daypart": {name: d for d, name in enumerate(panel.dayparts)},
        "market": markets | {place.code: m for m, place in enumerate(panel.markets)},
        "week": {str(week.monday): w for w, week in enumerate(weeks)},
    }


def _find(names: dict[str, dict[str, int]], dimension: str, name: str, setting: str) -> int:
    if name not in names[dimension]:
        raise DaypartError(
            f"{setting}: unknown {dimension} {name!r}", hint=did_you_mean(name, names[dimension])
        )
    return names[dimension][name]


def _expand(brief: Brief, names: dict[str, dict[str, int]]) -> list[tuple[Limit, int]]:
    """Resolve names to numbers; what `every` sets holds for those not named themselves."""
    found: list[tuple[Limit, int]] = []
    for limit in brief.limits.shares:
        if limit.name != EVERY:
            number = _find(names, limit.dimension, limit.name, limit.setting)
            if any((o.dimension, n) == (limit.dimension, number) for o, n in found):
                raise DaypartError(f"{limit.setting}: is given twice, by name and by code")
            found.append((limit, number))
    for limit in brief.limits.shares:
        if limit.name == EVERY:
            taken = {number for other, number in found if other.dimension == limit.dimension}
            numbers = sorted(set(names[limit.dimension].values()) - taken)
            found.extend((limit, number) for number in numbers)
    return found


def _available(
    brief: Brief, panel: Panel, weeks: Sequence[Week], names: dict[str, dict[str, int]]
) -> Ints:
    """Return the most spots of each cell in each week [cells, weeks]."""
    full = np.maximum(panel.clock.minutes_per_week(), 1)
    share = np.array([panel.clock.minutes_on(week.days) / full for week in weeks])
    most = np.ceil(brief.limits.max_spots_per_week * share - 1e-9).astype(np.int64)
    grid = np.zeros((*panel.shape, len(weeks)), dtype=np.int64)
    grid[:] = most.T[None, None]
    for name in brief.limits.exclude_networks:
        grid[:, _find(names, "network", name, "limits.exclude_networks")] = 0
    for name in brief.limits.exclude_dayparts:
        grid[:, :, _find(names, "daypart", name, "limits.exclude_dayparts")] = 0
    return _ruled(brief, grid, share, names).reshape(panel.cells, len(weeks))


def _ruled(brief: Brief, grid: Ints, share: Floats, names: dict[str, dict[str, int]]) -> Ints:
    """Apply the rules for single cells [markets, networks, dayparts, weeks].

    `share` [weeks, dayparts] is the part of a daypart's minutes in a week that is in the flight.
    """
    ruled = np.full(grid.shape, np.iinfo(np.int64).max)
    for number, rule in enumerate(brief.limits.cells, start=1):
        setting = f"limits.cells[{number}]"
        place: list[slice | int] = []
        for dimension in ("market", "network", "daypart", "week"):
            name = getattr(rule, dimension)
            found = None if name is None else _find(names, dimension, str(name), setting)
            place.append(slice(None) if found is None else found)
        most = np.ceil(rule.max_spots_per_week * share.T - 1e-9).astype(np.int64)
        most = np.broadcast_to(most, grid.shape)
        ruled[tuple(place)] = np.minimum(ruled, most)[tuple(place)]
    return np.where(grid > 0, np.where(ruled < np.iinfo(np.int64).max, ruled, grid), 0)


def _periods(
    brief: Brief,
    unit_cost: Floats,
    sold: NDArray[np.bool_],
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


def _pinned(
    brief: Brief,
    panel: Panel,
    cell: Ints,
    period: Ints,
    periods: tuple[tuple[int, ...], ...],
    weeks: Sequence[Week],
    names: dict[str, dict[str, int]],
) -> Ints:
    pinned = np.zeros((len(cell), len(weeks)), dtype=np.int64)
    for number, pin in enumerate(brief.limits.pins, start=1):
        setting = f"limits.pins[{number}]"
        place = tuple(
            _find(names, dimension, getattr(pin, dimension), setting)
            for dimension in ("market", "network", "daypart")
        )
        w = _find(names, "week", str(pin.week), setting)
        wanted = int(np.ravel_multi_index(place, panel.shape))
        holds = np.array([w in members for members in periods])[period]
        at = np.flatnonzero((cell == wanted) & holds)
        if len(at) == 0:
            raise DaypartError(f"{setting}: that cell is excluded or not sold in that week")
        pinned[at[0], w] = pin.spots
    return pinned


def _rows(
    brief: Brief,
    limits: Sequence[tuple[Limit, int]],
    problem: Problem,
    panel: Panel,
    weeks: Sequence[Week],
) -> tuple[LinearLimit, ...]:
    m, n, d = np.unravel_index(problem.cell, panel.shape)
    universe = float(panel.universe_estimate.sum())
    grp = 100.0 * problem.impressions / universe
    scale = problem.budget if np.isfinite(problem.budget) else float(problem.cost.sum())
    share = problem.cost / scale
    a_point = ("1 point of share", 0.01)
    money = (f"1,000 {brief.currency}", 1000.0 / scale)
    rows: list[LinearLimit] = []
    for limit, number in limits:
        if limit.dimension == "week":
            inside = np.array([number in members for members in problem.periods])[problem.period]
            label = str(weeks[number].monday)
        else:
            inside = {"market": m, "network": n, "daypart": d}[limit.dimension] == number
            label = _label(limit.dimension, number, panel)
        setting = f"limits.{limit.dimension}.{label}"
        if limit.name == EVERY:
            setting += f" (every {limit.dimension})"

        def add(
            bound: str,
            values: Floats,
            span: tuple[float, float],
            unit: str,
            by: float,
            where: str = setting,
            line: str = limit.setting,
        ) -> None:
            rows.append(LinearLimit(f"{where} {bound}", values, *span, unit, by, f"{line} {bound}"))

        if limit.max_percent < 100:
            part = share * (inside - limit.max_percent / 100)
            add(f"max_percent = {limit.max_percent:g}", part, (-np.inf, 0.0), *a_point)
        if limit.min_percent > 0:
            part = share * (inside - limit.min_percent / 100)
            add(f"min_percent = {limit.min_percent:g}", part, (0.0, np.inf), *a_point)
        if np.isfinite(limit.max_spend):
            span = (-np.inf, limit.max_spend / scale)
            add(f"max_spend = {limit.max_spend:g}", share * inside, span, *money)
        if limit.min_spend > 0:
            span = (limit.min_spend / scale, np.inf)
            add(f"min_spend = {limit.min_spend:g}", share * inside, span, *money)
        if limit.min_grp > 0:
            base = panel.universe_estimate[number] if limit.dimension == "market" else universe
            span = (limit.min_grp, np.inf)
            add(f"min_grp = {limit.min_grp:g}", grp * universe / base * inside, span, "1 GRP", 1.0)
    return tuple(rows)


def _label(dimension: str, number: int, panel: Panel) -> str:
    if dimension == "market":
        return panel.markets[number].name
    return (panel.networks if dimension == "network" else panel.dayparts)[number]
