"""One table, written in random legal forms, gives the same store to the bit."""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_forms import FORMS

from daypart import import_series, ingest
from daypart.series.store import SeriesStore

KEY = b"a household key for tests"
FIRST = dt.datetime(2025, 1, 6, tzinfo=dt.UTC)
BERLIN = ZoneInfo("Europe/Berlin")
STAMPS = {
    "zulu": (lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"), ""),
    "offset": (lambda at: at.astimezone(BERLIN).isoformat(), ""),
    "fraction": (lambda at: at.strftime("%Y-%m-%d %H:%M:%S.000000 UTC"), ""),
    "basic": (lambda at: at.strftime("%Y%m%dT%H%M%SZ"), ""),
    "local": (
        lambda at: at.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M:%S"),
        "stamps_are=Europe/Berlin",
    ),
    "epoch": (lambda at: str(int(at.timestamp())), "stamps_are=epoch_s"),
    "milliseconds": (lambda at: str(int(at.timestamp() * 1000)), "stamps_are=epoch_ms"),
    "declared": (
        lambda at: at.strftime("%d/%m/%Y %I:%M:%S %p"),
        "stamps_are=UTC,stamp_format=%d/%m/%Y %I:%M:%S %p",
    ),
}
FILES = [
    form
    for form in FORMS
    if form not in ("rows", "an arrow table", "an arrow stream", "a pandas frame", "other names")
]
"""Forms that are files; a store of several of them has one set of options."""
PLAIN = [form for form in FILES if form not in ("latin-1", "windows-1252", "utf-16 without a mark")]


def written(folder, rows, data, stamps):
    """Write rows in random forms into some files; return their paths and the mapping."""
    form_of, mapping = STAMPS[data.draw(st.sampled_from(sorted(STAMPS)), label="stamps")]
    shuffled = [
        {name: form_of(value) if name in stamps else value for name, value in row.items()}
        for row in data.draw(st.permutations(rows), label="order")
    ]
    parts = data.draw(st.integers(1, 3), label="files")
    paths = []
    for number in range(parts):
        place = folder / str(number)
        place.mkdir(parents=True)
        form = data.draw(st.sampled_from(PLAIN), label="form")
        path, _ = FORMS[form](place, shuffled[number::parts])
        paths.append(path)
    return paths, mapping


def files_of(folder: Path) -> dict[str, list[object]]:
    store = SeriesStore.open(folder)
    found: dict[str, list[object]] = {}
    for region in store.regions:
        block = store.read_region(region)
        names = list(block.unique_ids)
        found[region] = [
            *(names, block.first_hours.tolist(), block.counts.tolist(), list(block.timezones))
        ]
    return found


def long_rows():
    chance = random.Random(1)
    return [
        {"shop": shop, "ds": FIRST + dt.timedelta(minutes=15 * step), "y": str(chance.randrange(9))}
        for shop in ("01", "Čapek; & Co", "NA")
        for step in range(0, 40, 3)
    ]


@pytest.fixture(scope="module")
def long_store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    rows = [row | {"ds": row["ds"].isoformat()} for row in long_rows()]
    path, _ = FORMS["csv"](folder, rows)
    import_series(path, into=folder / "store", key=["shop"])
    return files_of(folder / "store")


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_long_table_gives_the_same_store(long_store, data):
    with tempfile.TemporaryDirectory() as folder:
        paths, mapping = written(Path(folder) / "in", long_rows(), data, ("ds",))
        import_series(paths, into=Path(folder) / "store", key=["shop"], mapping=mapping)
        assert files_of(Path(folder) / "store") == long_store


def tunes():
    chance = random.Random(2)
    rows = []
    for home in range(4):
        for step in range(6):
            start = FIRST + dt.timedelta(hours=2 * step, minutes=chance.randrange(60))
            end = start + dt.timedelta(minutes=chance.randrange(1, 90))
            home_of = {"household_id": f"00{home}", "device_id": f"d{home}", "market": "05"}
            network = chance.choice(["Télé", "N,1"])
            rows.append(home_of | {"network": network, "start": start, "end": end})
    return rows


def ingested(folder, events, mapping):
    folder.mkdir(parents=True, exist_ok=True)
    homes = folder / "homes.csv"
    homes.write_text("household_id,market,weight\n" + "".join(f"00{h},05,1000\n" for h in range(4)))
    store = folder / "store"
    ingest(events, households=homes, into=store, timezone="Europe/Berlin", key=KEY, mapping=mapping)
    return files_of(store)


@pytest.fixture(scope="module")
def event_store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    rows = [r | {name: r[name].isoformat() for name in ("start", "end")} for r in tunes()]
    path, _ = FORMS["csv"](folder, rows)
    return ingested(folder, path, None)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_events_give_the_same_store(event_store, data):
    with tempfile.TemporaryDirectory() as folder:
        paths, mapping = written(Path(folder) / "in", tunes(), data, ("start", "end"))
        assert ingested(Path(folder) / "out", paths, mapping) == event_store
