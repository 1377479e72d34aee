"""What a model is: it fits a block of partitions, and forecasts from what the fit returned.

Any object with the six members of `Model` is a model; nothing is inherited. What only some models
can do is a protocol of its own below: test for it with `isinstance`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.series.block import SeriesBlock


@dataclass(frozen=True)
class Window:
    """Consecutive hours to forecast.

    Parameters
    ----------
    first_hour : int
        UTC hours since 1970.
    hours : int
    """

    first_hour: int
    hours: int


@dataclass(frozen=True)
class Forecast:
    """Predictive distributions of counts (households at the state row's exposure).

    Parameters
    ----------
    mean, sd : float64 array, shape (partitions, hours)
    quantiles : float64 array, shape (partitions, hours, probabilities)
        Of the count spread evenly over (count - 1/2, count + 1/2), cut at 0, so that intervals
        of small counts have their nominal coverage. Rounded they are whole counts.

    All are NaN for a partition without a posterior.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    quantiles: NDArray[np.float64]

    @classmethod
    def missing(cls, partitions: int, hours: int, probabilities: int) -> Forecast:
        """Return a forecast that is NaN everywhere, for a model to fill.

        Parameters
        ----------
        partitions, hours, probabilities : int

        Examples
        --------
        >>> Forecast.missing(2, 24, 3).quantiles.shape
        (2, 24, 3)
        """
        shape = (partitions, hours)
        return cls(
            np.full(shape, np.nan), np.full(shape, np.nan), np.full((*shape, probabilities), np.nan)
        )


@dataclass(frozen=True)
class FittedSpan:
    """One partition's posterior over the hours of its series, or the reason why it has none.

    Parameters
    ----------
    status : str
        `ok`, `failed` or `skipped`.
    reason : str or None
    log_mu_mean, log_mu_sd : float64 array, shape (hours,)
        Of the log of the expected count at the hour's exposure; NaN without exposure. Empty
        unless `ok`.
    hyperparameters : float64 array, shape (hyperparameters, 7)
        Mean, sd, and the 5, 25, 50, 75 and 95 % quantiles of each.
    """

    status: str
    reason: str | None
    log_mu_mean: NDArray[np.float64]
    log_mu_sd: NDArray[np.float64]
    hyperparameters: NDArray[np.float64]


class Model(Protocol):
    """Fits blocks of partitions, each partition by itself, and forecasts from the fitted rows."""

    @property
    def name(self) -> str:
        """The name under which `get_model` finds it."""

    @property
    def version(self) -> str:
        """Changes whenever the same data would give another posterior."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the user may set, as JSON values."""

    def fit(self, block: SeriesBlock) -> pa.Table:
        """Fit every partition of a block.

        Returns
        -------
        pyarrow.Table
            A row per partition in the block's order: `status` (`ok`, `failed`, `skipped`),
            `reason` (null when `ok`), then the model's columns, null unless `ok`.
        """

    def forecast(self, state: pa.Table, window: Window, probabilities: Sequence[float]) -> Forecast:
        """Forecast counts.

        Parameters
        ----------
        state : pyarrow.Table
            The rows that `fit` returned, with the columns `unique_id`, `timezone`, `first_hour`,
            `hours` and `exposure` (households in tab for which to forecast).
        window : Window
        probabilities : sequence of float
            In (0, 1).
        """

    def sample_paths(
        self, state: pa.Table, window: Window, draws: int, seed: int
    ) -> NDArray[np.int32]:
        """Draw joint paths of counts, shape (partitions, draws, hours).

        Parameters
        ----------
        state, window
            As `forecast` takes them.
        draws : int
            Paths per partition.
        seed : int
            Each row's draws depend on it and on that row alone.

        Returns
        -------
        int32 array
            -1 in all rows of a partition without a posterior.
        """


@runtime_checkable
class HasPosterior(Protocol):
    """Returns the posterior of log mu in the hours it was fitted to."""

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names, in the order of `FittedSpan.hyperparameters`."""

    def posterior(self, block: SeriesBlock) -> Iterator[FittedSpan]:
        """Fit each partition of a block anew and yield its posterior, in the block's order."""


@runtime_checkable
class ComparesWithSampler(Protocol):
    """Compares its posterior of one partition with that of the No-U-Turn sampler."""

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names that the compared columns begin with."""

    def compare_with_sampler(
        self, block: SeriesBlock, *, draws: int, seed: int
    ) -> dict[str, Any] | None:
        """Fit a block of one partition both ways; None where the fit has no posterior.

        Parameters
        ----------
        block : SeriesBlock
        draws : int
            Of each of four chains, after as many for tuning.
        seed : int
        """


class PartitionSums(Protocol):
    """The sums over partitions to which a pooling model fits parents."""

    def add_block(self, block: SeriesBlock) -> None:
        """Add every partition of a block."""


@runtime_checkable
class Pools(Protocol):
    """Gives each partition a prior from parents: sums over the partitions of a store."""

    @property
    def pools(self) -> bool:
        """Whether it does so under its parameters."""

    def sums(self, key: Sequence[str], overlapping: Mapping[str, str]) -> PartitionSums:
        """Return empty sums.

        Parameters
        ----------
        key : sequence of str
            Columns that name a partition.
        overlapping : mapping of str to str
            Key columns that are never summed over.
        """

    def fit_parents(self, sums: Any, sample: SeriesBlock) -> pa.Table:
        """Fit parents.

        Parameters
        ----------
        sums : PartitionSums
            Of all partitions, as `sums` returned them.
        sample : SeriesBlock
            Some partitions, which show how all deviate from their parents.
        """

    def with_parents(
        self, parents: pa.Table, key: Sequence[str], overlapping: Mapping[str, str]
    ) -> Model:
        """Return the model whose partitions take their prior from parents.

        Parameters
        ----------
        parents : pyarrow.Table
            As `fit_parents` returned them.
        key, overlapping
            As `sums` takes them.
        """


@runtime_checkable
class FitsOneByOne(Protocol):
    """May be so slow that each partition is fitted, timed and isolated by itself."""

    @property
    def one_by_one(self) -> bool:
        """Whether it is under its parameters."""


@runtime_checkable
class NeedsInstallation(Protocol):
    """May need a package that is not installed."""

    def check_can_fit(self) -> None:
        """Raise a `DaypartError` where this machine lacks what a fit needs."""


@runtime_checkable
class HasKernels(Protocol):
    """Compiles kernels for this machine before its first fit."""

    def compile_kernels(self) -> None:
        """Compile the kernels of a fit, or load them from the disk."""


@runtime_checkable
class HasCalendar(Protocol):
    """Gives named events an effect; its parameter `calendar` holds them."""

    @property
    def calendar(self) -> object:
        """The events that have an effect."""


@runtime_checkable
class Seeded(Protocol):
    """Draws random numbers in a fit."""

    def with_seed(self, seed: int) -> Self:
        """Return the same model with another seed."""


@runtime_checkable
class TakesAnyParameter(Protocol):
    """May be a plain function, which does not declare its parameters."""

    @property
    def takes_any_parameter(self) -> bool:
        """Whether parameters other than the adapter's are passed on unchecked."""


def fits_one_by_one(model: Model) -> bool:
    """Return whether each partition is to be fitted by itself.

    Examples
    --------
    >>> from daypart.models.registry import get_model
    >>> [fits_one_by_one(get_model("crossed", inference=each)) for each in ("fast", "nuts")]
    [False, True]
    """
    return isinstance(model, FitsOneByOne) and model.one_by_one


def check_can_fit(model: Model) -> None:
    """Raise where this machine lacks what a model needs.

    Raises
    ------
    DaypartError
    """
    if isinstance(model, NeedsInstallation):
        model.check_can_fit()
