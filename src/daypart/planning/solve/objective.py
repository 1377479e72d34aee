"""What a plan is optimised for: a concave function of each household's expected exposures.

Exposures to a schedule are Poisson at a Gamma distributed rate, so negative binomial. Reach 1+,
exposures counted up to a cap, and impressions are concave in their mean; reach k+ is not, and is
climbed on its concave envelope, while its own value is what is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from daypart.planning.arrays import Floats
from daypart.planning.brief.brief import Brief
from daypart.planning.panel.panel import Panel
from daypart.planning.solve.surrogate import Surrogate

Curve = Callable[[Floats, Floats], tuple[Floats, Floats]]
"""From mean exposures and shapes [households] to a value and its slope in the mean."""
Bend = Callable[[Floats, Floats], Floats]
"""From mean exposures and shapes [households] to minus the curve's second derivative."""


@dataclass(frozen=True)
class Objective:
    """A surrogate of households with the curve that turns exposures into worth.

    Parameters
    ----------
    name, unit : str
    surrogate : Surrogate
    curve : Curve
        Concave in the mean exposures.
    bend : Bend
        How fast the curve's slope falls.
    most : float
        What one household can be worth at most.
    honest : Curve, optional
        The figure itself, where `curve` only bounds it from above.
    reach_surrogate : Surrogate, optional
        The households as they are reached, where `surrogate` serves for something else.
    """

    name: str
    unit: str
    surrogate: Surrogate
    curve: Curve
    bend: Bend
    most: float
    honest: Curve | None = None
    reach_surrogate: Surrogate | None = None

    @property
    def model(self) -> Surrogate:
        """The households as they are reached."""
        return self.reach_surrogate or self.surrogate

    @property
    def is_reach(self) -> bool:
        """Whether the objective is reach 1+."""
        return self.curve is _reach

    @property
    def percent(self) -> float:
        """Turns households into percent of the universe estimate."""
        return 100.0 / self.surrogate.universe_estimate

    @property
    def bends(self) -> bool:
        """Whether the curve is anything but a straight line."""
        return self.bend is not _straight

    def ceiling(self) -> Floats:
        """Return what each cluster can be worth at most, in percent [clusters]."""
        return self.surrogate.households_of_cluster() * self.percent * self.most

    def value(self, spots: Floats) -> float:
        """Return the concave objective of spots by cell, in percent."""
        worth, _ = self.curve(self.surrogate.exposures(spots), self.surrogate.shape)
        return float(self.surrogate.weight @ worth) * self.percent

    def honest_value(self, spots: Floats) -> float:
        """Return the figure that the objective bounds from above, in percent."""
        curve = self.honest or self.curve
        worth, _ = curve(self.surrogate.exposures(spots), self.surrogate.shape)
        return float(self.surrogate.weight @ worth) * self.percent

    def tangents(self, spots: Floats) -> tuple[Floats, Floats]:
        """Return the objective by cluster and its slopes in the cells of the cluster's market.

        Returns
        -------
        values : float array [clusters]
            In percent.
        slopes : float array [clusters, cells of a market]
            In percent a spot.
        """
        surrogate = self.surrogate
        worth, slope = self.curve(surrogate.exposures(spots), surrogate.shape)
        scale = surrogate.weight * self.percent
        return surrogate.by_cluster(scale * worth), surrogate.slopes_by_cluster(scale * slope)


def reach_objective(surrogate: Surrogate) -> Objective:
    """Maximise reach 1+."""
    return Objective("reach", "percent of the target", surrogate, _reach, _bend_of_cap(1), 1.0)


