"""The crediting rules: which minutes of a tune count as viewing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from daypart.errors import DaypartError, did_you_mean


@dataclass(frozen=True)
class CreditingRules:
    """The rules of crediting on which published definitions differ.

    Parameters
    ----------
    minimum_tune_seconds : float
        A tune that is shorter, after cut and cap, is not credited.
    multi_set : {"once", "split"}
        A household with several active sets counts once per minute and network, or each minute
        is split evenly over its sets.
    idle_cap_minutes : float
        A tune is cut after this time, when the television is probably off.
    out_of_tab_silent_days : int or None
        A household leaves the tab after this number of 24-hour blocks without a credited minute,
        and returns with the next one; None keeps it in tab.
    quarter_hour : {"average_minute", "quarter_hour"}
        Credit the minutes themselves, or 15 minutes for each quarter hour with 5 of them.
    broadcast_day_start_hour : int
        Local hour at which a broadcast day begins.
    minimum_cell_households : int
        Raw in-tab households below which a cell is not published.
    minimum_contributing_households : int
        Raw households that must have viewed behind a published figure.
    dominance_percent : float
        A figure is not published where the second largest contributor could estimate the largest
        within this percentage; 0 turns the rule off.

    Raises
    ------
    DaypartError
        For a value outside its range.

    References
    ----------
    CIMM lexicon of set-top box terms; Nielsen's rules for local television audiences.

    Examples
    --------
    >>> CreditingRules(minimum_tune_seconds=5).multi_set
    'once'
    """

    minimum_tune_seconds: float = 60.0
    multi_set: Literal["once", "split"] = "once"
    idle_cap_minutes: float = 720.0
    out_of_tab_silent_days: int | None = None
    quarter_hour: Literal["average_minute", "quarter_hour"] = "average_minute"
    broadcast_day_start_hour: int = 6
    minimum_cell_households: int = 50
    minimum_contributing_households: int = 10
    dominance_percent: float = 15.0

    def __post_init__(self) -> None:
        _choice("multi_set", self.multi_set, ("once", "split"))
        _choice("quarter_hour", self.quarter_hour, ("average_minute", "quarter_hour"))
        _within("minimum_tune_seconds", self.minimum_tune_seconds, 0, 3600)
        _within("idle_cap_minutes", self.idle_cap_minutes, 1, 7 * 24 * 60)
        _within("broadcast_day_start_hour", self.broadcast_day_start_hour, 0, 23)
        _within("minimum_cell_households", self.minimum_cell_households, 0, 10**9)
        _within("minimum_contributing_households", self.minimum_contributing_households, 0, 10**9)
        _within("dominance_percent", self.dominance_percent, 0, 100)
        if self.out_of_tab_silent_days is not None:
            _within("out_of_tab_silent_days", self.out_of_tab_silent_days, 1, 10_000)

    @property
    def minimum_tune_ms(self) -> int:
        """The minimum tune in milliseconds."""
        return round(self.minimum_tune_seconds * 1000)

    @property
    def idle_cap_ms(self) -> int:
        """The idle cap in milliseconds."""
        return round(self.idle_cap_minutes * 60_000)

    def as_json(self) -> dict[str, Any]:
        """Return the rules for JSON."""
        return asdict(self)


def crediting_rules(content: Mapping[str, Any]) -> CreditingRules:
    """Read crediting rules from JSON or TOML content; missing rules have their defaults.

    Raises
    ------
    DaypartError
        For an unknown name or a value outside its range.

    Examples
    --------
    >>> crediting_rules({"multi_set": "split"}).minimum_tune_seconds
    60.0
    """
    names = [field.name for field in fields(CreditingRules)]
    for name in content:
        if name not in names:
            raise DaypartError(f"crediting: no rule {name!r}", hint=did_you_mean(name, names))
    return CreditingRules(**content)


def crediting_text(rules: Mapping[str, Any]) -> str:
    """Return the main crediting rules in a line.

    Examples
    --------
    >>> crediting_text({"minimum_tune_seconds": 60.0, "multi_set": "once"})
    'minimum tune 60 s, multi-set once'
    """
    text = f"minimum tune {rules['minimum_tune_seconds']:g} s, multi-set {rules['multi_set']}"
    if rules.get("quarter_hour") == "quarter_hour":
        text += ", quarter hours"
    return text


def _choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise DaypartError(
            f"crediting: {name} is {value!r}", hint=did_you_mean(str(value), choices)
        )


def _within(name: str, value: object, low: float, high: float) -> None:
    number = float("nan")
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    if not low <= number <= high:
        raise DaypartError(
            f"crediting: {name} is {value!r}", hint=f"give a number from {low:g} to {high:g}"
        )
