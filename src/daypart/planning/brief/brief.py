"""The campaign brief, read from TOML and checked before any work."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from daypart.errors import DaypartError
from daypart.planning.brief.checks import (
    as_day,
    as_names,
    as_table,
    check_choice,
    check_known,
    check_number,
    check_text,
    check_whole,
)
from daypart.planning.brief.limits import LIMIT_SETTINGS, BriefLimits, read_limits
from daypart.storage.files import read_toml
from daypart.storage.location import Location, PathLike, location, resolve_location

OBJECTIVES = ("reach", "effective_reach", "frequency_cap", "impressions", "minimum_cost")
RATE_BASES = ("households", "target")


@dataclass(frozen=True)
class Brief:
    """The campaign to plan: target, flight, markets, money, objective and limits.

    Parameters
    ----------
    name : str
        The campaign.
    first_day, last_day : date
        The flight, both days included, local to each market.
    budget : float
        Money to spend at most, in `currency`. For the objective `minimum_cost` it may be left out.
    rate_card : Path
        A table with `market, network, daypart, cpm, first_day, last_day`.
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
    rate_card_map : str
        How the rate card is written, such as `cpm=price,decimal=comma`; see `read_options`.
    limits : BriefLimits
        All limits beside the budget.
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
    rate_card_map: str = ""
    limits: BriefLimits = field(default_factory=BriefLimits)
    path: Location = Path("brief.toml")

    def __post_init__(self) -> None:
        for setting in ("name", "segment", "currency", "objective", "rate_card_basis"):
            check_text(f"campaign.{setting}", getattr(self, setting))
        for setting in ("first_day", "last_day"):
            object.__setattr__(self, setting, as_day(f"campaign.{setting}", getattr(self, setting)))
        if self.first_day > self.last_day:
            raise DaypartError(
                f"campaign.first_day {self.first_day} is after last_day {self.last_day}",
                hint="swap them",
            )
        if not (self.objective == "minimum_cost" and math.isinf(self.budget)):
            check_number("campaign.budget", self.budget, above=0.0)
        check_whole("campaign.spot_length", self.spot_length, least=1)
        check_whole("campaign.frequency_goal", self.frequency_goal, least=1, most=10)
        check_choice("campaign.objective", self.objective, OBJECTIVES)
        check_choice("campaign.rate_card_basis", self.rate_card_basis, RATE_BASES)
        check_number("campaign.reach_goal_percent", self.reach_goal_percent, least=0.0)
        if self.reach_goal_percent > 100:
            raise DaypartError(
                f"campaign.reach_goal_percent is {self.reach_goal_percent:g}, over 100 %"
            )
        self._check_goal()
        object.__setattr__(self, "markets", as_names("campaign.markets", self.markets))
        if not self.markets:
            raise DaypartError("campaign.markets is empty", hint='name some, or write "all"')
        given: object = self.rate_card
        check_text("campaign.rate_card", str(given) if isinstance(given, Path) else given)
        object.__setattr__(self, "rate_card", Path(self.rate_card))

    def _check_goal(self) -> None:
        """Refuse a goal without the objective minimum_cost, and that objective without a goal."""
        if self.objective == "minimum_cost" and self.reach_goal_percent == 0:
            raise DaypartError(
                "campaign.reach_goal_percent is missing, which the objective minimum_cost needs",
                hint="add it, such as reach_goal_percent = 40",
            )
        if self.objective != "minimum_cost" and self.reach_goal_percent > 0:
            raise DaypartError(
                f"campaign.reach_goal_percent is {self.reach_goal_percent:g}, but a goal goes with "
                f"the objective minimum_cost and this brief's is {self.objective}",
                hint='write objective = "minimum_cost", or take the goal out',
            )

    @contextmanager
    def named_in_errors(self, setting: str = "") -> Iterator[None]:
        """Start the message of every error with the brief's file, and the setting if given."""
        try:
            yield
        except DaypartError as error:
            place = f"{self.path}: {setting}" if setting else f"{self.path}"
            raise DaypartError(f"{place}: {error.message}", hint=error.hint) from None

    @property
    def rate_card_path(self) -> Location:
        """The rate card's path; a relative one starts at the brief's folder."""
        return resolve_location(self.rate_card.as_posix(), self.path.parent)


_TABLES = {
    "campaign": [f.name for f in fields(Brief) if f.name not in ("limits", "path")],
    "limits": list(LIMIT_SETTINGS),
}


def read_brief(path: PathLike) -> Brief:
    """Read a brief from a TOML file and check everything that needs no data.

    Parameters
    ----------
    path : path-like
        The file: a table `[campaign]` with the fields of `Brief`, and `[limits]` with those of
        `BriefLimits`, where `[limits.network]`, `[limits.daypart]`, `[limits.market]` and
        `[limits.week]` hold a table of bounds per name, `[[limits.pins]]` fixed lines and
        `[[limits.cells]]` the spots on offer in some cells.

    Returns
    -------
    Brief

    Raises
    ------
    DaypartError
        Names the file and the setting that is missing, unknown or out of bounds.

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
    content = _read(file)
    try:
        check_known("", content, ("campaign", "limits"), _TABLES)
        campaign = as_table("campaign", content.get("campaign"))
        limits = as_table("limits", content.get("limits", {}))
        check_known("campaign.", campaign, _TABLES["campaign"], _TABLES)
        for required in fields(Brief):
            if _is_required(required) and required.name not in campaign:
                raise DaypartError(f"campaign.{required.name} is missing", hint="add it")
        if "budget" not in campaign and campaign.get("objective") != "minimum_cost":
            raise DaypartError("campaign.budget is missing", hint="add it")
        return Brief(**campaign, limits=read_limits(limits), path=file)
    except DaypartError as error:
        raise DaypartError(f"{file}: {error.message}", hint=error.hint) from None


def _is_required(setting: Field[Any]) -> bool:
    return setting.default is MISSING and setting.default_factory is MISSING


def _read(file: Location) -> dict[str, Any]:
    try:
        return read_toml(file)
    except DaypartError as error:
        if "TOML" not in error.message:
            raise
        raise DaypartError(
            error.message,
            hint="write texts in quotes, numbers without commas, days as 2024-04-01, each key once",
        ) from None
