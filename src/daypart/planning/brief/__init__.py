"""The campaign brief: the request of a planner, checked before any data are read.

`brief` reads the TOML file into a `Brief`, with `checks` for single settings and `limits` for the
table `[limits]`. `flight` cuts the flight into broadcast weeks, `rate_card` reads prices for them,
and `example` writes a brief that fits a store. Start reading at `brief.read_brief`.
"""
