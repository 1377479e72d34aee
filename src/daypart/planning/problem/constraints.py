"""The brief's limits as rows of a linear programme, each named as the brief names it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np

from daypart.errors import DaypartError, did_you_mean
from daypart.planning.brief.brief import Brief
from daypart.planning.brief.flight import Week
from daypart.planning.brief.limits import EVERY, Bound, BoundedColumns, Limit
from daypart.planning.panel.panel import Panel
from daypart.planning.problem.problem import LinearLimit, Problem

Names = dict[str, dict[str, int]]


def name_numbers(panel: Panel, weeks: Sequence[Week]) -> Names:
    """Return the numbers of names by dimension; a market has a name and a code.

    Parameters
    ----------
    panel : Panel
    weeks : sequence of Week
        The flight; the name of a week is its Monday.
    """
    return panel.numbers() | {"week": {str(week.monday): w for w, week in enumerate(weeks)}}


def find_number(names: Names, dimension: str, name: str, setting: str) -> int:
    """Return a name's number.

    Parameters
    ----------
    names : dict
        See `name_numbers`.
    dimension : str
        `network`, `daypart`, `market` or `week`.
    name : str
    setting : str
        Where the brief has the name, for messages.

    Raises
    ------
    DaypartError
        For an unknown name. The name of a week is its Monday.
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
        return DaypartError(f"{setting}: week {name!r} is not a day", hint=hint)
    if day.weekday() == 0:
        return DaypartError(f"{setting}: the week of {day} is not in the flight", hint=hint)
    monday = day - dt.timedelta(day.weekday())
    return DaypartError(
        f"{setting}: {day} is a {day:%A}, and the name of a week is its Monday",
        hint=f"write {monday}",
    )


def expand_limits(brief: Brief, names: Names) -> list[tuple[Limit, int]]:
    """Resolve names to numbers; `every` bounds each name that has no bounds of its own.

    Parameters
    ----------
    brief : Brief
    names : dict
        See `name_numbers`.

    Returns
    -------
    list of (Limit, int)
        Each limit with the number of the network, daypart, market or week that it bounds.
    """
    found: list[tuple[Limit, int]] = []
    for limit in brief.limits.shares:
        if limit.name != EVERY:
            number = find_number(names, limit.dimension, limit.name, limit.setting)
            if any((o.dimension, n) == (limit.dimension, number) for o, n in found):
                raise DaypartError(
                    f"{limit.setting} is given twice, by name and by code", hint="keep one"
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
    """Write each bound of each limit as a row over the problem's columns.

    Parameters
    ----------
    brief : Brief
        Names the currency.
    limits : sequence of (Limit, int)
        Each with the number of the network, daypart, market or week that it bounds.
    problem : Problem
    panel : Panel
        Of the target.
    weeks : sequence of Week
        The flight.
    """
    market, network, daypart = np.unravel_index(problem.cell, panel.shape)
    number_of = {"market": market, "network": network, "daypart": daypart}
    universe = float(panel.universe_estimate.sum())
    grp = 100.0 * problem.impressions / universe
    scale = problem.money_scale
    share = problem.cost / scale
    rows: list[LinearLimit] = []
    for limit, number in limits:
        base = universe
        if limit.dimension == "week":
            inside = np.array([number in members for members in problem.periods])[problem.period]
            label = str(weeks[number].monday)
        else:
            inside = number_of[limit.dimension] == number
            label = _label(limit.dimension, number, panel)
            if limit.dimension == "market":
                base = float(panel.universe_estimate[number])
        setting = f"limits.{limit.dimension}.{label}"
        if limit.name == EVERY:
            setting += f" (every {limit.dimension})"
        columns = BoundedColumns(inside, share, grp * universe / base, scale, brief.currency)
        for bound in limit.bounds():
            row = bound.measure.row(columns, bound.value)
            text = f"{bound.name} = {bound.value:g}"
            rows.append(
                LinearLimit(
                    f"{setting} {text}",
                    row.coefficients,
                    lower=-np.inf
                    if bound.is_most
                    else row.bound - _whole_spots(limit, bound, columns),
                    upper=row.bound if bound.is_most else np.inf,
                    unit=row.unit,
                    loosened=row.loosened,
                    asked_as=f"{limit.setting} {text}",
                )
            )
    return tuple(rows)


def _whole_spots(limit: Limit, bound: Bound, columns: BoundedColumns) -> float:
    """Return by how much a lower bound gives way so that some number of spots is in both bounds.

    Spots are whole, and `min_spend = max_spend` to the cent is met by no number of them: it means
    "within one spot", the smallest inside, below the upper bound.
    """
    most = dict(limit.bounds()).get(f"max_{bound.name.removeprefix('min_')}")
    row = bound.measure.row(columns, bound.value)
    steps = row.coefficients[columns.inside & (row.coefficients > 0.0)]
    if most is None or not len(steps):
        return 0.0
    top, step = bound.measure.row(columns, most).bound, float(steps.min())
    if bound.measure.most < np.inf and most > bound.value:  # shares: their rows differ
        return 0.0
    if bound.measure.most == np.inf and step > top:  # not one spot: there is nothing to give way to
        return 0.0
    return max(step - (top - row.bound), 0.0)


def _label(dimension: str, number: int, panel: Panel) -> str:
    if dimension == "market":
        return panel.markets[number].name
    return (panel.networks if dimension == "network" else panel.dayparts)[number]
