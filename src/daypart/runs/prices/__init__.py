"""What Amazon asks for: a table that the user owns, refreshed from Amazon's own APIs."""

from daypart.runs.prices.price_table import InstancePrice, PriceTable, read_prices
from daypart.runs.prices.prices import prices

__all__ = ["InstancePrice", "PriceTable", "prices", "read_prices"]
