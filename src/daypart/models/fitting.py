"""Fit a block of partitions one after the other with the kernels, and lay the posteriors out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.models import layout
from daypart.models.diagnostics import PIT_HOURS, pit_summary
from daypart.models.field import (
    CROSSED_LEVELS,
    CROSSED_PARENTS,
    DAY_TYPE_LEVELS,
    DAY_TYPE_PARENTS,
    Scratch,
    Series,
    Structure,
    make_scratch,
)
from daypart.models.mixture import DONE, fit_series
from daypart.models.negbin import FEWEST_WEEKS, INFERENCES, MOST_WEEKS
from daypart.models.parents import EVENT_SD, Prior
from daypart.models.quadrature import integration_rule, product_rule
from daypart.models.search import TRIAL, VECTORS
from daypart.models.seeds import number_of
from daypart.models.summary import CHECKS, DENSE, DENSE_SQUARE, HOUR, HOUR_SQUARE, LEVEL, SUM_ROWS
from daypart.series import local_hours

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models.negbin import Configuration, NegativeBinomial
    from daypart.series import SeriesBlock


PIT_COLUMNS = ("pit_mean", "pit_sd", "pit_distance")
FINE_BELOW = 2.0
"""Mean count an hour under which FULL takes the finer rule."""


def structure_of(configuration: Configuration) -> Structure:
    """Return the shape and the fixed priors as the kernels read them."""
    return Structure(
        parents=DAY_TYPE_PARENTS if configuration.day_types else CROSSED_PARENTS,
        levels=DAY_TYPE_LEVELS if configuration.day_types else CROSSED_LEVELS,
        walk=int(configuration.walk),
        hyper_scales=np.array(configuration.hyper_scales),
        level_precision=configuration.level_sd**-2.0,
        event_precision=configuration.event_sd**-2.0,
        skewed=configuration.skewed,
        centre=np.zeros(len(configuration.hyper_scales)),
        pull=np.zeros(len(configuration.hyper_scales)),
    )


@dataclass
class Workspace:
    """Buffers that grow to the longest partition met; each fit overwrites the last one's."""

    structure: Structure
    rule: NDArray[np.float64]
    fine: NDArray[np.float64]
    """The rule of sparse series in FULL."""
    weeks: int = 0
    hours: int = 0
    effects: int = 0
    pairs: int = 0
    used: int = 0
    """Rows of `nodes` that the last fit filled."""
    table: Series | None = None
    fitted_with: Structure | None = None
    """What the last fit was of, and its prior."""

    def reserve(self, weeks: int, hours: int, effects: int, pairs: int) -> None:
        """Grow to a partition of such a size, where it is the largest yet."""
        if (
            weeks <= self.weeks
            and hours <= self.hours
            and effects <= self.effects
            and pairs <= self.pairs
        ):
            return
        self.weeks, self.hours = max(weeks, self.weeks), max(hours, self.hours)
        self.effects, self.pairs = max(effects, self.effects), max(pairs, self.pairs)
        d = len(self.structure.hyper_scales)
        self.counts, self.exposure, self.offset = np.zeros((3, self.weeks, 168))
        self.over = np.zeros(layout.HISTOGRAM)
        self.large = np.zeros(self.hours + 1)
        self.places = np.zeros((3, self.pairs + 1), np.int64)
        self.report = np.zeros(6, np.int64)
        self.steps = np.zeros(2, np.int64)
        self.search = np.zeros((VECTORS + 5 * d + 2, d))
        self.nodes = np.zeros((max(len(self.rule), len(self.fine)), d + 1))
        self.sums = np.zeros((SUM_ROWS, max(168, self.weeks + self.effects)))
        self.scratch: Scratch = make_scratch(
            self.weeks, self.effects, len(self.structure.parents), d - 2, self.hours + 1
        )


@dataclass(frozen=True)
class Posterior:
    """What one partition's fit found, or why there is none."""

    status: str
    reason: str | None
    columns: dict[str, Any]


def fit_block(model: NegativeBinomial, block: SeriesBlock) -> pa.Table:
    """Fit every partition of a block; see `Model.fit`."""
    return posterior_table(model, [found for found, _ in fit_partitions(model, block)])


def fit_partitions(
    model: NegativeBinomial, block: SeriesBlock
) -> Iterator[tuple[Posterior, Workspace]]:
    """Yield the posterior of each partition in turn, and the buffers that its fit left."""
    structure = structure_of(model.configuration)
    dimensions = len(structure.hyper_scales)
    rule = integration_rule(dimensions)
    fine = product_rule(3) if dimensions == 3 and model.parameters["inference"] == "full" else rule
    space = Workspace(structure, rule, fine)
    for i, key in enumerate(block.keys.to_pylist()):
        yield _fit_one(model, block, i, key, space), space


