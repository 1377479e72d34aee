"""Sample paths straight from a stored posterior.

Partitions of one parent share part of their future: those draws depend on the parent's name and
the seed alone, so that they are the same for each of its partitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.negbin.forecast.log_mean import (
    MOST_VARIANCE,
    HoursAhead,
    SharedScales,
    damping,
    event_effects,
    hours_ahead,
    log_mean_of,
    shared_of,
)
from daypart.models.protocol import Window
from daypart.models.seeds import generator_of

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models.negbin.configuration import ModelSpecification

LARGEST_DRAW = 2.1e9
"""Mean of a drawn count; paths, as stores, hold counts up to 2^31 - 1."""
MOST_SHARED = 0.9
"""Largest part of a partition's dispersion, on the log scale, that shared shocks make up."""


class SharedDraws:
    """What partitions share in each draw, by parent; kept for the next partition.

    Parameters
    ----------
    draws : int
    seed : int
    """

    def __init__(self, draws: int, seed: int) -> None:
        self.draws = draws
        self.seed = seed
        self._kept: dict[tuple[str, str, int], NDArray[np.float32]] = {}

    def normal(self, parent: str, what: str, count: int) -> NDArray[np.float32]:
        """Return standard normal numbers, shape (count, draws); fewer are the first of more.

        Parameters
        ----------
        parent, what : str
            Name of a parent and of a shock, which with the seed determine the numbers.
        count : int
        """
        key = (parent, what, count)
        if key not in self._kept:
            generator = generator_of(f"{parent} {what}", self.seed)
            self._kept[key] = generator.standard_normal((count, self.draws), dtype=np.float32)
        return self._kept[key]

    def log_mean(self, shared: SharedScales, ahead: HoursAhead) -> NDArray[np.float64]:
        """Return what a parent adds to log mu in each week, shape (draws, hours).

        Parameters
        ----------
        shared : SharedScales
        ahead : HoursAhead
        """
        weeks = int(ahead.steps.max(initial=0)) + 1
        walk = self.normal(shared.parent, "walk", weeks) * shared.walk_sd * damping(weeks)[:, None]
        walk[0] = shared.level_sd * self.normal(shared.parent, "level", 1)[0]
        moved = np.cumsum(walk, axis=0, dtype=np.float64)
        moved += shared.week_sd * self.normal(shared.parent, "week", weeks)
        result = moved[ahead.steps]
        if len(ahead.events):
            normal = self.normal(shared.parent, "event", len(shared.event_sd))
            events = normal * shared.event_sd[:, None]
            np.add.at(result, ahead.events.hour, events[ahead.events.effect])
        return np.asarray(result.T, dtype=np.float64)

    def shocks(self, shared: SharedScales, ahead: HoursAhead) -> NDArray[np.float64]:
        """Return what a parent adds in each day and each hour, shape (draws, hours).

        Parameters
        ----------
        shared : SharedScales
        ahead : HoursAhead
        """
        days = self.normal(shared.parent, "day", int(ahead.days[-1]) + 1)
        hours = self.normal(shared.parent, "hour", len(ahead.days))
        return np.asarray((shared.day_sd * days[ahead.days] + shared.hour_sd * hours).T, np.float64)


def sample_block(
    model: ModelSpecification, state: pa.Table, window: Window, draws: int, seed: int
) -> NDArray[np.int32]:
    """Draw joint paths for every row of a state; see `Model.sample_paths`.

    Parameters
    ----------
    model : ModelSpecification
    state, window, draws, seed
        As `Model.sample_paths` takes them.
    """
    paths = np.full((state.num_rows, draws, window.hours), -1, dtype=np.int32)
    shared = SharedDraws(draws, seed)
    for i, row in enumerate(state.to_pylist()):
        if row["status"] == "ok":
            generator = generator_of(row["unique_id"], seed)
            paths[i] = _sample_one(model, row, window, draws, generator, shared)
    return paths


def _sample_one(
    model: ModelSpecification,
    row: dict[str, Any],
    window: Window,
    draws: int,
    generator: np.random.Generator,
    shared: SharedDraws,
) -> NDArray[np.int32]:
    """Draw one partition's paths: scales, level, each hour of week, weeks, events, counts."""
    ahead = hours_ahead(model, row, window)
    mean = log_mean_of(model, row, ahead).mean
    weight = np.asarray(row["node_weight"], dtype=np.float64)
    node = generator.choice(len(weight), size=draws, p=weight / weight.sum())
    week_scale = np.asarray(row["node_week_scale"], dtype=np.float64)[node, None]
    walk_scale = np.asarray(row["node_walk_scale"], dtype=np.float64)[node, None]
    r = np.asarray(row["node_inv_phi"], dtype=np.float64)[node]
    cell_sd = np.asarray(row["hour_of_week_sd"], dtype=np.float64)
    level_sd = np.minimum(float(row["level_sd"]), cell_sd)
    own = np.sqrt(cell_sd**2 - level_sd**2)
    cell = generator.standard_normal((draws, 1)) * level_sd
    cell += generator.standard_normal((draws, len(own))) * own
    away = cell[:, ahead.hour_of_week]
    weeks = int(ahead.steps.max(initial=0)) + 1
    walk = generator.standard_normal((draws, weeks)) * damping(weeks)
    week = walk_scale * np.cumsum(walk, axis=1)
    week += week_scale * generator.standard_normal((draws, weeks))
    away += week[:, ahead.steps]
    variance = (cell_sd**2)[ahead.hour_of_week] + week_scale**2 + ahead.walked * walk_scale**2
    log_mean = mean + away * np.sqrt(np.minimum(MOST_VARIANCE / variance, 1.0))
    _, event_sd = event_effects(model, row)
    for effect in np.unique(ahead.events.effect):
        shift = generator.standard_normal((draws, 1)) * event_sd[effect]
        log_mean[:, ahead.events.hour[ahead.events.effect == effect]] += shift
    scales = shared_of(row)
    for scale in scales:
        log_mean += shared.log_mean(scale, ahead)
    common = sum(scale.day_sd**2 + scale.hour_sd**2 for scale in scales)
    if common > 0.0:
        log_r = np.log1p(r)
        loading = np.sqrt(np.minimum(MOST_SHARED * log_r / common, 1.0))[:, None]
        for scale in scales:
            log_mean += loading * shared.shocks(scale, ahead)
        log_mean -= 0.5 * loading**2 * common
        r = np.expm1(log_r - loading[:, 0] ** 2 * common)
    size = 1.0 / r[:, None]
    rate = generator.standard_gamma(np.broadcast_to(size, log_mean.shape)) / size
    rate *= np.exp(np.minimum(log_mean, np.log(LARGEST_DRAW)))
    return generator.poisson(np.minimum(rate, LARGEST_DRAW)).astype(np.int32)
