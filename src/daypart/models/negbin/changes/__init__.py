"""What changed in a series for reasons that no season explains, found before it is fitted.

`dead_runs` finds a day or more without a count in a series that is never empty so long, and
`steps` a level that changed for good. A fit that took either for chance would call every coming
week as uncertain as that one.
"""
