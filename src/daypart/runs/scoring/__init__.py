"""Scores of forecasts against held-out weeks.

`sample` chooses partitions, `held_out` reads the held-out hours and forecasts them, `metrics`
scores them and adds the scores up. Start with `held_out.py`.
"""
