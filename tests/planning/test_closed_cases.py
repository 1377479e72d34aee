"""Optima that are known from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from planning_stores import brief_of, panel_of, problem_of

from daypart.planning.problem.problem import LinearLimit
from daypart.planning.solve.cutting_planes import CuttingPlanes
from daypart.planning.solve.objective import make_objective
from daypart.planning.solve.surrogate_fit import fit_surrogate


def test_a_published_television_plan_is_solved_to_its_published_optimum():
    # "Optimization of a TV advertising campaign based on TRP, GRP indicators" (M. Riabtsev, AMPL
    # Colab): 7 channels bought in GRP, target points maximised; CBC ends at 392.1201302.
    cost = np.array([1500, 1350, 1100, 1000, 1000, 1350, 900.0])
    index = np.array([75, 90, 135, 105, 135, 95, 125.0])
    money = 500_000.0
    target = index / 100
    leading, first_house = np.isin(np.arange(7), [0, 1, 5]), np.arange(7) < 5
    limits = [
        LinearLimit("index of at least 100", target - 1, lower=0.0),
        LinearLimit("70 % on the leading channels", target * (leading - 0.7), lower=0.0),
        LinearLimit("70 % with one house", cost / money * first_house, lower=0.7, upper=0.7),
    ]
    limits += [LinearLimit("3 %", target * (channel - 0.03), lower=0.0) for channel in np.eye(7)]
    panel = panel_of(index[None, :], 10_000)
    objective = make_objective(brief_of(objective="impressions"), fit_surrogate(panel), panel)
    found = CuttingPlanes(problem_of(cost, [10_000] * 7, money, limits), objective).solve(gap=1e-9)
    assert found.value == pytest.approx(392.1201302, abs=5e-8)
    assert found.bound == pytest.approx(392.1201302, abs=5e-8)
    assert found.spots == pytest.approx(
        [15.684805, 181.250175, 8.713781, 11.203432, 60.996465, 104.837189, 9.410883], abs=1e-6
    )
