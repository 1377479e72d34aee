"""The store of partitions: hourly counts by key, with exposure, time zone and further measures.

`block` holds partitions in memory as flat arrays, `store` reads and writes them by region,
`long_table` imports any table of key, time and number, and `local_time` is the wall clock of UTC
hours. Start reading with `block`.
"""
