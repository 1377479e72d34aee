"""From a brief and a viewing store to a plan: the one function that runs the whole room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Ints
from daypart.planning.brief.brief import Brief, read_brief
from daypart.planning.brief.flight import Week, broadcast_weeks
from daypart.planning.brief.rate_card import read_rate_card
from daypart.planning.campaign import Campaign, Optimum
from daypart.planning.exports.writers import write_plan
from daypart.planning.outcome.assemble import report_plan
from daypart.planning.outcome.plan_result import Plan
from daypart.planning.panel.calibration import calibrate
from daypart.planning.panel.panel import ALL, Panel
from daypart.planning.panel.reader import read_panel
from daypart.planning.problem.build import build_problem
from daypart.planning.problem.infeasible import find_nearest_whole, name_clash
from daypart.planning.problem.problem import Problem, limit_frequency
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.reach.publication import MIN_HOUSEHOLDS
from daypart.planning.reach.schedule import Rows, Schedule, read_schedule
from daypart.planning.solve.cutting_planes import Continuous, CuttingPlanes
from daypart.planning.solve.integer import Whole, find_whole_spots, spread_over_weeks
from daypart.planning.solve.min_cost import Cheapest, find_cheapest
from daypart.planning.solve.objective import Objective, make_objective
from daypart.planning.solve.surrogate_fit import fit_surrogate
from daypart.progress import SILENT, Progress
from daypart.storage.files import make_folder
from daypart.storage.location import PathLike

GAP = 2e-3
_TIGHTENINGS = 4
_TIGHTER = 2e-4
_HIGHER = 1e-3
"""Points of reach to aim above what was counted as short."""
_ROUGH = 0.05
_NAMED = 3


def plan(
    store: PathLike,
    *,
    brief: PathLike | Brief,
    out: PathLike,
    run: PathLike | None = None,
    evaluate: PathLike | Rows | None = None,
    seed: int = 0,
    gap: float = GAP,
    min_households: int = MIN_HOUSEHOLDS,
    progress: Progress = SILENT,
) -> Plan:
    """Plan a campaign: the spots that reach most of the target within the brief's limits.

    Parameters
    ----------
    store : path-like
        Folder of a viewing store with a household panel.
    brief : path-like or Brief
        What is asked for; see `read_brief`.
    out : path-like
        Folder for `plan.json`, `plan.xlsx`, `plan.csv` and `reach_curve.csv`.
    run : path-like, optional
        A run fitted to the store: impressions are calibrated to its forecast for the flight.
    evaluate : path-like or iterable of mappings, optional
        Evaluate this schedule instead of finding one (see `read_schedule`): its cost, reach and gap
        to the best possible plan, and the limits that it breaks.
    seed : int
        Of the surrogate's clusters, the jackknife's groups and the halving of the panel.
    gap : float
        Relative optimality gap to stop at.
    min_households : int
        Raw panel households below which an audience figure is suppressed.
    progress : Progress

    Returns
    -------
    Plan

    Raises
    ------
    DaypartError
        Naming the file and setting that can't be served, or the limits that clash.

    References
    ----------
    Kelley, J. E. (1960). The cutting-plane method for solving convex programs. J. SIAM 8(4).

    Examples
    --------
    >>> plan("/nowhere", brief="/nowhere/brief.toml", out="/tmp/plan")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/brief.toml: no such file
    """
    asked = brief if isinstance(brief, Brief) else read_brief(brief)
    folder = make_folder(out)
    schedule = None if evaluate is None else read_schedule(evaluate)
    campaign = _read_campaign(store, asked, run, schedule, seed, progress)
    given = None if schedule is None else _given_spots(campaign, schedule)
    with progress.step("optimising") as step:
        optimum = _optimise(campaign, gap, given)
        step.summarise(
            f"{optimum.whole.spots.sum():,} spots in {campaign.problem.columns:,} cells on offer, "
            f"within {100 * optimum.whole.gap:.2f} % of the best"
        )
    with progress.step("counting reach") as step:
        result = report_plan(campaign, optimum, gap=gap, min_households=min_households)
        step.summarise(f"{len(result.lines):,} lines")
    with progress.step("writing the plan") as step:
        write_plan(result, folder)
        step.summarise(str(folder / "plan.xlsx"))
    return result


def _read_campaign(
    store: PathLike,
    brief: Brief,
    run: PathLike | None,
    schedule: Schedule | None,
    seed: int,
    progress: Progress,
) -> Campaign:
    weeks = broadcast_weeks(brief.first_day, brief.last_day)
    with progress.step("reading the panel") as step:
        everyone = read_panel(store, brief.markets, asked_in=f"{brief.path}: campaign.markets")
        with _naming(brief, "campaign.rate_card"):
            cpm = read_rate_card(brief.rate_card_path, everyone, weeks)
        with _naming(brief, "campaign.segment"):
            target = everyone.of_segment(brief.segment)
        step.summarise(f"{target.households:,} panel households of {brief.segment}")
    calibration = None
    impressions = target.impressions_per_spot()
    priced = everyone.impressions_per_spot()
    if run is not None:
        with progress.step("calibrating to the forecast") as step:
            calibration = calibrate(run, store, target, weeks, seed=seed)
            target = target.calibrated(calibration.factor)
            impressions = target.impressions_per_spot()
            of_everyone = calibration
            if brief.segment != ALL:
                of_everyone = calibrate(run, store, everyone, weeks, seed=seed)
            priced = priced * of_everyone.factor
            step.summarise(
                f"{len(impressions):,} cells, {calibration.without_forecast:,} without a forecast"
            )
    if brief.rate_card_basis == "target":
        priced = impressions
    given = None if schedule is None else _by_cell(schedule, target, weeks)
    with _naming(brief):
        problem = build_problem(brief, target, weeks, cpm, priced, impressions, given)
    surrogate = fit_surrogate(target, seed=seed)
    counter = AudienceCounter(target, impressions, surrogate, calibration, seed)
    return Campaign(brief, weeks, counter, problem)


@contextmanager
def _naming(brief: Brief, setting: str = "") -> Iterator[None]:
    """Put the brief's file, and the setting where there is one, in front of what is wrong."""
    try:
        yield
    except DaypartError as error:
        place = f"{brief.path}: {setting}" if setting else f"{brief.path}"
        raise DaypartError(f"{place}: {error.message}", hint=error.hint) from None


