"""From an optimum to the figures of a plan."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from daypart.planning.arrays import Ints
from daypart.planning.campaign import Campaign, Optimum
from daypart.planning.outcome.certificate import certify, limiting
from daypart.planning.outcome.comparison import find_curve, measure_sampling_gap, split_evenly
from daypart.planning.outcome.definitions import DEFINITIONS, notes_of
from daypart.planning.outcome.plan_result import CampaignPlan, plain
from daypart.planning.outcome.shadow_prices import shadow_prices
from daypart.planning.outcome.tables import make_lines, summarise
from daypart.planning.panel.calibration import describe
from daypart.planning.reach.publication import (
    SUPPRESSED,
    interval_80,
    publish_distribution,
    publish_reach,
)

_NEXT_TO_NOTHING = 0.01
"""The lowest price of a spot, of one that buys no impressions."""


def report_plan(
    campaign: Campaign, optimum: Optimum, *, gap: float, min_households: int
) -> CampaignPlan:
    """Count a schedule and assemble the figures of its plan.

    Parameters
    ----------
    campaign : Campaign
    optimum : Optimum
    gap : float
        The optimality gap at which the search stopped.
    min_households : int
        Raw panel households below which an audience figure is suppressed.
    """
    campaign = replace(campaign, problem=optimum.planes.problem)
    if campaign.brief.objective == "minimum_cost" or not math.isfinite(campaign.problem.budget):
        spent = campaign.problem.spent(optimum.whole.spots)
        campaign = replace(campaign, problem=replace(campaign.problem, budget=spent))
    brief, problem, counter = campaign.brief, campaign.problem, campaign.counter
    panel, whole = counter.panel, optimum.whole
    spots = np.zeros((panel.cells, len(campaign.weeks)), dtype=np.int64)
    cost = np.zeros(spots.shape)
    np.add.at(spots, problem.cell, optimum.by_week)
    np.add.at(cost, problem.cell, (optimum.by_week > 0) * problem.cost[:, None])
    counted = counter.count(spots.sum(axis=1), every_level=True)
    seen, error = counter.count_impressions(spots.sum(axis=1))
    lo, hi = interval_80(seen, error)
    universe = float(panel.universe_estimate.sum())
    levels = sorted({1, brief.frequency_goal, 3})
    limits: dict[str, Any] = {
        "raw_households": panel.households,
        "min_households": min_households,
        "levels": levels,
    }
    enough = panel.households >= min_households
    sampling = measure_sampling_gap(problem, panel, brief, seed=counter.seed, gap=gap)
    frequency = seen / max(counted.reach(), 1e-12)
    sums: dict[str, Any] = summarise(
        counter, campaign.weeks, spots, cost, min_households=min_households
    )
    return CampaignPlan(
        **certify(campaign, optimum, gap, frequency, counted.reach_percent()),
        **sums,
        campaign=brief.name,
        simulated=panel.simulated,
        sampling_gap=None if sampling is None else sampling.relative,
        limited_by=limiting(campaign, optimum),
        shadow_prices=shadow_prices(
            optimum.planes, optimum.continuous, panel, currency=brief.currency
        ),
        asked=brief.budget if math.isfinite(brief.budget) else None,
        spent=round(problem.spent(whole.spots), 2),
        currency=brief.currency,
        segment=brief.segment,
        reach={f"{k}+": publish_reach(counted, k, **limits) for k in levels},
        average_frequency=frequency if enough else SUPPRESSED,
        grp=_figure(100.0 * seen / universe, 100.0 * lo / universe, 100.0 * hi / universe, enough),
        impressions=_figure(seen, lo, hi, enough),
        universe_estimate=universe,
        panel_households=panel.households,
        even_split=_even_split(campaign, enough),
        lines=make_lines(panel, campaign.weeks, spots, cost, counter.impressions, min_households),
        reach_curve=_curve(campaign, optimum, enough),
        frequency_distribution=publish_distribution(counted, **limits),
        calibration=describe(counter.calibration),
        brief=plain(asdict(brief)),
        definitions=DEFINITIONS,
        notes=notes_of(
            panel,
            brief,
            sampling,
            counter.calibration,
            min_households,
            shortened=_shortened(campaign),
            unwatched=_unwatched(campaign, optimum.by_week),
            aim_percent=optimum.aim_percent,
        ),
    )


def _shortened(campaign: Campaign) -> int:
    """Count the cells on offer whose spots are bounded by their minutes of history."""
    problem, weeks = campaign.problem, len(campaign.weeks)
    history = campaign.counter.panel.minutes_of_cell()
    offered = problem.by_cell(problem.most)
    bounded = (offered > history - weeks) & (
        campaign.brief.limits.max_spots_per_week * weeks > history
    )
    return int((bounded & (offered > 0)).sum())


def _unwatched(campaign: Campaign, by_week: Ints) -> list[str]:
    """Name the cells with spots that no panel household of any segment watches."""
    problem = campaign.problem
    spots = problem.by_cell(by_week.sum(axis=1))
    free = np.zeros(problem.cells, dtype=np.bool_)
    free[problem.cell[(problem.impressions <= 0) & (problem.cost <= _NEXT_TO_NOTHING)]] = True
    return [campaign.counter.panel.cell_label(cell) for cell in np.flatnonzero(free & (spots > 0))]


def _figure(mean: float, lo: float, hi: float, shown: bool) -> dict[str, Any]:
    values = (mean, lo, hi) if shown else (SUPPRESSED,) * 3
    return dict(zip(("mean", "lo_80", "hi_80"), values, strict=True))


def _even_split(campaign: Campaign, shown: bool) -> dict[str, Any]:
    spots = split_evenly(campaign.problem)
    by_cell = campaign.problem.by_cell(spots).astype(np.int64)
    reach = campaign.counter.count(by_cell).reach_percent()
    return {
        "reach_percent": reach if shown else SUPPRESSED,
        "spent": round(campaign.problem.spent(spots), 2),
    }


def _curve(campaign: Campaign, optimum: Optimum, shown: bool) -> list[dict[str, Any]]:
    rows = []
    for point in find_curve(optimum.planes, campaign.problem.budget):
        same = not optimum.evaluated and math.isclose(point.budget, campaign.problem.budget)
        spots = optimum.whole.spots if same else point.spots
        reached = campaign.counter.count(campaign.problem.by_cell(spots).astype(np.int64))
        lo, hi = interval_80(reached.reach_percent(), reached.error_percent(), 100.0)
        rows.append(
            {
                "budget": point.budget,
                "spent": round(campaign.problem.spent(spots), 2),
                "reach_percent": reached.reach_percent() if shown else SUPPRESSED,
                "lo_80": lo if shown else SUPPRESSED,
                "hi_80": hi if shown else SUPPRESSED,
            }
        )
    return rows
