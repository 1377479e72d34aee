"""Measure the optimiser: processor seconds, gaps and peak memory on panels of a known size.

    python benchmarks/plan.py --case sides --case national --case slsqp [--json]

Each case runs in its own process on one thread, so that its peak memory (VmHWM) is its own. This
script draws the panels: households differ in how much they view (Gamma) and in taste (a repertoire
of networks, drawn by popularity, and a profile over dayparts).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.planning.brief.brief import Brief
from daypart.planning.brief.flight import DaypartClock, broadcast_weeks
from daypart.planning.brief.limits import BriefLimits, Limit
from daypart.planning.panel.panel import Panel, PanelMarket
from daypart.planning.problem.build import build_problem
from daypart.planning.problem.problem import Problem
from daypart.planning.solve.cutting_planes import CuttingPlanes
from daypart.planning.solve.integer import find_whole_spots
from daypart.planning.solve.objective import reach_objective
from daypart.planning.solve.surrogate_fit import fit_surrogate
from daypart.viewing.dayparts import STANDARD_DAYPARTS

Floats = NDArray[np.float64]

HISTORY_WEEKS = 26
REPERTOIRE = 18
FLIGHT_WEEKS = 4


@dataclass(frozen=True)
class Sizes:
    """Households and networks of `sides` and `slsqp`, markets of `national`, and limits of both."""

    households: int
    networks: int
    markets: int
    slsqp_seconds: float
    whole_gap: float


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
        markets=tuple(PanelMarket(f"{500 + m}", f"Market {m}", "UTC") for m in range(markets)),
        networks=tuple(f"N{n:03d}" for n in range(networks)),
        dayparts=clock.names[:dayparts],
        clock=clock,
        household=np.arange(len(market)),
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


def draw_problem(panel: Panel, limits: list[Limit], *, grp: float, seed: int = 5) -> Problem:
    """Draw a rate card, and set a budget that buys about `grp` at the average price."""
    rng = np.random.default_rng(seed)
    markets, networks, dayparts = panel.shape
    cpm = 8.0 * rng.gamma(10.0, 0.1, (markets, 1, 1)) * rng.gamma(6.0, 1 / 6, (1, networks, 1))
    cpm = cpm * np.linspace(0.5, 2.0, dayparts) * rng.gamma(20.0, 0.05, panel.shape)
    first = dt.date(2024, 3, 4)
    weeks = broadcast_weeks(first, first + dt.timedelta(7 * FLIGHT_WEEKS - 1))
    impressions = panel.impressions_per_spot()
    price = (impressions * cpm.ravel() / 1000.0).sum()
    price /= 100.0 * impressions.sum() / panel.universe_estimate.sum()
    brief = Brief(
        name="benchmark",
        first_day=weeks[0].days[0],
        last_day=weeks[-1].days[-1],
        budget=grp * price,
        rate_card=Path("drawn"),
        limits=BriefLimits(shares=tuple(limits)),
    )
    table = np.repeat(cpm.reshape(-1, 1), FLIGHT_WEEKS, axis=1)
    return build_problem(brief, panel, weeks, table, impressions, impressions)


def side_limits(panel: Panel) -> list[Limit]:
    """Return 47 limits: 30 networks' shares, dayparts' least and most, a GRP floor."""
    return [
        *(Limit("network", name, max_percent=5) for name in panel.networks[:30]),
        *(Limit("daypart", name, max_percent=30, min_percent=3) for name in panel.dayparts),
        Limit("network", panel.networks[40], min_grp=3),
    ]


def measure_sides(sizes: Sizes) -> dict[str, Any]:
    """Solve one market with 47 side constraints, in fractions and in whole spots."""
    panel = draw_panel(1, sizes.households, sizes.networks)
    warm_up()
    figures: dict[str, Any] = {"fit_seconds": _timed(fit_surrogate, panel)[1]}
    objective = reach_objective(fit_surrogate(panel))
    for grp in (30, 100, 300):
        problem = draw_problem(panel, side_limits(panel), grp=grp)
        assert (problem.columns, len(problem.limits)) == (8 * sizes.networks, 47)
        planes = CuttingPlanes(problem, objective)
        found, seconds = _timed(lambda p=planes: p.solve(gap=1e-4))
        whole, more = _timed(lambda p=planes, f=found: find_whole_spots(p, f, gap=sizes.whole_gap))
        assert problem.keeps_limits(whole.spots)
        figures |= {
            f"reach_at_{grp}": found.value,
            f"continuous_gap_at_{grp}": found.gap,
            f"continuous_seconds_at_{grp}": seconds,
            f"whole_gap_at_{grp}": whole.gap,
            f"whole_seconds_at_{grp}": more,
        }
    return figures


def measure_national(sizes: Sizes) -> dict[str, Any]:
    """Plan markets x 2,000 households x 165 networks x 8 dayparts with one budget."""
    panel = draw_panel(sizes.markets, 2000, 165)
    warm_up()
    surrogate, fitting = _timed(fit_surrogate, panel)
    problem = draw_problem(panel, [], grp=30)
    columns, entries = problem.columns, len(panel.minutes)
    del panel
    planes, setting_up = _timed(lambda: CuttingPlanes(problem, reach_objective(surrogate)))
    found, seconds = _timed(lambda: planes.solve(gap=2.5e-3))
    whole, more = _timed(lambda: find_whole_spots(planes, found, gap=5e-3))
    assert problem.keeps_limits(whole.spots)
    return {
        "columns": columns,
        "minutes_entries": entries,
        "fit_seconds": fitting,
        "continuous_seconds": setting_up + seconds,
        "continuous_gap": found.gap,
        "whole_seconds": more,
        "whole_gap": whole.gap,
        "reach": whole.value,
        "spots": int(whole.spots.sum()),
    }


def measure_slsqp(sizes: Sizes) -> dict[str, Any]:
    """Solve the 960-cell problem with SciPy's SLSQP: exact gradients, from an even start."""
    from scipy.optimize import minimize

    from daypart.planning.solve.interior import one_sided, tangent

    panel = draw_panel(1, sizes.households, sizes.networks)
    warm_up()
    objective = reach_objective(fit_surrogate(panel))
    problem = draw_problem(panel, side_limits(panel), grp=100)
    planes = CuttingPlanes(problem, objective)
    found, ours = _timed(lambda: planes.solve(gap=1e-4))
    rows, bounds = one_sided(problem, problem.budget)
    scale = np.abs(rows).max(axis=1)
    rows, bounds = rows / scale[:, None], bounds / scale
    start = np.full(problem.columns, 1.0) * problem.budget / problem.cost.sum()
    start = np.minimum(start, problem.most)
    begun, steps = time.process_time(), [start]

    def watch(spots: Floats) -> None:
        steps.append(spots.copy())
        if time.process_time() - begun > sizes.slsqp_seconds:
            raise StopIteration

    result = minimize(
        lambda x: -objective.value(problem.by_cell(x)),
        start,
        jac=lambda x: -tangent(problem, objective, x)[1],
        method="SLSQP",
        bounds=list(zip(problem.least, problem.most, strict=True)),
        constraints={
            "type": "ineq",
            "fun": lambda x: bounds - rows @ x,
            "jac": lambda x: -rows,
        },
        callback=watch,
    )
    last = np.clip(steps[-1], problem.least, problem.most)
    return {
        "ours_seconds": ours,
        "ours_reach": found.value,
        "ours_bound": found.bound,
        "slsqp_seconds": time.process_time() - begun,
        "slsqp_iterations": len(steps) - 1,
        "slsqp_reach": objective.value(problem.by_cell(last)),
        "slsqp_start_reach": objective.value(problem.by_cell(start)),
        "slsqp_keeps_limits": problem.keeps_limits(last, tolerance=1e-4),
        "slsqp_message": str(getattr(result, "message", "")),
    }


