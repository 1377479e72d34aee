"""A small viewing store of panel households, made here so that this room needs no other."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from daypart.planning.brief.brief import Brief
from daypart.planning.brief.flight import DaypartClock
from daypart.planning.panel.panel import Panel, PanelMarket
from daypart.planning.problem.problem import Problem
from daypart.viewing.crediting import CreditingRules
from daypart.viewing.dayparts import daypart_table

DAYPARTS = [
    {"name": "Early Morning", "days": list(range(7)), "start": "06:00", "end": "09:00"},
    {"name": "Daytime", "days": list(range(7)), "start": "09:00", "end": "16:00"},
    {"name": "Early Fringe", "days": list(range(7)), "start": "16:00", "end": "20:00"},
    {"name": "Prime", "days": list(range(7)), "start": "20:00", "end": "23:00"},
    {"name": "Overnight", "days": list(range(7)), "start": "23:00", "end": "06:00"},
]
MINUTES = {"Early Morning": 1260, "Daytime": 2940, "Early Fringe": 1680, "Prime": 1260}
MINUTES["Overnight"] = 2940
NETWORKS = ["A&E", "CNN", "ESPN", "Food", "HGTV", "TBS"]
MARKETS = {
    "501": ("New York", "America/New_York", 7_000_000.0),
    "602": ("Chicago", "America/Chicago", 3_200_000.0),
    "803": ("Los Angeles", "America/Los_Angeles", 5_000_000.0),
}
EVERYTHING = CreditingRules(
    minimum_cell_households=1, minimum_contributing_households=0, dominance_percent=0
)
"""Rules that publish every figure, so that tests can check its arithmetic."""
FIRST_MONDAY = dt.date(2024, 1, 1)


def make_store(
    folder: Path,
    *,
    markets=MARKETS,
    networks=NETWORKS,
    dayparts=DAYPARTS,
    households=160,
    weeks=8,
    seed=1,
    crediting=EVERYTHING,
):
    """Write a viewing store whose households differ in appetite and in taste."""
    rng = np.random.default_rng(seed)
    names = [row["name"] for row in dayparts]
    length = {
        row["name"]: len(row["days"])
        * ((_minute(row["end"]) - _minute(row["start"]) - 1) % 1440 + 1)
        for row in dayparts
    }
    (folder / "panel").mkdir(parents=True)
    people, universe, panel_files = [], [], {}
    for code, (_, _, homes) in markets.items():
        ids = np.sort(rng.choice(10**12, households, replace=False))
        young = rng.random(households) < 0.4
        rows = {name: [] for name in ("household", "week", "network", "daypart", "minutes")}
        for n, household in enumerate(ids):
            appetite = rng.gamma(1.2, 700.0)
            liked = np.linspace(1.0, 0.3, len(networks))
            taste = rng.dirichlet(liked[::-1] if young[n] else liked)
            clock = rng.dirichlet(np.linspace(1, 4, len(names)))
            for week in range(weeks):
                size = appetite * rng.gamma(8, 1 / 8)
                watched = np.floor(size * np.outer(taste, clock))
                for i, j in zip(*np.nonzero(watched), strict=True):
                    rows["household"].append(int(household))
                    rows["week"].append(FIRST_MONDAY + dt.timedelta(7 * week))
                    rows["network"].append(networks[i])
                    rows["daypart"].append(names[j])
                    rows["minutes"].append(float(min(watched[i, j], length[names[j]])))
            people.append(
                (
                    int(household),
                    code,
                    homes / households * rng.uniform(0.7, 1.4),
                    True,
                    ["all", "young"] if young[n] else ["all"],
                )
            )
        people.append((int(ids[-1]) + 1, code, 1.0, False, ["all"]))
        panel_files[code] = f"panel/{code}-1.parquet"
        pq.write_table(
            pa.table(
                {
                    "household": pa.array(rows["household"], pa.int64()),
                    "week": pa.array(rows["week"], pa.date32()),
                    "network": rows["network"],
                    "daypart": rows["daypart"],
                    "minutes": pa.array(rows["minutes"], pa.float32()),
                }
            ),
            folder / panel_files[code],
        )
        universe.append((code, "all", households, homes))
        universe.append((code, "young", int(young.sum()), homes * float(young.mean())))
    columns = list(zip(*people, strict=True))
    pq.write_table(
        pa.table(
            {
                "household": pa.array(columns[0], pa.int64()),
                "market": columns[1],
                "weight": pa.array(columns[2], pa.float64()),
                "in_panel": columns[3],
                "segments": pa.array(columns[4], pa.list_(pa.string())),
            }
        ),
        folder / "households-1.parquet",
    )
    columns = list(zip(*universe, strict=True))
    pq.write_table(
        pa.table(
            dict(
                zip(
                    ("market", "segment", "in_tab_households", "universe_estimate"),
                    columns,
                    strict=True,
                )
            )
        ),
        folder / "universe-1.parquet",
    )
    first_hour = (FIRST_MONDAY - dt.date(1970, 1, 1)).days * 24
    (folder / "store.json").write_text(
        json.dumps(
            {
                "kind": "daypart-store",
                "schema_version": 2,
                "key": ["market", "network", "segment"],
                "regions": {},
                "viewing": {
                    "dayparts": {"name": "test", "version": 1, "rows": dayparts},
                    "markets": {
                        code: {"name": name, "timezone": zone, "tv_homes": homes}
                        for code, (name, zone, homes) in markets.items()
                    },
                    "networks": networks,
                    "segments": {"young": {}},
                    "files": {
                        "households": "households-1.parquet",
                        "universe": "universe-1.parquet",
                        "panel": panel_files,
                        "hut": {code: f"hut/{code}-1.parquet" for code in markets},
                        "events": {},
                    },
                    "window": {
                        "first_day": str(FIRST_MONDAY),
                        "last_day": str(FIRST_MONDAY + dt.timedelta(7 * weeks - 1)),
                        "first_hour": first_hour,
                        "last_hour": first_hour + weeks * 168 - 1,
                        "hours": weeks * 168,
                    },
                    "simulated": True,
                    "crediting": crediting.as_json(),
                },
            }
        )
    )
    return folder


def make_rate_card(path: Path, *, markets=MARKETS, networks=NETWORKS, dayparts=DAYPARTS, seed=2):
    rng = np.random.default_rng(seed)
    rows = [
        (code, network, row["name"], round(float(rng.uniform(5, 30)), 2))
        for code in markets
        for network in networks
        for row in dayparts
    ]
    columns = list(zip(*rows, strict=True))
    pq.write_table(
        pa.table(
            {
                "market": columns[0],
                "network": columns[1],
                "daypart": columns[2],
                "cpm": columns[3],
                "first_day": pa.array([dt.date(2024, 1, 1)] * len(rows), pa.date32()),
                "last_day": pa.array([dt.date(2024, 12, 31)] * len(rows), pa.date32()),
            }
        ),
        path,
    )
    return path


def _minute(text):
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


BRIEF = """
[campaign]
name = "Spring launch"
segment = "young"
first_day = 2024-03-04
last_day = 2024-03-31
budget = 400000
rate_card = "{rate_card}"

