"""From a brief and a viewing store to a plan."""

from __future__ import annotations

import numpy as np

from daypart.disclosure.audience import Audience
from daypart.disclosure.rules import DisclosureRules
from daypart.errors import DaypartError
from daypart.planning.arrays import Ints
from daypart.planning.brief.brief import Brief, read_brief
from daypart.planning.brief.flight import broadcast_weeks
from daypart.planning.brief.rate_card import read_rate_card
from daypart.planning.campaign import Campaign
from daypart.planning.exports.writers import write_plan
from daypart.planning.outcome.assemble import report_plan
from daypart.planning.outcome.plan_result import CampaignPlan
from daypart.planning.panel.calibration import Calibration, calibrate
from daypart.planning.panel.panel import ALL
from daypart.planning.panel.reader import read_markets, read_panel
from daypart.planning.problem.build import build_problem
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.reach.schedule import Schedule, read_schedule
from daypart.planning.search import find_optimum
from daypart.planning.solve.surrogate_fit import fit_surrogate
from daypart.progress import SILENT, Progress
from daypart.storage.files import make_folder
from daypart.storage.location import PathLike
from daypart.tables.table import GivenTable, mapped_table

GAP = 2e-3
_NAMED = 3
"""Lines of a schedule that a message names."""


def plan(
    store: PathLike,
    *,
    brief: PathLike | Brief,
    out: PathLike,
    run: PathLike | None = None,
    evaluate: GivenTable | None = None,
    seed: int = 0,
    gap: float = GAP,
    min_households: int | None = None,
    progress: Progress = SILENT,
) -> CampaignPlan:
    """CampaignPlan a campaign: the spots that reach most of the target within the brief's limits.

    Parameters
    ----------
    store : path-like
        Folder of a viewing store with a household panel.
    brief : path-like or Brief
        The request; see `read_brief`.
    out : path-like
        Folder for `plan.json`, `plan.xlsx`, `plan.csv` and `reach_curve.csv`.
    run : path-like, optional
        A run fitted to the store: impressions are calibrated to its forecast for the flight.
    evaluate : path-like or iterable of mappings, optional
        Evaluate this schedule (see `read_schedule`) and search for none: its cost, its reach, its
        gap to the best possible plan, and the limits that it breaks.
    seed : int
        Seed of the surrogate's clusters, the jackknife's groups and the halving of the panel.
    gap : float
        Relative optimality gap at which the search stops.
    min_households : int, optional
        Raw panel households that figures must be about, where that is more than the store's rule.
    progress : Progress
        Receives the steps of the work.

    Returns
    -------
    CampaignPlan

    Raises
    ------
    DaypartError
        Names the file and the setting that is wrong, or the limits that clash; or where the store's
        disclosure rules let no figure leave.

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
    request = brief if isinstance(brief, Brief) else read_brief(brief)
    folder = make_folder(out)
    schedule = None if evaluate is None else read_schedule(evaluate)
    campaign = _read_campaign(store, request, run, schedule, seed, progress)
    given = None if schedule is None else _given_spots(campaign, schedule)
    panel = campaign.counter.panel
    rules = DisclosureRules.of_store(panel.crediting).tightened(min_households)
    audience = Audience(store, rules, panel.household, panel.weight)
    with progress.step("optimising") as step:
        optimum = find_optimum(campaign, gap, given)
        step.summarise(
            f"{optimum.whole.spots.sum():,} spots in {campaign.problem.columns:,} cells on offer, "
            f"within {100 * optimum.whole.gap:.2f} % of the best"
        )
    with progress.step("counting reach") as step:
        result = report_plan(campaign, optimum, audience, gap=gap)
        step.summarise(f"{len(result.lines):,} lines")
    with progress.step("writing the plan") as step:
        audience.leaves("plan", result.to_dict())
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
        everyone = read_panel(store, brief.markets, setting=f"{brief.path}: campaign.markets")
        with brief.named_in_errors("campaign.rate_card"):
            card = read_rate_card(
                mapped_table(brief.rate_card_path, brief.rate_card_map or None),
                everyone,
                weeks,
                markets=read_markets(store),
            )
        with brief.named_in_errors("campaign.segment"):
            target = everyone.of_segment(brief.segment)
        step.summarise(f"{target.households:,} panel households of {brief.segment}")
    calibration: Calibration | None = None
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
    given = None
    if schedule is not None:
        given = schedule.spots_by_cell(target, [week.monday for week in weeks])
    with brief.named_in_errors():
        problem = build_problem(brief, target, weeks, card.cpm, priced, impressions, given)
    surrogate = fit_surrogate(target, seed=seed)
    counter = AudienceCounter(target, impressions, surrogate, calibration, seed)
    notes = card.notes + (() if schedule is None else schedule.notes(target))
    return Campaign(brief, weeks, counter, problem, notes)


def _given_spots(campaign: Campaign, schedule: Schedule) -> Ints:
    """Place a given schedule's spots on the problem's columns and weeks [columns, weeks]."""
    problem, panel = campaign.problem, campaign.counter.panel
    by_cell = schedule.spots_by_cell(panel, [week.monday for week in campaign.weeks])
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
            f"{schedule.source}: these lines are not on the rate card and have no cost: "
            f"{'; '.join(lines)}{more}",
            hint=f"add them to {campaign.brief.rate_card_path}, or remove them from the schedule",
        )
    return placed
