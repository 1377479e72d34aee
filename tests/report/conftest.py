"""Small inputs of a report, written by the tests, so that each can be damaged or left out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from daypart.runs.backtest import backtest
from daypart.runs.fit import fit
from daypart.runs.predict import predict
from daypart.series.block import block_from_arrays
from daypart.series.store import SeriesStore
from daypart.storage.files import read_json, write_json
from daypart.storage.tables import write_table
from daypart.viewing.dayparts import STANDARD_DAYPARTS

HOSTILE = "</script><img src=x onerror=alert(1)>"
MARKETS = {"501": ("New York", "America/New_York"), "803": ("Los Angeles", "America/Los_Angeles")}
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
WEEKS = 6
FIRST_HOUR = 482_429  # 2025-01-13T05:00Z


@dataclass(frozen=True)
class Inputs:
    """The keyword arguments of `report`."""

    store: Path
    run: Path | None = None
    insights: Path | None = None
    plan: Path | None = None
    delivery: Path | None = None
    backtest: Path | None = None
    forecast: Path | None = None
    truth: Path | None = None

    def arguments(self) -> dict[str, Path | None]:
        return dict(vars(self))

    def without(self, *names: str) -> Inputs:
        return replace(self, **dict.fromkeys(names))


def make_inputs(folder: Path, networks: list[str]) -> Inputs:
    """Write every input of a report on some networks."""
    store, run = folder / "store", folder / "run"
    make_store(store, networks)
    fit(store, run=run, model="seasonal_naive", executor="inline")
    forecast = folder / "by_market.parquet"
    predict(run, weeks=2, by=("market",), per="day", out=forecast, draws=100)
    backtest(
        store, weeks=2, model="seasonal_naive", against=[], out=folder / "backtest", draws=100,
        executor="inline",
    )  # fmt: skip
    make_insights(folder / "insights", networks)
    (folder / "plan").mkdir()
    write_json(folder / "plan" / "plan.json", make_plan(networks))
    truth = folder / "truth.parquet"
    make_truth(truth, networks)
    return Inputs(
        store,
        run,
        folder / "insights",
        folder / "plan",
        backtest=folder / "backtest",
        forecast=forecast,
        truth=truth,
    )


def make_store(folder: Path, networks: list[str]) -> None:
    store = SeriesStore.create(
        folder, key=["market", "network", "segment"], overlapping={"segment": "all"}
    )
    rng = np.random.default_rng(3)
    shape = 20 + 15 * np.sin(np.arange(168 * WEEKS) * 2 * np.pi / 24)
    regions = []
    for market, (_, timezone) in MARKETS.items():
        keys = sorted((market, n, s) for n in networks for s in ("all", "young"))
        table = pa.table(
            {name: [key[i] for key in keys] for i, name in enumerate(store.key)}
            | {"unique_id": ["/".join(key) for key in keys]}
        )
        counts = [rng.poisson(shape / (1 if key[2] == "all" else 3)) for key in keys]
        size = len(keys)
        block = block_from_arrays(table, [timezone] * size, [FIRST_HOUR] * size, counts)
        regions.append((market, block))
    store.replace_regions(regions)
    record = read_json(folder / "store.json")
    record["viewing"] = {
        "crediting": {"minimum_tune_seconds": 60.0, "multi_set": "once"},
        "dayparts": STANDARD_DAYPARTS.as_json(),
        "markets": {
            code: {"name": name, "timezone": timezone, "tv_homes": 1e6}
            for code, (name, timezone) in MARKETS.items()
        },
        "networks": networks,
        "segments": {"all": {}, "young": {"age_group": "15-34"}},
        "rows": {
            "read": 1003,
            "credited": 700,
            "below_minimum_tune": 300,
            "set_aside": {"duplicate": 1, "unknown_network": 2},
        },
        "window": {
            "first_day": "2024-01-01",
            "last_day": "2024-02-01",
            "first_hour": FIRST_HOUR,
            "last_hour": FIRST_HOUR + 168 * WEEKS - 1,
            "hours": 168 * WEEKS,
        },
        "simulated": True,
    }
    write_json(folder / "store.json", record)


def make_insights(folder: Path, networks: list[str]) -> None:
    folder.mkdir()
    write_json(
        folder / "insights.json",
        {
            "headlines": [f"{networks[0]} leads."],
            "definitions": {"rating": "100 x average audience / universe estimate."},
            "min_households": 50,
            "suppressed_cells": 3,
            "unit": "households",
            "window": "live",
            "crediting": "minimum tune 60 s",
            "simulated": True,
        },
    )
    top = [
        {"segment": "young", "rank": i + 1, "network": name, "rating": 2.0123456 + i,
         "rating_lo_80": 1.8 + i, "rating_hi_80": 2.2 + i, "index": 150 - i,
         "index_lo_80": 140 - i, "index_hi_80": 160 - i}
        for i, name in enumerate(networks)
    ]  # fmt: skip
    top[-1]["rating"] = top[-1]["index"] = "suppressed"
    heat = [
        {"segment": "all", "network": "any", "day": DAYS[h // 24], "hour": h % 24,
         "hour_of_week": h, "rating": 10.0 + (h % 24)}
        for h in range(168)
    ]  # fmt: skip
    for name, rows in (("top_networks.csv", top), ("heat_map.csv", heat)):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def make_plan(networks: list[str], *, lines_per_network: int = 4) -> dict[str, Any]:
    lines = [
        {
            "market": "501", "market_name": "New York", "network": name, "daypart": "Prime",
            "week": f"2025-0{2 + w // 4}-{3 + 7 * (w % 4):02d}", "spots": 1 + (i + w) % 5,
            "cost": 1000.123456 + i, "grp": 1.23456789, "impressions": 12345.6789,
        }
        for i, name in enumerate(networks)
        for w in range(lines_per_network)
    ]  # fmt: skip
    budgets = [25_000.0 * step for step in range(1, 8)]
    curve = [
        {"budget": b, "spent": b, "reach_percent": r, "lo_80": r - 1, "hi_80": r + 1}
        for b, r in zip(budgets, [20.0, 35.0, 45.0, 52.0, 57.0, 60.0, 62.0], strict=True)
    ]
    return {
        "campaign": "Spring & <b>summer</b>",
        "simulated": True,
        "status": "optimal",
        "objective": 52.123456,
        "objective_name": "reach",
        "objective_unit": "percent of the target's universe estimate",
        "bound": 52.2,
        "gap": 0.00147,
        "sampling_gap": 0.02,
        "limited_by": [{"limit": "campaign.budget", "worth": 0.2}],
        "broken": [],
        "asked": 100_000,
        "spent": 99_999.87,
        "currency": "USD",
        "segment": "young",
        "reach": {
            "1+": {"percent": 52.04, "households": 520_400.0, "lo_80": 50.8, "hi_80": 53.3},
            "3+": {"percent": 21.5, "households": 215_000.0, "lo_80": 20.2, "hi_80": 22.8},
        },
        "average_frequency": 2.4981,
        "grp": {"mean": 130.0, "lo_80": 125.0, "hi_80": 135.0},
        "impressions": {"mean": 1_300_000.4, "lo_80": 1_250_000.0, "hi_80": 1_350_000.0},
        "universe_estimate": 1_000_000.0,
        "panel_households": 900,
        "even_split": {"reach_percent": 41.07, "spent": 99_900.0},
        "lines": lines,
        "reach_curve": curve,
        "frequency_distribution": [
            {"exposures": "1", "households": 250_000.4, "percent": 25.00004},
            {"exposures": "2", "households": 120_000.0, "percent": 12.0},
            {"exposures": "3+", "households": 150_400.0, "percent": 15.04},
        ],
        "by_market": [
            {"name": "New York", "code": "501", "spots": 60, "spend": 60_000.0,
             "share_percent": 60.0, "grp": 130.0, "impressions": 8e5, "panel_households": 500,
             "reach_percent": 53.0},
            {"name": "Los Angeles", "code": "803", "spots": 40, "spend": 39_999.87,
             "share_percent": 40.0, "grp": "suppressed", "impressions": "suppressed",
             "panel_households": 40, "reach_percent": "suppressed"},
        ],
        "definitions": {"Spot": "One minute."},
        "notes": ["The audience data are simulated."],
    }  # fmt: skip


@pytest.fixture
def make_measured(tmp_path) -> Callable[[list[str]], dict[str, Path]]:
    """Write a measured plan on some networks into the test's folder."""
    return partial(write_measured, tmp_path)


