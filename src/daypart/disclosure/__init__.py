"""What may leave a store of households: which figures are published and which are suppressed.

`rules` holds the thresholds of a store; `groups` lists the groups of households that figures may be
about; `spans` finds which of them follow from published figures; `suppression` protects one table
of markets and segments, and `nesting` many tables with common totals. `contributors` counts the
households behind each figure of a store. Start reading in `release`, which decides for a store.
"""