CASES = {"sides": measure_sides, "national": measure_national, "slsqp": measure_slsqp}


def warm_up() -> None:
    """Compile the kernels on a small panel."""
    panel = draw_panel(2, 50, 20)
    planes = CuttingPlanes(draw_problem(panel, [], grp=50), reach_objective(fit_surrogate(panel)))
    found = planes.solve()
    assert found is not None
    find_whole_spots(planes, found, gap=0.1)


def _timed(work: Any, *given: Any) -> tuple[Any, float]:
    """Return the result of `work` and its processor seconds."""
    before = time.process_time()
    return work(*given), time.process_time() - before


def _peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Measure the named cases, each in its own process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", choices=CASES, help="Default: all.")
    parser.add_argument("--households", type=int, default=6000, help="of sides and slsqp")
    parser.add_argument("--networks", type=int, default=120, help="of sides and slsqp, 41 or more")
    parser.add_argument("--markets", type=int, default=210, help="of national")
    parser.add_argument("--slsqp-seconds", type=float, default=180.0, help="before it is stopped")
    parser.add_argument("--whole-gap", type=float, default=3e-3, help="of sides in whole spots")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", choices=CASES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    sizes = Sizes(
        given.households, given.networks, given.markets, given.slsqp_seconds, given.whole_gap
    )
    if given.here:
        figures = CASES[given.here](sizes)
        print(json.dumps(figures | {"peak_mb": _peak_mb()}))
        return
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    for case in given.case or CASES:
        options = [f"--{n.replace('_', '-')}={v}" for n, v in asdict(sizes).items()]
        command = [sys.executable, __file__, "--here", case, *options]
        done = subprocess.run(command, env=os.environ | one_thread, stdout=-1, check=True)
        figures = json.loads(done.stdout)
        if given.json:
            print(json.dumps({"case": case} | figures))
            continue
        print(case)
        for name, value in figures.items():
            print(
                f"  {name:24s} {value:>14.5g}"
                if isinstance(value, float)
                else f"  {name:24s} {value}"
            )


if __name__ == "__main__":
    main()
