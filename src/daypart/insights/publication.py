"""`insights`: audience metrics of a run, with their uncertainty, as files to read on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.engine.results.folder import RunFolder
from daypart.errors import DaypartError
from daypart.insights.coming_week import coming_week_audience
from daypart.insights.privacy import Memberships, publishable
from daypart.insights.ratings import UNIT, WINDOW, heat_map, ratings_table, readable, top_networks
from daypart.insights.sampling_error import sampling_error
from daypart.insights.sentences import DEFINITIONS, headlines_of
from daypart.insights.viewing_minutes import Audience, membership, positions_of, read_audience
from daypart.progress import SILENT, Progress
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.run.settings import read_settings, store_of
from daypart.series.store import SeriesStore
from daypart.storage.files import atomic_path, make_folder, write_json
from daypart.storage.location import Location, PathLike
from daypart.storage.tables import read_table, write_table

MIN_HOUSEHOLDS = 50


@dataclass(frozen=True)
class Insights:
    """What `insights` wrote.

    Parameters
    ----------
    folder : Location
        Holds `insights.json`, `ratings.parquet`, `ratings.csv`, `top_networks.csv` and
        `heat_map.csv`.
    cells, suppressed_cells : int
        Rows of the ratings, and those of them that read `suppressed`.
    headlines : sequence of str
        What stands out.
    """

    folder: Location
    cells: int
    suppressed_cells: int
    headlines: Sequence[str]


def insights(
    run: PathLike,
    *,
    out: PathLike,
    min_households: int = MIN_HOUSEHOLDS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Insights:
    """Work out ratings, HUT, share, impressions and index of every audience of a run.

    Ratings are those of the store's window, each with the 80 % interval of the sampling of
    households; beside them stands what the run's model expects of a coming week. Cells of fewer
    than `min_households` raw in-tab households, and those that could be found from others by
    subtraction, read `suppressed`.

    Parameters
    ----------
    run : path
        A run fitted to a viewing store.
    out : path
        A folder.
    min_households : int
    seed : int
        Of the draws behind the intervals.
    progress : Progress

    Returns
    -------
    Insights

    Raises
    ------
    DaypartError
        Where there is no run, its store holds no viewing, or the folder can't be written to.

    Examples
    --------
    >>> insights("/nowhere", out="/tmp/insights")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere: no run here; make one with daypart fit
    """
    if min_households < 0:
        raise DaypartError(f"min_households is {min_households}", hint="give 0 or more")
    run_folder = RunFolder.open(run)
    store = SeriesStore.open(store_of(run_folder, read_settings(run_folder)))
    audience = read_audience(store, progress)
    fitted = FittedRun.open(run)
    error = sampling_error(store, audience)
    coming_week = coming_week_audience(audience, fitted, seed=seed, progress=progress)
    allowed = publishable(_memberships(store, audience), min_households)
    crediting = crediting_text(store.extra["viewing"]["crediting"])
    ratings = ratings_table(audience, error, coming_week, allowed, crediting)
    tops = top_networks(ratings)
    hours = heat_map(audience, allowed)
    headlines = headlines_of(tops, hours)
    folder = make_folder(out)
    with progress.step("writing insights") as step:
        suppressed = int(np.count_nonzero(ratings.column("suppressed").to_numpy()))
        _write(folder, ratings, tops, hours)
        write_json(
            folder / "insights.json",
            {
                "kind": "daypart-insights",
                "headlines": headlines,
                "definitions": DEFINITIONS,
                "min_households": min_households,
                "cells": len(ratings),
                "suppressed_cells": suppressed,
                "unit": UNIT,
                "window": WINDOW,
                "crediting": crediting,
                "model": fitted.settings.model,
                "simulated": bool(store.extra["viewing"].get("simulated", False)),
            },
        )
        step.summarise(f"{len(ratings):,} cells, {suppressed:,} of them suppressed")
    return Insights(folder, len(ratings), suppressed, headlines)


def _memberships(store: SeriesStore, audience: Audience) -> Memberships:
    """Count the households in tab by market and combination of segments."""
    file = store.folder / store.extra["viewing"]["files"]["households"]
    households = read_table(file, ["market", "segments"])
    market = positions_of(audience.markets, households.column("market"))
    return Memberships.count(
        membership(audience.segments, households), market, len(audience.markets)
    )


def crediting_text(rules: Mapping[str, Any]) -> str:
    """Say a crediting rule in a line.

    Examples
    --------
    >>> crediting_text({"minimum_tune_seconds": 60.0, "multi_set": "once"})
    'minimum tune 60 s, multi-set once'
    """
    text = f"minimum tune {rules['minimum_tune_seconds']:g} s, multi-set {rules['multi_set']}"
    if rules.get("quarter_hour") == "quarter_hour":
        text += ", quarter hours"
    return text


def _write(
    folder: Location,
    ratings: pa.Table,
    tops: Sequence[Mapping[str, Any]],
    hours: Sequence[Mapping[str, Any]],
) -> None:
    write_table(folder / "ratings.parquet", ratings)
    _write_csv(folder / "ratings.csv", readable(ratings))
    _write_csv(folder / "top_networks.csv", readable(pa.Table.from_pylist(list(tops))))
    _write_csv(folder / "heat_map.csv", readable(pa.Table.from_pylist(list(hours))))


def _write_csv(path: Location, table: pa.Table) -> None:
    from pyarrow import csv

    with atomic_path(path) as temporary:
        csv.write_csv(table, temporary, csv.WriteOptions(quoting_style="needed"))
