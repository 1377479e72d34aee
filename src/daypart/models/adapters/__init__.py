"""Models of other libraries: scikit-learn regressors, statsforecast models, plain functions.

`adapt` decides which adapter an imported object needs. A `Partition` (`history`) goes through one
of `regressor`, `statsforecast_model` and `function`; `adapted` makes rows of the results, and
`ahead` forecasts from these. A row holds expected values hour by hour ahead, and their errors on
held-out weeks, as numbers: a forecast needs neither the library nor the store, and nothing is
ever unpickled. Start reading in `adapt`.
"""
