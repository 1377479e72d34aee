"""The viewing store: what one ingest adds to it, and its files on all markets.

`batch` derives the store's days, names and households from the staged rows; `viewing_record`
sums up the markets and composes the part of `store.json` on viewing; `shared_files` writes the
files on all markets and removes superseded ones; `report` is the result that the user sees.
Start reading with `batch`.
"""
