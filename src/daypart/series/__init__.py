"""The store of partitions: keys, hourly counts, exposure, local time."""