def _by_cell(schedule: Schedule, panel: Panel, weeks: Sequence[Week]) -> Ints:
    return schedule.spots_by_cell(panel, [week.monday for week in weeks])


def _given_spots(campaign: Campaign, schedule: Schedule) -> Ints:
    """Place a given schedule's spots on the problem's columns and weeks [columns, weeks]."""
    problem, panel = campaign.problem, campaign.counter.panel
    by_cell = _by_cell(schedule, panel, campaign.weeks)
    placed = by_cell[problem.cell] * problem.in_period()
    priced = np.zeros(by_cell.shape, dtype=np.int64)
    np.add.at(priced, problem.cell, placed)
    cells, weeks = np.nonzero(by_cell > priced)
    if len(cells):
        lines = [
            f"{panel.cell_label(cell)} in the week of {campaign.weeks[week].monday}"
            for cell, week in zip(cells[:_NAMED], weeks[:_NAMED], strict=True)
        ]
        more = f" and {len(cells) - _NAMED} more" if len(cells) > _NAMED else ""
        raise DaypartError(
            f"{schedule.source}: not on the rate card, so that no cost is known: "
            f"{'; '.join(lines)}{more}",
            hint=f"price them in {campaign.brief.rate_card_path}, or take those lines out",
        )
    return placed


def _optimise(campaign: Campaign, gap: float, given: Ints | None) -> Optimum:
    brief, counter = campaign.brief, campaign.counter
    objective = make_objective(brief, counter.surrogate, counter.panel)
    problem = limit_frequency(campaign.problem, brief, objective)
    if given is not None:
        return _evaluate(replace(campaign, problem=problem), objective, given, gap)
    for _ in range(_TIGHTENINGS):
        optimum = _find_best(replace(campaign, problem=problem), objective, gap)
        if problem.frequency is None:
            break
        by_cell = problem.by_cell(optimum.whole.spots).astype(np.int64)
        counted = counter.count_impressions(by_cell)[0] / counter.count(by_cell).reach()
        over = counted / brief.limits.max_average_frequency
        if over <= 1.0:
            break
        # The model's reach is not quite the counted one: ask it for as much less.
        tighter = replace(problem.frequency, most=problem.frequency.most / (over + _TIGHTER))
        problem = replace(problem, frequency=tighter)
    return optimum


