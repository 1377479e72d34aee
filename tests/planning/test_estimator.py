"""The published count of reach on many simulated panels whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from planning_stores import panel_of

from daypart.planning.reach.exposure import count_frequency

PANELS, HOUSEHOLDS, CELLS = 200, 600, 6
SESSION, A_WEEK = 30, 1320
SPOTS = np.full(CELLS, 3)


@pytest.mark.slow
@pytest.mark.parametrize("weeks", [8, 26, 104])
def test_reach_is_unbiased_and_its_intervals_hold_for_any_length_of_history(weeks):
    """Viewing comes in sessions of half an hour; chances differ by household and cell."""
    rng = np.random.default_rng(4)
    appetite = rng.gamma(1.2, 1.0, size=(50_000, 1))
    chance = np.minimum(0.9, 0.05 * appetite * rng.gamma(0.5, 2.0, size=(50_000, CELLS)))
    missed = np.prod((1 - chance) ** SPOTS, axis=1)
    truth = 100 * (1 - missed.mean())
    sessions = weeks * A_WEEK // SESSION
    bias, held = [], []
    for _ in range(PANELS):
        chosen = rng.choice(len(chance), HOUSEHOLDS, replace=False)
        minutes = SESSION * rng.binomial(sessions, chance[chosen])
        counted = count_frequency(panel_of(minutes, sessions * SESSION), SPOTS)
        # Held against these households' own truth, so that it holds no sampling of households.
        bias.append(counted.reach_percent() - 100 * (1 - missed[chosen].mean()))
        held.append(abs(counted.reach_percent() - truth) < 1.645 * counted.error_percent())
    assert abs(np.mean(bias)) < 0.005 * truth
    assert 0.85 <= np.mean(held) <= 0.95
