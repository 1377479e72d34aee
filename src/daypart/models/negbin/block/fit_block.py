"""Fit a block of partitions with one call of a kernel, which fills arrays of a row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.models.negbin.block import layout
from daypart.models.negbin.block import outputs as rows
from daypart.models.negbin.block.block_kernel import Buffers, fit_rows, make_buffers
from daypart.models.negbin.block.inputs import Placed, place
from daypart.models.negbin.block.outputs import Rows, make_rows
from daypart.models.negbin.block.state import state_table
from daypart.models.negbin.configuration import FEWEST_WEEKS, MOST_WEEKS, skewness_limits
from daypart.models.negbin.field.structure import (
    CROSSED_LEVELS,
    CROSSED_PARENTS,
    DAY_TYPE_LEVELS,
    DAY_TYPE_PARENTS,
    FIXED,
    Series,
    Structure,
)
from daypart.models.negbin.pooling.parents import EVENT_SD
from daypart.models.negbin.pooling.prior import no_parents, pool
from daypart.models.negbin.posterior_columns import summarise
from daypart.models.negbin.spans import span_of
from daypart.models.negbin.theta.quadrature import integration_rule, product_rule
from daypart.models.protocol import FittedSpan

if TYPE_CHECKING:
    from daypart.models.negbin.configuration import Configuration, ModelSpecification
    from daypart.series.block import SeriesBlock

Floats = NDArray[np.float64]


def structure_of(configuration: Configuration, effects: Sequence[str] = ()) -> Structure:
    """Return the shape and the fixed priors as the kernels read them.

    Parameters
    ----------
    configuration : Configuration
    effects : sequence of str
        Those of the calendar.
    """
    names = configuration.hyperparameters
    learnt = {effect: names.index(scale) for effect, scale in configuration.effect_scales}
    return Structure(
        parents=DAY_TYPE_PARENTS if configuration.day_types else CROSSED_PARENTS,
        levels=DAY_TYPE_LEVELS if configuration.day_types else CROSSED_LEVELS,
        hyper_scales=np.array(configuration.hyper_scales),
        week_scale=3 if configuration.day_types else 1,
        walk_scale=4 if configuration.walk else FIXED,
        effect_scales=np.array([learnt.get(name, FIXED) for name in effects], np.int64),
        level_precision=configuration.level_sd**-2.0,
        event_precision=configuration.event_sd**-2.0,
        centre=np.zeros(len(configuration.hyper_scales)),
        pull=np.zeros(len(configuration.hyper_scales)),
    )


def deviating_structure(
    structure: Structure, centre: Floats, pull: Floats, level_sd: float
) -> Structure:
    """Return the structure of a model whose effects are deviations from an offset.

    Parameters
    ----------
    structure : Structure
    centre, pull : float64 array, shape (hyperparameters,)
        Normal law of theta, beside its half-normal prior: mean and precision.
    level_sd : float
    """
    return structure._replace(
        event_precision=EVENT_SD**-2.0,
        level_precision=level_sd**-2.0,
        centre=np.array(centre),
        pull=np.array(pull),
    )


class BlockFit:
    """A block laid out for the kernel, the buffers that it works in, and the rows it fills.

    Each partition's row depends on its own data alone, whatever stands beside it in the block.

    Parameters
    ----------
    model : ModelSpecification
    block : SeriesBlock
    fitted : bool
        Whether `buffers.theta.points.cell` receives the posterior of every hour fitted.
    """

    def __init__(
        self, model: ModelSpecification, block: SeriesBlock, *, fitted: bool = False
    ) -> None:
        configuration = model.configuration
        self.model = model
        self.structure = structure_of(configuration, model.calendar.effects)
        d = len(configuration.hyper_scales)
        self.rule = integration_rule(d)
        in_full = model.inference == "full"
        self.fine = product_rule(3) if d == 3 and in_full else self.rule
        self.placed: Placed = place(block, model.calendar, changes=model.changes)
        parents = model.parents if model.parents and model.parents.by_name else None
        effects = len(model.calendar.effects)
        self.pooled = (
            pool(parents, block, d, model.calendar.effects)
            if parents
            else no_parents(len(block), d)
        )
        present = int(np.diff(self.placed.effect_start).max(initial=0))
        self.rows: Rows = make_rows(
            self.placed,
            self.pooled,
            effects=effects if parents else present,
            nodes=max(len(self.rule), len(self.fine)),
            dimensions=d,
        )
        weeks = np.diff(self.rows.week_start)
        self.buffers: Buffers = make_buffers(
            self.structure,
            weeks=int(weeks[weeks <= MOST_WEEKS].max(initial=1)),
            hours=int(np.diff(self.placed.count_start)[weeks <= MOST_WEEKS].max(initial=1)),
            effects=present,
            pairs=int(np.diff(self.placed.event_start).max(initial=0)),
            nodes=max(len(self.rule), len(self.fine)),
            khat=model.reports_khat,
            fitted=fitted,
        )

    def __len__(self) -> int:
        return len(self.rows.status)

    def fit(self, first: int, end: int) -> None:
        """Fill the rows from `first` until before `end`."""
        fit_rows(
            self.structure,
            self.placed,
            self.pooled,
            self.buffers,
            skewness_limits(self.model.configuration, self.model.inference),
            self.rule,
            self.fine,
            np.cbrt(np.array(self.model.configuration.start)),
            self.model.changes,
            first,
            end,
            self.rows,
        )

    def table(self) -> pa.Table:
        """Return the rows as the model's state; see `state_table`."""
        ok = (self.rows.status == rows.OK).tolist()
        outcomes = [("ok", None) if good else self.outcome(i) for i, good in enumerate(ok)]
        return state_table(self.model, self.rows, outcomes, self.pooled.event_sd, self.placed)

    def outcome(self, i: int) -> tuple[str, str | None]:
        """Return a partition's status, and the reason where it is not `ok`."""
        code, report = int(self.rows.status[i]), self.rows.report[i]
        hours = int(self.placed.count_start[i + 1] - self.placed.count_start[i])
        weeks = int(self.rows.week_start[i + 1] - self.rows.week_start[i])
        outcomes = {
            rows.OK: ("ok", None),
            rows.EMPTY: ("skipped", "the series is empty"),
            rows.LONG: ("failed", f"{weeks} weeks, at most {MOST_WEEKS} can be fitted"),
            rows.CONTRADICTED: (
                "failed",
                f"{report[layout.CONTRADICTED]} hours have counts but no exposure",
            ),
            rows.SHORT: ("skipped", f"{hours} hours, under {FEWEST_WEEKS} weeks, and no parent"),
            rows.UNOBSERVED: ("skipped", "all hours are missing or without exposure"),
            rows.LOST: ("failed", "the posterior's mode was not found"),
        }
        return outcomes[code]


