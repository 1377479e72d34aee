"""`simulate`: a simulated television market with its true expected audiences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from daypart._version import __version__
from daypart.errors import DaypartError
from daypart.progress import SILENT, Progress
from daypart.storage.files import make_folder, read_json, remove_unfinished, write_json, write_text
from daypart.storage.location import PathLike, local_path
from daypart.synthetic.demand import random_stream
from daypart.synthetic.dirt import DIRT
from daypart.synthetic.households import sample_households
from daypart.synthetic.market_simulation import simulate_market
from daypart.synthetic.market_tables import (
    household_schema,
    parquet_writer,
    segments_toml,
    truth_schema,
    write_market_tables,
    write_rate_card,
)
from daypart.synthetic.rate_card import rate_card_rows
from daypart.synthetic.sessions import duration_tables
from daypart.synthetic.simulation_plan import SimulationPlan, simulation_plan

_WEEKS_AFTER = 26
_DESCRIPTION = "simulation.json"
_KIND = "daypart-simulation"


@dataclass(frozen=True)
class Simulation:
    """The files of a simulated market, and their numbers of rows.

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

    Names, codes, TV homes and time zones of markets are real; all viewing is simulated, and
    every file says so. Memory is bounded by the largest market. The same arguments make the
    same rows.

    Parameters
    ----------
    out : path
        Folder to fill; an earlier simulation there is replaced.
    markets : int
        The largest of the 210 US markets.
    networks : int
        The most popular of 165 networks.
    households : int
        In all markets; at least 2 for each.
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
    arguments: dict[str, Any] = {
        "markets": markets,
        "networks": networks,
        "households": households,
        "weeks": weeks,
        "seed": seed,
        "start": start,
        "segments": segments,
        "dirty_share": dirty_share,
    }
    plan = simulation_plan(**arguments)
    files = _planned_files(plan)
    folder = _cleared_folder(out, files)
    head = {
        "kind": _KIND,
        "daypart.simulated": True,
        "created_by": f"daypart {__version__}",
        "arguments": {**arguments, "start": plan.start.isoformat()},
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


def _rate_card(plan: SimulationPlan) -> list[dict[str, Any]]:
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


def _planned_files(plan: SimulationPlan) -> list[str]:
    tables = ("households", "markets", "networks", "rate_card", "truth")
    events = [
        f"events/{market.code}{ending}"
        for market in plan.markets
        for ending in (".parquet", "-late.csv")
    ]
    return [*(f"{name}.parquet" for name in tables), "segments.toml", *events]


def _cleared_folder(out: PathLike, files: Iterable[str]) -> Path:
    """Make the folder, and remove the files of an earlier simulation from it and no others."""
    folder = local_path(out)
    make_folder(folder / "events")
    remove_unfinished(folder)
    remove_unfinished(folder / "events")
    if (folder / _DESCRIPTION).exists():
        description = read_json(folder / _DESCRIPTION)
        if description.get("kind") != _KIND:
            raise DaypartError(
                f"{folder / _DESCRIPTION}: does not describe a simulation", hint="name a new folder"
            )
        for name in map(str, description.get("files", [])):
            if ".." not in Path(name).parts and not Path(name).is_absolute():
                (folder / name).unlink(missing_ok=True)
    strangers = [*(folder / "events").iterdir(), *(folder / name for name in files)]
    for path in strangers:
        if path.exists():
            raise DaypartError(f"{path}: does not belong to a simulation", hint="name a new folder")
    return folder


def _simulate_markets(
    folder: Path, plan: SimulationPlan, progress: Progress
) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    durations = duration_tables()
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
            made[market.code] = simulate_market(
                folder, plan, market, households, durations, truth_file
            )
            step.advance()
        totals = _totals(made)
        step.summarise(
            f"{totals['rows']:,} simulated rows of {totals['households']:,} households, "
            f"{sum(totals['dirty'].values()):,} of them dirty"
        )
    return made


def _totals(made: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    names = ("households", "sessions", "rows", "parquet_rows", "late_rows")
    return {
        **{name: sum(market[name] for market in made.values()) for name in names},
        "dirty": {kind: sum(market["dirty"][kind] for market in made.values()) for kind in DIRT},
    }


def _result(folder: Path, plan: SimulationPlan, totals: Mapping[str, Any]) -> Simulation:
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
