"""The brief's limits as rows of a linear programme, each named as the brief names it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np

from daypart.errors import DaypartError, did_you_mean
from daypart.planning.arrays import Floats
from daypart.planning.brief.brief import Brief
from daypart.planning.brief.flight import Week
from daypart.planning.brief.limits import EVERY, Limit
from daypart.planning.panel.panel import Panel
from daypart.planning.problem.problem import LinearLimit, Problem

Names = dict[str, dict[str, int]]


def name_numbers(panel: Panel, weeks: Sequence[Week]) -> Names:
    """Return the numbers of names by dimension; a market also goes by its code."""
    markets = {place.name: m for m, place in enumerate(panel.markets)}
    return {
        "network": {name: n for n, name in enumerate(panel.networks)},
        "daypart": {name: d for d, name in enumerate(panel.dayparts)},
        "market": markets | {place.code: m for m, place in enumerate(panel.markets)},
        "week": {str(week.monday): w for w, week in enumerate(weeks)},
    }


def find_number(names: Names, dimension: str, name: str, setting: str) -> int:
    """Return a name's number.

    Raises
    ------
    DaypartError
        For a name that is not there; a week goes by its Monday.
    """
    if name in names[dimension]:
        return names[dimension][name]
    if dimension == "week":
        raise _no_such_week(names[dimension], name, setting)
    raise DaypartError(
        f"{setting}: unknown {dimension} {name!r}", hint=did_you_mean(name, names[dimension])
    )


def _no_such_week(mondays: Mapping[str, int], name: str, setting: str) -> DaypartError:
    hint = f"the flight's weeks are {', '.join(mondays)}"
    try:
        day = dt.date.fromisoformat(name)
    except ValueError:
        return DaypartError(f"{setting}: week {name!r} is no day", hint=hint)
    if day.weekday() == 0:
        return DaypartError(f"{setting}: the week of {day} is not in the flight", hint=hint)
    monday = day - dt.timedelta(day.weekday())
    return DaypartError(
        f"{setting}: {day} is a {day:%A}, and a week goes by its Monday", hint=f"write {monday}"
    )


def expand_limits(brief: Brief, names: Names) -> list[tuple[Limit, int]]:
    """Resolve names to numbers; what `every` sets holds for those not named themselves."""
    found: list[tuple[Limit, int]] = []
    for limit in brief.limits.shares:
        if limit.name != EVERY:
            number = find_number(names, limit.dimension, limit.name, limit.setting)
            if any((o.dimension, n) == (limit.dimension, number) for o, n in found):
                raise DaypartError(
                    f"{limit.setting}: is given twice, by name and by code", hint="keep one"
                )
            found.append((limit, number))
    for limit in brief.limits.shares:
        if limit.name == EVERY:
            taken = {number for other, number in found if other.dimension == limit.dimension}
            numbers = sorted(set(names[limit.dimension].values()) - taken)
            found.extend((limit, number) for number in numbers)
    return found


def limit_rows(
    brief: Brief,
    limits: Sequence[tuple[Limit, int]],
    problem: Problem,
    panel: Panel,
    weeks: Sequence[Week],
) -> tuple[LinearLimit, ...]:
    """Write each bound of each limit as a row over the problem's columns."""
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
