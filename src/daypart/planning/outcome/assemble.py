"""From an optimum to the figures of a plan."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from daypart.disclosure.audience import IMPRESSIONS, REACH, Audience
from daypart.planning.arrays import Ints
from daypart.planning.campaign import Campaign, Optimum
from daypart.planning.outcome.certificate import certify, limiting
from daypart.planning.outcome.comparison import find_curve, measure_sampling_gap, split_evenly
from daypart.planning.outcome.definitions import DEFINITIONS, notes_of
from daypart.planning.outcome.plan_result import CampaignPlan
from daypart.planning.outcome.shadow_prices import shadow_prices
from daypart.planning.outcome.tables import BoughtSpots, make_lines, summarise
from daypart.planning.panel.calibration import describe
from daypart.planning.reach.exposure import total_exposures
from daypart.planning.reach.frequency import Frequency
from daypart.planning.reach.publication import (
    SUPPRESSED,
    interval_80,
    publish_distribution,
    publish_reach,
    publishable_bins,
    published,
)
from daypart.storage.files import plain

_NEXT_TO_NOTHING = 0.01
"""The lowest price of a spot, of one that buys no impressions."""


def report_plan(
    campaign: Campaign, optimum: Optimum, audience: Audience, *, gap: float
) -> CampaignPlan:
    """Count a schedule and assemble the figures of its plan.

    Parameters
    ----------
    campaign : Campaign
    optimum : Optimum
    audience : Audience
        Of the campaign's panel.
    gap : float
        The optimality gap at which the search stopped.

    Raises
    ------
    DaypartError
        Where the disclosure rules let no figure of the plan leave.
    """
    campaign = _with_budget(campaign, optimum)
    brief, problem, counter = campaign.brief, campaign.problem, campaign.counter
    panel = counter.panel
    spots = np.zeros((panel.cells, len(campaign.weeks)), dtype=np.int64)
    cost = np.zeros(spots.shape)
    np.add.at(spots, problem.cell, optimum.by_week)
    np.add.at(cost, problem.cell, (optimum.by_week > 0) * problem.cost[:, None])
    bought = BoughtSpots(counter, campaign.weeks, spots, cost, audience)
    counted = counter.count(spots.sum(axis=1), every_level=True)
    impressions = counter.count_impressions(spots.sum(axis=1))
    frequency = impressions[0] / max(counted.reach(), 1e-12)
    sampling = measure_sampling_gap(problem, panel, brief, seed=counter.seed, gap=gap)
    of_plan: dict[str, Any] = certify(campaign, optimum, gap, frequency, counted.reach_percent())
    of_plan |= _audience(bought, counted, impressions, frequency, brief.frequency_goal)
    sums = summarise(bought)
    of_plan |= sums
    return CampaignPlan(
        **of_plan,
        campaign=brief.name,
        simulated=panel.simulated,
        sampling_gap=None if sampling is None else sampling.relative,
        limited_by=limiting(campaign, optimum),
        shadow_prices=shadow_prices(
            optimum.planes, optimum.continuous, panel, currency=brief.currency
        ),
        asked=brief.budget if math.isfinite(brief.budget) else None,
        spent=round(problem.spent(optimum.whole.spots), 2),
        currency=brief.currency,
        segment=brief.segment,
        even_split=_even_split(campaign, audience),
        lines=make_lines(bought, sums),
        reach_curve=_curve(campaign, optimum, audience),
        calibration=describe(counter.calibration),
        brief=plain(asdict(brief)),
        definitions=DEFINITIONS,
        input_notes=list(campaign.notes),
        notes=[
            *campaign.notes,
            *notes_of(
                panel,
                brief,
                sampling,
                counter.calibration,
                audience.rules,
                shortened=_shortened(campaign),
                unwatched=_unwatched(campaign, optimum.by_week),
                aim_percent=optimum.aim_percent,
            ),
        ],
    )


def _with_budget(campaign: Campaign, optimum: Optimum) -> Campaign:
    """Take the optimum's problem; where cost was minimised, its budget is what the plan costs."""
    problem = optimum.planes.problem
    if campaign.brief.objective == "minimum_cost" or not math.isfinite(problem.budget):
        problem = replace(problem, budget=problem.spent(optimum.whole.spots))
    return replace(campaign, problem=problem)


def _audience(
    bought: BoughtSpots,
    counted: Frequency,
    impressions: tuple[float, float],
    frequency: float,
    goal: int,
) -> dict[str, Any]:
    """Return reach, frequency, GRP and impressions of the whole plan."""
    panel, (seen, error) = bought.panel, impressions
    bought.audience.require(IMPRESSIONS, total_exposures(panel, bought.spots.sum(axis=1)))
    levels = sorted({1, goal, 3})
    bins = publishable_bins(counted, bought.audience, levels)
    universe = float(panel.universe_estimate.sum())
    values, keys = (seen, *interval_80(seen, error)), ("mean", "lo_80", "hi_80")
    return {
        "reach": {f"{k}+": publish_reach(counted, k, bins) for k in levels},
        "frequency_distribution": publish_distribution(counted, bins),
        "average_frequency": frequency,
        "grp": dict(zip(keys, [100.0 * value / universe for value in values], strict=True)),
        "impressions": dict(zip(keys, values, strict=True)),
        "universe_estimate": universe,
        "panel_households": panel.households,
    }


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


def _even_split(campaign: Campaign, audience: Audience) -> dict[str, Any]:
    spots = split_evenly(campaign.problem)
    counted = campaign.counter.count(campaign.problem.by_cell(spots).astype(np.int64))
    shown = audience.may_publish(REACH, 1.0 - counted.probability[:, 0])
    return {
        "reach_percent": counted.reach_percent() if shown else SUPPRESSED,
        "spent": round(campaign.problem.spent(spots), 2),
    }


def _curve(campaign: Campaign, optimum: Optimum, audience: Audience) -> list[dict[str, Any]]:
    rows = []
    for point in find_curve(optimum.planes, campaign.problem.budget):
        same = not optimum.evaluated and math.isclose(point.budget, campaign.problem.budget)
        spots = optimum.whole.spots if same else point.spots
        counted = campaign.counter.count(campaign.problem.by_cell(spots).astype(np.int64))
        percent, error = counted.reach_percent(), counted.error_percent()
        row: dict[str, Any] = {
            "budget": point.budget,
            "spent": round(campaign.problem.spent(spots), 2),
        }
        keys, shown = ("reach_percent", "lo_80", "hi_80"), 1.0 - counted.probability[:, 0]
        figures = (percent, *interval_80(percent, error, 100.0))
        rows.append(row | published(keys, figures, audience.may_publish(REACH, shown)))
    return rows
