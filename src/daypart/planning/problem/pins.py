"""Pins, the fixed lines of a brief: their cells and weeks, and which of them can't be bought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daypart.errors import DaypartError
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.brief.brief import Brief
from daypart.planning.brief.limits import EXCLUSIONS
from daypart.planning.panel.panel import AXES, Panel
from daypart.planning.problem.constraints import Names, find_number


@dataclass(frozen=True)
class PlacedPin:
    """A fixed line with the numbers of its cell and week."""

    setting: str
    cell: int
    week: int
    spots: int


def place_pins(brief: Brief, panel: Panel, names: Names) -> tuple[PlacedPin, ...]:
    """Find each pin's cell and week.

    Parameters
    ----------
    brief : Brief
    panel : Panel
    names : dict
        See `name_numbers`.

    Raises
    ------
    DaypartError
        For an unknown name or week, and for two pins on one cell and week.
    """
    placed: dict[tuple[int, int], PlacedPin] = {}
    for number, pin in enumerate(brief.limits.pins, start=1):
        setting = f"limits.pins[{number}]"
        place = tuple(
            find_number(names, dimension, getattr(pin, dimension), setting) for dimension in AXES
        )
        week = find_number(names, "week", str(pin.week), setting)
        cell = int(np.ravel_multi_index(place, panel.shape))
        if (cell, week) in placed:
            raise DaypartError(
                f"{setting} is of the same cell and week as {placed[cell, week].setting}",
                hint="write one line with the sum of spots",
            )
        placed[cell, week] = PlacedPin(setting, cell, week, pin.spots)
    return tuple(placed.values())


def shorten_offer(
    available: Ints, pins: Sequence[PlacedPin], panel: Panel, given: Ints | None
) -> None:
    """Remove from the offer what pins of 0 spots bar, and spots that history is too short to count.

    Parameters
    ----------
    available : int array [cells, weeks]
        Changed in place.
    pins : sequence of PlacedPin
    panel : Panel
    given : int array [cells, weeks], optional
        Spots of a schedule to evaluate.

    Raises
    ------
    DaypartError
        Where pins or the given spots of a cell are more than its minutes of history.
    """
    history = panel.minutes_of_cell()
    pinned = np.zeros(available.shape, dtype=np.int64)
    for pin in pins:
        pinned[pin.cell, pin.week] = pin.spots
    _check_history(pinned, "limits.pins", history, panel)
    if given is not None:
        _check_history(given, "the given schedule", history, panel)
    for pin in pins:
        if pin.spots == 0:
            available[pin.cell, pin.week] = 0
    free = np.floor(history) - pinned.sum(axis=1)
    short = available.sum(axis=1) > free
    each = (np.maximum(free, 0) // max(available.shape[1], 1)).astype(np.int64)
    available[short] = np.minimum(available, each[:, None])[short]


def _check_history(spots: Ints, what: str, history: Floats, panel: Panel) -> None:
    total = spots.sum(axis=1)
    short = np.flatnonzero(total > history)
    if len(short):
        raise DaypartError(
            f"{what}: {total[short[0]]} spots in {panel.cell_label(short[0])}, but only "
            f"{history[short[0]]:.0f} minutes of history: the count of reach is undefined there "
            f"({len(short)} such cells)",
            hint="ingest more weeks, or count the schedule by `daypart reach --method surrogate`",
        )


def check_pins(
    pins: Sequence[PlacedPin],
    brief: Brief,
    panel: Panel,
    cpm: Floats,
    available: Ints,
    sold: Bools,
) -> None:
    """Refuse a pin on a cell that can't be bought in its week, and name what bars it.

    Parameters
    ----------
    pins : sequence of PlacedPin
    brief : Brief
    panel : Panel
    cpm : float array [cells, weeks]
    available : int array [cells, weeks]
    sold : bool array [cells, weeks]
    """
    for pin in pins:
        if pin.spots == 0 or sold[pin.cell, pin.week]:
            continue
        names = panel.cell_names(pin.cell)
        where = f"{pin.setting}: {', '.join(names)}"
        for setting, dimension in EXCLUSIONS.items():
            if names[AXES.index(dimension)] in getattr(brief.limits, setting):
                raise DaypartError(
                    f"{where} is barred by limits.{setting}", hint="take it out of one of them"
                )
        if not np.isfinite(cpm[pin.cell, pin.week]):
            raise DaypartError(f"{where} is not on the rate card", hint="price it there")
        if available[pin.cell, pin.week] > 0:
            raise DaypartError(
                f"{where} is watched by no panel household, so that it has no price",
                hint="take the pin out",
            )
        raise DaypartError(
            f"{where} has no spots on offer in that week: limits.cells bars it, or none of the "
            "daypart's days are in the flight",
            hint="take the pin out, or correct limits.cells or the flight",
        )


def pinned_spots(
    pins: Sequence[PlacedPin],
    cell: Ints,
    period: Ints,
    periods: tuple[tuple[int, ...], ...],
    weeks: int,
) -> Ints:
    """Return the spots that are bought already [columns, weeks].

    Parameters
    ----------
    pins : sequence of PlacedPin
    cell, period : int array [columns]
    periods : tuple of tuple of int
        Weeks of each period.
    weeks : int
    """
    pinned = np.zeros((len(cell), weeks), dtype=np.int64)
    for pin in pins:
        holds = np.array([pin.week in members for members in periods])[period]
        pinned[np.flatnonzero((cell == pin.cell) & holds), pin.week] = pin.spots
    return pinned
