"""Reach and frequency of a schedule, counted on the household panel without bias.

`schedule` reads the spots; `exposure` and its kernels give each household's chances of 0, 1, 2 ...
exposures; `frequency` projects them with their standard errors; `audience_counter` adds the
forecast's uncertainty; `breakdown` splits reach by network, daypart and market; `publication`
suppresses small figures. Start reading at `reach.reach`, the function behind `daypart reach`.
"""