def _fit_one(
    model: NegativeBinomial, block: SeriesBlock, i: int, key: dict[str, str], space: Workspace
) -> Posterior:
    series = block.counts_of(i)
    first_hour, hours = int(block.first_hours[i]), len(series)
    if hours == 0:
        return Posterior("skipped", "the series is empty", {})
    clock = local_hours(first_hour, hours, block.timezones[i])
    weeks = int(clock.week[-1]) + 1
    if weeks > MOST_WEEKS:
        return Posterior("failed", f"{weeks} weeks, at most {MOST_WEEKS} can be fitted", {})
    events = model.calendar.hours_of(key, first_hour, hours, block.timezones[i])
    present = np.unique(events.effect)
    space.reserve(weeks, hours, len(present), len(events))
    layout.lay_out(
        np.array(series, dtype=np.int32),
        np.array(block.exposures_of(i), dtype=np.float32),
        np.array(clock.week),
        np.array(clock.hour_of_week),
        np.array(events.hour),
        np.searchsorted(present, events.effect).astype(np.int16),
        space.counts[:weeks],
        space.exposure[:weeks],
        space.over,
        space.large,
        space.places,
        space.report,
    )
    problem = _problem(space.report, hours)
    if problem is not None:
        return problem
    prior = None
    if model.parents is not None:
        monday = int(clock.day[0]) - int(clock.hour_of_week[0]) // 24
        total = float(space.report[layout.TOTAL])
        prior = model.parents.prior_of(model.configuration, key, total, monday, weeks)
    _offset(space, prior, weeks, present)
    table = Series(
        weeks=weeks,
        effects=len(present),
        events=int(space.report[layout.EVENTS]),
        counts=space.counts,
        exposure=space.exposure,
        event=space.places,
        over=space.over,
        large=space.large,
        large_total=int(space.report[layout.LARGE]),
    )
    sparse = space.report[layout.TOTAL] < FINE_BELOW * space.report[layout.OBSERVED]
    fine = space.fine if sparse else space.rule
    space.search[TRIAL] = np.cbrt(model.configuration.start)
    space.steps[:] = 0
    space.table, space.fitted_with = table, space.structure if prior is None else prior.structure
    code = fit_series(
        space.fitted_with,
        table,
        space.scratch,
        INFERENCES.index(model.parameters["inference"]),
        space.rule,
        fine,
        space.search,
        space.nodes,
        space.sums,
        space.steps,
    )
    if code != DONE or not np.isfinite(space.sums).all():
        return Posterior("failed", "the posterior's mode was not found", {})
    space.used = len(fine) if space.sums[CHECKS, 2] else len(space.rule)
    columns = _columns(model, space, weeks, present)
    columns |= _pit(model, table, space, key["unique_id"])
    if prior is not None:
        columns |= _with_prior(model, columns, prior, present)
    return Posterior("ok", None, columns)


def _pit(
    model: NegativeBinomial, table: Series, space: Workspace, unique_id: str
) -> dict[str, float]:
    """Return the columns of the randomised transforms, whose seed is the partition's name."""
    nodes, found = space.nodes[: space.used], np.zeros(3)
    r = float(nodes[:, 0] @ nodes[:, -1] ** 6)
    seed = number_of(unique_id) >> 1  # fits an int64
    walk = int(model.configuration.walk)
    pit_summary(table, walk, space.sums, r, seed, np.zeros(PIT_HOURS), found)
    return dict(zip(PIT_COLUMNS, found.tolist(), strict=True))


def _offset(space: Workspace, prior: Prior | None, weeks: int, present: NDArray[np.int16]) -> None:
    """Take a prior's log mean in as exposure, so that the fit's effects are deviations from it."""
    space.offset[:] = 0.0
    if prior is None:
        return
    space.offset[:weeks] = prior.offset
    week, hour, effect = space.places[:, : int(space.report[layout.EVENTS])]
    np.add.at(space.offset, (week, hour), prior.event_mean[present[effect]])
    space.exposure[:weeks] *= np.exp(space.offset[:weeks])


def _with_prior(
    model: NegativeBinomial, columns: dict[str, Any], prior: Prior, present: NDArray[np.int16]
) -> dict[str, Any]:
    """Return the columns that hold the sum of a prior and the deviations from it."""
    event_mean, event_sd = prior.event_mean.copy(), np.full(len(prior.event_mean), EVENT_SD)
    event_mean[present] += columns["event_mean"]
    event_sd[present] = columns["event_sd"]
    variance = columns["hour_of_week_sd"].astype(np.float64) ** 2 + prior.origin_variance
    return {
        "hour_of_week_mean": (columns["hour_of_week_mean"] + prior.origin).astype(np.float32),
        "hour_of_week_sd": np.sqrt(variance).astype(np.float32),
        "week_mean": (columns["week_mean"] + prior.week).astype(np.float32),
        "event": list(model.calendar.effects),
        "event_mean": event_mean.astype(np.float32),
        "event_sd": event_sd.astype(np.float32),
        **prior.columns,
    }


def _problem(report: NDArray[np.int64], hours: int) -> Posterior | None:
    """Say why a series can't be fitted, or None."""
    if report[layout.CONTRADICTED]:
        reason = f"{report[layout.CONTRADICTED]} hours have counts but no exposure"
        return Posterior("failed", reason, {})
    if hours < FEWEST_WEEKS * 168:
        return Posterior("skipped", f"{hours} hours, under {FEWEST_WEEKS} weeks", {})
    if not report[layout.OBSERVED]:
        return Posterior("skipped", "all hours are missing or without exposure", {})
    return None


