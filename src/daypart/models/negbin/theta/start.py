"""Where the search for theta's mode begins: moments of the table, and how far they are known.

With total T, rate p = T / E and sums S over groups of cells (hours of the week or day, weeks),
sum((S - p E)^2 - S) / sum((p E)^2) estimates exp(sd^2) - 1 of a log-normal effect of the groups,
plus what the dispersion adds. Few counts pull a guess to the configuration's own start.
"""

from __future__ import annotations

import math

import numba

from daypart.models.jit.compile import kernel
from daypart.models.jit.types import F1, FloatVector, unsigned
from daypart.models.negbin.field.design import size_of_group
from daypart.models.negbin.field.structure import (
    FIXED,
    SCRATCH,
    SERIES,
    STRUCTURE,
    Scratch,
    Series,
    Structure,
    effects_of_level,
    start_field,
)
from daypart.models.negbin.theta.workspace import HIGHEST, LOWEST, SEARCH, Search

TRUSTED = 300.0
"""Of so many counts the moments and the configuration's start weigh the same."""
FARTHEST = 4.0
"""A guess is at most so many times the configuration's start, or its inverse."""


@kernel(numba.float64, F1, F1, numba.int64, numba.int64, numba.float64)
def relative_variance(
    sums: FloatVector, exposures: FloatVector, groups: int, period: int, rate: float
) -> float:
    """Return sum((S - p E)^2 - S) / sum((p E)^2) over `groups` groups, added up by `period`."""
    above = 0.0
    below = 1e-300
    for g in range(period):
        total = 0.0
        exposure = 0.0
        for i in range(g, groups, period):
            total += sums[i]
            exposure += exposures[i]
        expected = rate * exposure
        above += (total - expected) ** 2 - total
        below += expected * expected
    return above / below


@kernel(numba.float64, SERIES, SCRATCH, numba.float64)
def residual_variance(t: Series, s: Scratch, rate: float) -> float:
    """Return sum((y - m)^2 - y) / sum(m^2) around m, the product of hour and week shares."""
    hours, hour_exposures, share = s.newton.rhs.tree, s.derivative.mode.tree, s.values
    weeks, week_exposures = s.newton.rhs.dense, s.derivative.mode.dense
    for c in range(unsigned(t.counts.shape[1])):
        share[c] = hours[c] / max(hour_exposures[c], 1e-300)
    above = 0.0
    below = 1e-300
    for k in range(t.weeks):
        week = weeks[k] / max(week_exposures[k] * rate, 1e-300)
        counts, exposure = t.counts[k], t.exposure[k]
        for c in range(unsigned(t.counts.shape[1])):
            mean = exposure[c] * week * share[c]
            above += (counts[c] - mean) * (counts[c] - mean) - counts[c]
            below += mean * mean
    return above / below


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, numba.float64)
def start_at_shares(structure: Structure, t: Series, s: Scratch, rate: float) -> None:
    """Put the point where sums by hour and by week suggest, from where fewer steps are taken.

    One count more and one count more expected keep hours and weeks with few counts near the rest.
    """
    tree, path, dense = s.newton.point.tree, s.newton.point.path, s.newton.point.dense
    hours, hour_exposures = s.newton.rhs.tree, s.derivative.mode.tree
    weeks, week_exposures = s.newton.rhs.dense, s.derivative.mode.dense
    start_field(structure, t, s)
    for c in range(unsigned(structure.cells)):
        effect = math.log((hours[c] + 1.0) / (rate * hour_exposures[c] + 1.0))
        tree[c] += effect
        path[c] += effect
    for k in range(t.weeks):
        dense[k] = math.log((weeks[k] + 1.0) / (rate * week_exposures[k] + 1.0))


