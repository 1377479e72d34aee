"""The limits of a brief: bounds by name, exclusions, fixed lines and spots on offer.

Each number that bounds a network, a daypart, a market or a week is a field of `Limit`, named by
its side and its measure (`max_spend`). `MEASURES` holds the measures, each with the row of the
linear programme that its bounds become. A new measure is an entry there and a field of `Limit`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, NamedTuple, TypeVar

from daypart.errors import DaypartError
from daypart.planning.arrays import Bools, Floats
from daypart.planning.brief.checks import (
    as_day,
    as_names,
    as_table,
    check_known,
    check_number,
    check_text,
    check_whole,
)

DIMENSIONS = ("network", "daypart", "market", "week")
EVERY = "every"
EXCLUSIONS = {"exclude_networks": "network", "exclude_dayparts": "daypart"}
"""The settings that bar names, with the dimension of the names."""
ArrayTable = TypeVar("ArrayTable", "Pin", "CellRule")


@dataclass(frozen=True)
class BoundedColumns:
    """A problem's columns, as a bound on one network, daypart, market or week needs them.

    Parameters
    ----------
    inside : bool array [columns]
        Whether the bound refers to a column.
    share : float array [columns]
        Cost of one spot, as a share of `scale`.
    grp : float array [columns]
        GRP of one spot, in points of the universe that the bound refers to.
    scale : float
        Money: the budget, or the cost of one spot of each column without a budget.
    currency : str
    """

    inside: Bools
    share: Floats
    grp: Floats
    scale: float
    currency: str


class BoundRow(NamedTuple):
    """A bound as one row of the linear programme: `coefficients . spots` against `bound`.

    Its shadow price is reported for loosening it by one `unit`, which moves `bound` by `loosened`.
    """

    coefficients: Floats
    bound: float
    unit: str
    loosened: float


@dataclass(frozen=True)
class Measure:
    """What a bound limits.

    Parameters
    ----------
    row : callable
        From the columns and the value of a bound to its row.
    most : float
        The highest value that a bound may have.
    """

    row: Callable[[BoundedColumns, float], BoundRow]
    most: float = math.inf


def _share_of_spend(columns: BoundedColumns, percent: float) -> BoundRow:
    """Money inside less `percent` of all money spent, against 0."""
    coefficients = columns.share * (columns.inside - percent / 100)
    return BoundRow(coefficients, 0.0, "1 point of share", 0.01)


def _spend(columns: BoundedColumns, money: float) -> BoundRow:
    coefficients, unit = columns.share * columns.inside, f"1,000 {columns.currency}"
    return BoundRow(coefficients, money / columns.scale, unit, 1000.0 / columns.scale)


def _grp(columns: BoundedColumns, points: float) -> BoundRow:
    return BoundRow(columns.grp * columns.inside, points, "1 GRP", 1.0)


MEASURES = {
    "percent": Measure(_share_of_spend, most=100.0),
    "spend": Measure(_spend),
    "grp": Measure(_grp),
}
"""What a field of `Limit` bounds, by the part of its name after `min_` or `max_`."""


class Bound(NamedTuple):
    """One bound that a brief sets, such as `max_percent = 25`."""

    name: str
    value: float

    @property
    def measure(self) -> Measure:
        """What it limits."""
        return MEASURES[self.name.partition("_")[2]]

    @property
    def is_most(self) -> bool:
        """Whether it bounds from above."""
        return self.name.startswith("max_")


@dataclass(frozen=True)
class Limit:
    """Bounds on one network, daypart, market or broadcast week.

    Parameters
    ----------
    dimension : str
        `network`, `daypart`, `market` or `week`.
    name : str
        Its name, or `every` for each one that has no bounds of its own. The name of a week is its
        Monday.
    min_percent, max_percent : float
        Bounds on its share of the money spent, in percent.
    min_spend, max_spend : float
        Bounds on the money spent there, in the brief's currency.
    min_grp : float
        Fewest GRP to buy there, in points of the target: those of the market, for a market; over
        all the brief's markets, for anything else.

    Examples
    --------
    >>> Limit("network", "ESPN", max_percent=20).max_percent
    20
    """

    dimension: str
    name: str
    min_percent: float = 0.0
    max_percent: float = 100.0
    min_spend: float = 0.0
    max_spend: float = math.inf
    min_grp: float = 0.0

    def __post_init__(self) -> None:
        bounds = list(self._all_bounds())
        for bound in bounds:
            check_number(f"{self.setting}.{bound.name}", bound.value, least=0.0, infinite=True)
        for bound in bounds:
            most = bound.measure.most
            if math.isfinite(most) and bound.value > most:
                raise DaypartError(
                    f"{self.setting}.{bound.name} is {bound.value:g}, over {most:g} %",
                    hint=f"give a share of spend from 0 to {most:g}",
                )
        values = dict(bounds)
        for name, least in bounds:
            most = values.get(f"max_{name.removeprefix('min_')}", math.inf)
            if name.startswith("min_") and least > most:
                raise DaypartError(
                    f"{self.setting}: {name} {least:g} is above max_{name[4:]} {most:g}",
                    hint="swap or loosen them",
                )

    def bounds(self) -> Iterator[Bound]:
        """Yield the bounds that differ from their defaults, measure by measure."""
        default = {field.name: field.default for field in fields(self)}
        return (bound for bound in self._all_bounds() if bound.value != default[bound.name])

    def _all_bounds(self) -> Iterator[Bound]:
        names = {field.name for field in fields(self)}
        for name in (f"{side}_{measure}" for measure in MEASURES for side in ("max", "min")):
            if name in names:
                yield Bound(name, getattr(self, name))

    @property
    def setting(self) -> str:
        """Where the brief sets it."""
        return f"limits.{self.dimension}.{self.name}"


@dataclass(frozen=True)
class Pin:
    """A line that is bought already: the exact number of spots in one cell and week."""

    market: str
    network: str
    daypart: str
    week: dt.date
    spots: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "week", as_day("limits.pins.week", self.week))
        for name in ("market", "network", "daypart"):
            check_text(f"limits.pins.{name}", getattr(self, name))
        check_whole("limits.pins.spots", self.spots, least=0)


@dataclass(frozen=True)
class CellRule:
    """Spots on offer in some cells, in place of `max_spots_per_week`; 0 bars the cells.

    Parameters
    ----------
    max_spots_per_week : int
        In each of the cells, in one broadcast week.
    market, network, daypart : str, optional
        Which cells; None means all.
    week : date, optional
        A week's Monday; None means every week of the flight.
    """

    max_spots_per_week: int
    market: str | None = None
    network: str | None = None
    daypart: str | None = None
    week: dt.date | None = None

    def __post_init__(self) -> None:
        check_whole("limits.cells.max_spots_per_week", self.max_spots_per_week, least=0)
        for name in ("market", "network", "daypart"):
            if getattr(self, name) is not None:
                check_text(f"limits.cells.{name}", getattr(self, name))
        if self.week is not None:
            object.__setattr__(self, "week", as_day("limits.cells.week", self.week))


@dataclass(frozen=True)
class BriefLimits:
    """All limits that a brief sets beside the budget.

    Parameters
    ----------
    max_spots_per_week : int
        Most spots in one market x network x daypart cell in one broadcast week.
    exclude_networks, exclude_dayparts : tuple of str
        Never bought.
    shares : tuple of Limit
        Bounds by network, daypart, market and week.
    pins : tuple of Pin
        Lines that are fixed.
    cells : tuple of CellRule
        Spots on offer in some cells; where several apply, the lowest number counts.
    max_average_frequency : float
        Most impressions per household reached, in the target.
    """

    max_spots_per_week: int = 7
    exclude_networks: tuple[str, ...] = ()
    exclude_dayparts: tuple[str, ...] = ()
    shares: tuple[Limit, ...] = ()
    pins: tuple[Pin, ...] = ()
    cells: tuple[CellRule, ...] = ()
    max_average_frequency: float = math.inf

    def __post_init__(self) -> None:
        frequency = self.max_average_frequency
        check_number("limits.max_average_frequency", frequency, least=1.0, infinite=True)
        check_whole("limits.max_spots_per_week", self.max_spots_per_week, least=1)
        for setting in EXCLUSIONS:
            object.__setattr__(self, setting, as_names(f"limits.{setting}", getattr(self, setting)))


LIMIT_SETTINGS = (*(f.name for f in fields(BriefLimits) if f.name != "shares"), *DIMENSIONS)


def read_limits(content: Mapping[str, Any]) -> BriefLimits:
    """Read the brief's table `[limits]`.

    Raises
    ------
    DaypartError
        Naming the setting that is unknown, missing or out of bounds.
    """
    check_known("limits.", content, LIMIT_SETTINGS)
    shares: list[Limit] = []
    bounds = [f.name for f in fields(Limit) if f.name not in ("dimension", "name")]
    for dimension in DIMENSIONS:
        for name, values in as_table(f"limits.{dimension}", content.get(dimension, {})).items():
            setting = f"limits.{dimension}.{name}"
            check_known(f"{setting}.", as_table(setting, values), bounds)
            shares.append(Limit(dimension, name, **values))
    settings = {name: content[name] for name in LIMIT_SETTINGS if name in content}
    settings = {name: value for name, value in settings.items() if name not in DIMENSIONS}
    settings["pins"] = tuple(_rows("pins", content, Pin))
    settings["cells"] = tuple(_rows("cells", content, CellRule))
    return BriefLimits(**settings, shares=tuple(shares))


def _rows(table: str, content: Mapping[str, Any], kind: type[ArrayTable]) -> Iterator[ArrayTable]:
    """Read an array of tables into one object each."""
    rows = content.get(table, ())
    if not isinstance(rows, list | tuple):
        raise DaypartError(f"limits.{table} is {rows!r}", hint=f"write [[limits.{table}]]")
    for number, values in enumerate(rows, start=1):
        setting = f"limits.{table}[{number}]"
        allowed = fields(kind)
        check_known(f"{setting}.", as_table(setting, values), [f.name for f in allowed])
        for needed in allowed:
            if needed.default is MISSING and needed.name not in values:
                raise DaypartError(f"{setting}.{needed.name} is missing", hint="add it")
        try:
            yield kind(**values)
        except DaypartError as error:
            message = error.message.replace(f"limits.{table}.", f"{setting}.")
            raise DaypartError(message, hint=error.hint) from None
