"""From credited time to the numbers of one market: cells, exposure, the household panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from daypart.viewing.clock import MarketHours
from daypart.viewing.dayparts import DaypartTable
from daypart.viewing.market.sessions import ALL_SEGMENTS
from daypart.viewing.market.splice import HourRange
from daypart.viewing.reading.households import WEIGHT_UNIT
from daypart.viewing.reading.sources import text_literal
from daypart.viewing.reading.workspace import Workspace

HOURS_PER_BLOCK = 24
"""Exposure holds for so many hours."""

_MINUTE_UNITS = 60_000 * WEIGHT_UNIT


@dataclass(frozen=True)
class Cells:
    """Credited hours of one market; every array has one element a cell that is not zero.

    Parameters
    ----------
    network, segment, hour : int64 arrays
        Numbers of the network (0 where it is any) and segment; UTC hour.
    households : int32 array
        Raw households credited in the hour.
    minutes : float32 array
        Projected viewing minutes (household-minutes).
    """

    network: NDArray[np.int64]
    segment: NDArray[np.int64]
    hour: NDArray[np.int64]
    households: NDArray[np.int32]
    minutes: NDArray[np.float32]


def load_market_members(
    workspace: Workspace, market: str, segments: int, *, event_segments: bool
) -> None:
    """Make the tables `market_members` and `segment_of`, which says whom a cell counts for.

    `segment_of` leads from the segment of credited time (`credited_segment`) and a household's
    bits to the segments in which it counts.

    Parameters
    ----------
    workspace : Workspace
    market : str
    segments : int
        Number of segments with `all`.
    event_segments : bool
        Whether segments belong to events; to households otherwise.
    """
    workspace.run(
        f"""
        CREATE OR REPLACE TEMP TABLE market_members AS
        SELECT household, segments AS bits, weight, in_panel
        FROM members WHERE market = {text_literal(market)}
        """
    )
    if event_segments:
        mapping = (
            f"SELECT n AS credited_segment, 0 AS bits, n AS segment FROM range({segments}) t(n)"
        )
    else:
        mapping = f"""
            SELECT {ALL_SEGMENTS} AS credited_segment, bits, n AS segment
            FROM (SELECT DISTINCT bits FROM market_members), range({segments}) t(n)
            WHERE n = {ALL_SEGMENTS} OR (bits >> greatest(n - 1, 0)) & 1 = 1
        """
    workspace.run(f"CREATE OR REPLACE TEMP TABLE segment_of AS {mapping}")


def network_cells(workspace: Workspace) -> Cells:
    """Return households and minutes by network, segment and hour."""
    return _cells(workspace, "network_hours", "network")


def any_network_cells(workspace: Workspace) -> Cells:
    """Return households and minutes by segment and hour, each household once over all networks."""
    return _cells(workspace, "any_network_hours", "0")


def _cells(workspace: Workspace, hours: str, network: str) -> Cells:
    table = workspace.table(
        f"""
        WITH by_bits AS (
            SELECT {network} AS network, h.segment AS credited_segment, hour, bits,
                   count(*) AS households, sum(CAST(ms AS BIGINT) * weight) AS weighted
            FROM {hours} h JOIN market_members USING (household)
            GROUP BY ALL
        )
        SELECT CAST(network AS BIGINT) AS network, CAST(s.segment AS BIGINT) AS segment,
               CAST(hour AS BIGINT) AS hour, CAST(sum(households) AS INTEGER) AS households,
               CAST(CAST(sum(weighted) AS DOUBLE) / {_MINUTE_UNITS}.0 AS FLOAT) AS minutes
        FROM by_bits JOIN segment_of s USING (credited_segment, bits)
        GROUP BY ALL
        """
    )
    return Cells(*(table.column(name).to_numpy() for name in table.column_names))


def in_tab_households(workspace: Workspace, segments: int) -> NDArray[np.int64]:
    """Return the market's raw households by segment, shape (segments,)."""
    counts = np.zeros(segments, dtype=np.int64)
    query = """
        SELECT s.segment, count(*) FROM market_members JOIN segment_of s USING (bits)
        WHERE s.credited_segment = 0 OR s.credited_segment = s.segment GROUP BY ALL
    """
    for segment, households in workspace.rows(query):
        counts[int(segment)] = households
    return counts


