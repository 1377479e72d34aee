"""The scales theta: their posterior, and the field integrated over it.

`marginal` has the log density of theta and its slope, `prior` the prior in it. `integrate` is the
fit of a partition: `start` guesses theta, `climb` finds its mode, `covariance` its spread there,
`axes` and `scale_law` the density away from it, `moments` integrates the field with a rule of
`quadrature`. `workspace` has the arrays. Start with `integrate`.
"""
