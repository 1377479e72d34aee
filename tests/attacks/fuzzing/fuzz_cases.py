"""What is run on a damaged file of each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import daypart
from daypart.planning.brief.brief import read_brief
from daypart.planning.brief.flight import broadcast_weeks
from daypart.planning.brief.rate_card import read_rate_card
from daypart.planning.panel.reader import read_panel
from daypart.planning.reach.schedule import read_schedule

INLINE = {"model": "seasonal_naive", "executor": "inline"}


@dataclass(frozen=True)
class Case:
    """A verb, and the files that it reads.

    Parameters
    ----------
    name : str
    files : tuple of str
        Patterns in the base; one of the files is damaged.
    run : callable
        Takes the base and the damaged file.
    weight : float
        How often it is drawn.
    """

    name: str
    files: tuple[str, ...]
    run: Callable[[Path, Path], object]
    weight: float


STORE = ("store/store.json",) * 4 + (
    "store/series/*.parquet",
    "store/panel/*.parquet",
    "store/households-*.parquet",
    "store/universe-*.parquet",
    "store/hut/*.parquet",
)
RUN = ("run/*.json",) * 4 + ("run/plan.parquet", "run/results/*.parquet", "run/history/*.jsonl")
EVENTS = ("events.csv", "events.parquet", "events.xlsx")


def _ingest(root: Path, **changed: object) -> None:
    given = {
        "events": root / "events.csv",
        "households": root / "market" / "households.parquet",
        "markets": root / "markets.csv",
        "networks": root / "networks.csv",
        "segments": root / "market" / "segments.toml",
        "key": root / "household.key",
    }
    given |= changed
    daypart.ingest(given.pop("events"), into=root / "new", **given)


@cache
def _panel_and_weeks(root: Path):
    return read_panel(root / "store"), broadcast_weeks(date(2025, 2, 3), date(2025, 3, 2))


def _report(root: Path) -> None:
    daypart.report(
        root / "new" / "report.html",
        store=root / "store",
        insights=root / "insights",
        plan=root / "plan",
        delivery=root / "delivery",
        backtest=root / "backtest",
        forecast=root / "forecast.parquet",
    )


REPORTED = (
    "plan/plan.json", "delivery/delivery.json", "insights/*.json", "insights/*.csv",
    "backtest/backtest.json", "backtest/backtest.parquet", "forecast.parquet",
)  # fmt: skip

CASES = (
    Case("status", RUN, lambda root, _: daypart.status(root / "run"), 20),
    Case("cost", RUN, lambda root, _: daypart.cost(root / "run"), 10),
    Case(
        "predict",
        (*RUN, "store/store.json", "store/series/*.parquet"),
        lambda root, _: daypart.predict(root / "run", weeks=1, out=root / "new" / "f.parquet"),
        8,
    ),
    Case("fit", (*RUN, *STORE[:5]), lambda root, _: daypart.fit(
        root / "store", run=root / "run", **INLINE), 8),
    Case("posterior", RUN, lambda root, _: daypart.posterior(
        root / "run", out=root / "new" / "p.parquet"), 4),
    Case("releases", ("store/store.json", "store/releases/*.parquet"),
         lambda root, _: daypart.releases(root / "store"), 10),
    Case("reach", (*STORE, "store/releases/*.parquet"), lambda root, _: daypart.reach(
        root / "store", schedule=root / "schedule.csv"), 6),
    Case("reach of a schedule", ("schedule.csv", "schedule.jsonl", "schedule.xlsx",
         "plan/plan.json"), lambda root, file: daypart.reach(root / "store", schedule=file), 4),
    Case("schedule", ("schedule.csv", "schedule.jsonl", "schedule.xlsx", "plan/plan.json"),
         lambda _, file: read_schedule(file), 12),
    Case("insights", STORE, lambda root, _: daypart.insights(
        root / "run", out=root / "new" / "i"), 1),
    Case("measure", ("asrun.csv", "flown/plan.json", "store/events/*.parquet", *STORE[:4]),
         lambda root, _: daypart.measure(
             root / "store", plan=root / "flown", asrun=root / "asrun.csv"), 4),
    Case("brief", ("brief.toml",), lambda _, file: read_brief(file), 20),
    Case("rate card", ("rate_card.csv", "market/rate_card.parquet"),
         lambda root, file: read_rate_card(file, *_panel_and_weeks(root)), 12),
    Case("plan", ("brief.toml", "market/rate_card.parquet", *STORE[:4]),
         lambda root, _: daypart.plan(
             root / "store", brief=root / "brief.toml", out=root / "new" / "plan"), 0.3),
    Case("ingest of events", EVENTS, lambda root, file: _ingest(root, events=file), 2),
    Case("ingest of households", ("households.csv", "market/households.parquet"),
         lambda root, file: _ingest(root, households=file), 1),
    Case("ingest of markets", ("markets.csv",), lambda root, file: _ingest(root, markets=file), 1),
    Case("ingest of networks", ("networks.csv",),
         lambda root, file: _ingest(root, networks=file), 1),
    Case("ingest of segments", ("market/segments.toml",),
         lambda root, file: _ingest(root, segments=file), 1),
    Case("import", ("series.csv",), lambda root, file: daypart.import_series(
        file, into=root / "new"), 4),
    Case("calendar", ("calendar.csv",), lambda root, file: daypart.fit(
        root / "store", run=root / "new" / "run", calendar=file, model="negbin",
        parameters={"inference": "nothing"}, executor="inline"), 6),
    Case("quarantine", ("store/quarantine/*.parquet", "store/store.json"),
         lambda root, _: daypart.quarantine(root / "store"), 6),
    Case("report", (*REPORTED, "store/store.json"), lambda root, _: _report(root), 3),
)  # fmt: skip
