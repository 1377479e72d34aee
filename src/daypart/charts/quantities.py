"""The rounding and the unit of each kind of figure, the same on pages and axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SUPPRESSED = "suppressed"
NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Quantity:
    """A kind of figure with its rounding and unit.

    Parameters
    ----------
    unit : str
        Written after a number; empty for plain numbers.
    decimals : int
    sign : str
        Currency, written before the number.

    Examples
    --------
    >>> PERCENT.text(71.4207), HOUSEHOLDS.text(4238026.3), money("$").text(269999.64)
    ('71.4 %', '4,238,026 households', '$270,000')
    >>> GRP.text("suppressed"), GRP.text(None)
    ('suppressed', 'not known')
    """

    unit: str
    decimals: int
    sign: str = ""

    def round(self, value: Any) -> Any:
        """Round a number as it is shown; return anything else unchanged."""
        if not is_number(value):
            return value
        rounded = round(float(value), self.decimals)
        return int(rounded) if self.decimals == 0 else rounded + 0.0

    def number(self, value: Any) -> str:
        """Write a number without its unit."""
        if value is None or value == "":
            return NOT_KNOWN
        if not is_number(value):
            return str(value)
        rounded = self.round(value)
        text = f"{abs(rounded):,.{self.decimals}f}"
        return f"{'−' if rounded < 0 else ''}{self.sign}{text}"

    def text(self, value: Any) -> str:
        """Write a number with its unit."""
        number = self.number(value)
        return f"{number} {self.unit}" if self.unit and is_number(value) else number

    def change(self, value: Any) -> str:
        """Write a difference with its sign and unit."""
        text = self.text(value)
        return f"+{text}" if is_number(value) and self.round(value) > 0 else text

    def interval(self, low: Any, high: Any) -> str:
        """Write an interval with its unit.

        Parameters
        ----------
        low, high : float, or text such as `suppressed`

        Examples
        --------
        >>> PERCENT.interval(69.66, 71.92)
        '69.7 to 71.9 %'
        """
        if not (is_number(low) and is_number(high)):
            return NOT_KNOWN if low is None else str(low)
        return f"{self.number(low)} to {self.text(high)}"

    def rounded(self, row: Mapping[str, Any], *names: str) -> dict[str, Any]:
        """Return some fields of a row, rounded; None for a missing one.

        Examples
        --------
        >>> PERCENT.rounded({"lo_80": 1.26, "hi_80": "suppressed"}, "lo_80", "hi_80")
        {'lo_80': 1.3, 'hi_80': 'suppressed'}
        """
        return {name: self.round(row.get(name)) for name in names}

    @property
    def axis_format(self) -> str:
        """The same rounding as a d3 format, for axes and tooltips."""
        return f",.{self.decimals}f"


COUNT = Quantity("", 0)
HOUSEHOLDS = Quantity("households", 0)
EXPECTED_HOUSEHOLDS = Quantity("households", 1)
PERCENT = Quantity("%", 1)
POINTS = Quantity("points", 1)
GAP = Quantity("%", 2)
RATING = Quantity("%", 2)
GRP = Quantity("GRP", 1)
INDEX = Quantity("", 0)
FREQUENCY = Quantity("", 2)
SCORE = Quantity("", 3)
SECONDS = Quantity("s", 1)


def money(currency: str) -> Quantity:
    """Return the quantity of a currency, written as a sign (`$`) or a word (`EUR`).

    Examples
    --------
    >>> money("EUR").text(12)
    'EUR 12'
    """
    return Quantity("", 0, currency if len(currency) == 1 else f"{currency} ")


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number (not a text such as `suppressed`)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def percent_of(fraction: float | None) -> float | None:
    """Return a fraction in percent; None for a missing one."""
    return None if fraction is None else 100 * fraction


def shares_of_100(amounts: Sequence[float]) -> list[float]:
    """Return percent shares with one decimal that sum to 100.0 exactly (largest remainder).

    Examples
    --------
    >>> shares_of_100([1, 1, 1]), shares_of_100([0, 0])
    ([33.4, 33.3, 33.3], [0.0, 0.0])
    """
    total = sum(amounts)
    if total <= 0:
        return [0.0] * len(amounts)
    tenths = [1000 * amount / total for amount in amounts]
    whole = [math.floor(tenth) for tenth in tenths]
    order = sorted(range(len(tenths)), key=lambda i: (whole[i] - tenths[i], i))
    for i in order[: 1000 - sum(whole)]:
        whole[i] += 1
    return [tenth / 10 for tenth in whole]