def in_tab_blocks(
    workspace: Workspace, segments: int, hours: HourRange, silent_days: int
) -> NDArray[np.int64]:
    """Return in-tab households by segment and block of 24 hours where silence ends tab.

    A household is in tab in a block if it had a credited minute in it or in one of the
    `silent_days` blocks before; it starts as if it had one just before the window.

    Parameters
    ----------
    workspace : Workspace
        With `any_network_hours` over the whole window.
    segments : int
    hours : HourRange
        The window.
    silent_days : int

    Returns
    -------
    int64 array, shape (segments, blocks)
    """
    blocks = -(-(hours.stop - hours.start) // HOURS_PER_BLOCK)
    changes = np.zeros((segments, blocks + 1), dtype=np.int64)
    query = f"""
        WITH active AS (
            SELECT DISTINCT household, (hour - {hours.start}) // {HOURS_PER_BLOCK} AS block
            FROM any_network_hours WHERE segment = {ALL_SEGMENTS}
            UNION ALL SELECT household, -1 FROM market_members
        ),
        stays AS (
            SELECT household, block, least(
                block + {silent_days + 1},
                coalesce(lead(block) OVER (PARTITION BY household ORDER BY block), {blocks})
            ) AS leaves
            FROM active
        )
        SELECT s.segment, greatest(block, 0), least(leaves, {blocks}), count(*)
        FROM stays JOIN market_members USING (household) JOIN segment_of s USING (bits)
        WHERE (s.credited_segment = 0 OR s.credited_segment = s.segment) AND leaves > 0
        GROUP BY ALL
    """
    for segment, enters, leaves, households in workspace.rows(query):
        changes[segment, enters] += households
        changes[segment, leaves] -= households
    return np.cumsum(changes, axis=1)[:, :blocks]


def universe_estimates(workspace: Workspace, segments: int) -> NDArray[np.float64]:
    """Return the market's households by segment, projected: the sum of weights."""
    estimates = np.zeros(segments)
    query = f"""
        SELECT s.segment, CAST(sum(weight) AS DOUBLE) / {WEIGHT_UNIT}.0
        FROM market_members JOIN segment_of s USING (bits)
        WHERE s.credited_segment = 0 OR s.credited_segment = s.segment GROUP BY ALL
    """
    for segment, households in workspace.rows(query):
        estimates[int(segment)] = households
    return estimates


def panel_minutes(
    workspace: Workspace,
    calendar: MarketHours,
    dayparts: DaypartTable,
    networks: Sequence[str],
) -> pa.Table:
    """Return credited minutes of panel households by broadcast week, network and daypart.

    Returns
    -------
    pyarrow.Table
        household, week (local Monday), network, daypart, minutes.
    """
    index = dayparts.hour_of_week_dayparts()
    hours = pa.table(
        {
            "hour": calendar.first_hour + np.arange(len(calendar), dtype=np.int64),
            "week": pa.array(calendar.week).cast(pa.date32()),
            "daypart": pa.array(index[calendar.hour_of_week]).cast(pa.int32()),
        }
    )
    workspace.connection.register("calendar_hours", hours)
    names = pa.table({"daypart": list(range(len(dayparts.names))), "name": list(dayparts.names)})
    workspace.connection.register("daypart_names", names)
    try:
        table = workspace.table(
            f"""
            WITH sums AS (
                SELECT household, week, network, c.daypart, sum(ms) AS ms
                FROM network_hours h JOIN market_members USING (household)
                     JOIN calendar_hours c USING (hour)
                WHERE in_panel AND h.segment = {ALL_SEGMENTS}
                GROUP BY ALL
            )
            SELECT household, week, n.name AS network, d.name AS daypart,
                   CAST(ms / 60000.0 AS FLOAT) AS minutes
            FROM sums JOIN network_numbers n ON network = n.number
                 JOIN daypart_names d USING (daypart)
            ORDER BY household, week, network, d.daypart
            """
        )
    finally:
        workspace.connection.unregister("calendar_hours")
        workspace.connection.unregister("daypart_names")
    return table.cast(panel_schema())


def panel_schema() -> pa.Schema:
    """Return the columns of a panel file."""
    return pa.schema(
        [
            ("household", pa.int64()),
            ("week", pa.date32()),
            ("network", pa.string()),
            ("daypart", pa.string()),
            ("minutes", pa.float32()),
        ]
    )
