"""Fit by the No-U-Turn sampler instead of Laplace, with the same columns.

The fast fit comes first: it gives the table that is sampled, and the approximate scales that
decide what is centred. A row keeps moments of the draws; its integration points are groups of
draws that are alike in dispersion and week scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.models.negbin.block import outputs as rows
from daypart.models.negbin.block.fit_block import BlockFit, Fitted, fitted_of
from daypart.models.negbin.checks.pit import PIT_HOURS, pit_summary
from daypart.models.negbin.nuts.sampler import (
    CHAINS,
    Density,
    NutsDraws,
    NutsPosterior,
    draw_points,
    summarise_draws,
)
from daypart.models.negbin.posterior_columns import PROBABILITIES
from daypart.models.negbin.spans import span_of
from daypart.models.negbin.theta.workspace import DENSE, HOUR, HOUR_VARIANCE, LEVEL
from daypart.models.protocol import FittedSpan
from daypart.models.seeds import number_of

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import ModelSpecification
    from daypart.series.block import SeriesBlock

Floats = NDArray[np.float64]

MOST_RHAT = 1.05
"""Chains that mixed worse than this are flagged."""
MOST_DIVERGED = 0.01
"""Share of the draws that may diverge without a flag."""
_GROUPS = 8, 4
"""Groups of draws by dispersion, and of each of these by week scale: integration points."""


@dataclass(frozen=True)
class Sampled:
    """One partition's draws.

    Parameters
    ----------
    fitted : Fitted
        The fast fit.
    density : Density
    drawn : NutsDraws
    summary : NutsPosterior
    """

    fitted: Fitted
    density: Density
    drawn: NutsDraws
    summary: NutsPosterior


def fit_block_by_nuts(model: ModelSpecification, block: SeriesBlock) -> pa.Table:
    """Sample every partition of a block; see `Model.fit`.

    Parameters
    ----------
    model : ModelSpecification
    block : SeriesBlock
    """
    return pa.concat_tables([_row(model, block.take([i])) for i in range(len(block))])


def spans_by_nuts(model: ModelSpecification, block: SeriesBlock) -> Iterator[FittedSpan]:
    """Sample each partition anew and yield its span; see `HasPosterior.posterior`.

    Parameters
    ----------
    model : ModelSpecification
    block : SeriesBlock
    """
    empty = np.empty(0)
    for i in range(len(block)):
        block_fit = _fast_fit(model, block.take([i]))
        status, reason = block_fit.outcome(0)
        if status != "ok":
            nothing = np.full((len(model.hyperparameters), 2 + len(PROBABILITIES)), np.nan)
            yield FittedSpan(status, reason, empty, empty, nothing)
            continue
        found = _sample(model, block_fit, block.keys.column("unique_id")[i].as_py())
        natural, summary = found.summary.hyperparameters, found.summary
        moments = [natural.mean(axis=0), natural.std(axis=0)]
        scales = np.stack([*moments, *np.quantile(natural, PROBABILITIES, axis=0)], axis=1)
        yield span_of(block, i, found.fitted.offset, summary.log_mu_mean, summary.log_mu_sd, scales)


def _fast_fit(model: ModelSpecification, block: SeriesBlock) -> BlockFit:
    """Fit a block of one partition fast."""
    block_fit = BlockFit(model.approximated("full"), block)
    block_fit.fit(0, 1)
    return block_fit


def _sample(model: ModelSpecification, block_fit: BlockFit, unique_id: str) -> Sampled:
    """Sample one partition after its fast fit; the seed is the model's and its name."""
    fitted = fitted_of(block_fit, 0)
    scales = block_fit.rows.hyper[rows.NATURAL_MEAN, 0, :-1].copy()
    density = Density(fitted.structure, fitted.table, scales)
    draws, seed = model.draws, number_of(unique_id, model.seed) % 2**32
    drawn = draw_points(density, draws=draws, tune=draws, chains=CHAINS, seed=seed)
    return Sampled(fitted, density, drawn, summarise_draws(density, drawn))


