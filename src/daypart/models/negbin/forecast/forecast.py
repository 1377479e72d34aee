"""Forecasts and sample paths straight from a stored posterior, without a refit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.models.events.events import EventHours
from daypart.models.negbin.forecast.paths import MOST_SHARED, SharedDraws, shared_of
from daypart.models.protocol import Forecast, Window
from daypart.models.seeds import generator_of
from daypart.series.local_time import datetime_to_hour, local_hours

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import ModelSpecification

_STRATA = 4
HOURS_EACH = 1344
"""Quantiles of up to so many hours are found one by one, those of more read off a table."""
CLOSE_NODES, WIDE_NODES, DEVIATION_NODES = 0.1, 0.35, 11
ABSCISSAE, ABSCISSA_WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
ABSCISSA_WEIGHTS = ABSCISSA_WEIGHTS / ABSCISSA_WEIGHTS.sum()


@dataclass(frozen=True)
class PlacedHours:
    """The window's hours seen from one series."""

    hour_of_week: NDArray[np.int64]
    steps: NDArray[np.int64]
    """Whole local weeks after the last fitted one, at least 0."""
    events: EventHours
    days: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Whole local days after the first hour's."""


def clock_of(model: ModelSpecification, row: dict[str, Any], window: Window) -> PlacedHours:
    """Place the window's hours on the local clock of one row of the state."""
    first_hour, timezone = datetime_to_hour(row["first_hour"]), row["timezone"]
    fitted = local_hours(first_hour, max(int(row["hours"]), 1), timezone)
    ahead = local_hours(window.first_hour, window.hours, timezone)
    last_monday = int(fitted.day[-1]) - int(fitted.hour_of_week[-1]) // 24
    steps = (ahead.day - ahead.hour_of_week // 24 - last_monday) // 7
    return PlacedHours(
        hour_of_week=ahead.hour_of_week.astype(np.int64),
        steps=np.maximum(steps, 0).astype(np.int64),
        events=model.calendar.hours_of(row, window.first_hour, window.hours, timezone),
        days=(ahead.day - ahead.day[0]).astype(np.int64),
    )


@dataclass(frozen=True)
class LogMean:
    """Normal law of log mu per hour of the window, without week innovations."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def event_effects(
    model: ModelSpecification, row: dict[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and sd of each effect of the calendar: the prior's where it was never seen."""
    mean = np.zeros(len(model.calendar.effects))
    sd = np.full(len(mean), model.configuration.event_sd)
    number = {name: place for place, name in enumerate(model.calendar.effects)}
    for name, *moments in zip(row["event"], row["event_mean"], row["event_sd"], strict=True):
        mean[number[name]], sd[number[name]] = moments
    return mean, sd


def level_of(model: ModelSpecification, row: dict[str, Any], clock: PlacedHours) -> LogMean:
    """Return each hour's log mean for the row's exposure; effects of one hour add up."""
    cell_mean = np.asarray(row["hour_of_week_mean"], dtype=np.float64)
    cell_sd = np.asarray(row["hour_of_week_sd"], dtype=np.float64)
    mean = cell_mean[clock.hour_of_week] + np.log(max(float(row["exposure"]), 1e-300))
    variance = cell_sd[clock.hour_of_week] ** 2
    shares = shared_of(row)
    for shared in shares:
        variance += shared.level_sd**2 + clock.steps * shared.walk_sd**2 + shared.week_sd**2
    if len(clock.events):
        event_mean, event_sd = event_effects(model, row)
        event_variance = event_sd**2 + sum(shared.event_sd**2 for shared in shares)
        np.add.at(mean, clock.events.hour, event_mean[clock.events.effect])
        np.add.at(variance, clock.events.hour, event_variance[clock.events.effect])
    return LogMean(mean, variance)


def week_innovations(model: ModelSpecification, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many independent week innovations stand between the origin and each hour."""
    return steps if model.configuration.walk else np.ones_like(steps)


def forecast_block(
    model: ModelSpecification, state: pa.Table, window: Window, probabilities: Sequence[float]
) -> Forecast:
    """Predict counts for every row of a state; see `Model.forecast`."""
    from daypart.models.negbin.forecast.quantiles import forecast_cells

    shape = (state.num_rows, window.hours)
    result = Forecast(np.empty(shape), np.empty(shape), np.empty((*shape, len(probabilities))))
    order = np.argsort(probabilities, kind="stable")
    ascending = np.asarray(probabilities, dtype=np.float64)[order]
    normal = normal_quantiles(ascending)
    for i, row in enumerate(state.to_pylist()):
        if row["status"] != "ok":
            result.mean[i] = result.sd[i] = result.quantiles[i] = np.nan
            continue
        clock = clock_of(model, row, window)
        level = level_of(model, row, clock)
        weight, week_variance, r = strata_of(row)
        innovations = week_innovations(model, clock.steps)
        laws = level.mean, level.variance, innovations.astype(np.float64), weight, week_variance, r
        if window.hours > HOURS_EACH:
            quantiles_of_hours = np.empty((window.hours, len(ascending)))
            moments_of_hours = np.stack([result.mean[i], result.sd[i]], axis=1)
            _read_off(laws, ascending, moments_of_hours, quantiles_of_hours)
            result.mean[i], result.sd[i] = moments_of_hours.T
            result.quantiles[i][:, order] = quantiles_of_hours
            continue
        # hours of one hour of week, week and events share a predictive distribution
        code = innovations * 168 + clock.hour_of_week
        for effect in np.unique(clock.events.effect):
            acting = np.zeros(window.hours, np.int64)
            acting[clock.events.hour[clock.events.effect == effect]] = 1
            code = np.unique(2 * code + acting, return_inverse=True)[1]
        _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
        quantiles = np.empty((len(first), len(ascending)))
        moments = np.empty((len(first), 2))
        forecast_cells(
            level.mean[first],
            level.variance[first],
            innovations[first].astype(np.float64),
            weight,
            week_variance,
            r,
            ABSCISSAE,
            ABSCISSA_WEIGHTS,
            ascending,
            normal,
            moments,
            quantiles,
        )
        result.mean[i] = moments[inverse, 0]
        result.sd[i] = moments[inverse, 1]
        result.quantiles[i][:, order] = quantiles[inverse]
    return result


def _read_off(
    laws: tuple[NDArray[np.float64], ...],
    probabilities: NDArray[np.float64],
    moments: NDArray[np.float64],
    quantiles: NDArray[np.float64],
) -> None:
    """Forecast many hours from the quantiles of a few laws that lie between theirs.

    Quantiles follow log mean and standard deviation smoothly: straight lines between nodes are
    off by less than 0.01 in probability.
    """
    from daypart.models.negbin.forecast.quantiles import forecast_cells, read_off_cells

    mean, variance, innovations, weight, week_variance, r = laws
    average = float(weight @ week_variance)
    deviation = np.sqrt(variance + innovations * average)
    means, turn = _log_means(mean, r)
    deviations = _nodes(deviation, DEVIATION_NODES)
    x, z = (each.ravel() for each in np.meshgrid(means, deviations, indexing="ij"))
    # later weeks have more innovations and are wider: so are the nodes
    share = np.clip((z - deviations[0]) / (deviations[-1] - deviations[0]), 0.0, 1.0)
    ahead = np.minimum(share * innovations.max(), z**2 / max(average, 1e-12))
    table = np.empty((len(x), len(probabilities)))
    own = np.maximum(z**2 - ahead * average, 1e-12)
    scratch = np.empty((len(x), 2))
    given = ABSCISSAE, ABSCISSA_WEIGHTS, probabilities, normal_quantiles(probabilities)
    forecast_cells(x, own, ahead, weight, week_variance, r, *given, scratch, table)
    table /= np.exp(x)[:, None]
    shaped = table.reshape(len(means), len(deviations), len(probabilities))
    strata = weight, week_variance, r
    read_off_cells(
        mean, variance, innovations, *strata, means, deviations, turn, shaped, moments, quantiles
    )


def _log_means(
    values: NDArray[np.float64], r: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    """Return log means that enclose all values, and at which of them they begin to stand wider."""
    from daypart.models.negbin.forecast.large_counts import large_from

    low, high = float(values.min()), float(values.max())
    turn = min(max(float(np.log(large_from(r))), low), high)
    close = np.linspace(low, turn, int(np.ceil((turn - low) / CLOSE_NODES)) + 1)
    wide = np.linspace(turn, high, int(np.ceil((high - turn) / WIDE_NODES)) + 1)
    joined = np.concatenate([close, wide[1:]])
    if len(joined) == 1:  # all hours have one mean
        joined = np.array([low, low + CLOSE_NODES])
    return joined, len(close) - 1


def normal_quantiles(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard normal quantiles at probabilities."""
    law = NormalDist()
    return np.array([law.inv_cdf(min(max(each, 1e-15), 1 - 1e-15)) for each in probabilities])


def _nodes(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return evenly spaced numbers that enclose all values."""
    low, high = float(values.min()), float(values.max())
    return np.linspace(low, max(high, low + 1e-3), count)


def strata_of(
    row: dict[str, Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Gather the scales' nodes into three strata of dispersion.

    Returns
    -------
    tuple of float64 arrays, shape (3,)
        Weight, mean square week scale and mean 1 / size of each stratum.
    """
    weight = np.asarray(row["node_weight"], dtype=np.float64)
    week_variance = np.asarray(row["node_week_scale"], dtype=np.float64) ** 2
    r = np.asarray(row["node_inv_phi"], dtype=np.float64)
    order = np.argsort(r, kind="stable")
    weight, week_variance, r = weight[order] / weight.sum(), week_variance[order], r[order]
    above = np.cumsum(weight)
    edges = np.arange(_STRATA + 1) / _STRATA
    shares = np.diff(np.clip(above[None, :], edges[:-1, None], edges[1:, None]), axis=1)
    first = np.clip(above[0], edges[:-1], edges[1:]) - edges[:-1]
    shares = np.concatenate([first[:, None], shares], axis=1)
    total = shares.sum(axis=1)
    return total, shares @ week_variance / total, shares @ r / total


def sample_block(
    model: ModelSpecification, state: pa.Table, window: Window, draws: int, seed: int
) -> NDArray[np.int32]:
    """Draw joint paths for every row of a state; see `Model.sample_paths`."""
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
    clock = clock_of(model, row, window)
    mean = level_of(model, row, clock).mean
    weight = np.asarray(row["node_weight"], dtype=np.float64)
    node = generator.choice(len(weight), size=draws, p=weight / weight.sum())
    week_scale = np.asarray(row["node_week_scale"], dtype=np.float64)[node]
    r = np.asarray(row["node_inv_phi"], dtype=np.float64)[node]
    cell_sd = np.asarray(row["hour_of_week_sd"], dtype=np.float64)
    level_sd = np.minimum(float(row["level_sd"]), cell_sd)
    own = np.sqrt(cell_sd**2 - level_sd**2)
    cell = generator.standard_normal((draws, 1)) * level_sd
    cell += generator.standard_normal((draws, 168)) * own
    log_mean = mean[None, :] + cell[:, clock.hour_of_week]
    weeks = int(clock.steps.max(initial=0)) + 1
    shocks = generator.standard_normal((draws, weeks)) * week_scale[:, None]
    if model.configuration.walk:
        shocks[:, 0] = 0.0
        shocks = np.cumsum(shocks, axis=1)
    log_mean += shocks[:, clock.steps]
    _, event_sd = event_effects(model, row)
    for effect in np.unique(clock.events.effect):
        shift = generator.standard_normal((draws, 1)) * event_sd[effect]
        log_mean[:, clock.events.hour[clock.events.effect == effect]] += shift
    scales = shared_of(row)
    for scale in scales:
        log_mean += shared.log_mean(scale, clock)
    common = sum(scale.day_sd**2 + scale.hour_sd**2 for scale in scales)
    if common > 0.0:
        log_r = np.log1p(r)
        loading = np.sqrt(np.minimum(MOST_SHARED * log_r / common, 1.0))[:, None]
        for scale in scales:
            log_mean += loading * shared.shocks(scale, clock)
        log_mean -= 0.5 * loading**2 * common
        r = np.expm1(log_r - loading[:, 0] ** 2 * common)
    size = 1.0 / r[:, None]
    rate = generator.standard_gamma(np.broadcast_to(size, log_mean.shape)) / size
    rate *= np.exp(np.minimum(log_mean, 20.0))
    return generator.poisson(np.minimum(rate, 2e9)).astype(np.int32)
