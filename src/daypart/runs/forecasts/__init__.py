"""Forecasts from a fitted run.

`fitted_run` opens a run with its model and rows, `horizon` lays out the hours ahead, `totals` adds
partitions draw by draw, `forecast` makes the tables, `table_file` writes them. Start with
`forecast.py`.
"""