def _row(model: ModelSpecification, block: SeriesBlock) -> pa.Table:
    """Sample one partition, and replace the columns of the fast fit by those of the draws."""
    block_fit = _fast_fit(model, block)
    if block_fit.outcome(0)[0] != "ok":
        return block_fit.table()
    unique_id = block.keys.column("unique_id")[0].as_py()
    found = _sample(model, block_fit, unique_id)
    _write_field(block_fit, found, number_of(unique_id, model.seed))
    natural = found.summary.hyperparameters
    theta = np.exp(found.drawn.points.reshape(len(natural), -1)[:, : natural.shape[1]])
    moments = theta.mean(axis=0), theta.std(axis=0), natural.mean(axis=0), natural.std(axis=0)
    block_fit.rows.hyper[:, 0] = moments
    block_fit.rows.steps[0] = 0, found.drawn.evaluations
    block_fit.rows.checks[0, 1] = np.abs(_skewness(theta)).max()
    table = block_fit.table()
    weekly, structure = found.density.levels, found.density.structure
    walk = natural[:, structure.walk_scale] if found.density.walks else np.zeros(len(natural))
    columns: dict[str, Any] = _nodes(natural[:, weekly], walk, natural[:, -1])
    columns |= {"inference": "nuts", "gradient": None, "newton_steps": None}
    columns["flags"] = _flags(table.column("flags")[0].as_py(), found)
    for name, value in columns.items():
        field = table.schema.field(name)
        place = table.schema.get_field_index(name)
        table = table.set_column(place, field, pa.array([value], field.type))
    return table


def _write_field(block_fit: BlockFit, found: Sampled, seed: int) -> None:
    """Correct the row of the fast fit by the difference of the draws, and its diagnostics."""
    row, sums, density = block_fit.rows, block_fit.buffers.sums, found.density
    x = found.drawn.points.reshape(-1, density.size)
    paths, weeks = density.paths(x)
    origin, effects = density.origins(x, np.random.default_rng(seed)), density.effects(x)
    hours = paths + origin[:, None]
    count, number = weeks.shape[1], effects.shape[1]
    fast = sums[HOUR_VARIANCE, : density.cells]
    variance = row.hour_sd[0].astype(np.float64) ** 2 - fast + hours.var(axis=0)
    row.hour_sd[0] = np.sqrt(np.maximum(variance, 1e-12))
    row.hour_mean[0] += hours.mean(axis=0) - sums[HOUR, : density.cells]
    row.level_sd[0] = hours.mean(axis=1).std()
    row.week_mean[:] += weeks.mean(axis=0) - sums[DENSE, :count]
    placed = block_fit.placed
    at = np.arange(number)
    if row.parents[0]:  # then the row has all of the calendar's effects
        at = placed.effect[placed.effect_start[placed.events[0]] :][:number].astype(np.int64)
    row.event_mean[0, at] += effects.mean(axis=0) - sums[DENSE, count : count + number]
    row.event_sd[0, at] = effects.std(axis=0)
    sums[HOUR, : density.cells] = hours.mean(axis=0)
    sums[LEVEL, 2] = origin.mean()
    sums[DENSE, :count], sums[DENSE, count : count + number] = weeks.mean(0), effects.mean(0)
    r = float(found.summary.hyperparameters[:, -1].mean())
    room = np.zeros(PIT_HOURS)
    pit_summary(found.fitted.table, sums, r, placed.seed[0], room, row.pit[0])


def _nodes(week_scale: Floats, walk_scale: Floats, inv_phi: Floats) -> dict[str, Any]:
    """Return a few integration points of equal weight, each the mean of similar draws."""
    alike = [
        group
        for some in np.array_split(np.argsort(inv_phi, kind="stable"), _GROUPS[0])
        for group in np.array_split(some[np.argsort(week_scale[some], kind="stable")], _GROUPS[1])
    ]
    scales = {
        f"node_{name}": np.array([np.sqrt(np.mean(scale[g] ** 2)) for g in alike], np.float32)
        for name, scale in (("week_scale", week_scale), ("walk_scale", walk_scale))
    }
    return {
        "node_weight": np.array([len(g) / len(inv_phi) for g in alike], np.float32),
        **scales,
        "node_inv_phi": np.array([inv_phi[g].mean() for g in alike], np.float32),
    }


def _skewness(values: Floats) -> Floats:
    away = values - values.mean(axis=0)
    return np.asarray((away**3).mean(axis=0) / np.maximum(away.std(axis=0), 1e-12) ** 3)


def _flags(fast: str, found: Sampled) -> str:
    """Return the flags of the data, and those of the sampler."""
    flags = [name for name in fast.split(",") if name not in {"gradient", "skewed", ""}]
    draws = found.drawn.points.shape[0] * found.drawn.points.shape[1]
    if found.drawn.divergences > MOST_DIVERGED * draws:
        flags.append("divergences")
    if not found.summary.rhat <= MOST_RHAT:
        flags.append("unmixed")
    return ",".join(flags)
