"""Later weeks of the simulated market, predicted from earlier ones and then counted."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from daypart.synthetic.simulation import simulate
from daypart.viewing.ingest import ingest
from replay import replay


@pytest.mark.slow
def test_reach_of_later_weeks_is_predicted_within_three_percent(tmp_path):
    made = simulate(
        tmp_path / "market", markets=2, networks=8, households=2400, weeks=10, segments=1, seed=5
    )
    until = made.first_day + dt.timedelta(55)
    for name, last_day in (("before", until), ("after", None)):
        ingest(
            made.events, households=made.households, into=tmp_path / name, markets=made.markets,
            networks=made.networks, segments=made.segments, key=b"a key that hides nobody",
            last_day=last_day,
        )  # fmt: skip
    days = {"first_day": until + dt.timedelta(1), "last_day": until + dt.timedelta(14)}
    found = replay(tmp_path / "before", tmp_path / "after", **days)
    assert len(found.spots) == 40
    assert set(found.spots) == {30, 60, 120, 240}
    assert found.median_error < 0.03
    assert abs(found.relative_errors.mean()) < 0.03
    assert (found.counted[found.spots == 240] > found.counted[found.spots == 30].max()).all()
    again = replay(tmp_path / "before", tmp_path / "after", schedules=4, **days)
    assert np.array_equal(again.counted, found.counted[:4])
