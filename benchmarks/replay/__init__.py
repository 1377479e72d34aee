"""Replay: random schedules of later weeks, predicted from earlier ones and then counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daypart.planning.arrays import Floats, Ints
from daypart.planning.brief.flight import broadcast_weeks
from daypart.planning.delivery.asrun import Airing, Flight, read_asrun, simulate_asrun
from daypart.planning.delivery.exposures import count_exposures
from daypart.planning.panel.panel import ALL, Panel
from daypart.planning.panel.reader import read_markets, read_panel
from daypart.planning.reach.exposure import count_frequency
from daypart.storage.location import PathLike

SPOTS = (30, 60, 120, 240)


@dataclass(frozen=True)
class Replay:
    """Reach of schedules, predicted from earlier weeks and counted in later ones.

    Parameters
    ----------
    spots : int array [schedules]
    predicted, counted : float array [schedules]
        Reach 1+ in percent of the later store's universe estimate.
    impressions_predicted, impressions_counted : float array [schedules]
        Households.
    """

    spots: Ints
    predicted: Floats
    counted: Floats
    impressions_predicted: Floats
    impressions_counted: Floats

    @property
    def relative_errors(self) -> Floats:
        """Return predicted over counted reach, less one [schedules]."""
        return np.asarray(self.predicted / self.counted - 1.0)

    @property
    def median_error(self) -> float:
        """Return the median absolute relative error of reach."""
        return float(np.median(np.abs(self.relative_errors)))


def replay(
    before: PathLike,
    after: PathLike,
    *,
    first_day: dt.date,
    last_day: dt.date,
    schedules: int = 40,
    sizes: Sequence[int] = SPOTS,
    segment: str = ALL,
    seed: int = 0,
) -> Replay:
    """Predict the reach of random schedules from one store, and count it in a later one.

    Each schedule's spots air at random minutes of their cells, cells with more viewing more
    often. Predicted is the unbiased count on the panel of `before`; counted are the households
    that watched at those very minutes, so that its error holds the chance of those minutes, too.

    Parameters
    ----------
    before : path-like
        A store of the earlier weeks.
    after : path-like
        A store of the same households whose events cover the flight.
    first_day, last_day : date
        Of the flight, in weeks that `before` doesn't know.
    schedules : int
    sizes : sequence of int
        Spots of a schedule, over all markets; schedules take these sizes in turn.
    segment : str
    seed : int

    Returns
    -------
    Replay

    Raises
    ------
    DaypartError
        Where a store can't be read.
    """
    rng = np.random.default_rng(seed)
    panel = read_panel(before).of_segment(segment)
    later = read_panel(after)
    flight = Flight(
        markets=read_markets(after),
        planned=frozenset(place.code for place in panel.markets),
        networks=frozenset(later.networks),
        clock=panel.clock,
        first_day=first_day,
        last_day=last_day,
    )
    weeks = [str(week.monday) for week in broadcast_weeks(first_day, last_day)]
    airings: list[Airing] = []
    owner: list[int] = []
    drawn: list[Ints] = []
    for number in range(schedules):
        spots = _draw(panel, sizes[number % len(sizes)], len(weeks), rng)
        drawn.append(spots.sum(axis=1))
        rows = simulate_asrun(
            _lines(panel, spots, weeks), flight, delivered=1.0, seed=int(rng.integers(2**31))
        )
        aired = read_asrun(rows, flight).airings
        airings.extend(aired)
        owner.extend([number] * len(aired))
    seen = count_exposures(after, airings, sorted(flight.planned), segment)
    mine = [np.array(owner) == number for number in range(schedules)]
    universe = float(seen.universe_estimate.sum())
    per_spot = panel.impressions_per_spot()
    return Replay(
        spots=np.array([spots.sum() for spots in drawn]),
        predicted=np.array(
            [100.0 * count_frequency(panel, spots).reach() / universe for spots in drawn]
        ),
        counted=np.array(
            [100.0 * float(seen.weight @ (seen.counts(own) > 0)) / universe for own in mine]
        ),
        impressions_predicted=np.array([float(per_spot @ spots) for spots in drawn]),
        impressions_counted=np.array([float(seen.impressions[own].sum()) for own in mine]),
    )


def _draw(panel: Panel, spots: int, weeks: int, rng: np.random.Generator) -> Ints:
    """Draw a schedule [cells, weeks] on a few cells, those with more viewing more often."""
    likely = panel.impressions_per_spot()
    cells = rng.choice(
        panel.cells,
        min(max(2, spots // 3), int((likely > 0).sum())),
        replace=False,
        p=likely / likely.sum(),
    )
    placed = np.zeros((panel.cells, weeks), dtype=np.int64)
    np.add.at(placed, (rng.choice(cells, spots), rng.integers(weeks, size=spots)), 1)
    return placed


def _lines(panel: Panel, spots: Ints, weeks: list[str]) -> list[dict[str, object]]:
    lines = []
    for cell, w in zip(*np.nonzero(spots), strict=True):
        m, n, d = (int(i) for i in np.unravel_index(cell, panel.shape))
        lines.append(
            {
                "market": panel.markets[m].code,
                "network": panel.networks[n],
                "daypart": panel.dayparts[d],
                "week": weeks[w],
                "spots": int(spots[cell, w]),
                "cost": 0.0,
            }
        )
    return lines