@dataclass(frozen=True)
class Fitted:
    """One partition's fit, and views of the buffers that it left until the next one.

    Parameters
    ----------
    status : str
        `ok`, `failed` or `skipped`; the others mean something only where it is `ok`.
    reason : str or None
    structure : Structure
        The model's, with the partition's own prior.
    table : Series
        Its counts, and its exposure times what its parents expect.
    offset : float64 array, shape (weeks, 168)
        Log of what its parents expect, 0 where it has none.
    nodes : float64 array, shape (nodes, 1 + d)
        Weight and theta of each node.
    theta : float64 array, shape (d,)
        The mode.
    log_mu_mean, log_mu_variance : float64 array, shape (weeks, 168)
        Of log mu less log exposure and offset. Empty where the block's fit keeps them not.
    """

    status: str
    reason: str | None
    structure: Structure
    table: Series
    offset: Floats
    nodes: Floats
    theta: Floats
    log_mu_mean: Floats
    log_mu_variance: Floats


def fit_block(model: ModelSpecification, block: SeriesBlock) -> pa.Table:
    """Fit every partition of a block; see `Model.fit`.

    Parameters
    ----------
    model : ModelSpecification
    block : SeriesBlock

    Returns
    -------
    pyarrow.Table
        The state: a row per partition.
    """
    block_fit = BlockFit(model, block)
    block_fit.fit(0, len(block_fit))
    return block_fit.table()


def fit_partitions(model: ModelSpecification, block: SeriesBlock) -> Iterator[Fitted]:
    """Fit the partitions of a block one by one, and yield what each left in the buffers."""
    block_fit = BlockFit(model, block, fitted=True)
    for i in range(len(block_fit)):
        block_fit.fit(i, i + 1)
        yield fitted_of(block_fit, i)


def fitted_spans(model: ModelSpecification, block: SeriesBlock) -> Iterator[FittedSpan]:
    """Fit each partition anew, with the scales integrated out in full, and yield its span.

    Parameters
    ----------
    model : ModelSpecification
    block : SeriesBlock
    """
    empty = np.empty(0)
    for i, fitted in enumerate(fit_partitions(model.approximated("full"), block)):
        if fitted.status != "ok":
            nothing = np.full((len(model.configuration.hyperparameters), 7), np.nan)
            yield FittedSpan(fitted.status, fitted.reason, empty, empty, nothing)
            continue
        mean, deviation = fitted.log_mu_mean, np.sqrt(fitted.log_mu_variance)
        yield span_of(block, i, fitted.offset, mean, deviation, summarise(fitted.nodes))


def fitted_of(block_fit: BlockFit, i: int) -> Fitted:
    """Return the partition that was fitted last, as views of the buffers."""
    found, buffers, placed = block_fit.rows, block_fit.buffers, block_fit.placed
    status, reason = block_fit.outcome(i)
    weeks = int(found.week_start[i + 1] - found.week_start[i])
    members = placed.events[i]
    structure = block_fit.structure
    if found.parents[i]:
        top, pooled = found.parent[i, 0], block_fit.pooled
        level_sd = pooled.level_precision[top] ** -0.5
        structure = deviating_structure(structure, pooled.centre[top], pooled.pull[top], level_sd)
    report = found.report[i]
    table = Series(
        weeks=weeks,
        effects=int(placed.effect_start[members + 1] - placed.effect_start[members]),
        events=int(report[layout.EVENTS]),
        counts=buffers.counts,
        exposure=buffers.exposure,
        event=buffers.places,
        scales=buffers.scales,
        over=buffers.over,
        large=buffers.large,
        large_total=int(report[layout.LARGE]),
    )
    nodes = buffers.nodes[: int(found.nodes[i])]
    return Fitted(
        status=status,
        reason=reason,
        structure=structure,
        table=table,
        offset=buffers.offset[:weeks],
        nodes=nodes,
        theta=buffers.theta.search.best,
        log_mu_mean=buffers.theta.points.cell[:weeks, 0, 0],
        log_mu_variance=buffers.theta.points.cell[:weeks, 0, 1],
    )
