"""The Bayesian audience model: negative binomial counts, one posterior a partition.

Two configurations share one engine: `negbin`, the default (hour of day, day type at that hour and
cell, each with a learnt scale; weeks as a random walk; holidays), and `crossed`, the reference
(cells and weeks, both independent).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.events.events import EventCalendar, parse_events
from daypart.models.protocol import Forecast, Window

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models.negbin.pooling.parents import Parents
    from daypart.models.negbin.pooling.sums import Sums
    from daypart.models.negbin.spans import FittedSpan
    from daypart.series.block import SeriesBlock

INFERENCES = ("fast", "auto", "full", "nuts")
FEWEST_WEEKS = 2
MOST_WEEKS = 530


@dataclass(frozen=True)
class Configuration:
    """The shape and the priors of one member of the family.

    Parameters
    ----------
    hyperparameters : tuple of str
        Names of the scales (cells first), the week scale, and 1 / size.
    day_types : bool
        True: cells under day type at that hour under hour of day; False: cells alone.
    walk : bool
        True: weeks are a random walk of order one; False: independent.
    hyper_scales : tuple of float
        Half-normal scales of the scales and of tau = size^(-1/2).
    start : tuple of float
        Where the search for the scales' mode begins.
    level_sd, event_sd : float
        Standard deviations of the level and of each event effect, in log households.
    skewed, sparse_skewed : tuple of float
        Skewness of each scale's posterior, beyond that of its law (`scale_law`), above which
        `auto` visits both its sides: for partitions of at least 2 households an hour in the mean,
        and for others.
    """

    hyperparameters: tuple[str, ...]
    day_types: bool
    walk: bool
    hyper_scales: tuple[float, ...]
    start: tuple[float, ...]
    level_sd: float
    event_sd: float
    skewed: tuple[float, ...]
    sparse_skewed: tuple[float, ...]


CROSSED = Configuration(
    hyperparameters=("sh", "sw", "inv_phi"),
    day_types=False,
    walk=False,
    hyper_scales=(1.0, 0.5, 1.0),
    start=(0.7, 0.15, 0.5),
    level_sd=5.0,
    event_sd=0.5,
    # These keep every hyperparameter's mean within 0.1 sd of long NUTS runs, 0.2 under 1 an hour.
    skewed=(0.5, 0.5, 0.5),
    sparse_skewed=(0.0, 0.4, 0.4),
)
DAY_TYPES = Configuration(
    hyperparameters=("cell_scale", "day_type_scale", "hour_scale", "week_scale", "inv_phi"),
    day_types=True,
    walk=True,
    hyper_scales=(0.5, 0.5, 1.0, 0.2, 1.0),
    start=(0.2, 0.3, 0.7, 0.1, 0.5),
    level_sd=10.0,
    event_sd=0.5,
    # Means of scales are within 0.4 sd of those integrated in full, 0.25 in nine of ten.
    skewed=(0.6, 0.6, 0.6, 0.6, 0.6),
    sparse_skewed=(0.6, 0.6, 0.6, 0.6, 0.6),
)


def visit_limits(configuration: Configuration, inference: str) -> NDArray[np.float64]:
    """Return above which skewness axes of the scales' posterior are visited.

    Returns
    -------
    float64 array, shape (2, hyperparameters)
        For sparse partitions and for others.

    Examples
    --------
    >>> visit_limits(CROSSED, "auto").tolist()
    [[0.0, 0.4, 0.4], [0.5, 0.5, 0.5]]
    """
    limits = np.array([configuration.sparse_skewed, configuration.skewed])
    return (
        limits
        if inference == "auto"
        else np.full_like(limits, {"fast": np.inf}.get(inference, -1.0))
    )


@dataclass(frozen=True)
class NegativeBinomial:
    """One Bayesian negative binomial model a partition, by nested Laplace approximation.

    Parameters
    ----------
    name : str
    configuration : Configuration
    parameters : mapping
        What the user may set: `holidays`, `pooling` and `khat` (True, False), `inference`
        (`INFERENCES`), `calendar` (rows as `events.parse_events` reads them), and with `nuts`
        also `draws` of each of four chains.
    seed : int
        Of the sampler, together with a partition's name; nothing else in a fit is random.

    Examples
    --------
    >>> from daypart.models.registry import get_model
    >>> get_model("negbin").parameters
    {'inference': 'auto', 'holidays': True, 'khat': True, 'pooling': True}

    References
    ----------
    Rue, Martino and Chopin (2009), Approximate Bayesian inference for latent Gaussian models
    by using integrated nested Laplace approximations, JRSS B 71.
    """

    name: str
    configuration: Configuration
    parameters: Mapping[str, Any] = field(default_factory=dict)
    version: str = "6"
    parents: Parents | None = None
    seed: int = 0

    @cached_property
    def calendar(self) -> EventCalendar:
        """Return the events that have an effect."""
        rows = self.parameters.get("calendar", ())
        return EventCalendar(self.parameters["holidays"], parse_events(rows))

    @property
    def samples(self) -> bool:
        """Whether posteriors are sampled, by the No-U-Turn sampler."""
        return self.parameters.get("inference") == "nuts"

    @property
    def tells_khat(self) -> bool:
        """Whether rows tell how far the hours' posterior is from normal; see `models.khat`."""
        return bool(self.parameters.get("khat", True)) and not self.samples

    @property
    def one_by_one(self) -> bool:
        """Whether the engine fits, times and fails each partition by itself."""
        return self.samples

    def check_can_fit(self) -> None:
        """Raise where this machine lacks what a fit needs.

        Raises
        ------
        DaypartError
        """
        if self.samples:
            from daypart.models.negbin.nuts.sampler import check_sampler

            check_sampler()

    def approximated(self, inference: str) -> NegativeBinomial:
        """Return the same model with its posteriors approximated: `fast`, `auto` or `full`."""
        return replace(self, parameters={**self.parameters, "inference": inference})

    @property
    def pools(self) -> bool:
        """Whether partitions take a prior from parents."""
        return bool(self.parameters.get("pooling", False))

    def sums(self, key: Sequence[str], overlapping: Mapping[str, str]) -> Sums:
        """Return the (empty) sums of partitions that parents are fitted to."""
        _import_kernels()
        from daypart.models.negbin.pooling.sums import Sums

        return Sums(key, overlapping, self.calendar)

    def fit_parents(self, sums: Sums, sample: SeriesBlock) -> pa.Table:
        """Fit parents to sums of all partitions; a sample of these tells how they deviate."""
        from daypart.models.negbin.pooling.fit_parents import fit_parents
        from daypart.models.negbin.pooling.parents import to_table

        fast = self.approximated("auto") if self.samples else self
        return to_table(fit_parents(fast, sums, sample))

    def with_parents(
        self, parents: pa.Table, key: Sequence[str], overlapping: Mapping[str, str]
    ) -> NegativeBinomial:
        """Return the model whose partitions take their prior from parents."""
        from daypart.models.negbin.pooling.parents import Parents

        return replace(self, parents=Parents.from_table(parents, key, overlapping))

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names of the scales and of 1 / size, in the order of `FittedSpan.hyperparameters`."""
        return self.configuration.hyperparameters

    def fit(self, block: SeriesBlock) -> pa.Table:
        """Fit every partition of a block; see `Model.fit`."""
        _import_kernels()
        if self.samples:
            from daypart.models.negbin.nuts.fit import fit_block_by_nuts

            return fit_block_by_nuts(self, block)
        from daypart.models.negbin.block.fit_block import fit_block

        return fit_block(self, block)

    def posterior(self, block: SeriesBlock) -> Iterator[FittedSpan]:
        """Yield each partition's posterior of log mu by hour; see `HasPosterior.posterior`."""
        _import_kernels()
        if self.samples:
            from daypart.models.negbin.nuts.fit import spans_by_nuts

            return spans_by_nuts(self, block)
        from daypart.models.negbin.spans import fitted_spans

        return fitted_spans(self, block)

    def forecast(self, state: pa.Table, window: Window, probabilities: Sequence[float]) -> Forecast:
        """Predict counts as mixtures over the scales' posterior; see `Model.forecast`."""
        _import_kernels()
        from daypart.models.negbin.forecast.forecast import forecast_block

        return forecast_block(self, state, window, probabilities)

    def sample_paths(
        self, state: pa.Table, window: Window, draws: int, seed: int
    ) -> NDArray[np.int32]:
        """Draw joint paths of counts; see `Model.sample_paths`."""
        _import_kernels()
        from daypart.models.negbin.forecast.forecast import sample_block

        return sample_block(self, state, window, draws, seed)


def compile_kernels(*, every: bool = False) -> None:
    """Compile the kernels of a fit for this machine, or load from disk what was compiled before.

    Takes some 20 seconds of processor the first time. Fitting does it by itself; call this to do
    it at a time of your choice. Of several processes one compiles, and the others wait and load.

    Parameters
    ----------
    every : bool
        Those of parents, forecasts and the sampler, too, which are else compiled when first
        asked for (some 10 seconds).
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
