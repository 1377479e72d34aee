"""What one member of the family of models is: its shape, its priors, and how it is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daypart.models.events.events import EventCalendar

if TYPE_CHECKING:
    from daypart.models.negbin.pooling.parents import Parents

INFERENCES = ("fast", "auto", "full", "nuts")
FEWEST_WEEKS = 2
MOST_WEEKS = 530
_SKEWED = 0.5
"""Skewness of an effect's scale above which `auto` integrates over it."""


@dataclass(frozen=True)
class Configuration:
    """The shape and the priors of one member of the family.

    Parameters
    ----------
    hyperparameters : tuple of str
        Names of the scales (cells first), those of the weeks' shocks and of the walk under them,
        scales of effects, and 1 / size.
    day_types : bool
        True: cells under day type at that hour under hour of day; False: cells alone.
    walk : bool
        True: weeks are a level that walks, and shocks; False: shocks alone.
    hyper_scales : tuple of float
        Half-normal scales of the scales and of tau = size^(-1/2).
    start : tuple of float
        Where the search for the scales' mode begins.
    level_sd, event_sd : float
        Standard deviations of the level and of each event effect, in log households.
    skewed, sparse_skewed : tuple of float
        Skewness of each scale's posterior, beyond that of its law (`scale_law`), above which
        `auto` puts integration points on both its sides: for partitions of at least 2 households
        an hour in the mean, and for others.
    effect_scales : tuple of (str, str)
        Effects of the calendar whose scale is learnt, each with the hyperparameter that it is.
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
    effect_scales: tuple[tuple[str, str], ...] = ()


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
    hyperparameters=(
        *("cell_scale", "day_type_scale", "hour_scale"),
        *("week_scale", "walk_scale", "inv_phi"),
    ),
    day_types=True,
    walk=True,
    hyper_scales=(0.5, 0.5, 1.0, 0.2, 0.05, 1.0),
    start=(0.2, 0.3, 0.7, 0.08, 0.02, 0.5),
    level_sd=10.0,
    event_sd=0.5,
    # Means of scales are within 0.4 sd of those integrated in full, 0.25 in nine of ten.
    skewed=(0.6, 0.6, 0.6, 1.0, 0.6, 0.6),
    sparse_skewed=(0.6, 0.6, 0.6, 1.0, 0.6, 0.6),
)


def with_learnt_scale(
    configuration: Configuration,
    scale: str,
    effects: Sequence[str],
    *,
    half_normal: float,
    start: float,
) -> Configuration:
    """Return a configuration in which some of the calendar's effects have a scale that is learnt.

    Parameters
    ----------
    configuration : Configuration
    scale : str
        Name of the new hyperparameter.
    effects : sequence of str
        The effects that share it.
    half_normal : float
        Scale of its half-normal prior, in log households.
    start : float
        Where the search for its mode begins.

    Returns
    -------
    Configuration
        The hyperparameter comes before 1 / size.

    Examples
    --------
    >>> added = with_learnt_scale(CROSSED, "sp", ("payday",), half_normal=0.5, start=0.1)
    >>> added.hyperparameters, added.effect_scales
    (('sh', 'sw', 'sp', 'inv_phi'), (('payday', 'sp'),))
    """

    def insert(values: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
        return (*values[:-1], value, values[-1])

    return replace(
        configuration,
        hyperparameters=insert(configuration.hyperparameters, scale),
        hyper_scales=insert(configuration.hyper_scales, half_normal),
        start=insert(configuration.start, start),
        skewed=insert(configuration.skewed, _SKEWED),
        sparse_skewed=insert(configuration.sparse_skewed, _SKEWED),
        effect_scales=(*configuration.effect_scales, *((effect, scale) for effect in effects)),
    )


def skewness_limits(configuration: Configuration, inference: str) -> NDArray[np.float64]:
    """Return the skewness above which an axis of the posterior of theta has points of its own.

    Parameters
    ----------
    configuration : Configuration
    inference : str
        One of `INFERENCES`.

    Returns
    -------
    float64 array, shape (2, hyperparameters)
        For sparse partitions and for others.

    Examples
    --------
    >>> skewness_limits(CROSSED, "auto").tolist()
    [[0.0, 0.4, 0.4], [0.5, 0.5, 0.5]]
    """
    limits = np.array([configuration.sparse_skewed, configuration.skewed])
    if inference == "auto":
        return limits
    return np.full_like(limits, np.inf if inference == "fast" else -1.0)


@dataclass(frozen=True)
class ModelSpecification:
    """Everything besides the data that a fit depends on.

    Parameters
    ----------
    configuration : Configuration
    calendar : EventCalendar
        The events that have an effect.
    inference : str
        One of `INFERENCES`.
    khat : bool
        Whether rows hold the Pareto k-hat of the hours' effects; see `checks.khat`.
    changes : bool
        Whether dead runs and steps are taken out before a fit; see `changes`.
    pooling : bool
        Whether partitions take a prior from parents.
    parents : Parents or None
        What a partition takes its prior from.
    draws : int
        Of each of four chains, with `nuts`.
    seed : int
        Of the sampler, together with a partition's name; nothing else in a fit is random.
    """

    configuration: Configuration
    calendar: EventCalendar
    inference: str = "auto"
    khat: bool = True
    changes: bool = True
    pooling: bool = False
    parents: Parents | None = None
    draws: int = 1000
    seed: int = 0

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Names of the scales and of 1 / size."""
        return self.configuration.hyperparameters

    @property
    def samples(self) -> bool:
        """Whether posteriors are sampled, by the No-U-Turn sampler."""
        return self.inference == "nuts"

    @property
    def reports_khat(self) -> bool:
        """Whether rows have a k-hat: it compares a posterior with its normal approximation."""
        return self.khat and not self.samples

    def approximated(self, inference: str) -> ModelSpecification:
        """Return the same model with its posteriors approximated: `fast`, `auto` or `full`."""
        return replace(self, inference=inference)
