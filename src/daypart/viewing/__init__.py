"""Viewing: from tune events and households to a store of hourly audiences.

The data goes through `reading` (events are staged by market), `market` (staged rows become credited
sessions, hours and a panel) and `store` (the new files and `store.json`). `crediting`, `dayparts`
and `clock` hold the rules of television; `settings` those that every ingest into a store shares.
`ingest_workers` is the protocol of the parts that grow with the events; `on_executor` runs them as
tasks. Start reading with `ingest`.
"""
