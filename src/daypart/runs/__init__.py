"""The verbs on models: fit, predict, posterior, backtest, audit and estimate.

`run` is what one run is (settings, parameters, calendar, identity), `fitting` plans a run and fits
its partitions as tasks of the engine, `forecasts` reads a fitted run and forecasts from it,
`scoring` scores forecasts of held-out weeks. The verbs are the modules of the package itself.
Start with `fit.py`.
"""
