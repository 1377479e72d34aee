"""The prices of AWS: a table that the user owns, refreshed from the APIs of AWS.

`price_table` reads and writes the table, `price_apis` fetches prices, `prices` is the verb. Start
with `price_table.py`.
"""
