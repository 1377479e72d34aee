"""`measure`: what a plan delivered, from an as-run log and the viewing that happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.errors import DaypartError
from daypart.planning.brief.flight import DaypartClock
from daypart.planning.delivery.asrun import AS_RUN, AsRun, Flight, read_asrun, simulate_asrun
from daypart.planning.delivery.delivered import Delivery, write_delivery
from daypart.planning.delivery.exposures import Exposures, count_exposures
from daypart.planning.panel.panel import ALL
from daypart.planning.panel.reader import read_markets
from daypart.planning.reach.frequency import project
from daypart.planning.reach.publication import (
    MIN_HOUSEHOLDS,
    SUPPRESSED,
    Published,
    markets_shown,
    publish_distribution,
    publish_reach,
)
from daypart.progress import SILENT, Progress
from daypart.storage.files import read_json
from daypart.storage.location import PathLike, local_path
from daypart.storage.tables import write_csv
from daypart.viewing.crediting import crediting_text
from daypart.viewing.dayparts import daypart_table

UNDER = 95.0
"""Delivery index below which a market reads under-delivered."""

_DEFINITIONS = {
    "Delivered impressions": "Households of the target that watched the network at the instant of "
    "an airing, projected with their weights, summed over airings.",
    "Delivery index": "100 x delivered / planned impressions.",
    "Interval": "80 %: what the plan expected, from its panel and its forecast. Which minutes the "
    "spots aired in adds to the difference.",
    "Under-delivered": "A market whose delivery index is below the threshold.",
}


def measure(
    store: PathLike,
    *,
    plan: PathLike,
    asrun: PathLike | Iterable[Mapping[str, Any]],
    out: PathLike | None = None,
    under: float = UNDER,
    min_households: int = MIN_HOUSEHOLDS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Delivery:
    """Measure what a plan delivered: its airings, compared with the viewing that happened.

    Parameters
    ----------
    store : path-like
        Folder of a viewing store whose events cover the flight.
    plan : path-like
        Folder that `plan` wrote, or its `plan.json`.
    asrun : path-like or iterable of mappings
        The as-run log; see `read_asrun`.
    out : path-like, optional
        Folder for `delivery.json`, `delivery.csv` and `asrun_set_aside.csv`.
    under : float
        Delivery index below which a market is under-delivered.
    min_households : int
        Raw households below which an audience figure is suppressed.
    seed : int
        Of the jackknife's groups.
    progress : Progress

    Returns
    -------
    Delivery

    Raises
    ------
    DaypartError
        Where the plan or the log can't be read, or no airing can be measured.

    Examples
    --------
    >>> measure("/nowhere", plan="/nowhere", asrun=[])
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/plan.json: no such file
    """
    planned = read_plan(plan)
    with progress.step("reading the as-run log") as step:
        flight, viewing = _flight(store, planned)
        log = read_asrun(asrun, flight)
        step.summarise(f"{len(log.airings):,} of {log.rows:,} rows can be measured")
    if not log.airings:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in log.reasons.items())
        raise DaypartError(
            f"{log.source}: no row can be measured: {reasons}",
            hint="ingest the events of the flight" if "no_viewing_then" in log.reasons else None,
        )
    with progress.step("measuring") as step:
        segment = str(planned.get("segment", ALL))
        seen = count_exposures(store, log.airings, sorted(flight.planned), segment)
        result = _delivery(planned, log, flight, viewing, seen, under, min_households, seed)
        step.summarise(f"{seen.households:,} households")
    if out is not None:
        write_delivery(result, out)
    return result


def read_plan(plan: PathLike) -> dict[str, Any]:
    """Read a `plan.json`, or the one in a folder.

    Raises
    ------
    DaypartError
        Where the file is missing or is not a plan.
    """
    path = local_path(plan)
    file = path if path.is_file() else path / "plan.json"
    content = read_json(file)
    for name in ("lines", "reach", "brief", "by_week", "by_market"):
        if name not in content:
            raise DaypartError(f"{file}: no {name!r}", hint="give the folder that `plan` wrote")
    return content


def write_asrun(
    store: PathLike, *, plan: PathLike, out: PathLike, delivered: float = 0.97, seed: int = 0
) -> None:
    """Write a simulated as-run log of a plan, as CSV; for demonstrations and tests.

    Parameters
    ----------
    store, plan : path-like
    out : path-like
        The file.
    delivered : float
        Chance that a spot airs.
    seed : int
    """
    planned = read_plan(plan)
    flight, _ = _flight(store, planned)
    length = float(planned["brief"].get("spot_length") or 30)
    rows = simulate_asrun(planned["lines"], flight, length=length, delivered=delivered, seed=seed)
    write_csv(local_path(out), rows, AS_RUN.names, decimals=6)


def _flight(store: PathLike, planned: Mapping[str, Any]) -> tuple[Flight, dict[str, Any]]:
    markets = read_markets(store)
    viewing = read_json(local_path(store) / "store.json")["viewing"]
    known = {place.code for place in markets}
    codes = {str(row["code"]) for row in planned["by_market"]}
    if codes - known:
        raise DaypartError(
            f"the plan's market {min(codes - known)} is not in {local_path(store)}",
            hint="give the store that was planned on",
        )
    brief = planned["brief"]
    return (
        Flight(
            markets=markets,
            planned=frozenset(codes),
            networks=frozenset(viewing.get("networks", ())),
            clock=DaypartClock.of(daypart_table(viewing["dayparts"])),
            first_day=dt.date.fromisoformat(brief["first_day"]),
            last_day=dt.date.fromisoformat(brief["last_day"]),
        ),
        viewing,
    )


def _delivery(
    planned: Mapping[str, Any],
    log: AsRun,
    flight: Flight,
    viewing: Mapping[str, Any],
    seen: Exposures,
    under: float,
    min_households: int,
    seed: int,
) -> Delivery:
    """Compare the plan with the airings that were measured."""
    enough = seen.households >= min_households
    groups = _groups(planned, log, flight, seen, min_households)
    total, universe = float(seen.impressions.sum()), float(seen.universe_estimate.sum())
    seen_in_all: Published = total if enough else SUPPRESSED
    grp: Published = 100.0 * total / universe if enough else SUPPRESSED
    return Delivery(
        campaign=str(planned.get("campaign", "")),
        simulated=bool(planned.get("simulated")),
        segment=str(planned.get("segment", ALL)),
        currency=str(planned.get("currency", "")),
        first_day=str(flight.first_day),
        last_day=str(flight.last_day),
        households=seen.households,
        universe_estimate=universe,
        window="live",
        crediting=crediting_text(viewing["crediting"]),
        rows=log.rows,
        used=len(log.airings),
        set_aside=log.reasons,
        spots={
            "planned": sum(int(line["spots"]) for line in planned["lines"]),
            "delivered": len(log.airings),
        },
        cost={
            "planned": planned["spent"],
            "delivered": round(sum(a.cost for a in log.airings), 2),
        },
        impressions=_both("mean", planned["impressions"], seen_in_all)
        | {"index": _index(seen_in_all, planned["impressions"]["mean"])},
        grp=_both("mean", planned["grp"], grp),
        **_reach(planned, log, seen, min_households, seed),
        under=under,
        under_delivered=[
            str(row["name"])
            for row in groups["by_market"]
            if not isinstance(row["delivery_index"], str | None) and row["delivery_index"] < under
        ],
        definitions=_DEFINITIONS,
        rows_set_aside=list(log.set_aside),
        notes=list(log.notes),
        **groups,
    )


def _groups(
    planned: Mapping[str, Any],
    log: AsRun,
    flight: Flight,
    seen: Exposures,
    min_households: int,
) -> dict[str, Any]:
    """Compare planned and delivered figures by network, market, week and daypart."""
    enough = seen.households >= min_households
    name_of = {place.code: place.name for place in flight.markets}
    names = [name_of[code] for code in seen.codes]
    may_show = markets_shown(seen.raw_households(), min_households).tolist()
    columns = {
        "by_network": ("network", [a.network for a in log.airings]),
        "by_market": ("market_name", [name_of[a.market] for a in log.airings]),
        "by_week": ("week", [str(a.week) for a in log.airings]),
        "by_daypart": ("daypart", [a.daypart for a in log.airings]),
    }
    groups = {}
    for by, (column, of_airing) in columns.items():
        shown, base = {}, {}
        if by == "by_market":
            shown = dict(zip(names, may_show, strict=True))
            base = dict(zip(names, seen.universe_estimate, strict=True))
        rows = _by(planned["lines"], column, of_airing, log, seen, shown, enough)
        of_plan = {str(row["name"]): row for row in planned.get(by, ())}
        for row in rows:
            _compare(row, of_plan.get(row["name"], {}))
        _add_reach(rows, np.array(of_airing), seen, base)
        groups[by] = rows
    _add_weeks(groups["by_week"], planned, log, seen, enough)
    return groups


def _reach(
    planned: Mapping[str, Any], log: AsRun, seen: Exposures, min_households: int, seed: int
) -> dict[str, Any]:
    """Return reach at the plan's levels, the frequency distribution and average frequency."""
    everything = np.ones(len(log.airings), dtype=np.bool_)
    counted = project(seen, seen.chances(everything), seed=seed)
    levels = [int(level.rstrip("+")) for level in planned["reach"]]
    limits: dict[str, Any] = {
        "raw_households": seen.households,
        "min_households": min_households,
        "levels": levels,
    }
    reach = {}
    for k in levels:
        figure, delivered = planned["reach"][f"{k}+"], publish_reach(counted, k, **limits)
        row = _both("percent", figure, delivered["percent"])
        row |= {"se": delivered["se"], "inside": None}
        if not any(isinstance(x, str) for x in (row["lo_80"], row["delivered"])):
            row["inside"] = row["lo_80"] <= row["delivered"] <= row["hi_80"]
        reach[f"{k}+"] = row
    frequency = float(seen.impressions.sum()) / max(counted.reach(), 1e-12)
    return {
        "reach": reach,
        "frequency_distribution": publish_distribution(counted, **limits),
        "average_frequency": {
            "planned": planned["average_frequency"],
            "delivered": frequency if seen.households >= min_households else SUPPRESSED,
        },
    }


