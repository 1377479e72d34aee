"""Forecasts and sample paths straight from a stored posterior.

`log_mean` puts a window on a partition's local clock and gives the normal law of log mu;
`forecast` turns it into moments and quantiles of counts (`quantiles`, and `large_counts` where
these are large); `paths` draws joint paths. Start reading in `log_mean`.
"""
