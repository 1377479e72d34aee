"""Charts as functions: rows or Arrow tables in, Altair charts out, one look for all of them.

They serve the report and notebooks alike. `quantities` holds the rounding and unit of every
kind of figure, `look` the palette and type sizes.
"""

from daypart.charts.audience import hour_of_week, network_index
from daypart.charts.campaign import by_market, frequency_distribution, reach_curve, spots_by_week
from daypart.charts.forecast import coverage, forecast_fan
from daypart.charts.reached import added_reach, delivered_reach

__all__ = [
    "added_reach",
    "by_market",
    "coverage",
    "delivered_reach",
    "forecast_fan",
    "frequency_distribution",
    "hour_of_week",
    "network_index",
    "reach_curve",
    "spots_by_week",
]
