"""Shadow prices: what more money is worth in each market, and what each limit costs."""

from __future__ import annotations

from typing import Any

from daypart.planning.panel.panel import Panel
from daypart.planning.solve.cutting_planes import Continuous, CuttingPlanes

MONEY = 1000.0
"""Prices of money are per this amount of the brief's currency."""

_BINDS = 1e-6
_ROOM = 0.5
"""A column counts as having another spot on offer if it is this far below its most."""


def shadow_prices(
    planes: CuttingPlanes, continuous: Continuous, panel: Panel, *, currency: str
) -> dict[str, Any]:
    """Return how the objective of the best continuous schedule moves with money and each limit.

    Parameters
    ----------
    planes : CuttingPlanes
    continuous : Continuous
        Its optimum.
    panel : Panel
        Names the markets.
    currency : str

    Returns
    -------
    dict
        `unit` of the money; `budget`, points of objective for one more unit of it; `markets`, the
        same where that unit is spent in one market, less what it costs in other limits; `limits`,
        points for loosening each limit that binds by its own unit.
    """
    problem = planes.problem
    scale = problem.money_scale
    return {
        "unit": f"{MONEY:,.0f} {currency}",
        "budget": float(continuous.prices[0]) * MONEY / scale,
        "markets": [
            {"code": place.code, "name": place.name, "worth": worth}
            for place, worth in zip(
                panel.markets, _by_market(planes, continuous, len(panel.markets)), strict=True
            )
        ],
        "limits": [
            {
                "limit": limit.setting,
                "unit": limit.unit,
                "worth": abs(float(price)) * limit.loosened,
            }
            for limit, price in zip(problem.limits, continuous.prices[1:], strict=True)
            if abs(price) * limit.loosened > _BINDS
        ],
    }


def _by_market(planes: CuttingPlanes, continuous: Continuous, markets: int) -> list[float | None]:
    """Return the best buy of each market for one more unit of money; None where all is bought."""
    problem = planes.problem
    worth = planes.slopes(continuous.spots) - continuous.prices[1:] @ problem.coefficients
    if problem.frequency is not None:
        limit = problem.frequency
        reached = planes.slopes_of(limit.reach, continuous.spots)
        worth = worth + continuous.frequency_price * (limit.most * reached - limit.grp)
    per_market = problem.cells // markets
    best: list[float | None] = []
    for m in range(markets):
        open_ = (problem.cell // per_market == m) & (continuous.spots < problem.most - _ROOM)
        found = worth[open_] / problem.cost[open_]
        best.append(max(0.0, float(found.max())) * MONEY if len(found) else None)
    return best