def _find_best(campaign: Campaign, objective: Objective, gap: float) -> Optimum:
    brief, problem = campaign.brief, campaign.problem
    planes = CuttingPlanes(problem, objective)
    if brief.objective == "minimum_cost":
        return _minimise_cost(campaign, planes, gap)
    continuous = planes.solve(gap=gap / 2)
    if continuous is None or problem.spent(continuous.spots) <= 0:
        raise _clash(campaign, objective)
    whole = find_whole_spots(planes, continuous, gap=gap)
    if whole is None or not whole.spots.any():
        spots = _nearest_whole_spots(campaign, continuous)
        whole = Whole(spots, planes.honest_value(spots), continuous.bound)
    return Optimum(planes, continuous, whole, spread_over_weeks(problem, whole.spots))


def _evaluate(campaign: Campaign, objective: Objective, given: Ints, gap: float) -> Optimum:
    """Hold a given schedule against the best plan that the brief allows."""
    problem, spots = campaign.problem, given.sum(axis=1)
    planes = CuttingPlanes(problem, objective)
    money = problem.budget if np.isfinite(problem.budget) else problem.spent(spots)
    continuous = planes.solve(gap=gap / 2, budget=money)
    if continuous is None:
        raise _clash(campaign, objective)
    whole = Whole(spots, planes.honest_value(spots), continuous.bound)
    return Optimum(planes, continuous, whole, given, evaluated=True)


def _minimise_cost(campaign: Campaign, planes: CuttingPlanes, gap: float) -> Optimum:
    """Find the cheapest plan whose counted reach is the goal."""
    counter, goal = campaign.counter, campaign.brief.reach_goal_percent
    best: Cheapest | None = None
    aim = aimed = goal
    for _ in range(_TIGHTENINGS):
        try:
            with _naming(campaign.brief):
                found = find_cheapest(planes, aim, gap=gap)
        except DaypartError:
            if best is None:
                raise
            break
        if found is None:
            raise _clash(campaign, planes.objective)
        best, aimed = found, aim
        spots = campaign.problem.by_cell(found.whole.spots).astype(np.int64)
        short = goal - counter.count(spots).reach_percent()
        if short <= 0:
            break
        # The model's reach is not quite the counted one: aim as much higher.
        aim += short + _HIGHER
    assert best is not None
    by_week = spread_over_weeks(campaign.problem, best.whole.spots)
    return Optimum(
        planes,
        best.continuous,
        best.whole,
        by_week,
        cost_bound=best.cost_bound,
        aim_percent=aimed,
    )


def _clash(campaign: Campaign, objective: Objective) -> DaypartError:
    def feasible(problem: Problem) -> bool:
        found = CuttingPlanes(problem, objective).solve(gap=_ROUGH)
        return found is not None and problem.spent(found.spots) > 0

    names = name_clash(campaign.problem, feasible)
    if not names:
        return DaypartError(
            f"{campaign.brief.path}: no plan was found that keeps the limits, "
            "though no set of them is proven to clash",
            hint="loosen the limits one by one",
        )
    return DaypartError(
        f"{campaign.brief.path}: no plan keeps all of: {'; '.join(names)}",
        hint="loosen one of them",
    )


def _nearest_whole_spots(campaign: Campaign, continuous: Continuous) -> Ints:
    """Return whole spots that keep the limits where the search met none, or name what clashes."""
    problem, file = campaign.problem, campaign.brief.path
    nearest, broken = find_nearest_whole(problem, continuous.spots)
    if nearest is not None and nearest.any() and problem.keeps_limits(nearest):
        return nearest
    names = () if problem.is_large else name_clash(problem, whole=True)
    if names:
        raise DaypartError(
            f"{file}: no whole spots keep all of: {'; '.join(names)} (fractions of spots would)",
            hint="loosen one of them",
        )
    if not broken and problem.frequency is not None:
        broken = (problem.frequency.setting,)
    if broken:
        raise DaypartError(
            f"{file}: no whole spots were found that keep all limits (fractions of spots would): "
            f"the nearest break {'; '.join(broken)}",
            hint="loosen one of them or raise campaign.budget",
        )
    raise DaypartError(
        f"{file}: no whole spots were found that keep the limits at this budget",
        hint="raise campaign.budget or widen the shares in limits",
    )