@kernel(numba.void, STRUCTURE, SERIES, SCRATCH, SEARCH)
def guess_theta(structure: Structure, t: Series, s: Scratch, search: Search) -> None:
    """Move `trial` from the configuration's start to the table's moments, and set `inverse`.

    The expected theta is weighed in by its precision. The field starts at moments, too.
    """
    cells = float(structure.cells)
    hours, hour_exposures = s.newton.rhs.tree, s.derivative.mode.tree
    weeks, week_exposures = s.newton.rhs.dense, s.derivative.mode.dense
    for c in range(unsigned(structure.cells)):
        hours[c] = 0.0
        hour_exposures[c] = 0.0
    total = 0.0
    exposure = 1e-300
    observed = 0
    for k in range(t.weeks):
        counts, exposures = t.counts[k], t.exposure[k]
        counted = 0.0
        shown = 0.0
        for c in range(unsigned(structure.cells)):
            hours[c] += counts[c]
            hour_exposures[c] += exposures[c]
        for c in range(unsigned(structure.cells)):
            counted += counts[c]
            shown += exposures[c]
            observed += 1 if exposures[c] > 0.0 else 0
        weeks[k] = counted
        week_exposures[k] = shown
        total += counted
        exposure += shown
    rate = total / exposure
    d = len(search.trial)
    trust = total / (total + TRUSTED)
    mean = (total + 0.5) / (observed + 1.0)
    start = search.trial
    r = max(residual_variance(t, s, rate), 0.0)
    r *= observed / max(observed - cells - t.weeks, 0.1 * observed)
    width = observed / cells  # observed weeks
    every, season = structure.cells, structure.width
    scatter = relative_variance(hours, hour_exposures, every, every, rate) - r / width
    daily = relative_variance(hours, hour_exposures, every, season, rate)
    daily -= r * season / (cells * width)
    weekly = relative_variance(weeks, week_exposures, t.weeks, t.weeks, rate) - r / cells
    lasting = 0.0  # share of the walk: over K weeks, K / 6 of its steps are seen
    if structure.walk_scale != FIXED:
        seen = t.weeks / 6.0 * start[structure.walk_scale] ** 6
        lasting = seen / (seen + start[structure.week_scale] ** 6)
    for i in range(d):
        groups, noise = cells, r / width + cells / (total + 0.5)
        found = scatter
        if i == d - 1:
            found, groups, noise = math.expm1(r), float(observed), 1.0 / mean
        elif i == structure.week_scale:
            found, groups = (1.0 - lasting) * weekly, float(t.weeks)
            noise = r / cells + t.weeks / (total + 0.5)
        elif i == structure.walk_scale:
            found, groups = lasting * weekly * 6.0 / t.weeks, float(t.weeks)
            noise = r / cells + t.weeks / (total + 0.5)
        elif i > structure.week_scale:  # few effects: their scale is where the prior expects it
            found, noise = math.expm1(start[i] ** 6), start[i] ** 6
            groups = max(size_of_group(structure, t, i), 1.0)
        elif structure.week_scale > 1:
            share = effects_of_level(structure, i)
            noise *= share / groups
            groups = share
            found = daily if share == structure.width else 0.4 * max(scatter - max(daily, 0.0), 0.0)
        square = start[i] ** 6
        variance = math.log1p(max(found, 0.0))
        variance = min(max(variance, square / FARTHEST**2), square * FARTHEST**2)
        scale = math.exp(0.5 * (trust * math.log(variance) + (1.0 - trust) * math.log(square)))
        known = scale * scale / (scale * scale + noise)
        spread = min(1.0 / (known * math.sqrt(2.0 * groups)), 0.5)
        guess = min(max(scale ** (1.0 / 3.0), LOWEST), HIGHEST)
        precision = (guess * spread / 3.0) ** -2.0
        guess = (precision * guess + structure.pull[i] * structure.centre[i]) / (
            precision + structure.pull[i]
        )
        search.trial[i] = min(max(guess, LOWEST), HIGHEST)
        for j in range(d):
            search.inverse[i, j] = 0.0
        search.inverse[i, i] = 1.0 / (precision + structure.pull[i])
    start_at_shares(structure, t, s, rate)
