"""Charts as functions: rows or Arrow tables in, Altair charts out, with one common look.

They serve the report and notebooks alike. `audience`, `forecast`, `campaign` and `delivery` hold
the charts, in the order of the data; `look` holds the palette, type sizes, axes and tooltips,
`quantities` the rounding and the unit of every kind of figure. Start reading at `quantities`.
"""
