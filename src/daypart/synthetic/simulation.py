"""`simulate`: a television market that nobody watched, with the truth about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import daypart
from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.storage import (
    PathLike,
    atomic_path,
    local_path,
    make_folder,
    read_json,
    remove_unfinished,
    write_json,
    write_text,
)
from daypart.synthetic.demand import Demand, demand_of, random_stream
from daypart.synthetic.dirt import DIRT, dirty_rows_of_each_kind, soil
from daypart.synthetic.event_files import COLUMNS, EventWriter
from daypart.synthetic.households import (
    SEGMENTS,
    Households,
    in_segments,
    sample_households,
    split_over_markets,
)
from daypart.synthetic.market_tables import (
    household_schema,
    parquet_writer,
    segments_toml,
    truth_schema,
    truth_table,
    write_market_tables,
    write_rate_card,
)
from daypart.synthetic.ranges import check_range
from daypart.synthetic.rate_card import rate_card_rows
from daypart.synthetic.reference import (
    MARKETS,
    NETWORKS,
    Market,
    Network,
    read_markets,
    read_networks,
)
from daypart.synthetic.sessions import draw_sessions, duration_tables
from daypart.synthetic.truth import expected_households, touching_sessions

if TYPE_CHECKING:
    import pyarrow.parquet as pq

DEFAULT_START = date(2025, 1, 13)
"""A Monday; thirteen weeks from it hold the change to daylight saving time of 9 March 2025."""

_CHUNK_CELLS = 4_000_000
"""Household-hours that one chunk of sessions covers at most."""
_TRUTH_CELLS = 500_000
"""Rows of the truth that are worked out at a time."""
_WEEKS_AFTER = 26
_DESCRIPTION = "simulation.json"


@dataclass(frozen=True)
class Simulation:
    """What a simulated market consists of: paths and counts.

    Parameters
    ----------
    folder, events, households, markets, networks, rate_card, segments, truth, description : Path
        `events` is a folder, the others are files; `description` is `simulation.json`.
    first_day : datetime.date
        First local day in every market.
    weeks : int
    households_made, sessions, rows : int
        Households, clean sessions, and rows written: clean and dirty, Parquet and text.
    dirty : mapping of str to int
        Rows of each kind of dirt.
    """

    folder: Path
    events: Path
    households: Path
    markets: Path
    networks: Path
    rate_card: Path
    segments: Path
    truth: Path
    description: Path
    first_day: date
    weeks: int
    households_made: int
    sessions: int
    rows: int
    dirty: Mapping[str, int]


@dataclass(frozen=True)
class _Plan:
    markets: tuple[Market, ...]
    samples: tuple[int, ...]
    networks: tuple[Network, ...]
    start: date
    weeks: int
    seed: int
    segments: int
    dirty_share: float


def simulate(
    out: PathLike,
    *,
    markets: int = 6,
    networks: int = 24,
    households: int = 20_000,
    weeks: int = 13,
    seed: int = 7,
    start: date | str | None = None,
    segments: int = 6,
    dirty_share: float = 0.005,
    progress: Progress = SILENT,
) -> Simulation:
    """Simulate tune events, households, a rate card and the truth about a television market.

    Names, codes, TV homes and time zones of markets are real; everything that is watched is
    simulated, and every file says so. Works market by market: memory is bounded by the
    largest one. The same arguments make the same rows, whatever the order of the work.

    Parameters
    ----------
    out : path
        Folder to fill; an earlier simulation there is replaced.
    markets : int
        The largest of the 210 US markets.
    networks : int
        The most popular of 165 networks.
    households : int
        Over all markets; at least 2 for each.
    weeks : int
        1 to 104, from local midnight of `start` in each market.
    seed : int
        0 or more.
    start : date or str, optional
        First local day, `YYYY-MM-DD`; a Monday that makes 13 weeks hold a change of clocks
        by default.
    segments : int
        The first of `daypart.synthetic.households.SEGMENTS`; 1 is all households alone.
    dirty_share : float
        Share of rows that are dirty, each kind as often: 0 to 0.2.
    progress : Progress

    Returns
    -------
    Simulation

    Raises
    ------
    DaypartError
        For an argument out of range, or a folder that can't be written to.

    Examples
    --------
    >>> import tempfile
    >>> made = simulate(tempfile.mkdtemp(), markets=1, networks=2, households=20, weeks=1)
    >>> made.households_made, made.rows == made.sessions + sum(made.dirty.values())
    (20, True)
    """
    plan = _plan(markets, networks, households, weeks, seed, start, segments, dirty_share)
    folder = _cleared_folder(out)
    arguments = {
        "markets": markets,
        "networks": networks,
        "households": households,
        "weeks": weeks,
        "seed": seed,
        "start": plan.start.isoformat(),
        "segments": segments,
        "dirty_share": dirty_share,
    }
    files = _planned_files(plan)
    head = {
        "kind": "daypart-simulation",
        "daypart.simulated": True,
        "created_by": f"daypart {daypart.__version__}",
        "arguments": arguments,
    }
    write_json(folder / _DESCRIPTION, {**head, "complete": False, "files": files})
    write_market_tables(folder, plan.markets, plan.networks)
    write_text(folder / "segments.toml", segments_toml(segments))
    write_rate_card(folder / "rate_card.parquet", _rate_card(plan))
    made = _simulate_markets(folder, plan, progress)
    totals = _totals(made)
    present = [name for name in files if (folder / name).exists()]
    write_json(
        folder / _DESCRIPTION,
        {**head, "complete": True, "files": present, "totals": totals, "markets": made},
    )
    return _result(folder, plan, totals)


def _plan(
    markets: int,
    networks: int,
    households: int,
    weeks: int,
    seed: int,
    start: date | str | None,
    segments: int,
    dirty_share: float,
) -> _Plan:
    check_range("markets", markets, 1, MARKETS)
    check_range("networks", networks, 1, NETWORKS)
    check_range("households", households, 2 * markets, 10_000_000)
    check_range("weeks", weeks, 1, 104)
    check_range("seed", seed, 0, 2**63 - 1)
    check_range("segments", segments, 1, len(SEGMENTS))
    check_range("dirty_share", dirty_share, 0, 0.2)
    chosen = read_markets()[:markets]
    samples = split_over_markets(households, [market.tv_homes for market in chosen])
    return _Plan(
        chosen,
        tuple(samples),
        read_networks()[:networks],
        _day(start),
        weeks,
        seed,
        segments,
        dirty_share,
    )


def _day(start: date | str | None) -> date:
    if start is None:
        return DEFAULT_START
    if isinstance(start, date):
        return start
    try:
        return date.fromisoformat(start)
    except ValueError:
        raise DaypartError(f"start is {start!r}", hint="give a day as YYYY-MM-DD") from None


def _rate_card(plan: _Plan) -> list[dict[str, Any]]:
    from daypart.viewing.dayparts import STANDARD_DAYPARTS

    last_day = plan.start + timedelta(weeks=plan.weeks + _WEEKS_AFTER, days=-1)
    return [
        row
        for rank, market in enumerate(plan.markets)
        for row in rate_card_rows(
            market,
            rank,
            plan.networks,
            STANDARD_DAYPARTS.names,
            (plan.start, last_day),
            plan.seed,
        )
    ]


def _planned_files(plan: _Plan) -> list[str]:
    tables = ("households", "markets", "networks", "rate_card", "truth")
    events = [
        f"events/{market.code}{ending}"
        for market in plan.markets
        for ending in (".parquet", "-late.csv")
    ]
    return [*(f"{name}.parquet" for name in tables), "segments.toml", *events]


def _cleared_folder(out: PathLike) -> Path:
    """Make the folder, and remove the files of an earlier simulation from it."""
    folder = local_path(out)
    make_folder(folder / "events")
    remove_unfinished(folder)
    remove_unfinished(folder / "events")
    if (folder / _DESCRIPTION).exists():
        description = read_json(folder / _DESCRIPTION)
        if description.get("kind") != "daypart-simulation":
            raise DaypartError(
                f"{folder / _DESCRIPTION}: does not describe a simulation", hint="name a new folder"
            )
        for name in description["files"]:
            (folder / str(name)).unlink(missing_ok=True)
    if any((folder / "events").iterdir()):
        raise DaypartError(
            f"{folder / 'events'}: holds files that are not of a simulation",
            hint="name a new folder",
        )
    return folder


def _simulate_markets(folder: Path, plan: _Plan, progress: Progress) -> dict[str, dict[str, Any]]:
    import pyarrow as pa

    made: dict[str, dict[str, Any]] = {}
    total = len(plan.markets)
    with (
        progress.step("simulating a market of households", total, "markets") as step,
        parquet_writer(folder / "households.parquet", household_schema()) as households_file,
        parquet_writer(folder / "truth.parquet", truth_schema()) as truth_file,
    ):
        for market, sample in zip(plan.markets, plan.samples, strict=True):
            rng = random_stream(plan.seed, "households", int(market.code))
            households = sample_households(market, plan.networks, sample, rng)
            table = pa.table(households.columns(), schema=household_schema())
            households_file.write_table(table)
            made[market.code] = _simulate_market(folder, plan, market, households, truth_file)
            step.advance()
        totals = _totals(made)
        step.summarise(
            f"{totals['rows']:,} simulated rows of {totals['households']:,} households, "
            f"{sum(totals['dirty'].values()):,} of them dirty"
        )
    return made


def _simulate_market(
    folder: Path, plan: _Plan, market: Market, households: Households, truth_file: pq.ParquetWriter
) -> dict[str, Any]:
    durations = duration_tables()
    demand = demand_of(
        market, plan.networks, plan.start, plan.weeks, plan.seed, float(durations[0].mean()) / 60
    )
    made = _write_events(folder, plan, households, demand, durations)
    _write_truth(truth_file, plan, market, households, demand, durations)
    return made


def _write_events(
    folder: Path, plan: _Plan, households: Households, demand: Demand, durations: NDArray[np.int32]
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
    plan: _Plan,
    market: Market,
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


def _totals(made: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    names = ("households", "sessions", "rows", "parquet_rows", "late_rows")
    return {
        **{name: sum(market[name] for market in made.values()) for name in names},
        "dirty": {kind: sum(market["dirty"][kind] for market in made.values()) for kind in DIRT},
    }


def _result(folder: Path, plan: _Plan, totals: Mapping[str, Any]) -> Simulation:
    return Simulation(
        folder=folder,
        events=folder / "events",
        households=folder / "households.parquet",
        markets=folder / "markets.parquet",
        networks=folder / "networks.parquet",
        rate_card=folder / "rate_card.parquet",
        segments=folder / "segments.toml",
        truth=folder / "truth.parquet",
        description=folder / _DESCRIPTION,
        first_day=plan.start,
        weeks=plan.weeks,
        households_made=totals["households"],
        sessions=totals["sessions"],
        rows=totals["rows"],
        dirty=totals["dirty"],
    )
