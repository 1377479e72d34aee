"""Rate cards, schedules, as-run logs and calendars mean the same in every form."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from small_tables import CARD, LOG, SPOTS
from table_forms import FORMS

from daypart.planning.brief.rate_card import RATE_CARD
from daypart.planning.delivery.asrun import AS_RUN
from daypart.planning.reach.schedule import SCHEDULE, read_schedule
from daypart.runs.run.calendar import read_calendar
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.tables.options import read_options
from daypart.tables.read import read_rows

CARD_IS = {
    "market": ["007", "501"],
    "network": ["Télé", "NA"],
    "daypart": ["Prime", "Late; night"],
    "cpm": [12.5, 10.0],
    "first_day": [dt.date(2024, 4, 1), dt.date(2024, 7, 1)],
    "last_day": [dt.date(2024, 6, 30), dt.date(2024, 9, 29)],
}
EVENTS = [
    {"name": "fête", "shop": "01", "from": "2025-03-02T19:00", "to": "2025-03-02T22:00"},
    {"name": "strike", "shop": "", "from": "2025-03-05", "to": "2025-03-06"},
]

DECLARED = {"other names", "another order", "latin-1", "windows-1252", "utf-16 without a mark"}
FORMS_WITHOUT_OPTIONS = [form for form in FORMS if form not in DECLARED]


def given(tmp_path, form, rows):
    source, options = FORMS[form](tmp_path, rows)
    return source, read_options(options)


@pytest.mark.parametrize("form", FORMS)
def test_a_rate_card_in_any_form_has_the_same_prices(tmp_path, form):
    source, options = given(tmp_path, form, CARD)
    rows = read_rows(source, RATE_CARD, options).refuse_problems()
    read = {name: rows.texts(name) for name in ("market", "network", "daypart")}
    read |= {name: rows.values(name) for name in ("cpm", "first_day", "last_day")}
    assert read == CARD_IS


@pytest.mark.parametrize("form", FORMS)
def test_a_schedule_in_any_form_has_the_same_spots(tmp_path, form):
    source, options = given(tmp_path, form, SPOTS)
    assert read_schedule(source, options).rows == (
        ("007", "Télé", "Prime", dt.date(2024, 4, 1), 3),
        ("007", "Télé", "Prime", dt.date(2024, 4, 8), 0),
    )


@pytest.mark.parametrize("form", FORMS)
def test_an_as_run_log_in_any_form_has_the_same_airings(tmp_path, form):
    source, options = given(tmp_path, form, LOG)
    rows = read_rows(source, AS_RUN, options).refuse_problems()
    instants = [dt.datetime.fromisoformat(row["instant"]).timestamp() * 1000 for row in LOG]
    assert rows.values("instant") == instants
    assert rows.values("length") == [30.0, 15.0]
    assert rows.values("cost") == [99.5, 0.0]
    assert rows.texts("network") == ["Télé", "N,1"]


@pytest.mark.parametrize("form", FORMS_WITHOUT_OPTIONS)
def test_a_calendar_in_any_form_has_the_same_events(tmp_path, form):
    keys = pa.table({"shop": ["01"], "unique_id": ["01"]})
    block = block_from_arrays(keys, ["UTC"], [0], [np.arange(400)])
    store = SeriesStore.create(tmp_path / "store", key=["shop"]).replace_regions([("1", block)])
    source, _ = given(tmp_path, form, EVENTS)
    found = [{n: v for n, v in row.items() if v} for row in read_calendar(source, store)]
    assert found == [
        {"name": "fête", "shop": ["01"], "from": "2025-03-02T19:00", "to": "2025-03-02T22:00"},
        {"name": "strike", "from": "2025-03-05", "to": "2025-03-06"},
    ]


def test_every_column_of_a_schema_says_what_it_holds():
    for schema in (RATE_CARD, SCHEDULE, AS_RUN):
        assert all(column.about.endswith(".") for column in schema.columns)
