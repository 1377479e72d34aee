"""What a model is: fit a block of partitions, forecast from what the fit returned.

Any object with these six members is a model; nothing is inherited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from daypart.models.negbin.spans import FittedSpan
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
        Of the count spread evenly over (count - 1/2, count + 1/2), from 0 up: so that intervals
        of small counts hold what they say. Rounded they are whole counts.

    All are NaN for a partition without a posterior.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    quantiles: NDArray[np.float64]


class Model(Protocol):
    """Fits blocks of partitions, each on its own, and predicts from what that returned."""

    @property
    def name(self) -> str:
        """What `get_model` knows it by."""

    @property
    def version(self) -> str:
        """Changes whenever the same data would give another posterior."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the user may set, as JSON would hold it."""

    def fit(self, block: SeriesBlock) -> pa.Table:
        """Fit every partition of a block.

        Returns
        -------
        pyarrow.Table
            A row per partition in the block's order: `status` (`ok`, `failed`, `skipped`),
            `reason` (null when `ok`), then the model's columns, null unless `ok`.
        """

    def forecast(self, state: pa.Table, window: Window, probabilities: Sequence[float]) -> Forecast:
        """Predict counts.

        Parameters
        ----------
        state : pyarrow.Table
            What `fit` returned, beside `unique_id`, `timezone`, `first_hour`, `hours` and
            `exposure` (households in tab for which to predict).
        window : Window
        probabilities : sequence of float
            In (0, 1).
        """

    def sample_paths(
        self, state: pa.Table, window: Window, draws: int, seed: int
    ) -> NDArray[np.int32]:
        """Draw joint paths of counts, shape (partitions, draws, hours).

        Each row's draws depend on `seed` and that row alone. Rows of a partition
        without a posterior are all -1.
        """


@runtime_checkable
class HasPosterior(Protocol):
    """A model that can tell the posterior of log mu in the hours it was fitted to."""

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names, in the order of `FittedSpan.hyperparameters`."""

    def posterior(self, block: SeriesBlock) -> Iterator[FittedSpan]:
        """Fit each partition of a block anew and yield its posterior, in the block's order."""
