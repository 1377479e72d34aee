"""One file of every kind that daypart reads, of a small simulated market."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import daypart
from daypart.planning.brief.example import write_example_brief
from daypart.planning.delivery.measure import write_asrun
from daypart.storage.files import write_text
from daypart.storage.private import private_files

CALENDAR = "name,from,to,market\nDerby,2025-01-15T12:00,2025-01-15T18:00,501\n"
PRICES = [
    {"market": "501", "network": network, "daypart": "Prime", "week": "2025-02-10", "spots": 2}
    for network in ("ABC", "CBS")
]


def make_base(root: Path) -> None:
    """Write the base into an empty folder."""
    market = daypart.simulate(
        root / "market", markets=2, networks=6, households=500, weeks=3, segments=2, seed=1
    )
    with private_files():
        write_text(root / "household.key", "the key of a fuzzer, all of whose data are simulated\n")
    store, run = root / "store", root / "run"
    daypart.ingest(
        market.events,
        households=market.households,
        into=store,
        markets=market.markets,
        networks=market.networks,
        segments=market.segments,
        key=root / "household.key",
    )
    daypart.fit(store, run=run, model="seasonal_naive", executor="inline")
    daypart.predict(run, weeks=1, by=("market",), per="day", out=root / "forecast.parquet")
    daypart.insights(run, out=root / "insights")
    daypart.backtest(
        store, out=root / "backtest", weeks=1, model="seasonal_naive", against=[], executor="inline"
    )
    _plan(root)
    _small_tables(root)


def _plan(root: Path) -> None:
    store, plan = root / "store", root / "plan"
    write_example_brief(root / "brief.toml", store, rate_card=root / "market" / "rate_card.parquet")
    daypart.plan(store, brief=root / "brief.toml", out=plan)
    # The plan's weeks follow the store's; an as-run log needs viewing that happened.
    content = json.loads((plan / "plan.json").read_text())
    viewing = json.loads((store / "store.json").read_text())["viewing"]["window"]
    content["brief"] |= {"first_day": viewing["first_day"], "last_day": viewing["last_day"]}
    for line in content["lines"]:
        line["week"] = viewing["first_day"]
    (root / "flown").mkdir()
    (root / "flown" / "plan.json").write_text(json.dumps(content))
    write_asrun(store, plan=root / "flown", out=root / "asrun.csv")
    daypart.measure(store, plan=root / "flown", asrun=root / "asrun.csv", out=root / "delivery")


def _small_tables(root: Path) -> None:
    """Write tables that users bring, short, and in several formats."""
    (root / "calendar.csv").write_text(CALENDAR)
    with (root / "schedule.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(PRICES[0]))
        writer.writeheader()
        writer.writerows(PRICES)
    (root / "schedule.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in PRICES))
    stamps = [f"2025-01-{1 + hour // 24:02d}T{hour % 24:02d}:00" for hour in range(72)]
    rows = "".join(f"a,{stamp},{count}\n" for count, stamp in enumerate(stamps))
    (root / "series.csv").write_text(f"unique_id,ds,y\n{rows}")
    market = root / "market"
    for name in ("households", "markets", "networks", "rate_card"):
        _as_csv(pq.read_table(market / f"{name}.parquet").slice(0, 40), root / f"{name}.csv")
    events = min((market / "events").glob("*.parquet"))
    few = pq.read_table(events).slice(0, 60)
    pq.write_table(few, root / "events.parquet")
    _as_csv(few, root / "events.csv")
    _as_xlsx(root / "events.csv", root / "events.xlsx")
    _as_xlsx(root / "schedule.csv", root / "schedule.xlsx")


def _as_csv(table: pa.Table, file: Path) -> None:
    flat = [
        column.cast(pa.string()) if not pa.types.is_nested(column.type) else pa.nulls(len(table))
        for column in table.columns
    ]
    pa.csv.write_csv(pa.table(flat, names=table.column_names), file)


def _as_xlsx(source: Path, target: Path) -> None:
    book = openpyxl.Workbook()
    with source.open(newline="") as file:
        for row in csv.reader(file):
            book.active.append(row)
    book.save(target)
