"""From credited hours to the numbers of a market: households and minutes of a cell, exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daypart.series.block import HOURS_PER_EXPOSURE, exposure_periods
from daypart.tables.sql import text_literal
from daypart.viewing.market.hour_range import HourRange
from daypart.viewing.market.sessions import ALL_SEGMENTS
from daypart.viewing.reading.households import WEIGHT_UNIT
from daypart.viewing.reading.workspace import Workspace

_MINUTE_UNITS = 60_000 * WEIGHT_UNIT


@dataclass(frozen=True)
class Cells:
    """Credited hours of one market; every array has one element per cell that is not zero.

    Parameters
    ----------
    network, segment, hour : int64 arrays
        Numbers of the network (0 for any network) and segment; UTC hour.
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
    """Make the tables `market_members` and `segment_of`.

    `segment_of` maps the segment of credited time (`credited_segment`) and a household's bits to
    the segments in which the household counts.

    Parameters
    ----------
    workspace : Workspace
    market : str
    segments : int
        The number of segments, `all` included.
    event_segments : bool
        Whether segments belong to events, not to households.
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
    """Return households and minutes by segment and hour, counting a household once."""
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


def in_tab_households(
    workspace: Workspace, segments: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the market's households by segment, raw and projected (the sum of weights).

    Parameters
    ----------
    workspace : Workspace
    segments : int

    Returns
    -------
    int64 array and float64 array, shape (segments,)
    """
    counts, estimates = np.zeros(segments, dtype=np.int64), np.zeros(segments)
    query = f"""
        SELECT s.segment, count(*), CAST(sum(weight) AS DOUBLE) / {WEIGHT_UNIT}.0
        FROM market_members JOIN segment_of s USING (bits)
        WHERE s.credited_segment = 0 OR s.credited_segment = s.segment GROUP BY ALL
    """
    for segment, households, estimate in workspace.rows(query):
        counts[segment], estimates[segment] = households, estimate
    return counts, estimates


def in_tab_blocks(
    workspace: Workspace, segments: int, hours: HourRange, silent_days: int
) -> NDArray[np.int64]:
    """Return in-tab households by segment and 24-hour block, without those that are silent.

    A household is in tab in a block if it had a credited minute in it or in one of the
    `silent_days` blocks before. Every household is in tab in the block before the first.

    Parameters
    ----------
    workspace : Workspace
        With `any_network_hours` over all `hours`.
    segments : int
    hours : HourRange
    silent_days : int

    Returns
    -------
    int64 array, shape (segments, blocks)
    """
    blocks = exposure_periods(hours.stop - hours.start)
    changes = np.zeros((segments, blocks + 1), dtype=np.int64)
    query = f"""
        WITH active AS (
            SELECT DISTINCT household, (hour - {hours.start}) // {HOURS_PER_EXPOSURE} AS block
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
