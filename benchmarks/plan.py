"""Measure the optimiser: seconds, gaps and peak memory on made-up panels of a known size.

    python benchmarks/plan.py --case sides --case national --case slsqp [--json figures.json]

Each case runs in its own process, so that peak memory (VmHWM) is its own. The panels are drawn
here: households differ in appetite (Gamma) and in taste (a repertoire of networks, drawn by
popularity, and a profile over dayparts).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from daypart.planning.flight import DaypartClock
from daypart.planning.panel import Market, Panel
from daypart.viewing import STANDARD_DAYPARTS

Floats = NDArray[np.float64]

HISTORY_WEEKS = 26
REPERTOIRE = 18


def draw_panel(
    markets: int, households: int, networks: int, *, dayparts: int = 8, seed: int = 0
) -> Panel:
    """Draw a panel: `households` in each market, who watch some of the networks."""
    rng = np.random.default_rng(seed)
    clock = DaypartClock.of(STANDARD_DAYPARTS)
    length = clock.minutes_per_week()[:dayparts].astype(np.float64)
    assert len(length) == dayparts
    parts = [_draw_market(m, households, networks, length, rng) for m in range(markets)]
    market = np.repeat(np.arange(markets), households)
    homes = 2e6 / (1 + np.arange(markets)) ** 0.6
    weight = homes[market] / households
    weekly = np.concatenate([part[3] for part in parts])
    return Panel(
        segment="all",
        markets=tuple(Market(f"{500 + m}", f"Market {m}", "UTC") for m in range(markets)),
        networks=tuple(f"N{n:03d}" for n in range(networks)),
        dayparts=clock.names[:dayparts],
        clock=clock,
        market=market,
        weight=weight,
        universe_estimate=homes,
        row_start=np.concatenate([[0], np.cumsum(np.concatenate([part[4] for part in parts]))]),
        cell=np.concatenate([part[0] for part in parts]),
        minutes=np.concatenate([part[1] for part in parts]),
        odd_minutes=np.concatenate([part[2] for part in parts]),
        weekly_minutes=weekly,
        history_minutes=np.tile((HISTORY_WEEKS * length).astype(np.int64), (markets, 1)),
        members={"all": np.ones(len(market), dtype=np.bool_)},
        universe={(f"{500 + m}", "all"): float(homes[m]) for m in range(markets)},
    )


def _draw_market(
    market: int,
    households: int,
    networks: int,
    length: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray, ...]:
    dayparts = len(length)
    popular = 1.0 / (3.0 + np.arange(networks)) * rng.gamma(4.0, 0.25, networks)
    score = np.log(popular) + rng.gumbel(size=(households, networks))
    size = min(REPERTOIRE, networks)
    chosen = np.sort(np.argpartition(-score, size - 1, axis=1)[:, :size], axis=1)
    taste = popular[chosen] ** 0.5 * rng.gamma(0.6, size=chosen.shape)
    taste /= taste.sum(axis=1, keepdims=True)
    profile = length * np.linspace(0.5, 2.0, dayparts) * rng.gamma(0.7, size=(households, dayparts))
    profile /= profile.sum(axis=1, keepdims=True)
    appetite = rng.gamma(1.5, 1600.0, households)
    mean = appetite[:, None, None] * taste[:, :, None] * profile[:, None, :]
    halves = HISTORY_WEEKS // 2
    even, odd = (
        np.minimum(
            30.0 * rng.poisson(rng.gamma(2.0, 0.5, mean.shape) * mean * halves / 30.0),
            halves * length,
        )
        for _ in range(2)
    )
    total = even + odd
    seen = total > 0
    cell = (
        market * networks * dayparts
        + chosen[:, :, None] * dayparts
        + np.arange(dayparts)[None, None, :]
    )
    a_week = total.sum(axis=(1, 2)) / HISTORY_WEEKS
    weekly = a_week[:, None] * rng.gamma(8.0, 1 / 8.0, (households, HISTORY_WEEKS))
    return cell[seen], total[seen], odd[seen], weekly, seen.sum(axis=(1, 2))