[limits]
max_spots_per_week = 7
exclude_dayparts = ["Overnight"]

[limits.network]
every = {{max_percent = 40}}
CNN = {{min_percent = 5}}
"""


def panel_of(minutes, history, *, weight=None, market=None, markets=1, weeks=2) -> Any:
    """Make a panel from a matrix of minutes [households, cells of one market].

    Every cell is a network of its own, in one daypart of `history` minutes.
    """
    minutes = np.asarray(minutes, dtype=float)
    households, cells = minutes.shape
    market = np.zeros(households, dtype=np.int64) if market is None else np.asarray(market)
    weight = np.ones(households) if weight is None else np.asarray(weight, dtype=float)
    row, column = np.nonzero(minutes)
    return Panel(
        segment="all",
        markets=tuple(PanelMarket(str(m), f"Market {m}", "UTC") for m in range(markets)),
        networks=tuple(f"N{n}" for n in range(cells)),
        dayparts=("All day",),
        clock=DaypartClock.of(
            daypart_table(
                {
                    "name": "one",
                    "version": 1,
                    "rows": [
                        {"name": "All day", "days": range(7), "start": "00:00", "end": "24:00"}
                    ],
                }
            )
        ),
        household=np.arange(households),
        market=market,
        weight=weight,
        universe_estimate=np.bincount(market, weights=weight, minlength=markets),
        row_start=np.concatenate([[0], np.cumsum((minutes > 0).sum(axis=1))]),
        cell=(market[row] * cells + column).astype(np.int64),
        minutes=minutes[row, column],
        odd_minutes=minutes[row, column] / 2,
        weekly_minutes=np.tile(minutes.sum(axis=1, keepdims=True) / weeks, (1, weeks)),
        history_minutes=np.full((markets, 1), history),
        members={"all": np.ones(households, dtype=bool)},
        universe={(str(m), "all"): float(weight[market == m].sum()) for m in range(markets)},
    )


def problem_of(cost, most, budget, limits=(), *, weeks=1):
    """Make a problem with one column in each cell of one market."""
    cost, most = np.asarray(cost, dtype=float), np.asarray(most, dtype=np.int64)
    columns = len(cost)
    return Problem(
        cells=columns,
        cell=np.arange(columns),
        period=np.zeros(columns, dtype=np.int64),
        cost=cost,
        impressions=np.ones(columns),
        least=np.zeros(columns, dtype=np.int64),
        most=most * weeks,
        budget=float(budget),
        limits=tuple(limits),
        periods=(tuple(range(weeks)),),
        most_per_week=np.repeat(most[:, None], weeks, axis=1),
        pinned=np.zeros((columns, weeks), dtype=np.int64),
    )


def brief_of(**settings):
    """Make a brief of which only some settings matter."""
    usual = {"name": "x", "first_day": "2024-03-04", "last_day": "2024-03-10", "budget": 1}
    return Brief(**usual | {"rate_card": "x.csv"} | settings)