def _both(key: str, figure: Mapping[str, Any], delivered: Published) -> dict[str, Any]:
    """Return a planned figure, which is under a key, with its interval and as delivered."""
    return {
        "planned": figure[key],
        "lo_80": figure["lo_80"],
        "hi_80": figure["hi_80"],
        "delivered": delivered,
    }


def _index(delivered: Any, planned: Any) -> Any:
    if isinstance(delivered, str) or isinstance(planned, str):
        return SUPPRESSED
    return 100.0 * delivered / planned if planned > 0 else None


def _by(
    lines: Sequence[Mapping[str, Any]],
    column: str,
    of_airing: Sequence[str],
    log: AsRun,
    seen: Exposures,
    shown: Mapping[str, bool],
    enough: bool,
) -> list[dict[str, Any]]:
    """Compare planned and delivered figures by one column of the plan's lines."""
    rows: dict[str, dict[str, Any]] = {}

    def row_of(name: str) -> dict[str, Any]:
        empty = {"spots_planned": 0, "spots_aired": 0, "cost_planned": 0.0, "cost": 0.0}
        return rows.setdefault(name, {"name": name, **empty, "planned": 0.0, "delivered": 0.0})

    for line in lines:
        row = row_of(str(line[column]))
        row["spots_planned"] += int(line["spots"])
        row["cost_planned"] += float(line["cost"])
        both = (row["planned"], line["impressions"])
        row["planned"] = SUPPRESSED if any(isinstance(x, str) for x in both) else sum(both)
    for name, airing, impressions in zip(of_airing, log.airings, seen.impressions, strict=True):
        row = row_of(name)
        row["spots_aired"] += 1
        row["cost"] += airing.cost
        row["delivered"] += float(impressions)
    for name, row in rows.items():
        if not (enough and shown.get(name, True)):
            row["delivered"] = SUPPRESSED
        row["cost_planned"], row["cost"] = round(row["cost_planned"], 2), round(row["cost"], 2)
        row["delivery_index"] = _index(row["delivered"], row["planned"])
    return [rows[name] for name in sorted(rows)]


