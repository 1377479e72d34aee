"""The grain of a long table: how far apart its rows are, and a refusal of all but hourly ones."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from daypart.wording import counted

_NAMES = {1: "hour", 24: "day", 168: "week"}
_SHORTEST_GRID_HOURS = 24
_FEWEST_ROWS = 7
"""Of a series that is called daily; fewer rows of a rare series can be days apart by chance."""
_LEAST_DAY_HOURS = 23
"""The day on which clocks go forward."""

_GAPS = """
    SELECT partition, gap FROM (
        SELECT partition, hour - lag(hour) OVER (PARTITION BY partition ORDER BY hour) AS gap
        FROM hours
    ) WHERE gap IS NOT NULL
"""


@dataclass(frozen=True)
class NotHourly:
    """What makes a table other than hourly, and the remedy.

    Parameters
    ----------
    problem, remedy : str
    """

    problem: str
    remedy: str


def grain_name(hours: int) -> str:
    """Return the name of a grain.

    Examples
    --------
    >>> grain_name(24), grain_name(6)
    ('day', '6 hours')
    """
    return _NAMES.get(hours, counted(hours, "hour"))


def find_not_hourly(connection: duckdb.DuckDBPyConnection) -> NotHourly | None:
    """Return why the tables `partitions` and `hours` are not hourly, None where they are.

    Either no two rows of a series are within a day of each other, or more than half of the hours
    of all series have no row. A row with an empty number counts as a row.
    """
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE spans AS
        SELECT partition, count(*) AS filled, max(hour) - min(hour) + 1 AS hours
        FROM hours GROUP BY partition
        """
    )
    return _daily_series(connection) or _mostly_missing(connection)


def _daily_series(connection: duckdb.DuckDBPyConnection) -> NotHourly | None:
    """Find series without two rows within a day; only those with few rows are looked at."""
    found = connection.execute(
        f"""
        SELECT count(*), min(unique_id), mode(gap) FROM (
            SELECT partition, min(gap) AS least, mode(gap) AS gap FROM ({_GAPS})
            WHERE partition IN (
                SELECT partition FROM spans
                WHERE filled >= {_FEWEST_ROWS} AND hours >= filled * {_LEAST_DAY_HOURS // 2}
            ) GROUP BY partition
        ) JOIN partitions USING (partition) WHERE least >= {_LEAST_DAY_HOURS}
        """
    ).fetchone()
    if not found or not found[0]:
        return None
    series, first, gap = found
    return NotHourly(
        f"{series:,} series with one row per {grain_name(gap)}, such as {first!r}; a store "
        "holds hourly counts",
        "give the counts of every hour, or leave these series out",
    )


def _mostly_missing(connection: duckdb.DuckDBPyConnection) -> NotHourly | None:
    filled, hours = connection.execute("SELECT sum(filled), sum(hours) FROM spans").fetchall()[0]
    if hours < _SHORTEST_GRID_HOURS or 2 * filled >= hours:
        return None
    gap = connection.execute(f"SELECT mode(gap) FROM ({_GAPS})").fetchall()[0][0]
    return NotHourly(
        f"{hours - filled:,} of {hours:,} hours have no row; most rows are "
        f"{counted(gap, 'hour')} apart",
        "give a row for every hour, with 0 where nothing was counted and an empty number "
        "where the count is unknown",
    )
