"""`insights`: audience metrics of a run with their uncertainty, as files."""

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
from daypart.storage.files import make_folder, write_json
from daypart.storage.location import Location, PathLike
from daypart.storage.tables import read_table, write_csv, write_table
from daypart.viewing.crediting import crediting_text

MIN_HOUSEHOLDS = 50


@dataclass(frozen=True)
class Insights:
    """The files and figures of one call of `insights`.

    Parameters
    ----------
    folder : Location
        Holds `insights.json`, `ratings.parquet`, `ratings.csv`, `top_networks.csv` and
        `heat_map.csv`.
    cells, suppressed_cells : int
        Rows of the ratings, and those of them that read `suppressed`.
    headlines : sequence of str
        Sentences on the most notable figures.
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
    """Compute ratings, HUT, share, impressions and index of every audience of a run.

    Ratings are those of the store's window, each with the 80 % interval of the sampling of
    households, beside the rating that the run's model expects in a coming week. Cells of fewer
    than `min_households` raw in-tab households, and those that could be found from others by
    subtraction, read `suppressed`.

    Parameters
    ----------
    run : path
        A run fitted to a viewing store.
    out : path
        A folder.
    min_households : int, default 50
        Raw in-tab households below which a cell is suppressed.
    seed : int, default 0
        Of the draws for the intervals of the coming week.
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


def _write(
    folder: Location,
    ratings: pa.Table,
    tops: Sequence[Mapping[str, Any]],
    hours: Sequence[Mapping[str, Any]],
) -> None:
    write_table(folder / "ratings.parquet", ratings)
    write_csv(folder / "ratings.csv", readable(ratings))
    for name, rows in (("top_networks", tops), ("heat_map", hours)):
        write_csv(folder / f"{name}.csv", readable(pa.Table.from_pylist(list(rows))))
