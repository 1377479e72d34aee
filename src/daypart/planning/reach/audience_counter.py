"""The audience of a schedule, with the uncertainty of the panel and of the forecast."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from daypart.planning.arrays import Floats, Ints
from daypart.planning.panel.calibration import Calibration
from daypart.planning.panel.panel import Panel
from daypart.planning.reach.exposure import count_frequency, expected_exposures
from daypart.planning.reach.frequency import TOP, Frequency, jackknife_variances, project
from daypart.planning.solve.surrogate import Surrogate


@dataclass(frozen=True)
class AudienceCounter:
    """Counts schedules on one panel.

    Parameters
    ----------
    panel : Panel
        Of the target; calibrated, if there is a calibration.
    impressions : float array [cells]
        Of one spot, in households of the target.
    surrogate : Surrogate
        How reach moves with impressions, for the forecast's part of its uncertainty.
    calibration : Calibration or None
    seed : int
        Of the jackknife's groups.
    """

    panel: Panel
    impressions: Floats
    surrogate: Surrogate
    calibration: Calibration | None
    seed: int

    def count(self, spots: Ints, *, every_level: bool = False, unbiased: bool = True) -> Frequency:
        """Count reach and frequency of spots by cell, or take them from the surrogate.

        The standard errors combine the sampling of households (jackknife) and the spread of reach
        over the forecast's draws, which are taken as independent.

        Parameters
        ----------
        spots : int array [cells]
        every_level : bool
            Add the forecast's spread to every level of reach and not to reach 1+ only. Slower.
        unbiased : bool
            Count on the panel; False takes the surrogate's reach.
        """
        if unbiased:
            counted = count_frequency(self.panel, spots, seed=self.seed)
        else:
            chances = self.surrogate.exposure_chances(spots, TOP)
            counted = project(self.panel, chances, seed=self.seed)
        if self.calibration is None:
            return counted
        draws = [spots * factor for factor in self.calibration.spread.T]
        spread = np.zeros(TOP + 1)
        if every_level:
            reached = np.array(
                [self.panel.weight @ self.surrogate.exposure_chances(draw, TOP) for draw in draws]
            )
            spread = reached[:, ::-1].cumsum(axis=1)[:, ::-1].std(axis=0)
        else:
            spread[1] = np.std([self.surrogate.reached(draw).sum() for draw in draws])
        return replace(counted, standard_error=np.hypot(counted.standard_error, spread))

    def count_impressions(self, spots: Ints) -> tuple[float, float]:
        """Return impressions of spots by cell, and their standard error, in households."""
        everything = np.zeros(self.panel.cells, dtype=np.int64)
        error = self.impressions_errors(spots, everything, 1)[0]
        return float(self.impressions @ spots), float(error)

    def impressions_errors(self, spots: Ints, group: Ints, groups: int) -> Floats:
        """Return the standard errors of impressions of groups of cells, in households [groups].

        From the sampling of households (jackknife) and, where there is a calibration, from the
        forecast, taken as independent.

        Parameters
        ----------
        spots, group : int array [cells]
        groups : int
        """
        panel = self.panel

        def exposures(rows: slice) -> Floats:
            return expected_exposures(panel, spots, group, groups, rows)

        variance = jackknife_variances(panel, exposures, seed=self.seed).sum(axis=0)
        if self.calibration is not None:
            by_cell = self.impressions * spots
            variance += self.calibration.impressions_errors(by_cell, group, groups) ** 2
        return np.asarray(np.sqrt(variance))
