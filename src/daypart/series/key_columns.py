"""Names of key columns that never collide with those of daypart's own columns.

In stores, runs and results a key column stands beside columns of daypart's: names, stamps, counts,
diagnostics. One that would have the name of one of these, in any case of its letters, is called
`key.NAME` in every file: a key column `region` of a table is the column `key.region` of its store.
Others keep their names. Commands take both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

PREFIX = "key."

_STORES = "unique_id timezone first_hour counts exposure series"
_RUNS = """
    row region task attempt content_hash hours status reason traceback seconds model log
    part part_row in_table memory partition partitions without_forecast
"""
_STATES = r"""
    .*_(mean|sd|q\d+) node_.* pit_.* fallback_.* ahead_.* held_out_.* event parents profile
    observed_hours mean_count newton_steps evaluations gradient skewness inference flags change
    unusual_days history_weeks khat dispersion draws
"""
_FORECASTS = r"""
    ds y mean median (lo|hi)-.* daypart horizon origin mean_before mean_per_hour crps log_score
    pinball wape (coverage|inside)_.*
"""
_EVENTS = "name from to"
_RESERVED = re.compile(
    "|".join(f"{_STORES} {_RUNS} {_STATES} {_FORECASTS} {_EVENTS}".split()),
    re.IGNORECASE | re.DOTALL,
)


def is_reserved(name: str) -> bool:
    """Return whether a name is one of daypart's own columns, or could be taken for an escaped one.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> is_reserved("Region"), is_reserved("hi-80"), is_reserved("market"), is_reserved("key.a")
    (True, True, False, True)
    """
    return name.casefold().startswith(PREFIX) or _RESERVED.fullmatch(name) is not None


def key_column(name: str) -> str:
    """Return the name that a key column of a table has in daypart's files.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> key_column("shop"), key_column("status"), key_column("key.status")
    ('shop', 'key.status', 'key.key.status')
    """
    return f"{PREFIX}{name}" if is_reserved(name) else name


def find_key_column(name: str, key: Sequence[str]) -> str | None:
    """Return which key column is meant by its own name or by that in files; None for neither.

    Parameters
    ----------
    name : str
    key : sequence of str
        Names in files.

    Examples
    --------
    >>> find_key_column("status", ["key.status"]), find_key_column("key.status", ["key.status"])
    ('key.status', 'key.status')
    """
    if name in key:
        return name
    return key_column(name) if key_column(name) in key else None
