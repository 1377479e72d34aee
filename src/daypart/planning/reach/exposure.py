"""Exposure to a schedule, counted on the household panel without bias.

A spot is one minute placed at random within its cell. A household that watched k of the T
minutes of a cell misses x spots there with the chance C(T-k, x) / C(T, x), which is the
unbiased (U-statistic) estimate of (1-p)^x; the exposures to those spots are hypergeometric, and
those to a schedule are their convolution over cells.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Floats, Ints
from daypart.planning.panel.panel import Panel
from daypart.planning.reach.exposure_kernels import group_misses, household_chances
from daypart.planning.reach.frequency import Frequency, project

_MANY_HOUSEHOLDS = 20_000


def exposure_chances(panel: Panel, spots: Ints) -> Floats:
    """Return each panel household's chances of 0 to 9 and of 10 or more exposures.

    Parameters
    ----------
    panel : Panel
    spots : int array [cells]
        Spots in each cell, over the whole flight.

    Returns
    -------
    float array [households, 11]

    Raises
    ------
    DaypartError
        Where a cell has more spots than minutes of history: the estimate is undefined there.

    References
    ----------
    Hoeffding, W. (1948). A class of statistics with asymptotically normal distribution.
    Annals of Mathematical Statistics 19(3).
    """
    minutes, spots, history = _checked(panel, spots)
    place, places = _places(panel, spots)
    return _over_households(household_chances, panel, minutes, spots, history, place, places)


def misses_by_group(panel: Panel, spots: Ints, group: Ints, groups: int) -> Floats:
    """Return each household's chance to miss all spots in each group of cells.

    Parameters
    ----------
    panel : Panel
    spots, group : int array [cells]
    groups : int

    Returns
    -------
    float array [households, groups]

    Raises
    ------
    DaypartError
        As `exposure_chances`.
    """
    return _over_households(group_misses, panel, *_checked(panel, spots), group, groups)


def expected_exposures(
    panel: Panel, spots: Ints, group: Ints, groups: int, households: slice = slice(None)
) -> Floats:
    """Return the spots of each group of cells that households are expected to see.

    Parameters
    ----------
    panel : Panel
    spots, group : int array [cells]
    groups : int
    households : slice
        Those counted; all without it.

    Returns
    -------
    float array [households, groups]
    """
    start, stop, _ = households.indices(panel.households)
    entries = slice(panel.row_start[start], panel.row_start[stop])
    cell = panel.cell[entries]
    history = np.maximum(panel.minutes_of_cell(), 1e-9)
    seen = np.minimum(panel.minutes[entries] / history[cell], 1.0) * spots[cell]
    row = np.repeat(np.arange(stop - start), np.diff(panel.row_start[start : stop + 1]))
    sums = np.bincount(row * groups + group[cell], seen, (stop - start) * groups)
    return sums.reshape(stop - start, groups).astype(np.float64)


def total_exposures(panel: Panel, spots: Ints) -> Floats:
    """Return the spots that each household is expected to see [households].

    Parameters
    ----------
    panel : Panel
    spots : int array [cells]
    """
    return expected_exposures(panel, spots, np.zeros(panel.cells, np.int64), 1)[:, 0]


def _over_households(kernel: Callable[..., Any], panel: Panel, *settings: Any) -> Floats:
    """Run a kernel over all households, on two threads where there are many of them.

    Each household's row is its own, so that the threads change no bit of it.
    """
    if panel.households < _MANY_HOUSEHOLDS:
        rows: Floats = kernel(panel.row_start, panel.cell, *settings)
        return rows
    middle = int(np.searchsorted(panel.row_start, panel.row_start[-1] // 2))
    halves = (panel.row_start[: middle + 1], panel.row_start[middle:])
    with ThreadPoolExecutor(2) as threads:
        return np.concatenate(
            list(threads.map(lambda half: kernel(half, panel.cell, *settings), halves))
        )


def _places(panel: Panel, spots: Ints) -> tuple[Ints, int]:
    """Return each bought cell's number within its market, else -1, and the most cells of one."""
    bought = spots.reshape(len(panel.markets), -1) > 0
    number = bought.cumsum(axis=1)
    return np.where(bought, number - 1, -1).ravel(), int(number[:, -1].max(initial=0))


def _checked(panel: Panel, spots: Ints) -> tuple[Floats, Ints, Floats]:
    """Return minutes [entries], spots and history [cells], where no cell has too few."""
    spots = np.asarray(spots, dtype=np.int64)
    history = panel.minutes_of_cell()
    short = np.flatnonzero(spots > history)
    if len(short):
        raise DaypartError(
            f"{panel.cell_label(short[0])}: {spots[short[0]]} spots, but only "
            f"{history[short[0]]:.0f} minutes of history ({len(short)} such cells)",
            hint='ingest more weeks, or take method="surrogate"',
        )
    return panel.minutes, spots, history


def count_frequency(panel: Panel, spots: Ints, *, seed: int = 0) -> Frequency:
    """Project the frequency distribution of a schedule to the universe, with its standard error.

    Parameters
    ----------
    panel : Panel
    spots : int array [cells]
    seed : int
        Of the jackknife's groups.

    Returns
    -------
    Frequency

    Raises
    ------
    DaypartError
        As `exposure_chances`.
    """
    return project(panel, exposure_chances(panel, spots), seed=seed)
