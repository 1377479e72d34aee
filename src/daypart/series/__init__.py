"""The store of partitions: keys, hourly counts, exposure, local time."""

from daypart.series.block import MISSING, SeriesBlock, block_from_arrays, exposure_periods
from daypart.series.local_time import (
    HOURS_PER_WEEK,
    LocalHours,
    datetime_to_hour,
    hour_to_datetime,
    local_hours,
    timezone_of,
)
from daypart.series.long_table import ImportReport, import_series
from daypart.series.store import SCHEMA_VERSION, SeriesStore, content_hash, partition_hash

__all__ = [
    "HOURS_PER_WEEK",
    "MISSING",
    "SCHEMA_VERSION",
    "ImportReport",
    "LocalHours",
    "SeriesBlock",
    "SeriesStore",
    "block_from_arrays",
    "content_hash",
    "datetime_to_hour",
    "exposure_periods",
    "hour_to_datetime",
    "import_series",
    "local_hours",
    "partition_hash",
    "timezone_of",
]
