"""One market of a simulation: its events and its truth, in bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from daypart.storage.files import atomic_path, write_text
from daypart.synthetic.demand import Demand, demand_of, random_stream
from daypart.synthetic.dirt import DIRT, dirty_rows_of_each_kind, soil
from daypart.synthetic.event_files import COLUMNS, EventWriter
from daypart.synthetic.households import SEGMENTS, Households, in_segments
from daypart.synthetic.market_tables import truth_table
from daypart.synthetic.reference import TvMarket
from daypart.synthetic.sessions import draw_sessions
from daypart.synthetic.simulation_plan import SimulationPlan
from daypart.synthetic.truth import expected_households, touching_sessions

_CHUNK_CELLS = 4_000_000
"""Most household-hours of one chunk of sessions."""
_TRUTH_CELLS = 500_000
"""Most rows of the truth that are computed at a time."""


def simulate_market(
    folder: Path,
    plan: SimulationPlan,
    market: TvMarket,
    households: Households,
    durations: NDArray[np.int32],
    truth_file: pq.ParquetWriter,
) -> dict[str, Any]:
    """Write the events and the truth of one market.

    Parameters
    ----------
    folder : Path
        Of the simulation; its `events` folder exists.
    plan : SimulationPlan
    market : TvMarket
    households : Households
        Of that market.
    durations : int32 array, shape (2, 65536)
        From `duration_tables`.
    truth_file : pyarrow.parquet.ParquetWriter

    Returns
    -------
    dict
        The market's entry in `simulation.json`: households, hours, sessions, rows, dirt.
    """
    demand = demand_of(
        market, plan.networks, plan.start, plan.weeks, plan.seed, float(durations[0].mean()) / 60
    )
    made = _write_events(folder, plan, households, demand, durations)
    _write_truth(truth_file, plan, market, households, demand, durations)
    return made


def _write_events(
    folder: Path,
    plan: SimulationPlan,
    households: Households,
    demand: Demand,
    durations: NDArray[np.int32],
) -> dict[str, Any]:
    code = int(households.market)
    seeds = random_stream(plan.seed, "sessions", code).integers(
        0, 2**64, len(households), dtype=np.uint64
    )
    dirt_rng = random_stream(plan.seed, "dirt", code)
    chunk_size = max(1, _CHUNK_CELLS // demand.window.hours)
    sessions = soiled_rows = 0
    path = folder / "events" / f"{households.market}.parquet"
    with atomic_path(path) as temporary:
        writer = EventWriter(temporary, households, plan.networks, demand.window.first_hour)
        for begin in range(0, len(households), chunk_size):
            chunk = slice(begin, min(begin + chunk_size, len(households)))
            drawn = draw_sessions(
                seeds[chunk],
                households.tastes[chunk],
                households.group[chunk],
                demand.availability,
                demand.pull,
                demand.late,
                durations,
            )
            sessions += len(drawn)
            wanted = dirty_rows_of_each_kind(sessions, plan.dirty_share) - soiled_rows
            known = (chunk.stop - chunk.start, len(plan.networks))
            soiled = soil(drawn, wanted, known, dirt_rng)
            soiled_rows += soiled.of_each
            writer.write(soiled, chunk)
        writer.close()
    if writer.late_lines:
        lines = [",".join(COLUMNS), *writer.late_lines]
        late = folder / "events" / f"{households.market}-late.csv"
        write_text(late, "\n".join(lines) + "\n")
    return {
        "households": len(households),
        "hours": demand.window.hours,
        "sessions": sessions,
        "rows": writer.parquet_rows + len(writer.late_lines),
        "parquet_rows": writer.parquet_rows,
        "late_rows": len(writer.late_lines),
        "dirty": dict.fromkeys(DIRT, soiled_rows),
    }


def _write_truth(
    truth_file: pq.ParquetWriter,
    plan: SimulationPlan,
    market: TvMarket,
    households: Households,
    demand: Demand,
    durations: NDArray[np.int32],
) -> None:
    names = list(SEGMENTS)[: plan.segments]
    members = in_segments(households)[: plan.segments]
    step = max(1, _TRUTH_CELLS // (demand.window.hours * len(names)))
    for begin in range(0, len(plan.networks), step):
        some = slice(begin, begin + step)
        touching = touching_sessions(demand, durations, some)
        expected = expected_households(households, members, touching, some)
        first_hour = demand.window.first_hour
        table = truth_table(market, plan.networks[some], names, first_hour, expected)
        truth_file.write_table(table)
