"""Arguments of the simulators that must lie in a range."""

from __future__ import annotations

from daypart.errors import DaypartError


def check_range(name: str, value: float, lowest: float, highest: float) -> None:
    """Refuse an argument out of its range.

    Raises
    ------
    DaypartError
        Naming the argument and its range.

    Examples
    --------
    >>> check_range("weeks", 13, 1, 104)
    """
    if not lowest <= value <= highest:
        raise DaypartError(
            f"{name} is {value}", hint=f"give a number from {lowest:,} to {highest:,}"
        )
