"""The limits of a brief: bounds on shares and money, fixed lines, and spots on offer."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar

from daypart.errors import DaypartError
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
Row = TypeVar("Row", "Pin", "CellRule")


@dataclass(frozen=True)
class Limit:
    """Bounds on one network, daypart, market or broadcast week.

    Parameters
    ----------
    dimension : str
        `network`, `daypart`, `market` or `week`.
    name : str
        Which one; `every` stands for each of them. A week is named by its Monday.
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
        where = self.setting
        for bound in ("min_percent", "max_percent", "min_spend", "max_spend", "min_grp"):
            check_number(f"{where}.{bound}", getattr(self, bound), least=0.0, infinite=True)
        for bound in ("min_percent", "max_percent"):
            if getattr(self, bound) > 100:
                raise DaypartError(
                    f"{where}.{bound} is {getattr(self, bound):g}, over 100 %",
                    hint="give a share of spend from 0 to 100",
                )
        for kind in ("percent", "spend"):
            least, most = getattr(self, f"min_{kind}"), getattr(self, f"max_{kind}")
            if least > most:
                raise DaypartError(
                    f"{where}: min_{kind} {least:g} is above max_{kind} {most:g}",
                    hint="swap or loosen them",
                )

    @property
    def setting(self) -> str:
        """The limit's place in the brief."""
        return f"limits.{self.dimension}.{self.name}"


@dataclass(frozen=True)
class Pin:
    """A line that is bought already: exactly so many spots in one cell and week."""

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
    """How many spots some cells have on offer, whatever `max_spots_per_week` says; 0 bars them.

    Parameters
    ----------
    max_spots_per_week : int
        In each of the cells, in one broadcast week.
    market, network, daypart : str, optional
        Which cells; what is left out stands for all.
    week : date, optional
        A week's Monday; left out, every week of the flight.
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
class Limits:
    """All bounds that the brief sets beside the budget.

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
        Spots on offer in some cells; where several hold, the fewest count.
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
        for setting in ("exclude_networks", "exclude_dayparts"):
            object.__setattr__(self, setting, as_names(f"limits.{setting}", getattr(self, setting)))


LIMIT_SETTINGS = (*(f.name for f in fields(Limits) if f.name != "shares"), *DIMENSIONS)


def read_limits(content: Mapping[str, Any]) -> Limits:
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
    return Limits(**settings, shares=tuple(shares))


def _rows(table: str, content: Mapping[str, Any], kind: type[Row]) -> Iterator[Row]:
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
