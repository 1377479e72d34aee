"""An example brief that fits a given store, for the demo and for a first plan of one's own."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path

import numpy as np

from daypart.planning.brief.brief import Brief, read_brief
from daypart.planning.brief.flight import broadcast_weeks
from daypart.planning.brief.rate_card import read_rate_card
from daypart.planning.panel.panel import ALL
from daypart.planning.panel.reader import read_panel
from daypart.planning.problem.build import build_problem
from daypart.series.store_document import read_viewing
from daypart.storage.files import write_text
from daypart.storage.location import PathLike, local_path, location

_TEXT = """\
# An example brief. Every setting is described in the reference of daypart.planning.Brief.
[campaign]
name = {name}
segment = {segment}
markets = "all"
first_day = {first_day}
last_day = {last_day}
budget = {budget}
currency = "USD"
rate_card = {rate_card}
spot_length = 30
frequency_goal = 3

[limits]
max_spots_per_week = {most}   # in one market x network x daypart

[limits.network]
every = {{max_percent = 25}}

[limits.daypart]
{most_watched} = {{min_percent = 10, max_percent = 60}}
{least_watched} = {{max_percent = 5}}
"""


def write_example_brief(
    path: PathLike,
    store: PathLike,
    *,
    rate_card: PathLike,
    segment: str = ALL,
    budget: float | None = None,
    weeks: int = 4,
    name: str = "Example campaign",
) -> Brief:
    """Write a brief for the weeks that follow a store's history, and read it back.

    Parameters
    ----------
    path : path-like
        The TOML file to write.
    store : path-like
        Folder of a viewing store.
    rate_card : path-like
        Written into the brief relative to it where that is possible.
    segment : str
        The target.
    budget : float, optional
        Without it, about 100 GRP at the rate card's median price.
    weeks : int
        Length of the flight in broadcast weeks.
    name : str
        Of the campaign.

    Returns
    -------
    Brief

    Raises
    ------
    DaypartError
        Where the store or the rate card does not serve.

    Examples
    --------
    >>> write_example_brief("/tmp/brief.toml", "/nowhere", rate_card="rates.parquet")
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere/store.json: no such file; name the folder of a store
    """
    file = local_path(path)
    panel = read_panel(store)
    target = panel.of_segment(segment)
    first = _monday_after(store)
    last = first + dt.timedelta(7 * weeks - 1)
    card = local_path(rate_card).resolve()
    folder = file.resolve().parent
    shown = str(card.relative_to(folder)) if card.is_relative_to(folder) else str(card)
    flight = broadcast_weeks(first, last)
    cpm = read_rate_card(card, panel, flight).cpm
    price = float(np.nanmedian(cpm))
    impressions = panel.impressions_per_spot()
    draft = Brief(name, first, last, Path(shown), segment=segment, budget=1e15, path=file)
    problem = build_problem(draft, target, flight, cpm, impressions, target.impressions_per_spot())
    grp_price = price / 1000.0 * float(panel.universe_estimate.sum()) / 100.0
    budget = budget or max(100.0 * grp_price, float(problem.cost.min()) * 10)
    watched = impressions.reshape(panel.shape).sum(axis=(0, 1))
    write_text(
        file,
        _TEXT.format(
            name=json.dumps(name),
            segment=json.dumps(segment),
            first_day=first,
            last_day=last,
            budget=_round(budget),
            rate_card=json.dumps(shown),
            most=7,
            most_watched=json.dumps(panel.dayparts[int(np.argmax(watched))]),
            least_watched=json.dumps(panel.dayparts[int(np.argmin(watched))]),
        ),
    )
    return read_brief(file)


def _monday_after(store: PathLike) -> dt.date:
    window = read_viewing(location(store))["window"]
    end = dt.datetime(1970, 1, 1) + dt.timedelta(
        hours=int(window["first_hour"]) + int(window["hours"])
    )
    day = (end - dt.timedelta(hours=12)).date()
    return day + dt.timedelta(7 - day.weekday())


def _round(amount: float) -> int:
    """Round to two figures, as a budget is."""
    unit = 10 ** max(0, math.floor(math.log10(amount)) - 1)
    return int(math.ceil(amount / unit) * unit)
