"""Audience metrics of a run, with their uncertainty and the rules of privacy.

`viewing_minutes` sums a viewing store; `sampling_error` and `coming_week` give the uncertainty;
`privacy` decides which cells may be published (`disclosure` finds what they add up to); `ratings`
makes the tables by the formulas of `metrics`, and `sentences` the headlines. Start reading in
`insights`.
"""
