"""Models: each fits a block of partitions and forecasts from the fitted rows.

`protocol` says what a model is, and `registry` makes one from a name and its `parameters`.
`negbin` is the Bayesian count model, `baselines` are what it must beat, `adapters` make models of
other libraries fit in; `events` gives them named events, `jit` compiles kernels, and `scores`
measures forecasts. Start reading in `protocol`.
"""
