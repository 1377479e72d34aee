"""The verbs on models: fit, predict, posterior, backtest, audit."""
