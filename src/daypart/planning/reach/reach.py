"""Reach and frequency of any schedule, for any segment and set of markets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from daypart.disclosure.audience import IMPRESSIONS, Audience
from daypart.disclosure.rules import DisclosureRules
from daypart.errors import DaypartError, did_you_mean
from daypart.planning.arrays import Ints
from daypart.planning.brief.flight import broadcast_weeks
from daypart.planning.panel.calibration import calibrate, describe
from daypart.planning.panel.panel import ALL, Panel
from daypart.planning.panel.reader import read_markets, read_panel
from daypart.planning.reach.audience_counter import AudienceCounter
from daypart.planning.reach.breakdown import Misses, break_down, reach_by_market, weeks_shown
from daypart.planning.reach.exposure import total_exposures
from daypart.planning.reach.frequency import TOP, Frequency
from daypart.planning.reach.publication import (
    interval_80,
    publish_distribution,
    publish_reach,
    publishable_bins,
    published,
)
from daypart.planning.reach.schedule import NO_WEEK, Schedule, read_schedule
from daypart.planning.solve.surrogate_fit import fit_surrogate
from daypart.progress import SILENT, Progress
from daypart.storage.location import PathLike
from daypart.tables.table import GivenTable
from daypart.viewing.crediting import crediting_text

METHODS = ("unbiased", "surrogate")
_WEEKLY = ("impressions", "grp", "cumulative_reach_percent", "lo_80", "hi_80")


@dataclass(frozen=True)
class Reach:
    """Reach and frequency of a schedule. Rows of too few households are suppressed.

    Parameters
    ----------
    segment : str
    markets : tuple of str
        Codes.
    method : str
        `unbiased` (counted on the panel) or `surrogate` (the optimiser's model).
    spots, spots_elsewhere : int
        Those counted, and those of the schedule in other markets.
    universe_estimate : float
        Households of the segment in the markets.
    panel_households : int
        Raw.
    weeks_of_history : int
        Weeks of viewing that the count uses.
    unit, window, crediting : str
        What is counted: households, of live viewing, by which crediting rule.
    calibration : dict
        The run whose forecast the impressions equal; `run` is None where they are the history's.
    reach : dict
        `"1+"` to `"10+"`: percent, households, se, lo_80, hi_80.
    frequency_distribution : list of dict
        exposures, households, percent; bins of few raw households are folded downwards.
    average_frequency : float
    grp, impressions : dict
        mean, lo_80, hi_80.
    by_week : list of dict
        name (the Monday), spots, impressions, grp, cumulative_reach_percent, lo_80, hi_80.
    by_network, by_daypart : list of dict
        See `breakdown.Breakdown`: alone, lost without it, added to those before it.
    by_market : list of dict
        name, code, panel_households, spots, impressions, grp, reach_percent.
    duplication : list of dict
        first, second, percent: reached by both networks of a pair.
    notes : tuple of str
        Names of the schedule that were read as a name of the store.
    """

    segment: str
    markets: tuple[str, ...]
    method: str
    spots: int
    spots_elsewhere: int
    universe_estimate: float
    panel_households: int
    weeks_of_history: int
    unit: str
    window: str
    crediting: str
    calibration: dict[str, Any]
    reach: dict[str, dict[str, Any]]
    frequency_distribution: list[dict[str, Any]]
    average_frequency: float
    grp: dict[str, float]
    impressions: dict[str, float]
    by_week: list[dict[str, Any]]
    by_network: list[dict[str, Any]]
    by_daypart: list[dict[str, Any]]
    by_market: list[dict[str, Any]]
    duplication: list[dict[str, Any]]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the main figures in a few lines, each with its unit."""
        where = f"{len(self.markets)} market" + ("s" if len(self.markets) > 1 else "")
        one = self.reach["1+"]
        percent = {k: self.reach[f"{k}+"]["percent"] for k in (1, 2, 3, 5, 10)}
        levels = (
            f"{k}+ {value}" if isinstance(value, str) else f"{k}+ {value:.1f} %"
            for k, value in percent.items()
        )
        lines = [
            f"{self.segment} in {where}: {self.universe_estimate:,.0f} households, "
            f"{self.panel_households:,} of them in the panel",
            f"reach {', '.join(levels)}",
            f"reach 1+ is within {one['lo_80']:.1f} and {one['hi_80']:.1f} % (80 % interval)",
            f"{self.grp['mean']:,.1f} GRP, average frequency {self.average_frequency:.1f}, "
            f"{self.impressions['mean']:,.0f} impressions (households), {self.spots:,} spots",
        ]
        lost = [row for row in self.by_network if not isinstance(row["incremental_percent"], str)]
        if lost:
            top = max(lost, key=lambda row: row["incremental_percent"])
            lines.append(
                f"most would be lost without {top['name']}: {top['incremental_percent']:.1f} points"
            )
        if self.calibration["run"]:
            lines.append(f"impressions as {self.calibration['run']} forecasts them for these weeks")
        if self.spots_elsewhere:
            lines.append(f"{self.spots_elsewhere:,} spots in other markets are not counted")
        return [*lines, *self.notes]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, texts and numbers, ready for JSON."""
        return asdict(self)


def reach(
    store: PathLike,
    *,
    schedule: GivenTable,
    segment: str = ALL,
    markets: Sequence[str] | None = None,
    run: PathLike | None = None,
    method: str = "unbiased",
    min_households: int | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Reach:
    """Count reach and frequency of a schedule on the household panel.

    Parameters
    ----------
    store : path-like
        Folder of a viewing store with a household panel.
    schedule : path-like or iterable of mappings
        See `read_schedule`; a `plan.csv` or `plan.json` will do.
    segment : str
        Whose reach.
    markets : sequence of str, optional
        Names or codes of the markets that the figures refer to; those of the schedule without it.
        Spots elsewhere are reported and not counted.
    run : path-like, optional
        A run fitted to the store: each cell's impressions equal its forecast's mean for the weeks
        of the schedule, and the intervals include the forecast's uncertainty.
    method : str
        `unbiased` (the U-statistic) or `surrogate` (the optimiser's smooth model, for schedules of
        more spots than minutes of history).
    min_households : int, optional
        Raw panel households that figures must be about, where that is more than the store's rule.
    seed : int
        Of the jackknife's groups and the forecast's draws.
    progress : Progress

    Returns
    -------
    Reach

    Raises
    ------
    DaypartError
        For an unknown name, a malformed schedule, or more spots than minutes of history; or where
        the store's disclosure rules let no figure leave.

    Examples
    --------
    >>> reach("/nowhere", schedule=[])
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: schedule: the schedule is empty
    """
    if method not in METHODS:
        raise DaypartError(f"method is {method!r}", hint=did_you_mean(method, METHODS))
    planned = read_schedule(schedule)
    with progress.step("reading the panel") as step:
        panel, counted, elsewhere = _read(store, planned, segment, markets)
        step.summarise(f"{panel.households:,} panel households of {segment}")
    rules = DisclosureRules.of_store(panel.crediting).tightened(min_households)
    audience = Audience(store, rules, panel.household, panel.weight)
    counter = _counter(store, panel, planned, run, seed, progress)
    with progress.step("counting reach") as step:
        spots = counted.spots_by_cell(counter.panel, planned.mondays)
        figures = _figures(counter, planned.mondays, spots, method == "unbiased", audience)
        step.summarise(f"{spots.sum():,} spots")
    found = Reach(
        segment=segment,
        markets=tuple(place.code for place in panel.markets),
        method=method,
        spots=int(spots.sum()),
        spots_elsewhere=elsewhere,
        universe_estimate=float(panel.universe_estimate.sum()),
        panel_households=panel.households,
        weeks_of_history=panel.weeks,
        unit="households",
        window="live",
        crediting=crediting_text(panel.crediting) if panel.crediting else "not known",
        calibration=describe(counter.calibration),
        notes=counted.notes(panel),
        **figures,
    )
    audience.leaves("reach", found.to_dict())
    return found


def _read(
    store: PathLike, planned: Schedule, segment: str, markets: Sequence[str] | None
) -> tuple[Panel, Schedule, int]:
    """Read the panel of the requested markets; return it, their spots, and the number elsewhere."""
    if markets is None:
        panel = read_panel(store, planned.markets, setting=planned.source).of_segment(segment)
        return panel, planned, 0
    panel = read_panel(store, tuple(markets)).of_segment(segment)
    here = {name for place in panel.markets for name in (place.code, place.name)}
    others = {name for place in read_markets(store) for name in (place.code, place.name)} - here
    inside = Schedule(planned.source, tuple(row for row in planned.rows if row[0] not in others))
    return panel, inside, planned.spots - inside.spots


def _counter(
    store: PathLike,
    panel: Panel,
    planned: Schedule,
    run: PathLike | None,
    seed: int,
    progress: Progress,
) -> AudienceCounter:
    calibration = None
    if run is not None:
        if NO_WEEK in planned.mondays:
            raise DaypartError(
                f"{planned.source}: no column 'week', so there is nothing to forecast",
                hint="name the weeks of the spots, or leave out --run",
            )
        weeks = [
            week
            for monday in planned.mondays
            for week in broadcast_weeks(monday, monday + dt.timedelta(6))
        ]
        with progress.step("calibrating to the forecast") as step:
            calibration = calibrate(run, store, panel, weeks, seed=seed)
            panel = panel.calibrated(calibration.factor)
            step.summarise(f"{calibration.without_forecast:,} cells without a forecast")
    return AudienceCounter(
        panel, panel.impressions_per_spot(), fit_surrogate(panel, seed=seed), calibration, seed
    )


def _figures(
    counter: AudienceCounter,
    mondays: Sequence[dt.date],
    spots: Ints,
    unbiased: bool,
    audience: Audience,
) -> dict[str, Any]:
    """Return all figures of spots by cell and week, with the names of the fields of `Reach`."""
    panel, total = counter.panel, spots.sum(axis=1)
    audience.require(IMPRESSIONS, total_exposures(panel, total))
    counted = counter.count(total, every_level=True, unbiased=unbiased)
    bins = publishable_bins(counted, audience)
    seen, error = counter.count_impressions(total)
    ends = (seen, *interval_80(seen, error))
    per_cent = 100.0 / float(panel.universe_estimate.sum())
    keys = ("mean", "lo_80", "hi_80")
    _, n, d = np.unravel_index(np.arange(panel.cells), panel.shape)
    networks, dayparts = (
        break_down(
            Misses.count(counter, total, group, len(names), unbiased=unbiased),
            names,
            audience,
            pairs=names is panel.networks,
        )
        for group, names in ((n, panel.networks), (d, panel.dayparts))
    )
    return {
        "reach": {f"{k}+": publish_reach(counted, k, bins) for k in range(1, TOP + 1)},
        "frequency_distribution": publish_distribution(counted, bins),
        "average_frequency": seen / max(counted.reach(), 1e-12),
        "grp": dict(zip(keys, [per_cent * end for end in ends], strict=True)),
        "impressions": dict(zip(keys, ends, strict=True)),
        "by_week": _by_week(counter, mondays, spots, unbiased, audience),
        "by_network": networks.rows,
        "by_daypart": dayparts.rows,
        "by_market": reach_by_market(counter, total, counted.probability[:, 0], audience),
        "duplication": networks.duplication,
    }


def _by_week(
    counter: AudienceCounter,
    mondays: Sequence[dt.date],
    spots: Ints,
    unbiased: bool,
    audience: Audience,
) -> list[dict[str, Any]]:
    universe = float(counter.panel.universe_estimate.sum())
    so_far: list[Frequency] = [
        counter.count(spots[:, : w + 1].sum(axis=1), unbiased=unbiased) for w in range(len(mondays))
    ]
    missed = [counted.probability[:, 0] for counted in so_far]
    shown = weeks_shown(counter, spots, missed, audience)
    rows = []
    for w, monday in enumerate(mondays):
        if monday == NO_WEEK:
            continue
        seen = float(counter.impressions @ spots[:, w])
        percent, error = so_far[w].reach_percent(), so_far[w].error_percent()
        values = (seen, 100.0 * seen / universe, percent, *interval_80(percent, error, 100.0))
        row = {"name": str(monday), "spots": int(spots[:, w].sum())}
        rows.append(row | published(_WEEKLY, values, bool(shown[w])))
    return rows
