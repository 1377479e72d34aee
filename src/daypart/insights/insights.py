"""`insights`: audience metrics of a run with their uncertainty, as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from daypart.disclosure.ledger import digest_of, write_entry
from daypart.disclosure.release import release
from daypart.disclosure.rules import DisclosureRules
from daypart.engine.results.folder import RunFolder
from daypart.insights.coming_week import coming_week_audience
from daypart.insights.ratings import UNIT, WINDOW, heat_map, ratings_table, readable, top_networks
from daypart.insights.sampling_error import sampling_error
from daypart.insights.sentences import DEFINITIONS, headlines_of
from daypart.insights.viewing_minutes import read_audience
from daypart.progress import SILENT, Progress
from daypart.runs.forecasts.fitted_run import FittedRun
from daypart.runs.run.settings import check_fitted_to, read_settings, store_of
from daypart.series.store import SeriesStore
from daypart.storage.csv_tables import write_csv
from daypart.storage.files import make_folder, write_json
from daypart.storage.location import Location, PathLike
from daypart.storage.tables import write_table
from daypart.viewing.crediting import crediting_text


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
    min_households: int | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Insights:
    """Compute ratings, HUT, share, impressions and index of every audience of a run.

    Ratings are those of the store's window, each with the 80 % interval of the sampling of
    households, beside the rating that the run's model expects in a coming week. Figures of too
    few in-tab or viewing households by the store's rules, those that one household dominates,
    and those from which such figures would follow read `suppressed`.

    Parameters
    ----------
    run : path
        A run fitted to a viewing store.
    out : path
        A folder.
    min_households : int, optional
        Raw in-tab households below which a cell is suppressed, where more than the store's rule.
    seed : int, default 0
        Of the draws for the intervals of the coming week.
    progress : Progress

    Returns
    -------
    Insights

    Raises
    ------
    DaypartError
        Where there is no run, its store holds no viewing, the folder can't be written to, or
        `min_households` would loosen the store's rule.

    Examples
    --------
    >>> insights("/nowhere", out="/tmp/insights")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere: no run here; make one with daypart fit
    """
    run_folder = RunFolder.open(run)
    settings = read_settings(run_folder)
    store = SeriesStore.open(store_of(run_folder, settings))
    check_fitted_to(run_folder, settings, store)
    audience = read_audience(store, progress)
    rules = DisclosureRules.of_store(store.extra["viewing"]["crediting"]).tightened(min_households)
    fitted = FittedRun.open(run)
    error = sampling_error(store, audience)
    coming_week = coming_week_audience(audience, fitted, seed=seed, progress=progress)
    crediting = crediting_text(store.extra["viewing"]["crediting"])
    with progress.step("applying the disclosure rules"):
        shown = release(store, rules)
    ratings = ratings_table(audience, error, coming_week, shown, crediting)
    tops = top_networks(ratings)
    hours = heat_map(audience, shown)
    headlines = headlines_of(tops, hours)
    folder = make_folder(out)
    leaving = digest_of([ratings, *(pa.Table.from_pylist(list(rows)) for rows in (tops, hours))])
    write_entry(store.folder, "insights", rules, leaving, shown.sketches)
    with progress.step("writing insights") as step:
        suppressed = int(np.count_nonzero(ratings.column("suppressed").to_numpy()))
        _write(folder, ratings, tops, hours)
        write_json(
            folder / "insights.json",
            {
                "kind": "daypart-insights",
                "headlines": headlines,
                "definitions": DEFINITIONS,
                "min_households": rules.households,
                "min_contributors": rules.contributors,
                "dominance_percent": rules.dominance_percent,
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
