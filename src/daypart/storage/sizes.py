"""Sizes as people write them."""

from __future__ import annotations

import re

from daypart.errors import DaypartError

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def parse_size(text: str) -> int:
    """Read a size such as `1GB` or `512MiB` as bytes.

    Raises
    ------
    DaypartError
        When the text is not a size above 0.

    Examples
    --------
    >>> parse_size("1.5GB")
    1500000000
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if not match or match[2].upper() not in _UNITS or float(match[1]) <= 0:
        raise DaypartError(f"{text!r} is not a size", hint="write it as 512MB, 1GB or 2GiB")
    return int(float(match[1]) * _UNITS[match[2].upper()])
