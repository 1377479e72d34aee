"""The household panel of a market: minutes by broadcast week, network and daypart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daypart.viewing.clock import MarketHours
from daypart.viewing.dayparts import DaypartTable
from daypart.viewing.market.hour_range import HourRange
from daypart.viewing.market.sessions import ALL_SEGMENTS
from daypart.viewing.reading.workspace import Workspace

PANEL_SCHEMA = pa.schema(
    {
        "household": pa.int64(),
        "week": pa.date32(),
        "network": pa.string(),
        "daypart": pa.string(),
        "minutes": pa.float32(),
    }
)
"""The columns of a panel file."""


def updated_panel(
    kept: pa.Table, new: pa.Table, calendar: MarketHours, hours: HourRange
) -> pa.Table:
    """Return a panel in which the broadcast weeks of some hours are replaced.

    Parameters
    ----------
    kept, new : pyarrow.Table
        The stored panel, and `panel_minutes` of the hours.
    calendar : MarketHours
    hours : HourRange
    """
    inside = slice(hours.start - calendar.first_hour, hours.stop - calendar.first_hour)
    weeks = pa.array(np.unique(calendar.week[inside])).cast(pa.date32())
    kept = kept.filter(pc.invert(pc.is_in(kept["week"], value_set=weeks)))
    order = [(name, "ascending") for name in ("household", "week", "network", "daypart")]
    return pa.concat_tables([kept, new]).sort_by(order)


def panel_minutes(
    workspace: Workspace,
    calendar: MarketHours,
    dayparts: DaypartTable,
) -> pa.Table:
    """Return credited minutes of panel households by broadcast week, network and daypart.

    Parameters
    ----------
    workspace : Workspace
        With the tables `network_hours` and `market_members`.
    calendar : MarketHours
    dayparts : DaypartTable

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
    return table.cast(PANEL_SCHEMA)
