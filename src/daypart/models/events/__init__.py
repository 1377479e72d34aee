"""Named events, and United States federal holidays as such.

`holidays` knows the days; `events` reads a calendar's rows and returns which effects act in which
hours of a partition. Start reading in `events`.
"""
