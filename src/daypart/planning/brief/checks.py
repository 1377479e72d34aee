"""Checks of single settings of a brief. Each error names the setting."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from daypart.errors import DaypartError, did_you_mean


def as_table(setting: str, value: object) -> Mapping[str, Any]:
    """Return a table of settings.

    Parameters
    ----------
    setting : str
        Its name in the brief, for messages.
    value : object

    Raises
    ------
    DaypartError
        Where it is missing or not a table.
    """
    if value is None:
        raise DaypartError(f"[{setting}] is missing", hint="add that table")
    if not isinstance(value, Mapping):
        if "." in setting and isinstance(value, int | float):
            name, example = setting.rpartition(".")[2], "{max_percent = 20}"
            hint = f"name its bounds, such as {name} = {example}"
        else:
            hint = f"write [{setting}]"
        raise DaypartError(f"{setting} is {value!r}, not a table", hint=hint)
    return value


def check_known(
    prefix: str,
    given: Mapping[str, Any],
    valid: Iterable[str],
    elsewhere: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> None:
    """Refuse an unknown setting.

    Parameters
    ----------
    prefix : str
        Of the settings, for messages, such as `limits.`.
    given : mapping
        The settings of a table.
    valid : iterable of str
        The names that the table may have.
    elsewhere : mapping of str to iterable of str
        The names of other tables, for the hint.
    """
    valid = list(valid)
    for name in given:
        if name not in valid:
            tables = [table for table, names in elsewhere.items() if name in names]
            hint = f"it belongs under [{tables[0]}]" if tables else did_you_mean(name, valid)
            raise DaypartError(f"unknown setting {prefix}{name}", hint=hint)


def check_text(setting: str, value: object) -> None:
    """Refuse a value that is not a text, and an empty text.

    Parameters
    ----------
    setting : str
        Its name in the brief, for messages.
    value : object
    """
    if not isinstance(value, str):
        raise DaypartError(f"{setting} is {value!r}, not a text", hint="write it in quotes")
    if not value.strip():
        raise DaypartError(f"{setting} is empty", hint="write something")


def as_names(setting: str, value: object) -> tuple[str, ...]:
    """Return one name or several as a tuple.

    Parameters
    ----------
    setting : str
        Its name in the brief, for messages.
    value : object
    """
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise DaypartError(
            f"{setting} is {value!r}", hint='give names in quotes, such as ["one", "two"]'
        )
    return tuple(names)


def check_choice(setting: str, value: str, valid: tuple[str, ...]) -> None:
    """Refuse a word that is not valid.

    Parameters
    ----------
    setting : str
        Its name in the brief, for messages.
    value : str
    valid : tuple of str
    """
    if value not in valid:
        raise DaypartError(f"{setting} is {value!r}", hint=did_you_mean(value, valid))


def check_number(
    setting: str,
    value: object,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    infinite: bool = False,
) -> None:
    """Refuse a value that is not a number, and a number out of bounds.

    Parameters
    ----------
    setting : str
        Its name in the brief, for messages.
    value : object
    least : float
        The lowest number allowed.
    above : float
        The highest number that is too low.
    infinite : bool
        Whether infinity is allowed.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise DaypartError(
            f"{setting} is {value!r}, not a number",
            hint="write it without quotes, commas or signs of currency, such as 250000",
        )
    if math.isnan(value) or (math.isinf(value) and not infinite):
        raise DaypartError(f"{setting} is {value}", hint="give a finite number")
    if value < least or value <= above:
        need = f"above {above:g}" if value <= above else f"of at least {least:g}"
        raise DaypartError(f"{setting} is {value:g}", hint=f"give a number {need}")


def check_whole(setting: str, value: object, *, least: int, most: int | None = None) -> None:
    """Refuse a value that is not a whole number, and a number out of bounds.

    Parameters
    ----------
    setting : str
        Its name in the brief, for messages.
    value : object
    least : int
        The lowest number allowed.
    most : int, optional
        The highest number allowed.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise DaypartError(
            f"{setting} is {value!r}, not a whole number", hint="write it without quotes, such as 5"
        )
    if value < least or (most is not None and value > most):
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise DaypartError(f"{setting} is {value}", hint=f"give a whole number {span}")


def as_day(setting: str, value: object) -> dt.date:
    """Return a day, given as a date or as its text.

    Parameters
    ----------
    setting : str
        Its name in the brief, for messages.
    value : object
    """
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise DaypartError(
            f"{setting} is {str(value)!r}, not a day", hint="write it as 2024-04-01"
        ) from None