def make_objective(brief: Brief, surrogate: Surrogate, panel: Panel) -> Objective:
    """Make the objective that a brief names.

    Parameters
    ----------
    brief : Brief
    surrogate : Surrogate
    panel : Panel
        Of the target.
    """
    k = brief.frequency_goal
    if brief.objective == "impressions":
        rate = panel.minutes / np.maximum(panel.minutes_of_cell()[panel.cell], 1)
        exact = replace(surrogate, rate=rate, share=np.zeros_like(surrogate.share))
        return Objective(
            "impressions", "GRP", exact, _impressions, _straight, np.inf, None, surrogate
        )
    if brief.objective == "frequency_cap" and k > 1:
        unit = f"exposures up to {k} per 100 households of the target"
        return Objective("frequency_cap", unit, surrogate, _capped(k), _bend_of_cap(k), float(k))
    if brief.objective == "effective_reach" and k > 1:
        honest = _at_least(k)
        envelope, bend = _envelope(honest, k, surrogate.shape)
        unit = "percent of the target"
        return Objective("effective_reach", unit, surrogate, envelope, bend, 1.0, honest)
    return replace(reach_objective(surrogate), name=brief.objective)


def _reach(mean: Floats, shape: Floats) -> tuple[Floats, Floats]:
    base = np.log1p(mean / shape)
    missed = np.exp(-shape * base)
    return 1.0 - missed, missed * np.exp(-base)


def _impressions(mean: Floats, shape: Floats) -> tuple[Floats, Floats]:
    return mean, np.ones_like(shape)


def _straight(mean: Floats, shape: Floats) -> Floats:
    return np.zeros_like(mean)


def _bend_of_cap(cap: int) -> Bend:
    """Return the bend of exposures counted up to a cap: a chance at a shape two higher."""

    def bend(mean: Floats, shape: Floats) -> Floats:
        chance = _chances(mean * (shape + 2) / shape, shape + 2, cap)[:, cap - 1]
        return np.asarray((shape + 1) / shape * chance)

    return bend


def _capped(cap: int) -> Curve:
    def curve(mean: Floats, shape: Floats) -> tuple[Floats, Floats]:
        chances = _chances(mean, shape, cap)
        below = chances.cumsum(axis=1)
        slope = _chances(mean * (shape + 1) / shape, shape + 1, cap).sum(axis=1)
        return (1.0 - below).sum(axis=1), slope

    return curve


def _at_least(k: int) -> Curve:
    def curve(mean: Floats, shape: Floats) -> tuple[Floats, Floats]:
        below = _chances(mean, shape, k).sum(axis=1)
        slope = _chances(mean * (shape + 1) / shape, shape + 1, k)[:, k - 1]
        return 1.0 - below, slope

    return curve


def _chances(mean: Floats, shape: Floats, count: int) -> Floats:
    """Return the negative binomial chances of 0 .. count - 1 [households, count]."""
    chances = np.empty((len(mean), count))
    chances[:, 0] = np.exp(-shape * np.log1p(mean / shape))
    odds = mean / (shape + mean)
    for n in range(1, count):
        chances[:, n] = chances[:, n - 1] * odds * (shape + n - 1) / n
    return chances


def _envelope(curve: Curve, k: int, shape: Floats) -> tuple[Curve, Bend]:
    """Return the least concave majorant of reach k+: its chord from 0 up to where that touches."""
    low, high = np.full(len(shape), 1e-6), np.full(len(shape), 1.0)
    for _ in range(60):
        value, slope = curve(high, shape)
        high = np.where(slope * high > value, high * 2.0, high)
    for _ in range(60):
        middle = 0.5 * (low + high)
        value, slope = curve(middle, shape)
        convex = slope * middle > value
        low, high = np.where(convex, middle, low), np.where(convex, high, middle)
    touch = high
    steepness = curve(touch, shape)[0] / touch

    def envelope(mean: Floats, shape: Floats) -> tuple[Floats, Floats]:
        value, slope = curve(mean, shape)
        chord = mean < touch
        return np.where(chord, steepness * mean, value), np.where(chord, steepness, slope)

    def bend(mean: Floats, shape: Floats) -> Floats:
        chances = _chances(mean * (shape + 2) / shape, shape + 2, k)
        found = (shape + 1) / shape * (chances[:, k - 1] - chances[:, k - 2])
        return np.where(mean < touch, 0.0, np.maximum(found, 0.0))

    return envelope, bend
