"""Small tune events for tests, and crediting of them in plain Python: slow, and plain to read."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from daypart.series.store import SeriesStore
from daypart.viewing.crediting import CreditingRules

KEY = b"a household key for tests"
HOUR_MS = 3_600_000
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
ZONES = {"501": "America/New_York", "803": "America/Los_Angeles"}
HOUSEHOLDS = {  # market, weight, size
    "H1": ("501", 1000.0, 1),
    "H2": ("501", 2500.5, 4),
    "H3": ("803", 700.25, 4),
    "H4": ("803", 1.0, 2),
}
SEGMENTS = {"big": {"size": {"min": 3}}, "pair": {"size": [2, 4]}}


@dataclass(frozen=True)
class Tune:
    household: str
    network: str
    start_ms: int
    end_ms: int
    device: str | None = None


def at(text: str) -> int:
    """Milliseconds since 1970 of an ISO stamp with its zone."""
    return round((dt.datetime.fromisoformat(text) - EPOCH).total_seconds() * 1000)


def write_events(path: Path, tunes: list[Tune]) -> Path:
    stamp = pa.timestamp("us", tz="UTC")
    table = pa.table(
        {
            "household_id": pa.array([t.household for t in tunes], pa.string()),
            "device_id": pa.array([t.device for t in tunes], pa.string()),
            "market": pa.array([HOUSEHOLDS[t.household][0] for t in tunes], pa.string()),
            "network": pa.array([t.network for t in tunes], pa.string()),
            "start": pa.array([t.start_ms * 1000 for t in tunes], stamp),
            "end": pa.array([t.end_ms * 1000 for t in tunes], stamp),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def write_households(path: Path) -> Path:
    rows = list(HOUSEHOLDS.items())
    table = pa.table(
        {
            "household_id": [name for name, _ in rows],
            "market": [market for _, (market, _, _) in rows],
            "weight": [weight for _, (_, weight, _) in rows],
            "size": [size for _, (_, _, size) in rows],
        }
    )
    pq.write_table(table, path)
    return path


def write_markets(path: Path) -> Path:
    lines = [f"{code},{zone},Market {code}" for code, zone in ZONES.items()]
    path.write_text("\n".join(["market,timezone,name", *lines]) + "\n")
    return path


def ingest_arguments(folder: Path) -> dict:
    """Households, markets and segments of this module as arguments of `ingest`."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "households": write_households(folder / "households.parquet"),
        "markets": write_markets(folder / "markets.csv"),
        "segments": SEGMENTS,
        "key": KEY,
        "threads": 1,
    }


def segments_of(household: str) -> list[str]:
    size = HOUSEHOLDS[household][2]
    return ["all", *(["big"] if size >= 3 else []), *(["pair"] if size in (2, 4) else [])]


def judged(tunes: list[Tune], rules: CreditingRules) -> tuple[dict[str, int], list[Tune]]:
    """Count rows by outcome, and return the credited tunes as cut and capped."""
    counts: dict[str, int] = defaultdict(int)
    by_device = defaultdict(list)
    seen = set()
    for tune in tunes:
        if tune.end_ms < tune.start_ms:
            counts["end_before_start"] += 1
        elif tune in seen:
            counts["duplicate"] += 1
        else:
            seen.add(tune)
            by_device[tune.household, tune.device].append(tune)
    credited = []
    for (_, device), sessions in by_device.items():
        sessions.sort(key=lambda t: (t.start_ms, t.end_ms, t.network))
        for number, tune in enumerate(sessions):
            later = sessions[number + 1 :]
            stop = min(tune.end_ms, tune.start_ms + round(rules.idle_cap_minutes * 60_000))
            if device is not None and later:
                stop = min(stop, later[0].start_ms)
            if device is not None and later and later[0].start_ms == tune.start_ms < tune.end_ms:
                counts["overlapping"] += 1
            elif stop - tune.start_ms < rules.minimum_tune_seconds * 1000:
                counts["below_minimum_tune"] += 1
            else:
                counts["credited"] += 1
                credited.append(Tune(tune.household, tune.network, tune.start_ms, stop, device))
    return dict(counts), credited


def united_ms(intervals: list[tuple[int, int]]) -> int:
    """Milliseconds covered by at least one interval."""
    total, reached = 0, -(2**62)
    for start, stop in sorted(intervals):
        total += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return total


def expected_cells(
    credited: list[Tune], *, any_network: bool = False
) -> dict[tuple[str, str, str, int], tuple[int, float]]:
    """Households and projected minutes by market, network, segment and UTC hour."""
    pieces = defaultdict(list)
    for tune in credited:
        if tune.end_ms == tune.start_ms:  # of no length: nobody was seen watching
            continue
        for hour in range(tune.start_ms // HOUR_MS, (tune.end_ms - 1) // HOUR_MS + 1):
            start = max(tune.start_ms, hour * HOUR_MS)
            stop = min(tune.end_ms, (hour + 1) * HOUR_MS)
            network = "any" if any_network else tune.network
            pieces[tune.household, network, hour].append((start, stop))
    cells: dict[tuple[str, str, str, int], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for (household, network, hour), intervals in pieces.items():
        market, weight, _ = HOUSEHOLDS[household]
        minutes = weight * united_ms(intervals) / 60_000
        for segment in segments_of(household):
            count, total = cells[market, network, segment, hour]
            cells[market, network, segment, hour] = count + 1, total + minutes
    return dict(cells)


def stored_cells(folder: Path) -> dict[tuple[str, str, str, int], tuple[int, float]]:
    """The same of a store, without hours of no viewing."""
    store = SeriesStore.open(folder)
    cells = {}
    for region in store.regions:
        block = store.read_region(region)
        for row in range(len(block)):
            names = [block.keys.column(name)[row].as_py() for name in store.key]
            counts, minutes = block.counts_of(row), block.measure_of("minutes", row)
            for hour in np.flatnonzero(counts):
                key = (*names, int(block.first_hours[row] + hour))
                cells[key] = int(counts[hour]), float(minutes[hour])
    return cells


def stored_hut(folder: Path) -> dict[tuple[str, str, str, int], tuple[int, float]]:
    viewing = SeriesStore.open(folder).extra["viewing"]
    cells = {}
    for name in viewing["files"]["hut"].values():
        for row in pq.read_table(folder / name).to_pylist():
            first = int(row["first_hour"].timestamp()) // 3600
            for hour, (count, minutes) in enumerate(
                zip(row["counts"], row["minutes"], strict=True)
            ):
                if count:
                    cells[row["market"], "any", row["segment"], first + hour] = count, minutes
    return cells


def inside(cells: dict, folder: Path) -> dict:
    """The cells within the store's window."""
    markets = SeriesStore.open(folder).extra["viewing"]["markets"]
    bounds = {code: (m["first_hour"], m["first_hour"] + m["hours"]) for code, m in markets.items()}
    return {key: v for key, v in cells.items() if bounds[key[0]][0] <= key[3] < bounds[key[0]][1]}


def assert_same_cells(found: dict, expected: dict) -> None:
    assert {key: count for key, (count, _) in found.items()} == {
        key: count for key, (count, _) in expected.items()
    }
    for key, (_, minutes) in expected.items():
        np.testing.assert_allclose(found[key][1], minutes, rtol=1e-6)
