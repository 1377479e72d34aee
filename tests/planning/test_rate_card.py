"""Rate cards: Parquet and CSV, and what is wrong with some."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from daypart.errors import DaypartError
from daypart.planning.brief.flight import broadcast_weeks
from daypart.planning.brief.rate_card import read_rate_card
from daypart.planning.panel.reader import read_panel

WEEKS = broadcast_weeks(dt.date(2024, 3, 4), dt.date(2024, 3, 17))


@pytest.fixture(scope="module")
def panel(store):
    return read_panel(store)


def test_csv_and_parquet_give_the_same_prices(rate_card, panel, tmp_path):
    pyarrow.csv.write_csv(pq.read_table(rate_card), tmp_path / "card.csv")
    prices = read_rate_card(rate_card, panel, WEEKS).cpm
    assert prices.shape == (panel.cells, 2)
    assert np.array_equal(prices, read_rate_card(tmp_path / "card.csv", panel, WEEKS).cpm)


def test_a_cell_that_is_not_on_the_card_has_no_price(rate_card, panel, tmp_path):
    pq.write_table(pq.read_table(rate_card).slice(1), tmp_path / "card.parquet")
    prices = read_rate_card(tmp_path / "card.parquet", panel, WEEKS).cpm
    assert np.isnan(prices[0]).all()
    assert np.isfinite(prices[1:]).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cpm", "price", "no column 'cpm'"),
        ("2024-12-31", "2024-03-10", "does not cover the flight"),
        ("2024-01-01", "soon", "column first_day: row 1 is 'soon'"),
        ("501,CNN", "501,A&E", "two prices for a day"),
        ("12.5", "-1", "column cpm: row 2 is '-1', outside its range; cpm must be above 0"),
        ("12.5", "inf", "column cpm: row 2 is 'inf', NaN or infinite"),
        ("12.5", "", "column cpm: row 2 is empty"),
        ("501", "999", "prices none of the store's cells"),
    ],
)
def test_a_fault_in_the_card_is_named(panel, tmp_path, old, new, message):
    text = (
        "market,network,daypart,cpm,first_day,last_day\n"
        "501,A&E,Prime,10,2024-01-01,2024-12-31\n501,CNN,Prime,12.5,2024-01-01,2024-12-31\n"
    )
    (tmp_path / "card.csv").write_text(text.replace(old, new))
    with pytest.raises(DaypartError, match=message):
        read_rate_card(tmp_path / "card.csv", panel, WEEKS)


def test_a_week_with_an_unpriced_day_is_named(panel, tmp_path):
    (tmp_path / "card.csv").write_text(
        "market,network,daypart,cpm,first_day,last_day\n"
        "501,A&E,Prime,10,2024-01-01,2024-03-12\n501,A&E,Prime,10,2024-03-14,2024-12-31\n"
    )
    with pytest.raises(
        DaypartError, match="A&E, Prime has no price for every day of the week of 2024-03-11"
    ):
        read_rate_card(tmp_path / "card.csv", panel, WEEKS)


def test_an_empty_card_is_refused(panel, tmp_path):
    (tmp_path / "card.csv").write_text("market,network,daypart,cpm,first_day,last_day\n")
    with pytest.raises(DaypartError, match="the rate card is empty"):
        read_rate_card(tmp_path / "card.csv", panel, WEEKS)
