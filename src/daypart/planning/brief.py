"""The campaign brief: what a planner asks for, read from TOML and checked before any work."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from daypart.errors import DaypartError, did_you_mean
from daypart.storage import Location, PathLike, location, read_toml, resolve_location

DIMENSIONS = ("network", "daypart", "market", "week")
OBJECTIVES = ("reach", "effective_reach", "frequency_cap", "impressions", "minimum_cost")
RATE_BASES = ("households", "target")
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
            _number(f"{where}.{bound}", getattr(self, bound), least=0.0, infinite=True)
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
        object.__setattr__(self, "week", _date("limits.pins.week", self.week))
        _whole("limits.pins.spots", self.spots, least=0)


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
        _whole("limits.cells.max_spots_per_week", self.max_spots_per_week, least=0)
        if self.week is not None:
            object.__setattr__(self, "week", _date("limits.cells.week", self.week))


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
        _number("limits.max_average_frequency", frequency, least=1.0, infinite=True)
        _whole("limits.max_spots_per_week", self.max_spots_per_week, least=1)
        for setting in ("exclude_networks", "exclude_dayparts"):
            object.__setattr__(self, setting, _names(f"limits.{setting}", getattr(self, setting)))


@dataclass(frozen=True)
class Brief:
    """What a campaign shall do, for whom, when, where and for how much.

    Parameters
    ----------
    name : str
        The campaign.
    first_day, last_day : date
        The flight, both days included, local to each market.
    budget : float
        Money to spend at most, in `currency`. For the objective `minimum_cost` it may be left out.
    rate_card : Path
        Parquet or CSV with `market, network, daypart, cpm, first_day, last_day`.
    segment : str
        Whom to reach; `all` is every household.
    markets : tuple of str
        Names or codes; `("all",)` is every market of the store.
    currency : str
        Code of the money, as shown.
    rate_card_basis : str
        Whose impressions the CPM buys: `households` (all of them) or `target`.
    spot_length : int
        Seconds of one spot (shown; the rate card's CPM is for this length).
    frequency_goal : int
        The k of effective reach k+.
    objective : str
        `reach` (1+), `effective_reach` (k+), `frequency_cap` (households counted up to k exposures
        each), `impressions` (in the target) or `minimum_cost` (for `reach_goal_percent`).
    reach_goal_percent : float
        Reach 1+ to get to, in percent, for the objective `minimum_cost`.
    limits : Limits
        Everything that bounds the plan beside the budget.
    path : Location
        The file it was read from; relative paths in it start there.

    Examples
    --------
    >>> Brief(name="Launch", first_day="2024-04-01", last_day="2024-04-28", budget=100_000,
    ...       rate_card="rates.csv").budget
    100000
    """

    name: str
    first_day: dt.date
    last_day: dt.date
    rate_card: Path
    budget: float = math.inf
    segment: str = "all"
    markets: tuple[str, ...] = ("all",)
    currency: str = "USD"
    rate_card_basis: str = "households"
    spot_length: int = 30
    frequency_goal: int = 3
    objective: str = "reach"
    reach_goal_percent: float = 0.0
    limits: Limits = field(default_factory=Limits)
    path: Location = Path("brief.toml")

    def __post_init__(self) -> None:
        for setting in ("name", "segment", "currency", "objective", "rate_card_basis"):
            _text(f"campaign.{setting}", getattr(self, setting))
        for setting in ("first_day", "last_day"):
            object.__setattr__(self, setting, _date(setting, getattr(self, setting)))
        if self.first_day > self.last_day:
            raise DaypartError(
                f"campaign.first_day {self.first_day} is after last_day {self.last_day}",
                hint="swap them",
            )
        if not (self.objective == "minimum_cost" and math.isinf(self.budget)):
            _number("campaign.budget", self.budget, above=0.0)
        _whole("campaign.spot_length", self.spot_length, least=1)
        _whole("campaign.frequency_goal", self.frequency_goal, least=1, most=10)
        _choice("campaign.objective", self.objective, OBJECTIVES)
        _choice("campaign.rate_card_basis", self.rate_card_basis, RATE_BASES)
        _number("campaign.reach_goal_percent", self.reach_goal_percent, least=0.0)
        if self.reach_goal_percent > 100:
            raise DaypartError(
                f"campaign.reach_goal_percent is {self.reach_goal_percent:g}, over 100 %"
            )
        if (self.objective == "minimum_cost") != (self.reach_goal_percent > 0):
            raise DaypartError(
                f"campaign.objective is {self.objective} with reach_goal_percent "
                f"{self.reach_goal_percent:g}",
                hint="a goal goes with minimum_cost and with nothing else",
            )
        object.__setattr__(self, "markets", _names("campaign.markets", self.markets))
        if not self.markets:
            raise DaypartError("campaign.markets is empty", hint='name some, or write "all"')
        object.__setattr__(self, "rate_card", Path(self.rate_card))

    @property
    def rate_card_path(self) -> Location:
        """Where the rate card lies: beside the brief unless its path is absolute."""
        return resolve_location(self.rate_card.as_posix(), self.path.parent)


def read_brief(path: PathLike) -> Brief:
    """Read a brief from a TOML file and check everything that needs no data.

    Parameters
    ----------
    path : path-like
        The file: a table `[campaign]` with the fields of `Brief`, and `[limits]` with those of
        `Limits`, where `[limits.network]`, `[limits.daypart]`, `[limits.market]` and
        `[limits.week]` hold a table of bounds per name, `[[limits.pins]]` fixed lines and
        `[[limits.cells]]` the spots on offer in some cells.

    Returns
    -------
    Brief

    Raises
    ------
    DaypartError
        Naming the file and the setting that is missing, unknown or out of bounds.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "brief.toml"
    >>> _ = path.write_text('''
    ... [campaign]
    ... name = "Launch"
    ... first_day = 2024-04-01
    ... last_day = 2024-04-28
    ... budget = 250000
    ... rate_card = "rates.csv"
    ... [limits.network]
    ... every = {max_percent = 25}
    ... ''')
    >>> read_brief(path).limits.shares[0].setting
    'limits.network.every'
    """
    file = location(path)
    content = read_toml(file)
    try:
        _known("", content, ("campaign", "limits"))
        campaign = _table("campaign", content.get("campaign"))
        limits = _table("limits", content.get("limits", {}))
        allowed = [f for f in fields(Brief) if f.name not in ("limits", "path")]
        _known("campaign.", campaign, [f.name for f in allowed])
        for required in allowed:
            if required.default is MISSING and required.name not in campaign:
                raise DaypartError(f"campaign.{required.name} is missing", hint="add it")
        if "budget" not in campaign and campaign.get("objective") != "minimum_cost":
            raise DaypartError("campaign.budget is missing", hint="add it")
        return Brief(**campaign, limits=_read_limits(limits), path=file)
    except DaypartError as error:
        raise DaypartError(f"{file}: {error.message}", hint=error.hint) from None


def _read_limits(content: Mapping[str, Any]) -> Limits:
    plain = [f.name for f in fields(Limits) if f.name != "shares"]
    _known("limits.", content, [*plain, *DIMENSIONS])
    shares: list[Limit] = []
    bounds = [f.name for f in fields(Limit) if f.name not in ("dimension", "name")]
    for dimension in DIMENSIONS:
        for name, values in _table(f"limits.{dimension}", content.get(dimension, {})).items():
            setting = f"limits.{dimension}.{name}"
            _known(f"{setting}.", _table(setting, values), bounds)
            shares.append(Limit(dimension, name, **values))
    settings = {name: content[name] for name in plain if name in content}
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
        _known(f"{setting}.", _table(setting, values), [f.name for f in allowed])
        for needed in allowed:
            if needed.default is MISSING and needed.name not in values:
                raise DaypartError(f"{setting}.{needed.name} is missing", hint="add it")
        try:
            yield kind(**values)
        except DaypartError as error:
            message = error.message.replace(f"limits.{table}.", f"{setting}.")
            raise DaypartError(message, hint=error.hint) from None


def _table(setting: str, value: object) -> Mapping[str, Any]:
    if value is None:
        raise DaypartError(f"[{setting}] is missing", hint="add that table")
    if not isinstance(value, Mapping):
        raise DaypartError(f"{setting} is {value!r}, not a table", hint=f"write [{setting}]")
    return value


def _known(prefix: str, given: Mapping[str, Any], valid: Any) -> None:
    for name in given:
        if name not in valid:
            raise DaypartError(f"unknown setting {prefix}{name}", hint=did_you_mean(name, valid))


def _text(setting: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise DaypartError(f"{setting} is {value!r}, not a text")


def _names(setting: str, value: object) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise DaypartError(f"{setting} is {value!r}", hint="give a list of names")
    return tuple(names)


def _choice(setting: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise DaypartError(f"{setting} is {value!r}", hint=did_you_mean(value, valid))


def _number(
    setting: str,
    value: object,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    infinite: bool = False,
) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise DaypartError(f"{setting} is {value!r}, not a number")
    if math.isnan(value) or (math.isinf(value) and not infinite):
        raise DaypartError(f"{setting} is {value}", hint="give a finite number")
    if value < least or value <= above:
        need = f"above {above:g}" if value <= above else f"of at least {least:g}"
        raise DaypartError(f"{setting} is {value:g}", hint=f"give a number {need}")


def _whole(setting: str, value: object, *, least: int, most: int | None = None) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DaypartError(f"{setting} is {value!r}, not a whole number")
    if value < least or (most is not None and value > most):
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise DaypartError(f"{setting} is {value}", hint=f"give a whole number {span}")


def _date(setting: str, value: object) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise DaypartError(
            f"{setting} is {value!r}, not a day", hint="write it as 2024-04-01"
        ) from None
