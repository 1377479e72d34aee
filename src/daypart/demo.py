"""`demo`: from simulated viewing events to a campaign plan, all steps in one folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daypart.engine.results.folder import RUN_FILES
from daypart.errors import DaypartError, did_you_mean
from daypart.progress import SILENT, Progress
from daypart.storage.files import make_local_folder, write_json, write_text
from daypart.storage.links import refuse_links
from daypart.storage.location import PathLike, local_path
from daypart.storage.private import private_files
from daypart.storage.removal import remove_own_files

_MARKER = "demo.json"
_STEPS = ("market", "store", "run", "backtest", "forecast", "insights")
_FILES = (
    "report.html",
    "plan.json",
    "plan.xlsx",
    "plan.csv",
    "reach_curve.csv",
    "mediaplan.json",
    "brief.toml",
    "household.key",
    *("market/*.parquet", "market/segments.toml", "market/simulation.json"),
    *("market/events/*.parquet", "market/events/*.csv"),
    *("store/store.json", "store/*.parquet", "store/*/*.parquet", "store/.ingest/*"),
    *(f"{run}/{name}" for run in ("run", "backtest/*") for name in RUN_FILES),
    *("backtest/backtest.*", "forecast/by_market.parquet"),
    *("insights/insights.json", "insights/ratings.parquet", "insights/*.csv"),
)
_KEY = "the key of a demonstration, which hides nobody: all households are simulated\n"


@dataclass(frozen=True)
class Size:
    """The size of the simulated market of a demonstration.

    Parameters
    ----------
    markets, networks, segments, households, weeks : int
        Partitions are markets x networks x segments.
    """

    markets: int
    networks: int
    segments: int
    households: int
    weeks: int


SIZES = {
    "small": Size(markets=5, networks=16, segments=4, households=3_000, weeks=8),
    "medium": Size(markets=20, networks=44, segments=6, households=10_000, weeks=8),
    "large": Size(markets=50, networks=100, segments=6, households=30_000, weeks=13),
}


@dataclass(frozen=True)
class Demo:
    """The files of a demonstration, to try every verb on.

    Parameters
    ----------
    folder, market, store, run, backtest, forecast, insights : Path
        Folders, one for each step.
    brief, report, workbook, plan : Path
        Files.
    seconds : float
        Time taken.
    sentences : sequence of str
        The results: headlines of the insights, and the outcome of the plan.
    """

    folder: Path
    market: Path
    store: Path
    run: Path
    backtest: Path
    forecast: Path
    insights: Path
    brief: Path
    report: Path
    workbook: Path
    plan: Path
    seconds: float
    sentences: Sequence[str]


def demo(
    out: PathLike = "daypart-demo",
    *,
    size: str = "small",
    seed: int = 7,
    progress: Progress = SILENT,
) -> Demo:
    """Simulate a television market, and run every step to a campaign plan and a report.

    Parameters
    ----------
    out : path
        A new folder, or that of an earlier demonstration, whose files are replaced.
    size : {"small", "medium", "large"}
        See `SIZES`.
    seed : int
        Seed of all random draws.
    progress : Progress

    Returns
    -------
    Demo

    Raises
    ------
    DaypartError
        For an unknown size, or a folder that holds something else.

    Examples
    --------
    >>> demo("/tmp", size="small")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /tmp: contains other files; name a new folder with --out
    """
    if size not in SIZES:
        raise DaypartError(f"size {size!r} does not exist", hint=did_you_mean(size, SIZES))
    started = time.monotonic()
    folder = _empty_folder(out)
    market, store, run, backtest_folder, forecast, insights_folder = (
        folder / step for step in _STEPS
    )
    write_json(folder / _MARKER, {"kind": "daypart-demo", "size": size, "seed": seed})
    _simulate_and_ingest(folder, SIZES[size], seed, progress)
    _fit_and_forecast(folder, seed, progress)
    sentences = _decide(folder, seed, progress)
    return Demo(
        folder=folder,
        market=market,
        store=store,
        run=run,
        backtest=backtest_folder,
        forecast=forecast,
        insights=insights_folder,
        brief=folder / "brief.toml",
        report=folder / "report.html",
        workbook=folder / "plan.xlsx",
        plan=folder / "plan.json",
        seconds=time.monotonic() - started,
        sentences=sentences,
    )


def _empty_folder(out: PathLike) -> Path:
    folder = local_path(out)
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / _MARKER).is_file():
            raise DaypartError(
                f"{folder}: contains other files", hint="name a new folder with --out"
            )
        refuse_links(folder / step for step in _STEPS)
        remove_own_files(folder, _FILES)
    return make_local_folder(folder)


def _simulate_and_ingest(folder: Path, size: Size, seed: int, progress: Progress) -> None:
    from daypart.synthetic.simulation import simulate
    from daypart.viewing.ingest import ingest

    market = folder / "market"
    simulated = simulate(
        market,
        markets=size.markets,
        networks=size.networks,
        households=size.households,
        weeks=size.weeks,
        segments=size.segments,
        seed=seed,
        progress=progress,
    )
    with private_files():
        write_text(folder / "household.key", _KEY)
    ingest(
        simulated.events,
        households=simulated.households,
        into=folder / "store",
        markets=simulated.markets,
        networks=simulated.networks,
        segments=simulated.segments,
        key=folder / "household.key",
        progress=progress,
    )


def _fit_and_forecast(folder: Path, seed: int, progress: Progress) -> None:
    from daypart.runs.backtest import backtest
    from daypart.runs.fit import fit
    from daypart.runs.predict import predict

    fit(folder / "store", run=folder / "run", seed=seed, progress=progress)
    backtest(folder / "store", out=folder / "backtest", weeks=2, seed=seed, progress=progress)
    make_local_folder(folder / "forecast")
    predict(
        folder / "run",
        weeks=4,
        by=("market",),
        per="day",
        out=folder / "forecast" / "by_market.parquet",
        seed=seed,
        progress=progress,
    )


def _decide(folder: Path, seed: int, progress: Progress) -> list[str]:
    from daypart.insights.insights import insights
    from daypart.planning.brief.example import write_example_brief
    from daypart.planning.plan import plan
    from daypart.report.report import report

    found = insights(folder / "run", out=folder / "insights", progress=progress)
    brief = folder / "brief.toml"
    write_example_brief(brief, folder / "store", rate_card=folder / "market" / "rate_card.parquet")
    made = plan(
        folder / "store", brief=brief, run=folder / "run", out=folder, seed=seed, progress=progress
    )
    report(
        folder / "report.html",
        store=folder / "store",
        run=folder / "run",
        insights=folder / "insights",
        plan=folder,
        backtest=folder / "backtest",
        forecast=folder / "forecast" / "by_market.parquet",
        truth=folder / "market" / "truth.parquet",
        title="A simulated television market",
        progress=progress,
    )
    return [*found.headlines, *made.sentences()]
