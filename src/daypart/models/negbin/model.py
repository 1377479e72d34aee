"""The Bayesian audience model: negative binomial counts, one posterior a partition.

Two configurations share one engine: `negbin`, the default (hour of day, day type at that hour and
cell, each with a learnt scale; weeks as a walk with shocks; holidays), and `crossed`, the reference
(cells and weeks, both independent).

This is where the kernels begin: importing them takes a second, compiling them longer, so that
each method imports them itself, one process at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError, did_you_mean
from daypart.models.events.events import US_HOLIDAYS, EventCalendar, parse_events
from daypart.models.negbin.configuration import Configuration, ModelSpecification
from daypart.models.protocol import FittedSpan, Forecast, Window

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models.negbin.pooling.sums import Sums
    from daypart.series.block import SeriesBlock


@dataclass(frozen=True)
class NegativeBinomial:
    """One Bayesian negative binomial model a partition, by nested Laplace approximation.

    Parameters
    ----------
    name : str
    parameters : mapping
        What the user may set, with defaults: see `registry.get_model`.
    specification : ModelSpecification
        The same as the kernels take it, with what a run adds: parents and a seed.
    version : str

    Examples
    --------
    >>> from daypart.models.registry import get_model
    >>> get_model("negbin").parameters
    {'inference': 'auto', 'holidays': True, 'khat': True, 'changes': True, 'pooling': True}

    References
    ----------
    Rue, Martino and Chopin (2009), Approximate Bayesian inference for latent Gaussian models
    by using integrated nested Laplace approximations, JRSS B 71.
    """

    name: str
    parameters: Mapping[str, Any]
    specification: ModelSpecification
    version: str = "7"

    @classmethod
    def of(
        cls, name: str, configuration: Configuration, parameters: Mapping[str, Any]
    ) -> NegativeBinomial:
        """Return the model with a name, a configuration and all of its parameters.

        Parameters
        ----------
        name : str
        configuration : Configuration
        parameters : mapping
            Those that `ModelSpecification` has, `holidays`, and perhaps `calendar`.

        Raises
        ------
        DaypartError
            For a learnt scale of an effect that the calendar does not have.
        """
        given = dict(parameters)
        calendar = EventCalendar(given.pop("holidays"), parse_events(given.pop("calendar", ())))
        known = (*calendar.effects, *US_HOLIDAYS.effects)
        for effect, scale in configuration.effect_scales:
            if effect not in known:
                raise DaypartError(
                    f"model {name}: the scale {scale!r} is learnt for an effect {effect!r}, "
                    "which no rule has",
                    hint=did_you_mean(effect, known),
                )
        return cls(name, parameters, ModelSpecification(configuration, calendar, **given))

    @property
    def calendar(self) -> EventCalendar:
        """The events that have an effect."""
        return self.specification.calendar

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names of the scales and of 1 / size, in the order of `FittedSpan.hyperparameters`."""
        return self.specification.hyperparameters

    @property
    def one_by_one(self) -> bool:
        """Whether each partition is fitted by itself: sampling one takes seconds."""
        return self.specification.samples

    def check_can_fit(self) -> None:
        """Raise where this machine lacks what a fit needs; see `NeedsInstallation`."""
        if self.specification.samples:
            from daypart.models.negbin.nuts.sampler import check_sampler

            check_sampler()

    def compile_kernels(self) -> None:
        """Compile the kernels of a fit, or load them from the disk."""
        compile_kernels()

    def with_seed(self, seed: int) -> NegativeBinomial:
        """Return the model with the sampler's seed; see `Seeded`."""
        return replace(self, specification=replace(self.specification, seed=seed))

    @property
    def pools(self) -> bool:
        """Whether partitions take a prior from parents."""
        return self.specification.pooling

    def sums(self, key: Sequence[str], overlapping: Mapping[str, str]) -> Sums:
        """Return the (empty) sums of partitions that parents are fitted to; see `Pools.sums`."""
        _import_kernels()
        from daypart.models.negbin.pooling.sums import Sums

        return Sums(key, overlapping, self.calendar, changes=self.specification.changes)

    def fit_parents(self, sums: Sums, sample: SeriesBlock) -> pa.Table:
        """Fit parents to the sums of all partitions; see `Pools.fit_parents`."""
        from daypart.models.negbin.pooling.fit_parents import fit_parents
        from daypart.models.negbin.pooling.parents import to_table

        exact = self.specification.samples
        fast = self.specification.approximated("auto") if exact else self.specification
        return to_table(fit_parents(fast, sums, sample))

    def with_parents(
        self, parents: pa.Table, key: Sequence[str], overlapping: Mapping[str, str]
    ) -> NegativeBinomial:
        """Return the model whose partitions take their prior from parents; see `Pools`."""
        from daypart.models.negbin.pooling.parents import Parents

        found = Parents.from_table(parents, key, overlapping)
        return replace(self, specification=replace(self.specification, parents=found))

    def fit(self, block: SeriesBlock) -> pa.Table:
        """Fit every partition of a block; see `Model.fit`."""
        _import_kernels()
        if self.specification.samples:
            from daypart.models.negbin.nuts.fit import fit_block_by_nuts

            return fit_block_by_nuts(self.specification, block)
        from daypart.models.negbin.block.fit_block import fit_block

        return fit_block(self.specification, block)

    def posterior(self, block: SeriesBlock) -> Iterator[FittedSpan]:
        """Yield each partition's posterior of log mu by hour; see `HasPosterior.posterior`."""
        _import_kernels()
        if self.specification.samples:
            from daypart.models.negbin.nuts.fit import spans_by_nuts

            return spans_by_nuts(self.specification, block)
        from daypart.models.negbin.block.fit_block import fitted_spans

        return fitted_spans(self.specification, block)

    def compare_with_sampler(
        self, block: SeriesBlock, *, draws: int, seed: int
    ) -> dict[str, Any] | None:
        """Fit one partition both ways; see `nuts.compare.compare_partition`."""
        _import_kernels()
        from daypart.models.negbin.nuts.compare import compare_partition

        return compare_partition(self.specification, block, draws=draws, tune=draws, seed=seed)

    def forecast(self, state: pa.Table, window: Window, probabilities: Sequence[float]) -> Forecast:
        """Forecast counts as mixtures over the scales' posterior; see `Model.forecast`."""
        _import_kernels()
        from daypart.models.negbin.forecast.forecast import forecast_block

        return forecast_block(self.specification, state, window, probabilities)

    def sample_paths(
        self, state: pa.Table, window: Window, draws: int, seed: int
    ) -> NDArray[np.int32]:
        """Draw joint paths of counts; see `Model.sample_paths`."""
        _import_kernels()
        from daypart.models.negbin.forecast.paths import sample_block

        return sample_block(self.specification, state, window, draws, seed)


def compile_kernels(*, every: bool = False) -> None:
    """Compile the kernels of a fit for this machine, or load them from the disk.

    The first time takes some 20 seconds of processor. Fitting does it by itself; call this to
    choose the time. Of several processes one compiles; the others wait and load.

    Parameters
    ----------
    every : bool, default False
        Compile also those of parents, forecasts and the sampler, which are otherwise compiled
        at their first use (some 10 seconds).
    """
    _import_kernels()
    from daypart.models.jit.compile import compile_every_kernel, compile_kernel
    from daypart.models.negbin.block.block_kernel import fit_rows

    if every:
        compile_every_kernel()
    compile_kernel(fit_rows)


def _import_kernels() -> None:
    from daypart.models.jit.compile import one_compiler

    with one_compiler():
        import daypart.models.negbin.block.fit_block
        import daypart.models.negbin.pooling.sums  # noqa: F401