def write_measured(folder: Path, networks: list[str]) -> dict[str, Path]:
    """Write a plan with what each network adds, and its measured delivery."""
    parts = 52.04 / len(networks)
    by_network = [
        {"name": name, "spots": 10, "spend": 25_000.0, "share_percent": 25.0,
         "reach_percent": 30.0 - i / 10, "lo_80": 29.0 - i / 10, "hi_80": 31.0 - i / 10,
         "incremental_percent": parts / 2, "added_percent": parts}
        for i, name in enumerate(networks)
    ]  # fmt: skip
    write_json(folder / "plan.json", make_plan(networks) | {"by_network": by_network})
    figure = {"planned": 100.0, "lo_80": 90.0, "hi_80": 110.0, "delivered": 96.04}
    weeks = [
        {"name": f"2025-02-{day:02d}", "cumulative_reach_planned": reach,
         "cumulative_reach_lo_80": reach - 2, "cumulative_reach_hi_80": reach + 2,
         "cumulative_reach": reach - 3}
        for day, reach in ((3, 30.0), (10, 52.04))
    ]  # fmt: skip
    row = {
        "spots_planned": 50,
        "spots_aired": 48,
        "planned": 1000.0,
        "delivered": 890.0,
        "lo_80": 900.0,
        "hi_80": 1100.0,
    }
    write_json(
        folder / "delivery.json",
        {
            "reach": {"1+": {"planned": 52.04, "lo_80": 50.8, "hi_80": 53.3, "delivered": 49.04}},
            "impressions": figure | {"index": 96.04},
            "grp": figure,
            "rows": 101,
            "used": 98,
            "set_aside": {"bad_instant": 2, "unknown_network": 1},
            "spots": {"planned": 100, "delivered": 98},
            "cost": {"planned": 99_999.87, "delivered": 98_000.0},
            "under": 95.0,
            "under_delivered": ["New York"],
            "by_week": weeks,
            "by_market": [
                row | {"name": "New York", "delivery_index": 89.0},
                row | {"name": "Los Angeles", "delivered": "suppressed",
                       "delivery_index": "suppressed"},
            ],
        },
    )  # fmt: skip
    return {"plan": folder / "plan.json", "delivery": folder / "delivery.json"}


def make_truth(path: Path, networks: list[str]) -> None:
    hours = np.arange(FIRST_HOUR, FIRST_HOUR + 168 * WEEKS, dtype=np.int64)
    tables = [
        pa.table(
            {
                "market": [market] * len(hours),
                "network": [name] * len(hours),
                "segment": ["all"] * len(hours),
                "hour": pa.array(hours * 3_600_000_000, pa.timestamp("us", tz="UTC")),
                "expected_households": np.full(len(hours), 20.0),
            }
        )
        for market in MARKETS
        for name in networks
    ]
    write_table(path, pa.concat_tables(tables))


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Inputs:
    """All inputs, with a network whose name tries to break out of the page."""
    return make_inputs(tmp_path_factory.mktemp("report"), ["CBS", "ESPN", HOSTILE, "TNT"])