def _flags(report: NDArray[np.int64], gradient: float, skewness: float) -> str:
    observed, total = int(report[layout.OBSERVED]), int(report[layout.TOTAL])
    found = {
        "all_zero": total == 0,
        "short": observed < FEWEST_WEEKS * 168,
        "spike": total > 0 and 2 * int(report[layout.LARGEST]) > total,
        "sparse": 0 < total < 0.3 * observed,
        "gradient": gradient > 0.3,
        "skewed": skewness > 1.0,
    }
    return ",".join(name for name, present in found.items() if present)


def _columns(
    model: NegativeBinomial, space: Workspace, weeks: int, present: NDArray[np.int16]
) -> dict[str, Any]:
    """Return one partition's columns of the state."""
    sums, nodes, report = space.sums, space.nodes[: space.used], space.report
    deviation = np.sqrt(np.maximum(sums[HOUR_SQUARE] - sums[HOUR] ** 2, 1e-12))
    dense_deviation = np.sqrt(np.maximum(sums[DENSE_SQUARE] - sums[DENSE] ** 2, 1e-12))
    events = slice(weeks, weeks + len(present))
    gradient, skewness = float(sums[CHECKS, 0]), float(sums[CHECKS, 1])
    columns: dict[str, Any] = {
        "hour_of_week_mean": sums[HOUR, :168].astype(np.float32),
        "hour_of_week_sd": deviation[:168].astype(np.float32),
        "level_sd": float(np.sqrt(max(sums[LEVEL, 1] - sums[LEVEL, 0] ** 2, 1e-12))),
        "week_mean": sums[DENSE, :weeks].astype(np.float32),
        "event": [model.calendar.effects[effect] for effect in present],
        "event_mean": sums[DENSE, events].astype(np.float32),
        "event_sd": dense_deviation[events].astype(np.float32),
        "node_weight": nodes[:, 0].astype(np.float32),
        "node_week_scale": (nodes[:, -2] ** 3).astype(np.float32),
        "node_inv_phi": (nodes[:, -1] ** 6).astype(np.float32),
    }
    natural = nodes[:, 1:] ** 3
    natural[:, -1] **= 2
    means = nodes[:, 0] @ natural
    spreads = np.sqrt(np.maximum(nodes[:, 0] @ (natural - means) ** 2, 0.0))
    for name, mean, spread in zip(model.configuration.hyperparameters, means, spreads, strict=True):
        columns[f"{name}_mean"], columns[f"{name}_sd"] = float(mean), float(spread)
    theta = nodes[:, 0] @ nodes[:, 1:]
    return columns | {
        "theta_mean": theta,
        "theta_sd": np.sqrt(nodes[:, 0] @ (nodes[:, 1:] - theta) ** 2),
        "observed_hours": int(report[layout.OBSERVED]),
        "mean_count": float(report[layout.TOTAL] / report[layout.OBSERVED]),
        "newton_steps": int(space.steps[0]),
        "evaluations": int(space.steps[1]),
        "gradient": gradient,
        "skewness": skewness,
        "inference": "full" if sums[CHECKS, 2] else "fast",
        "flags": _flags(report, gradient, skewness),
    }


def posterior_table(model: NegativeBinomial, posteriors: list[Posterior]) -> pa.Table:
    """Lay posteriors out as Arrow, a row a partition."""
    import pyarrow as pa

    schema = posterior_schema(model)
    columns = {
        "status": [posterior.status for posterior in posteriors],
        "reason": [posterior.reason for posterior in posteriors],
    }
    for name in schema.names[2:]:
        columns[name] = [posterior.columns.get(name) for posterior in posteriors]
    return pa.table(columns, schema=schema)


def posterior_schema(model: NegativeBinomial) -> pa.Schema:
    """Return the columns of a model's state."""
    import pyarrow as pa

    vector = pa.list_(pa.float32())
    fields = {"status": pa.string(), "reason": pa.string()}
    fields |= {"hour_of_week_mean": vector, "hour_of_week_sd": vector, "level_sd": pa.float32()}
    fields |= {"week_mean": vector, "event": pa.list_(pa.string())}
    fields |= {"event_mean": vector, "event_sd": vector}
    fields |= {"node_weight": vector, "node_week_scale": vector, "node_inv_phi": vector}
    for name in model.configuration.hyperparameters:
        fields |= {f"{name}_mean": pa.float32(), f"{name}_sd": pa.float32()}
    fields |= {"observed_hours": pa.int32(), "mean_count": pa.float32()}
    fields |= {"newton_steps": pa.int32(), "evaluations": pa.int32()}
    fields |= {"gradient": pa.float32(), "skewness": pa.float32(), "inference": pa.string()}
    fields |= {"flags": pa.string(), **dict.fromkeys(PIT_COLUMNS, pa.float32())}
    if model.pools:
        names = pa.list_(pa.string())
        fields |= {"parents": names, "shared_sd": vector, "shared_event_sd": vector}
    return pa.schema(list(fields.items()))
