"""From a brief and a viewing store to a plan: the one function that runs the whole room."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.planning.audience import impressions_error
from daypart.planning.brief import Brief, read_brief
from daypart.planning.clashes import broken_limits, most_spend, name_clash
from daypart.planning.comparison import find_curve, measure_sampling_gap, split_evenly
from daypart.planning.definitions import DEFINITIONS, notes_of
from daypart.planning.flight import Week, broadcast_weeks
from daypart.planning.frequency import Frequency, count_frequency
from daypart.planning.optimiser import Continuous, CuttingPlanes
from daypart.planning.panel import Panel, read_panel
from daypart.planning.problem import Problem, build_problem
from daypart.planning.publication import (
    MIN_HOUSEHOLDS,
    SUPPRESSED,
    interval_80,
    publish_distribution,
    publish_reach,
)
from daypart.planning.rate_card import read_rate_card
from daypart.planning.results import Plan, write_plan
from daypart.planning.schedule import Rows, Schedule, read_schedule
from daypart.planning.summaries import make_lines, summarise
from daypart.planning.surrogate import fit_surrogate
from daypart.planning.whole import Whole, find_whole_spots, spread_over_weeks
from daypart.progress import SILENT, Progress
from daypart.storage import PathLike, make_folder

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GAP = 2e-3
_BINDS = 1e-6


@dataclass(frozen=True)
class _Campaign:
    """Everything that was read for a plan."""

    brief: Brief
    weeks: tuple[Week, ...]
    panel: Panel
    impressions: Floats
    problem: Problem


@dataclass(frozen=True)
class _Optimum:
    """What the optimiser found, or what was given with the bound that it is held against."""

    planes: CuttingPlanes
    continuous: Continuous
    whole: Whole
    by_week: Ints
    evaluated: bool = False


def plan(
    store: PathLike,
    *,
    brief: PathLike | Brief,
    out: PathLike,
    run: PathLike | None = None,
    schedule: PathLike | Rows | None = None,
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
    schedule : path-like or iterable of mappings, optional
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
    with progress.step("reading the panel") as step:
        campaign = _read_campaign(store, asked)
        step.summarise(
            f"{campaign.panel.households:,} panel households of {asked.segment}, "
            f"{campaign.problem.columns:,} cells to buy"
        )
    given = None if schedule is None else _given_spots(campaign, read_schedule(schedule))
    with progress.step("optimising") as step:
        optimum = _optimise(campaign, gap, seed, given)
        step.summarise(
            f"{optimum.whole.spots.sum():,} spots, reach {optimum.whole.value:.1f} % "
            f"within {100 * optimum.whole.gap:.2f} % of the best"
        )
    with progress.step("counting reach") as step:
        result = _report(campaign, optimum, gap, seed, min_households)
        step.summarise(f"{len(result.lines):,} lines")
    with progress.step("writing the plan") as step:
        write_plan(result, folder)
        step.summarise(str(folder / "plan.xlsx"))
    return result


def _read_campaign(store: PathLike, brief: Brief) -> _Campaign:
    everyone = read_panel(store, brief.markets)
    weeks = broadcast_weeks(brief.first_day, brief.last_day)
    cpm = read_rate_card(brief.rate_card_path, everyone, weeks)
    try:
        target = everyone.of_segment(brief.segment)
        impressions = target.impressions_per_spot()
        priced = (
            everyone.impressions_per_spot()
            if brief.rate_card_basis == "households"
            else impressions
        )
        problem = build_problem(brief, target, weeks, cpm, priced, impressions)
    except DaypartError as error:
        raise DaypartError(f"{brief.path}: {error.message}", hint=error.hint) from None
    return _Campaign(brief, weeks, target, impressions, problem)


def _given_spots(campaign: _Campaign, schedule: Schedule) -> Ints:
    """Place a given schedule's spots on the problem's columns and weeks [columns, weeks]."""
    problem, mondays = campaign.problem, [week.monday for week in campaign.weeks]
    by_cell = schedule.spots_by_cell(campaign.panel, mondays)
    on_offer = problem.most_per_week > 0
    placed = by_cell[problem.cell] * on_offer
    offered = np.zeros(by_cell.shape, dtype=np.int64)
    np.add.at(offered, problem.cell, placed)
    cells, weeks = np.nonzero(by_cell > offered)
    if len(cells):
        m, n, d = (int(i) for i in np.unravel_index(cells[0], campaign.panel.shape))
        panel = campaign.panel
        raise DaypartError(
            f"{schedule.source}: {panel.markets[m].code}, {panel.networks[n]}, "
            f"{panel.dayparts[d]} is excluded or not sold in the week of {mondays[weeks[0]]} "
            f"({len(cells)} such lines)",
            hint="take those spots out, or price the cell on the rate card",
        )
    return placed


def _optimise(campaign: _Campaign, gap: float, seed: int, given: Ints | None) -> _Optimum:
    planes = CuttingPlanes(campaign.problem, fit_surrogate(campaign.panel, seed=seed))
    continuous = planes.solve(gap=gap / 4)
    if continuous is None or campaign.problem.spent(continuous.spots) <= 0:
        names = name_clash(campaign.problem)
        raise DaypartError(
            f"{campaign.brief.path}: no plan keeps all of: {'; '.join(names)}",
            hint="loosen one of them",
        )
    if given is not None:
        value = planes.value(given.sum(axis=1))
        evaluated = Whole(given.sum(axis=1), value, max(continuous.bound, value))
        return _Optimum(planes, continuous, evaluated, given, True)
    whole = find_whole_spots(planes, continuous, gap=gap)
    if whole is None or not whole.spots.any():
        raise DaypartError(
            f"{campaign.brief.path}: the limits leave no room for whole spots at this budget",
            hint="raise campaign.budget or widen the shares in limits",
        )
    return _Optimum(planes, continuous, whole, spread_over_weeks(campaign.problem, whole.spots))


def _report(
    campaign: _Campaign, optimum: _Optimum, gap: float, seed: int, min_households: int
) -> Plan:
    brief, panel, problem, whole = (
        campaign.brief,
        campaign.panel,
        campaign.problem,
        optimum.whole,
    )
    spots = np.zeros((panel.cells, len(campaign.weeks)), dtype=np.int64)
    cost = np.zeros(spots.shape)
    np.add.at(spots, problem.cell, optimum.by_week)
    np.add.at(cost, problem.cell, (optimum.by_week > 0) * problem.cost[:, None])
    counted = count_frequency(panel, spots.sum(axis=1), seed=seed)
    seen = float(campaign.impressions @ spots.sum(axis=1))
    spread = impressions_error(panel, spots.sum(axis=1), seed=seed)
    limits = {"raw_households": panel.households, "min_households": min_households}
    enough = panel.households >= min_households
    sampling = measure_sampling_gap(problem, panel, seed=seed, gap=gap)
    universe = float(panel.universe_estimate.sum())
    lo, hi = interval_80(seen, spread)
    return Plan(
        campaign=brief.name,
        simulated=panel.simulated,
        status=_status(optimum, gap),
        objective=whole.value,
        objective_name=brief.objective,
        objective_unit="percent of the target's universe estimate",
        bound=whole.bound,
        gap=whole.gap,
        sampling_gap=None if sampling is None else sampling.relative,
        limited_by=_limited_by(campaign, optimum),
        broken=broken_limits(problem, optimum.by_week) if optimum.evaluated else [],
        asked=brief.budget if math.isfinite(brief.budget) else None,
        spent=round(problem.spent(whole.spots), 2),
        currency=brief.currency,
        segment=brief.segment,
        reach={
            f"{k}+": publish_reach(counted, k, **limits)
            for k in sorted({1, brief.frequency_goal, 3})
        },
        average_frequency=seen / counted.reach() if enough else SUPPRESSED,
        grp=_figure(100.0 * seen / universe, 100.0 * lo / universe, 100.0 * hi / universe, enough),
        impressions=_figure(seen, lo, hi, enough),
        universe_estimate=universe,
        panel_households=panel.households,
        even_split=_even_split(campaign, seed, enough),
        lines=make_lines(panel, campaign.weeks, spots, cost, campaign.impressions, min_households),
        reach_curve=_curve(campaign, optimum, counted, gap, seed, enough),
        frequency_distribution=publish_distribution(counted, **limits),
        **summarise(
            panel,
            campaign.weeks,
            spots,
            cost,
            campaign.impressions,
            min_households=min_households,
            seed=seed,
        ),
        calibration={"run": None},
        brief=_echo(brief),
        definitions=DEFINITIONS,
        notes=notes_of(panel, brief, sampling, min_households),
    )


def _status(optimum: _Optimum, gap: float) -> str:
    if optimum.evaluated:
        return "evaluated"
    return "optimal" if optimum.whole.gap <= gap * (1 + 1e-9) else "feasible"


def _figure(mean: float, lo: float, hi: float, shown: bool) -> dict[str, Any]:
    values = (mean, lo, hi) if shown else (SUPPRESSED,) * 3
    return dict(zip(("mean", "lo_80", "hi_80"), values, strict=True))


def _even_split(campaign: _Campaign, seed: int, shown: bool) -> dict[str, Any]:
    spots = split_evenly(campaign.problem)
    by_cell = campaign.problem.by_cell(spots).astype(np.int64)
    reach = count_frequency(campaign.panel, by_cell, seed=seed).reach_percent()
    return {
        "reach_percent": reach if shown else SUPPRESSED,
        "spent": round(campaign.problem.spent(spots), 2),
    }


def _curve(
    campaign: _Campaign,
    optimum: _Optimum,
    counted: Frequency,
    gap: float,
    seed: int,
    shown: bool,
) -> list[dict[str, Any]]:
    rows = []
    for point in find_curve(optimum.planes):
        same = not optimum.evaluated and math.isclose(point.budget, campaign.problem.budget)
        spots = optimum.whole.spots if same else point.spots
        by_cell = campaign.problem.by_cell(spots).astype(np.int64)
        reached = counted if same else count_frequency(campaign.panel, by_cell, seed=seed)
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


def _limited_by(campaign: _Campaign, optimum: _Optimum) -> list[dict[str, Any]]:
    problem, prices = campaign.problem, optimum.continuous.prices
    rows = []
    if abs(prices[0]) > _BINDS:
        rows.append({"limit": "campaign.budget", "worth": float(prices[0]) / 100})
    else:
        reachable = most_spend(problem)
        names = reachable[1] if reachable else ()
        rows.extend({"limit": name, "worth": None} for name in names)
    for limit, price in zip(problem.limits, prices[1:], strict=True):
        if abs(price) > _BINDS and limit.setting not in {row["limit"] for row in rows}:
            rows.append({"limit": limit.setting, "worth": abs(float(price)) / 100})
    return rows


def _echo(brief: Brief) -> dict[str, Any]:
    echoed: dict[str, Any] = _plain(asdict(brief))
    return echoed


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path) or hasattr(value, "isoformat"):
        return str(value)
    return value
