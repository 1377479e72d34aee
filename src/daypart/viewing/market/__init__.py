"""One market of an ingest: from staged rows to the store's hours, panel and files.

`sessions` cuts and caps the tunes, `credited_hours` splits the sessions into hours, `cells` counts
households and minutes, `hour_matrices` puts them among the stored hours, and `household_panel`
sums them by week and daypart. `hour_range` finds the hours that new events can change; `viewers`
finds who watched at an instant. Start reading with `market_update`, which calls them in this order.
"""
