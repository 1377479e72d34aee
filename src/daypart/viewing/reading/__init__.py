"""Reading what a user brings: events are staged by market or set aside; tables are loaded.

`columns` describes the tables; `workspace` is the DuckDB connection; `household_key` hashes ids.
`reference` loads the tables beside the events (`households` with their `segments`, `markets`,
networks), `staging` judges each row of events, and `quarantine` keeps the rows set aside. Start
reading with `staging`.
"""
