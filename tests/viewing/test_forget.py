"""A store that forgot households is that of one that never held them."""

from __future__ import annotations

import datetime as dt
import json
import random

import pyarrow.parquet as pq
import pytest

from daypart import forget, ingest
from daypart.errors import DaypartError
from daypart.series.store import SeriesStore
from daypart.viewing.crediting import CreditingRules

KEY = b"a key for tests of forgetting"
MARKETS = ("501", "602")
GONE = ("H501-7", "H501-30", "H602-2")


def at(minute):
    start = dt.datetime(2025, 3, 3, tzinfo=dt.UTC) + dt.timedelta(minutes=minute)
    return start.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_gone(row):
    return row.split(",")[0] in GONE


def rows_of(seed):
    """Sessions of 40 households a market, some of them twice, overlapping, or wrong."""
    rng = random.Random(seed)
    rows = []
    for market in MARKETS:
        for number in range(40):
            for _ in range(rng.randrange(3, 12)):
                start, network = rng.randrange(0, 14 * 1440 - 200), rng.choice(("ESPN", "CNN"))
                row = f"H{market}-{number},{market},{network},{{}},{{}},D{number % 2}"
                length = rng.choice((0.2, 10, 55, 170))
                rows.append(row.format(at(start), at(start + length)))
                if rng.random() < 0.1:
                    rows.append(rows[-1])
                if rng.random() < 0.1:
                    rows.append(row.format(at(start), at(start + length + 3)))
                if rng.random() < 0.1:
                    rows.append(row.format(at(start + 9), at(start)))
    return sorted(rows, key=is_gone)


def ingest_batch(folder, batch, silent_days=None):
    return ingest(
        folder / f"events{batch}.csv",
        into=folder / "store",
        households=folder / "homes.csv",
        segments={"young": {"age": "young"}},
        timezone="America/Chicago",
        first_day=dt.date(2025, 3, 3),
        last_day=dt.date(2025, 3, 17),
        panel_households=25,
        crediting=CreditingRules(out_of_tab_silent_days=silent_days),
        key=KEY,
    )


def make_store(folder, *, without=(), silent_days=None):
    folder.mkdir()
    homes = [
        f"H{m}-{n},{m},{100 + n},{'young' if n % 3 else 'old'}" for m in MARKETS for n in range(40)
    ]
    kept = [row for row in homes if row.split(",")[0] not in without]
    (folder / "homes.csv").write_text("household_id,market,weight,age\n" + "\n".join(kept) + "\n")
    for batch in (1, 2):
        rows = [row for row in rows_of(batch) if row.split(",")[0] not in without]
        text = "household_id,market,network,start,end,device_id\n" + "\n".join(rows) + "\n"
        (folder / f"events{batch}.csv").write_text(text)
        ingest_batch(folder, batch, silent_days)
    return folder / "store"


def content(store):
    """All that a store holds, without the names of its files."""
    opened = SeriesStore.open(store)
    viewing = opened.extra["viewing"]
    tables = {}
    for kind, named in viewing["files"].items():
        for market, names in (named if isinstance(named, dict) else {"": named}).items():
            listed = [names] if isinstance(names, str) else names
            rows = [row for name in listed for row in pq.read_table(store / name).to_pylist()]
            for row in rows:
                row.pop("source_file", None)
            tables[kind, market] = sorted(map(str, rows))
    series = {code: region["content_hash"] for code, region in opened.regions.items()}
    return series, tables, viewing["rows"], viewing["households"]


@pytest.mark.parametrize("silent_days", [None, 3])
def test_counts_panel_and_quarantine_are_those_of_a_store_that_never_held_them(
    tmp_path, silent_days
):
    with_them = make_store(tmp_path / "with", silent_days=silent_days)
    without = make_store(tmp_path / "without", without=GONE, silent_days=silent_days)
    assert content(with_them) != content(without)
    done = forget(with_them, households=[{"household_id": n} for n in (*GONE, "H9")], key=KEY)
    assert (done.households, done.not_held, done.markets) == (3, 1, 2)
    assert done.rows == sum(is_gone(row) for batch in (1, 2) for row in rows_of(batch))
    assert content(with_them) == content(without)


def test_no_file_of_the_store_holds_them_any_more(tmp_path):
    store = make_store(tmp_path / "with")
    (tmp_path / "ids.csv").write_text("household_id\nH501-7\n")
    before = pq.read_table(store / "events" / "501-1.parquet").column("household").to_pylist()
    forget(store, households=tmp_path / "ids.csv", key=KEY)
    after = set()
    for file in store.rglob("*.parquet"):
        table = pq.read_table(file)
        if "household" in table.column_names:
            after |= set(table.column("household").to_pylist())
    assert len(set(before) - after) == 1
    assert not (store / "events" / "501-1.parquet").exists()


def test_the_file_that_held_them_is_not_taken_again(tmp_path):
    store = make_store(tmp_path / "with")
    forget(store, households=[{"household_id": "H501-7"}], key=KEY)
    forgotten = content(store)
    assert len(ingest_batch(tmp_path / "with", 1).files_skipped) == 1
    assert content(store) == forgotten


def test_forgetting_nobody_changes_nothing(tmp_path):
    store = make_store(tmp_path / "with")
    before = content(store)
    assert forget(store, households=[{"household_id": "H9"}], key=KEY).rows == 0
    assert content(store) == before


def test_another_key_is_refused_and_nothing_changes(tmp_path):
    store = make_store(tmp_path / "with")
    before = json.loads((store / "store.json").read_text())
    with pytest.raises(DaypartError, match="household key differs"):
        forget(store, households=[{"household_id": "H501-7"}], key=b"some other key of length")
    assert json.loads((store / "store.json").read_text()) == before
