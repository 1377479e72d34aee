"""The rate card: what a thousand impressions cost per market, network, daypart and period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.brief.flight import Week
from daypart.planning.panel.panel import AXES, Panel, PanelMarket
from daypart.tables.names import match_names
from daypart.tables.options import TableOptions
from daypart.tables.read import TableRows, read_rows
from daypart.tables.schema import Column, Schema
from daypart.tables.table import GivenTable

RATE_CARD = Schema(
    "rate card",
    (
        Column("market", "text", "Code or name of the market."),
        Column("network", "text", "Name of the network."),
        Column("daypart", "text", "Name of the daypart."),
        Column("cpm", "number", "Price.", unit="money per thousand impressions", above=0),
        Column("first_day", "day", "First local day of the price."),
        Column("last_day", "day", "Last local day of the price, included."),
    ),
)
"""A rate card."""


@dataclass(frozen=True)
class RateCard:
    """The prices of a flight.

    Parameters
    ----------
    cpm : float array [cells, weeks]
        Money per thousand impressions; NaN where a cell is not on the card at all.
    notes : tuple of str
        Names that were read as a name of the store, and rows of unknown names.
    """

    cpm: Floats
    notes: tuple[str, ...]


def read_rate_card(
    card: GivenTable,
    panel: Panel,
    weeks: Sequence[Week],
    options: TableOptions | None = None,
    *,
    markets: Sequence[PanelMarket] = (),
) -> RateCard:
    """Read the CPM of every cell in every broadcast week of a flight.

    Parameters
    ----------
    card : path-like, iterable of mappings, or Arrow object
        A table with the columns of `RATE_CARD`.
    panel : Panel
        Names the cells.
    weeks : sequence of Week
        The flight.
    options : TableOptions, optional
        How the table is written.
    markets : sequence of PanelMarket
        Further markets that the card may name, of which the prices are not used.

    Returns
    -------
    RateCard

    Raises
    ------
    DaypartError
        Where the file is missing or malformed, a price is not above 0, a day has two prices, or
        a day of the flight has none.

    Examples
    --------
    >>> read_rate_card("/nowhere.csv", None, ())
    Traceback (most recent call last):
    ...
    daypart.errors.DaypartError: /nowhere.csv: no such file
    """
    rows = read_rows(card, RATE_CARD, options).refuse_problems()
    file = str(rows.table)
    first, last = (
        np.array([day.toordinal() for day in rows.values(name)], dtype=np.int64)
        for name in ("first_day", "last_day")
    )
    _check_flight(file, first, last, weeks)
    cells, notes = _cells_of(rows, panel, markets)
    cpm = np.full((panel.cells, len(weeks)), np.nan)
    covered = np.zeros((panel.cells, len(weeks)), dtype=np.int64)
    days = [np.array([day.toordinal() for day in week.days]) for week in weeks]
    for row, price in enumerate(rows.values("cpm")):
        cell = cells[row]
        if cell is None:
            continue
        for w, ordinals in enumerate(days):
            inside = int(((ordinals >= first[row]) & (ordinals <= last[row])).sum())
            if inside:
                so_far = covered[cell, w]
                before = cpm[cell, w] if so_far else 0.0
                cpm[cell, w] = (before * so_far + price * inside) / (so_far + inside)
                covered[cell, w] += inside
    _check_cover(file, panel, weeks, covered)
    if not np.isfinite(cpm).any():
        raise DaypartError(
            f"{file}: prices none of the store's cells",
            hint="; ".join(notes)
            or "market codes, network and daypart names must be those of the store",
        )
    return RateCard(cpm, notes)


def _cells_of(
    rows: TableRows, panel: Panel, markets: Sequence[PanelMarket]
) -> tuple[list[int | None], tuple[str, ...]]:
    """Return the cell of each row, None where the panel has none, and notes on names."""
    catalogue, numbers = panel.catalogue(), panel.numbers()
    others = {name: place.code for place in markets for name in (place.name, place.code)}
    catalogue["market"] = others | catalogue["market"]
    matched = [match_names(axis, map(str, rows.texts(axis)), catalogue[axis]) for axis in AXES]
    cells: list[int | None] = []
    for names in zip(*(map(str, rows.texts(axis)) for axis in AXES), strict=True):
        place = [
            numbers[axis].get(of_axis.found.get(name, ""))
            for axis, of_axis, name in zip(AXES, matched, names, strict=True)
        ]
        known = [number for number in place if number is not None]
        whole = len(known) == len(AXES)
        cells.append(int(np.ravel_multi_index(known, panel.shape)) if whole else None)
    return cells, tuple(note for names in matched for note in names.notes(rows.table))


def _check_flight(file: str, first: Ints, last: Ints, weeks: Sequence[Week]) -> None:
    start, end = weeks[0].days[0], weeks[-1].days[-1]
    card_start, card_end = dt.date.fromordinal(first.min()), dt.date.fromordinal(last.max())
    if start < card_start or end > card_end:
        raise DaypartError(
            f"{file}: the card runs from {card_start} to {card_end}, "
            f"which does not cover the flight from {start} to {end}",
            hint="move the flight or get a newer card",
        )


def _check_cover(file: str, panel: Panel, weeks: Sequence[Week], covered: Ints) -> None:
    needed = np.array([len(week.days) for week in weeks])
    on_card = np.asarray(covered.any(axis=1), dtype=np.bool_)
    faults: tuple[tuple[str, Bools], ...] = (
        ("has no price for every day", np.asarray(covered < needed)),
        ("has two prices for a day", np.asarray(covered > needed)),
    )
    for fault, wrong in faults:
        cells, at = np.nonzero(wrong & on_card[:, None])
        if len(cells):
            raise DaypartError(
                f"{file}: {panel.cell_label(cells[0])} {fault} of the week "
                f"of {weeks[int(at[0])].monday} ({len(np.unique(cells))} such cells)",
                hint="the card must price each day of the flight once",
            )
