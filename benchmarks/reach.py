"""Measure the count of reach: its speed, its bias and coverage, and replays of later weeks.

    python benchmarks/reach.py [--trips] [--json figures.json]

`--trips` also replays the bike trips of tests/data, where an airing is a minute at a station. See
docs/how-to/bike-trips.md.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from daypart.planning.brief.flight import DaypartClock
from daypart.planning.panel.panel import Panel, PanelMarket
from daypart.planning.reach.exposure import count_frequency
from daypart.synthetic.simulation import simulate
from daypart.viewing.dayparts import STANDARD_DAYPARTS
from daypart.viewing.ingest import ingest
from replay import replay

DATA = Path(__file__).parents[1] / "tests" / "data"
SESSION_MINUTES = 30
MINUTES_A_WEEK = 1320


def made_panel(
    minutes: np.ndarray, history: int, *, networks: int, weight: float = 1.0, markets: int = 1
) -> Panel:
    """Make a panel of `networks` cells a market from minutes [households, cells of a market]."""
    clock = DaypartClock.of(STANDARD_DAYPARTS)
    one = DaypartClock(("All",), np.zeros(168, dtype=np.int64), clock.begins_on)
    households = len(minutes)
    row, column = np.nonzero(minutes)
    market = np.repeat(np.arange(markets), -(-households // markets))[:households]
    weights = np.full(households, weight)
    return Panel(
        segment="all",
        markets=tuple(PanelMarket(str(m), f"Market {m}", "UTC") for m in range(markets)),
        networks=tuple(f"N{n}" for n in range(networks)),
        dayparts=one.names,
        clock=one,
        household=np.arange(households),
        market=market,
        weight=weights,
        universe_estimate=np.bincount(market, weights=weights, minlength=markets),
        row_start=np.concatenate([[0], np.cumsum((minutes > 0).sum(axis=1))]),
        cell=market[row] * networks + column,
        minutes=minutes[row, column].astype(float),
        odd_minutes=minutes[row, column] / 2.0,
        weekly_minutes=np.ones((households, 1)),
        history_minutes=np.full((markets, 1), history),
        members={"all": np.ones(households, dtype=bool)},
        universe={},
    )


def measure_speed(households: int, cells: int = 350) -> dict[str, Any]:
    """Time the count of 500 spots on 100 cells of one market, and of ten."""
    rng = np.random.default_rng(1)
    popular = rng.dirichlet(np.full(cells, 0.5))
    watched = rng.random((households, cells)) < np.minimum(60 * popular, 0.9)
    minutes = np.where(watched, rng.gamma(0.5, 60.0, size=watched.shape), 0.0)
    figures: dict[str, Any] = {}
    for markets in (1, 10):
        panel = made_panel(minutes, 8 * MINUTES_A_WEEK, networks=cells, markets=markets)
        spots = np.zeros(panel.cells, dtype=np.int64)
        spots[np.argsort(-panel.impressions_per_spot())[:100]] = 5
        count_frequency(panel, spots)
        seconds = []
        for _ in range(7):
            started = time.perf_counter(), time.process_time()
            count_frequency(panel, spots)
            seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        wall, cpu = np.median(seconds, axis=0)
        figures[f"{markets} markets"] = {"entries": len(panel.cell), "wall": wall, "cpu": cpu}
    return figures


def measure_estimator(panels: int, households: int = 1000) -> dict[str, Any]:
    """Count many panels whose households' true chances are known, for three lengths of history.

    Viewing comes in sessions of half an hour. Bias is measured against the same households' true
    reach, which excludes the sampling of households; coverage against that of the population.
    """
    rng = np.random.default_rng(4)
    cells, population = 8, 100_000
    appetite = rng.gamma(1.2, 1.0, size=(population, 1))
    chance = np.minimum(0.9, 0.05 * appetite * rng.gamma(0.5, 2.0, size=(population, cells)))
    spots = np.full(cells, 3)
    missed = np.prod((1 - chance) ** spots, axis=1)
    truth = 100 * (1 - missed.mean())
    figures: dict[str, Any] = {"truth": truth}
    for weeks in (8, 26, 104):
        sessions = weeks * MINUTES_A_WEEK // SESSION_MINUTES
        bias, covered = [], []
        for _ in range(panels):
            chosen = rng.choice(population, households, replace=False)
            minutes = SESSION_MINUTES * rng.binomial(sessions, chance[chosen])
            panel = made_panel(minutes, sessions * SESSION_MINUTES, networks=cells)
            counted = count_frequency(panel, spots)
            bias.append(counted.reach_percent() - 100 * (1 - missed[chosen].mean()))
            covered.append(abs(counted.reach_percent() - truth) < 1.645 * counted.error_percent())
        figures[f"{weeks} weeks"] = {
            "bias_percent_of_reach": 100 * float(np.mean(bias)) / truth,
            "coverage_90": float(np.mean(covered)),
        }
    return figures


def replay_simulated(folder: Path) -> dict[str, Any]:
    """Predict weeks 9 to 12 of a simulated market from weeks 1 to 8."""
    made = simulate(
        folder / "market", markets=2, networks=10, households=3000, weeks=12, segments=1, seed=5
    )
    until = made.first_day + dt.timedelta(55)
    for name, last_day in (("before", until), ("after", None)):
        ingest(
            made.events,
            households=made.households,
            into=folder / name,
            markets=made.markets,
            networks=made.networks,
            segments=made.segments,
            key=b"a public key: all households are simulated",
            last_day=last_day,
        )
    return _replayed(folder, until)


def replay_trips(folder: Path) -> dict[str, Any]:
    """Predict four weeks of bike trips from the eight before, and from all before."""
    with (DATA / "bikeshare_stations.csv").open() as file:
        cities = {row["name"]: row["landmark"] for row in csv.DictReader(file)}
    until = dt.date(2014, 9, 28)
    figures = {}
    for label, first_day in (("8 weeks", until - dt.timedelta(55)), ("all weeks", None)):
        for name, days in (("before", (first_day, until)), ("after", (None, None))):
            ingest(
                DATA / "bikeshare_trips_2014.parquet",
                households="from-events",
                into=folder / label / name,
                timezone="America/Los_Angeles",
                networks=cities,
                mapping="household_id=bike_id,network=start_station,start=start_date,"
                "end=end_date,segment=subscription_type",
                key=b"a key for bikes of 2014",
                first_day=days[0],
                last_day=days[1],
            )
        figures[label] = _replayed(folder / label, until, sizes=(500, 1000, 2000, 4000))
    return figures


def _replayed(folder: Path, until: dt.date, **settings: Any) -> dict[str, Any]:
    found = replay(
        folder / "before",
        folder / "after",
        first_day=until + dt.timedelta(1),
        last_day=until + dt.timedelta(28),
        **settings,
    )
    ratio = found.impressions_predicted / found.impressions_counted - 1
    return {
        "schedules": len(found.spots),
        "median_absolute_relative_error": found.median_error,
        "mean_relative_error": float(found.relative_errors.mean()),
        "mean_relative_error_of_impressions": float(ratio.mean()),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trips", action="store_true", help="Also replay the bike trips.")
    parser.add_argument("--households", type=int, default=100_000, help="of the count's speed")
    parser.add_argument("--panels", type=int, default=200, help="of the estimator's coverage")
    parser.add_argument("--json", type=Path, help="Also write the figures to this file.")
    given = parser.parse_args()
    figures: dict[str, Any] = {
        "speed": measure_speed(given.households),
        "estimator": measure_estimator(given.panels),
    }
    with tempfile.TemporaryDirectory() as folder:
        figures["replay, simulated"] = replay_simulated(Path(folder))
        if given.trips:
            figures["replay, bike trips"] = replay_trips(Path(folder) / "trips")
    text = json.dumps(figures, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
