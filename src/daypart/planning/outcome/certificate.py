"""The certificate of a plan: its bound and gap, the limits that it breaks or that bind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from daypart.planning.arrays import Ints
from daypart.planning.brief.limits import EXCLUSIONS
from daypart.planning.campaign import Campaign, Optimum
from daypart.planning.panel.panel import AXES
from daypart.planning.problem.infeasible import PINS, broken_limits, most_spend

_BINDS = 1e-6


def certify(
    campaign: Campaign, optimum: Optimum, gap: float, frequency: float, reach_percent: float
) -> dict[str, Any]:
    """Return the objective reached, its bound, the gap, and the status that follows.

    Parameters
    ----------
    campaign : Campaign
    optimum : Optimum
    gap : float
        The optimality gap within which a plan is `optimal`.
    frequency, reach_percent : float
        The schedule's average frequency and its reach 1+, as counted.
    """
    objective = optimum.planes.objective
    broken = _broken(campaign, optimum, frequency, reach_percent) if optimum.evaluated else []
    # A given schedule of a brief for the least cost is compared by its reach for its money.
    for_its_money = optimum.evaluated and campaign.brief.objective == "minimum_cost"
    figures: dict[str, Any] = {
        "objective": optimum.whole.value,
        "bound": optimum.whole.bound,
        "gap": None if broken else optimum.whole.gap,
        "envelope_gap": _envelope_gap(optimum),
        "objective_name": "reach" if for_its_money else objective.name,
        "objective_unit": objective.unit,
        "broken": broken,
    }
    if optimum.cost_bound is not None:
        cost = round(campaign.problem.spent(optimum.whole.spots), 2)
        figures |= {
            "objective": cost,
            "bound": optimum.cost_bound,
            "gap": (cost - optimum.cost_bound) / cost,
            "objective_unit": campaign.brief.currency,
        }
    status = "evaluated" if optimum.evaluated else "feasible"
    if not optimum.evaluated and figures["gap"] <= gap * (1 + 1e-9):
        status = "optimal"
    return {"status": status} | figures


def _envelope_gap(optimum: Optimum) -> float | None:
    """Return the part of the gap that comes from bounding reach k+ by its envelope."""
    if optimum.planes.objective.honest is None:
        return None
    above = optimum.planes.value(optimum.whole.spots)
    return (above - optimum.whole.value) / max(optimum.whole.value, 1e-12)


def _broken(
    campaign: Campaign, optimum: Optimum, frequency: float, reach_percent: float
) -> list[str]:
    broken = broken_limits(campaign.problem, optimum.by_week)
    names = list(dict.fromkeys([*_barred(campaign, optimum.by_week), *broken]))
    most = campaign.brief.limits.max_average_frequency
    if frequency > most * (1 + 1e-6):
        names.append(f"limits.max_average_frequency = {most:g}")
    goal = campaign.brief.reach_goal_percent
    if reach_percent < goal * (1 - 1e-6):
        names.append(f"campaign.reach_goal_percent = {goal:g}")
    return names


def _barred(campaign: Campaign, by_week: Ints) -> list[str]:
    """Name the lines of the brief that bar cells in which a given schedule has spots."""
    problem, panel, limits = campaign.problem, campaign.counter.panel, campaign.brief.limits
    bought = {
        (*panel.cell_names(problem.cell[c]), campaign.weeks[w].monday)
        for c, w in zip(*np.nonzero(by_week), strict=True)
    }
    code = {place.name: place.code for place in panel.markets}
    barred = any(
        (code.get(pin.market, pin.market), pin.network, pin.daypart, pin.week) in bought
        for pin in limits.pins
        if pin.spots == 0
    )
    names = [PINS] if barred else []
    for setting, dimension in EXCLUSIONS.items():
        used = {place[AXES.index(dimension)] for place in bought}
        names += [f"limits.{setting} = {n}" for n in getattr(limits, setting) if n in used]
    return names


def limiting(campaign: Campaign, optimum: Optimum) -> list[dict[str, Any]]:
    """Name the limits that bind, each with its worth in points of the objective.

    The worth is of one percent more budget, one more point of a share, one GRP, or one percent of
    the budget for a bound in money.

    Parameters
    ----------
    campaign : Campaign
    optimum : Optimum

    Returns
    -------
    list of dict
        `limit`, `worth`.
    """
    problem, continuous = optimum.planes.problem, optimum.continuous
    prices = continuous.prices
    rows: list[dict[str, Any]] = []
    if optimum.cost_bound is not None:
        rows.append({"limit": "campaign.reach_goal_percent", "worth": None})
    elif abs(prices[0]) > _BINDS:
        if math.isfinite(campaign.brief.budget):  # else it is what a given schedule costs
            rows.append({"limit": "campaign.budget", "worth": float(prices[0]) / 100})
    else:
        reachable = most_spend(problem)
        names = reachable[1] if reachable else ()
        rows.extend({"limit": name, "worth": None} for name in names)
    if problem.frequency is not None and continuous.frequency_price > _BINDS:
        rows = [row for row in rows if row["worth"] is not None]
        rows.append({"limit": problem.frequency.setting, "worth": None})
    for limit, price in zip(problem.limits, prices[1:], strict=True):
        by = limit.loosened if limit.unit != f"1,000 {campaign.brief.currency}" else 0.01
        named = {row["limit"] for row in rows}
        if abs(price) > _BINDS and limit.setting not in named:
            rows.append({"limit": limit.setting, "worth": abs(float(price)) * by})
    return rows
