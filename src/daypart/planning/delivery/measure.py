"""`measure`: what a plan delivered, from an as-run log and the viewing that happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daypart.disclosure.audience import IMPRESSIONS, Audience, Row
from daypart.disclosure.rules import DisclosureRules
from daypart.errors import DaypartError
from daypart.planning.brief.flight import DaypartClock
from daypart.planning.delivery.asrun import AS_RUN, AsRun, Flight, read_asrun, simulate_asrun
from daypart.planning.delivery.delivered import Delivery, write_delivery
from daypart.planning.delivery.exposures import Exposures, count_exposures
from daypart.planning.outcome.plan_document import FlownPlan
from daypart.planning.panel.panel import ALL
from daypart.planning.panel.reader import read_markets
from daypart.planning.reach.frequency import project
from daypart.planning.reach.publication import (
    SUPPRESSED,
    Published,
    publish_distribution,
    publish_reach,
    publishable_bins,
)
from daypart.progress import SILENT, Progress
from daypart.series.store_document import read_viewing
from daypart.storage.csv_tables import write_csv
from daypart.storage.location import PathLike, local_path
from daypart.storage.shapes import read_document
from daypart.tables.table import GivenTable
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
    asrun: GivenTable,
    out: PathLike | None = None,
    under: float = UNDER,
    min_households: int | None = None,
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
    min_households : int, optional
        Raw households that figures must be about, where that is more than the store's rule.
    seed : int
        Of the jackknife's groups.
    progress : Progress

    Returns
    -------
    Delivery

    Raises
    ------
    DaypartError
        Where the plan or the log can't be read, or no airing can be measured; or where the store's
        disclosure rules let no figure leave.

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
        rules = DisclosureRules.of_store(viewing.get("crediting", {})).tightened(min_households)
        audience = Audience(store, rules, seen.household_id, seen.weight)
        result = _delivery(planned, log, flight, viewing, seen, audience, under, seed)
        step.summarise(f"{seen.households:,} households")
    audience.leaves("measure", result.to_dict())
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
    return read_document(file, FlownPlan, hint="give the folder that `plan` wrote")


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
    viewing = read_viewing(local_path(store))
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
    audience: Audience,
    under: float,
    seed: int,
) -> Delivery:
    """Compare the plan with the airings that were measured."""
    reach = _reach(planned, log, seen, audience, seed)
    groups = _groups(planned, log, flight, seen, audience)
    total, universe = float(seen.impressions.sum()), float(seen.universe_estimate.sum())
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
        impressions=_both("mean", planned["impressions"], total)
        | {"index": _index(total, planned["impressions"]["mean"])},
        grp=_both("mean", planned["grp"], 100.0 * total / universe),
        **reach,
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
    planned: Mapping[str, Any], log: AsRun, flight: Flight, seen: Exposures, audience: Audience
) -> dict[str, Any]:
    """Compare planned and delivered figures by network, market, week and daypart."""
    name_of = {place.code: place.name for place in flight.markets}
    markets = [name_of[code] for code in seen.codes]
    base = dict(zip(markets, seen.universe_estimate, strict=True))
    inside = dict(zip(markets, seen.households_of_markets(), strict=True))
    columns = {
        "by_network": ("network", [a.network for a in log.airings]),
        "by_market": ("market_name", [name_of[a.market] for a in log.airings]),
        "by_week": ("week", [str(a.week) for a in log.airings]),
        "by_daypart": ("daypart", [a.daypart for a in log.airings]),
    }
    groups = {}
    for by, (column, of_airing) in columns.items():
        rows = _by(planned["lines"], column, of_airing, log, seen)
        airings = [np.array(of_airing) == row["name"] for row in rows]
        reached = airings
        if by == "by_week":
            weeks = np.array(of_airing)
            reached = [weeks <= row["name"] for row in rows]
        of_market = inside if by == "by_market" else {}
        where = [of_market.get(row["name"], slice(None)) for row in rows]
        shown = audience.rows_shown(
            [
                Row(seen.counts(a)[h], (seen.counts(r) > 0)[h].astype(np.int64), bool(a.any()), h)
                for a, r, h in zip(airings, reached, where, strict=True)
            ]
        )
        of_plan = {str(row["name"]): row for row in planned.get(by, ())}
        for row, may, of_row in zip(rows, shown, airings, strict=True):
            if not may:
                row["delivered"] = SUPPRESSED
            row["delivery_index"] = _index(row["delivered"], row["planned"])
            _compare(row, of_plan.get(row["name"], {}))
            universe = float(base.get(row["name"], 0)) if by == "by_market" else 0.0
            _add_reach(row, of_row, seen, universe or float(seen.universe_estimate.sum()))
        groups[by] = rows
    _add_weeks(groups["by_week"], planned, log, seen)
    return groups


def _reach(
    planned: Mapping[str, Any], log: AsRun, seen: Exposures, audience: Audience, seed: int
) -> dict[str, Any]:
    """Return reach at the plan's levels, the frequency distribution and average frequency."""
    everything = np.ones(len(log.airings), dtype=np.bool_)
    audience.require(IMPRESSIONS, seen.counts(everything).astype(np.float64))
    counted = project(seen, seen.chances(everything), seed=seed)
    levels = [int(level.rstrip("+")) for level in planned["reach"]]
    bins = publishable_bins(counted, audience, levels)
    reach = {}
    for k in levels:
        figure, delivered = planned["reach"][f"{k}+"], publish_reach(counted, k, bins)
        row = _both("percent", figure, delivered["percent"])
        row |= {"se": delivered["se"], "inside": None}
        if not any(isinstance(x, str) for x in (row["lo_80"], row["delivered"])):
            row["inside"] = row["lo_80"] <= row["delivered"] <= row["hi_80"]
        reach[f"{k}+"] = row
    return {
        "reach": reach,
        "frequency_distribution": publish_distribution(counted, bins),
        "average_frequency": {
            "planned": planned["average_frequency"],
            "delivered": float(seen.impressions.sum()) / max(counted.reach(), 1e-12),
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
    for row in rows.values():
        row["cost_planned"], row["cost"] = round(row["cost_planned"], 2), round(row["cost"], 2)
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
    row: dict[str, Any], airings: NDArray[np.bool_], seen: Exposures, universe: float
) -> None:
    """Add a group's delivered GRP, reach 1+ and average frequency."""
    reached = float(seen.weight @ (seen.counts(airings) > 0))
    figures: dict[str, Any] = dict.fromkeys(("grp", "reach", "average_frequency"), SUPPRESSED)
    if not isinstance(row["delivered"], str):
        figures = {
            "grp": 100.0 * row["delivered"] / universe,
            "reach": 100.0 * reached / universe,
            "average_frequency": row["delivered"] / reached if reached > 0 else None,
        }
    row |= figures


def _add_weeks(
    rows: list[dict[str, Any]], planned: Mapping[str, Any], log: AsRun, seen: Exposures
) -> None:
    """Add cumulative reach to the weeks, planned with its interval and delivered."""
    of_plan = {str(row["name"]): row for row in planned["by_week"]}
    universe = float(seen.universe_estimate.sum())
    for row in rows:
        expected = of_plan.get(row["name"], {})
        until = np.array([str(airing.week) <= row["name"] for airing in log.airings])
        reached = float(seen.weight @ (seen.counts(until) > 0))
        hidden = isinstance(row["delivered"], str)
        row["cumulative_reach_planned"] = expected.get("cumulative_reach_percent")
        row["cumulative_reach_lo_80"] = expected.get("lo_80")
        row["cumulative_reach_hi_80"] = expected.get("hi_80")
        row["cumulative_reach"] = SUPPRESSED if hidden else 100.0 * reached / universe
