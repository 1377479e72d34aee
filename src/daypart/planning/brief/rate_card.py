"""The rate card: what a thousand impressions cost per market, network, daypart and period."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from daypart.errors import DaypartError
from daypart.planning.arrays import Bools, Floats, Ints
from daypart.planning.brief.flight import Week
from daypart.planning.panel.panel import Panel
from daypart.storage.files import kept_copy
from daypart.storage.location import Location, PathLike, location
from daypart.storage.tables import read_table

COLUMNS = ("market", "network", "daypart", "cpm", "first_day", "last_day")


def read_rate_card(path: PathLike, panel: Panel, weeks: Sequence[Week]) -> Floats:
    """Read the CPM of every cell in every broadcast week of a flight.

    Parameters
    ----------
    path : path-like
        Parquet or CSV with the columns `market` (code), `network`, `daypart`, `cpm` (money per
        thousand impressions), `first_day` and `last_day` (both included).
    panel : Panel
        Names the cells.
    weeks : sequence of Week
        The flight.

    Returns
    -------
    float array [cells, weeks]
        NaN where a cell is not on the card at all.

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
    file = location(path)
    table = _read_csv(file) if file.suffix.lower() == ".csv" else read_table(file, COLUMNS)
    columns = {name: table[name].to_pylist() for name in COLUMNS}
    if not columns["cpm"]:
        raise DaypartError(f"{file}: the rate card is empty")
    _check_prices(file, columns["cpm"])
    first = _days(file, "first_day", columns["first_day"])
    last = _days(file, "last_day", columns["last_day"])
    _check_flight(file, first, last, weeks)
    codes = [market.code for market in panel.markets]
    keys = itertools.product(codes, panel.networks, panel.dayparts)
    number = {key: cell for cell, key in enumerate(keys)}
    cpm = np.full((panel.cells, len(weeks)), np.nan)
    covered = np.zeros((panel.cells, len(weeks)), dtype=np.int64)
    days = [np.array([day.toordinal() for day in week.days]) for week in weeks]
    for row, market in enumerate(columns["market"]):
        cell = number.get((str(market), columns["network"][row], columns["daypart"][row]))
        if cell is None:
            continue
        for w, ordinals in enumerate(days):
            inside = int(((ordinals >= first[row]) & (ordinals <= last[row])).sum())
            if inside:
                so_far = covered[cell, w]
                before = cpm[cell, w] if so_far else 0.0
                price = float(columns["cpm"][row])
                cpm[cell, w] = (before * so_far + price * inside) / (so_far + inside)
                covered[cell, w] += inside
    _check_cover(file, panel, weeks, covered)
    if not np.isfinite(cpm).any():
        raise DaypartError(
            f"{file}: prices none of the store's cells",
            hint="market codes, network and daypart names must be those of the store",
        )
    return cpm


def _check_prices(file: Location, prices: Sequence[Any]) -> None:
    bad = [
        row
        for row, price in enumerate(prices, start=1)
        if price is None or not np.isfinite(price) or price <= 0
    ]
    if bad:
        raise DaypartError(
            f"{file}: column cpm: row {bad[0]} is {prices[bad[0] - 1]} ({len(bad)} such rows)",
            hint="every price must be above 0",
        )


def _check_flight(file: Location, first: Ints, last: Ints, weeks: Sequence[Week]) -> None:
    start, end = weeks[0].days[0], weeks[-1].days[-1]
    card_start, card_end = dt.date.fromordinal(first.min()), dt.date.fromordinal(last.max())
    if start < card_start or end > card_end:
        raise DaypartError(
            f"{file}: the card runs from {card_start} to {card_end}, "
            f"which does not cover the flight from {start} to {end}",
            hint="move the flight or get a newer card",
        )


def _check_cover(file: Location, panel: Panel, weeks: Sequence[Week], covered: Ints) -> None:
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


def _days(file: Location, name: str, values: Sequence[Any]) -> Ints:
    ordinals = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values):
        try:
            day = value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)[:10])
        except ValueError:
            raise DaypartError(
                f"{file}: column {name}: row {row + 1} is {value!r}, not a day",
                hint="write days as 2024-04-01",
            ) from None
        ordinals[row] = day.toordinal()
    return ordinals


def _read_csv(file: Location) -> Any:
    text = {name: pa.string() for name in COLUMNS if name != "cpm"} | {"cpm": pa.float64()}
    try:
        table = pc.read_csv(kept_copy(file), convert_options=pc.ConvertOptions(column_types=text))
    except FileNotFoundError:
        raise DaypartError(f"{file}: no such file") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DaypartError(f"{file}: not a readable CSV ({str(error).splitlines()[0]})") from None
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DaypartError(
            f"{file}: no column {missing[0]!r}", hint=f"it has: {', '.join(table.column_names)}"
        )
    return table
