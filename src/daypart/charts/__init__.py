"""Charts as functions: rows or Arrow tables in, Altair charts out, one look for all of them.

They serve the report and notebooks alike. `quantities` holds the rounding and unit of every
kind of figure, `look` the palette and type sizes.
"""
