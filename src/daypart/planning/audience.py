"""Reach and frequency of any schedule, for any segment and set of markets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError, did_you_mean
from daypart.planning.counting import impressions_error
from daypart.planning.frequency import (
    TOP,
    Frequency,
    count_frequency,
    misses_by_group,
    project,
)
from daypart.planning.panel import ALL, Panel
from daypart.planning.panel_reader import read_panel
from daypart.planning.publication import (
    MIN_HOUSEHOLDS,
    SUPPRESSED,
    Published,
    interval_80,
    publish_distribution,
    publish_reach,
)
from daypart.planning.schedule import NO_WEEK, Rows, read_schedule
from daypart.planning.surrogate import fit_surrogate
from daypart.progress import SILENT, Progress
from daypart.storage import PathLike

METHODS = ("unbiased", "surrogate")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reach:
    """Reach and frequency of a schedule. What too few raw households stand behind is suppressed.

    Parameters
    ----------
    segment : str
    markets : tuple of str
        Codes.
    method : str
        `unbiased` (counted on the panel) or `surrogate` (the optimiser's model).
    spots : int
    universe_estimate : float
        Households of the segment in the markets.
    panel_households : int
        Raw.
    reach : dict
        `"1+"` to `"10+"`: percent, households, se, lo_80, hi_80.
    frequency_distribution : list of dict
        exposures, households, percent.
    average_frequency, grp : float or str
    impressions : dict
        mean, lo_80, hi_80.
    by_week : list of dict
        name (the Monday), spots, cumulative_reach_percent.
    by_network, by_daypart : list of dict
        name, spots, grp, reach_percent (of that one alone), incremental_percent (lost without it).
    duplication : list of dict
        first, second, percent: reached by both networks of a pair.
    """

    segment: str
    markets: tuple[str, ...]
    method: str
    spots: int
    universe_estimate: float
    panel_households: int
    reach: dict[str, dict[str, Any]]
    frequency_distribution: list[dict[str, Any]]
    average_frequency: Published
    grp: Published
    impressions: dict[str, Published]
    by_week: list[dict[str, Any]]
    by_network: list[dict[str, Any]]
    by_daypart: list[dict[str, Any]]
    duplication: list[dict[str, Any]]

    def lines(self) -> list[str]:
        """Say the main figures in a few lines, each with its unit."""
        where = f"{len(self.markets)} market" + ("s" if len(self.markets) > 1 else "")
        one = self.reach["1+"]
        if isinstance(one["percent"], str):
            return [f"{self.segment} in {where}: suppressed, {self.panel_households} households"]
        levels = (f"{k}+ {self.reach[f'{k}+']['percent']:.1f} %" for k in (1, 2, 3, 5, 10))
        return [
            f"{self.segment} in {where}: {self.universe_estimate:,.0f} households, "
            f"{self.panel_households:,} of them in the panel",
            f"reach {', '.join(levels)}",
            f"reach 1+ is within {one['lo_80']:.1f} and {one['hi_80']:.1f} % (80 % interval)",
            f"{self.grp:,.1f} GRP, average frequency {self.average_frequency:.1f}, "
            f"{self.impressions['mean']:,.0f} impressions (households), {self.spots:,} spots",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, texts and numbers, ready for JSON."""
        return asdict(self)


def reach(
    store: PathLike,
    *,
    schedule: PathLike | Rows,
    segment: str = ALL,
    markets: Sequence[str] | None = None,
    method: str = "unbiased",
    min_households: int = MIN_HOUSEHOLDS,
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
        Spots elsewhere are refused.
    method : str
        `unbiased` (the U-statistic) or `surrogate` (the optimiser's smooth model, for schedules of
        more spots than minutes of history).
    min_households : int
        Raw panel households below which a figure is suppressed.
    seed : int
        Of the jackknife's groups.
    progress : Progress

    Returns
    -------
    Reach

    Raises
    ------
    DaypartError
        For an unknown name, a malformed schedule, or more spots than minutes of history.

    Examples
    --------
    >>> reach("/nowhere", schedule=[])
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: schedule: the schedule is empty
    """
    if method not in METHODS:
        raise DaypartError(f"method is {method!r}", hint=did_you_mean(method, METHODS))
    asked = read_schedule(schedule)
    with progress.step("reading the panel") as step:
        panel = read_panel(store, tuple(markets or asked.markets)).of_segment(segment)
        step.summarise(f"{panel.households:,} panel households of {segment}")
    spots = asked.spots_by_cell(panel, asked.mondays)
    total = spots.sum(axis=1)

    surrogate = fit_surrogate(panel, seed=seed) if method == "surrogate" else None

    def count(by_cell: Ints) -> Frequency:
        if surrogate is None:
            return count_frequency(panel, by_cell, seed=seed)
        return project(panel, surrogate.exposure_chances(by_cell, TOP), seed=seed)

    counted = count(total)
    limits = {"raw_households": panel.households, "min_households": min_households}
    shown = panel.households >= min_households
    per_spot = panel.impressions_per_spot()
    seen = float(per_spot @ total)
    lo, hi = interval_80(seen, impressions_error(panel, total, seed=seed))
    universe = float(panel.universe_estimate.sum())

    def say(value: float) -> Published:
        return value if shown else SUPPRESSED

    unbiased = method == "unbiased" and shown
    _, n, d = np.unravel_index(np.arange(panel.cells), panel.shape)
    return Reach(
        segment=segment,
        markets=tuple(place.code for place in panel.markets),
        method=method,
        spots=int(total.sum()),
        universe_estimate=universe,
        panel_households=panel.households,
        reach={f"{k}+": publish_reach(counted, k, **limits) for k in range(1, TOP + 1)},
        frequency_distribution=publish_distribution(counted, **limits),
        average_frequency=say(seen / max(counted.reach(), 1e-12)),
        grp=say(100.0 * seen / universe),
        impressions={"mean": say(seen), "lo_80": say(lo), "hi_80": say(hi)},
        by_week=[
            {
                "name": str(monday),
                "spots": int(spots[:, w].sum()),
                "cumulative_reach_percent": say(
                    count(spots[:, : w + 1].sum(axis=1)).reach_percent()
                ),
            }
            for w, monday in enumerate(asked.mondays)
            if monday != NO_WEEK
        ],
        by_network=_parts(panel, total, per_spot, n, panel.networks) if unbiased else [],
        by_daypart=_parts(panel, total, per_spot, d, panel.dayparts) if unbiased else [],
        duplication=_duplication(panel, total, n) if unbiased else [],
    )


def _parts(
    panel: Panel, spots: Ints, per_spot: Floats, group: Ints, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Reach of each group of cells alone, and what would be lost without it."""
    missed = misses_by_group(panel, spots, group, len(names))
    universe = float(panel.universe_estimate.sum())
    rows = []
    for g, name in enumerate(names):
        if not spots[group == g].any():
            continue
        others = np.delete(missed, g, axis=1).prod(axis=1)
        seen = float((per_spot * spots)[group == g].sum())
        rows.append(
            {
                "name": name,
                "spots": int(spots[group == g].sum()),
                "grp": 100.0 * seen / universe,
                "reach_percent": 100.0 * float(panel.weight @ (1 - missed[:, g])) / universe,
                "incremental_percent": 100.0
                * float(panel.weight @ (others * (1 - missed[:, g])))
                / universe,
            }
        )
    return rows


def _duplication(panel: Panel, spots: Ints, network: Ints) -> list[dict[str, Any]]:
    """Reach that pairs of networks have in common."""
    hit = 1.0 - misses_by_group(panel, spots, network, len(panel.networks))
    used = [n for n in range(len(panel.networks)) if spots[network == n].any()]
    universe = float(panel.universe_estimate.sum())
    both = 100.0 * (hit[:, used].T @ (panel.weight[:, None] * hit[:, used])) / universe
    return [
        {"first": panel.networks[a], "second": panel.networks[b], "percent": float(both[i, j])}
        for i, a in enumerate(used)
        for j, b in enumerate(used)
        if i < j
    ]