def _compare(row: dict[str, Any], expected: Mapping[str, Any]) -> None:
    """Put the plan's interval of a group's impressions beside what was delivered."""
    row["lo_80"], row["hi_80"] = (expected.get(f"impressions_{end}_80") for end in ("lo", "hi"))
    row["inside"] = None
    figures = (row["lo_80"], row["delivered"], row["hi_80"])
    if not any(isinstance(figure, str | None) for figure in figures):
        row["inside"] = row["lo_80"] <= row["delivered"] <= row["hi_80"]
    row["reach_planned"] = expected.get("reach_percent")


def _add_reach(
    rows: Sequence[dict[str, Any]],
    of_airing: NDArray[np.str_],
    seen: Exposures,
    base: Mapping[str, float],
) -> None:
    """Add each group's delivered GRP, reach 1+ and average frequency.

    `base` names the universe estimates that they refer to, where that is not the whole one.
    """
    for row in rows:
        universe = float(base.get(row["name"], seen.universe_estimate.sum()))
        reached = float(seen.weight @ (seen.counts(of_airing == row["name"]) > 0))
        figures: dict[str, Any] = dict.fromkeys(("grp", "reach", "average_frequency"), SUPPRESSED)
        if not isinstance(row["delivered"], str):
            figures = {
                "grp": 100.0 * row["delivered"] / universe,
                "reach": 100.0 * reached / universe,
                "average_frequency": row["delivered"] / reached if reached > 0 else None,
            }
        row |= figures


def _add_weeks(
    rows: list[dict[str, Any]],
    planned: Mapping[str, Any],
    log: AsRun,
    seen: Exposures,
    enough: bool,
) -> None:
    """Add cumulative reach to the weeks, planned with its interval and delivered."""
    of_plan = {str(row["name"]): row for row in planned["by_week"]}
    universe = float(seen.universe_estimate.sum())
    for row in rows:
        expected = of_plan.get(row["name"], {})
        until = np.array([str(airing.week) <= row["name"] for airing in log.airings])
        reached = float(seen.weight @ (seen.counts(until) > 0))
        row["cumulative_reach_planned"] = expected.get("cumulative_reach_percent")
        row["cumulative_reach_lo_80"] = expected.get("lo_80")
        row["cumulative_reach_hi_80"] = expected.get("hi_80")
        row["cumulative_reach"] = 100.0 * reached / universe if enough else SUPPRESSED
