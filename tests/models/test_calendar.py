"""Holidays follow their rules in every year, and only where they are kept."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daypart.models.events.holidays import us_federal_holidays, us_holiday_effects

DAY_OF = {
    "Birthday of Martin Luther King, Jr.": 0,
    "Washington's Birthday": 0,
    "Memorial Day": 0,
    "Labor Day": 0,
    "Columbus Day": 0,
    "Thanksgiving Day": 3,
}


@given(st.integers(1990, 2100))
def test_holidays_stand_on_their_weekday_in_their_month(year):
    holidays = {name: day for day, name in us_federal_holidays(year).items()}
    assert len(holidays) == (11 if year >= 2021 else 10)
    for name, weekday in DAY_OF.items():
        assert holidays[name].weekday() == weekday
    assert date(year, 5, 25) <= holidays["Memorial Day"] <= date(year, 5, 31)
    assert date(year, 11, 22) <= holidays["Thanksgiving Day"] <= date(year, 11, 28)


def test_a_year_in_new_york_has_its_hours_of_holiday_and_none_in_berlin():
    first, hours = 473_352 + 5, 366 * 24  # 2024, local
    effects = us_holiday_effects(first, hours, "America/New_York")
    assert (effects >= 0).sum() == (11 + 2) * 24  # and Black Friday, Christmas Eve
    assert set(np.unique(effects)) == {-1, 0, 1, 2, 3}
    assert (us_holiday_effects(first, hours, "Europe/Berlin") == -1).all()
